//! Picoschema, the short form of schemas that Dotprompt defines: `queue(enum, where to): [a, b]`,
//! `urgency: integer, 5 is the most urgent`, `note?: string`, `tags(array): string`, `(*): any`.
//!
//! A field is required unless its name ends in `?`; an optional one may also be null. An object has
//! no other fields than those written, unless there is `(*)`.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use crate::diagnostic::{did_you_mean, quoted};
use crate::template::values::kind;
use crate::value::Json;

use super::SchemaError;

type Result<T> = std::result::Result<T, SchemaError>;

/// The types that are written as one word.
const SCALARS: [&str; 6] = ["string", "boolean", "null", "number", "integer", "any"];

/// The key that stands for all other fields.
const WILDCARD: &str = "(*)";

/// How large the result may grow through named schemas, counted in schemas.
const SCHEMA_LIMIT: usize = 10_000;

/// The JSON Schema of a short form.
pub(super) fn expand(short: &Json, named: &BTreeMap<String, Json>) -> Result<Json> {
    let mut expander = Expander { named, left: SCHEMA_LIMIT };
    expander.schema(short, "").map(Json::Object)
}

/// The JSON Schema of one field, whose key has its form in parentheses.
pub(super) fn expand_field(key: &str, value: &Json) -> Result<Json> {
    let pointer = pointer_to("", key);
    let Key { form, .. } = read_key(key, &pointer)?;
    let mut expander = Expander { named: &BTreeMap::new(), left: SCHEMA_LIMIT };
    expander.property(form, value, &pointer).map(Json::Object)
}

/// The pointer to a key of the map that this pointer leads to.
fn pointer_to(map: &str, key: &str) -> String {
    format!("{map}/{}", key.replace('~', "~0").replace('/', "~1"))
}

struct Expander<'n> {
    named: &'n BTreeMap<String, Json>,
    left: usize,
}

impl Expander<'_> {
    fn schema(&mut self, short: &Json, pointer: &str) -> Result<Map<String, Json>> {
        let spent = || SchemaError::new(pointer, format!("a schema has at most {SCHEMA_LIMIT} parts"));
        self.left = self.left.checked_sub(1).ok_or_else(spent)?;
        match short {
            Json::String(text) => self.scalar(text, pointer),
            Json::Object(fields) => self.object(fields, pointer),
            other => {
                let message =
                    format!("expected a type like `string` or a map of fields, found {}", kind(other));
                Err(SchemaError::new(pointer, message))
            }
        }
    }

    /// `integer, why`, or the name of a schema.
    fn scalar(&self, text: &str, pointer: &str) -> Result<Map<String, Json>> {
        let (name, description) = described(text);
        let mut schema = match name {
            "any" => Map::new(),
            name if SCALARS.contains(&name) => Map::from_iter([("type".to_owned(), name.into())]),
            name => match self.named.get(name) {
                Some(Json::Object(schema)) => schema.clone(),
                _ => return Err(unknown_type(name, self.named, pointer)),
            },
        };
        if let Some(description) = description {
            schema.insert("description".to_owned(), description.into());
        }
        Ok(schema)
    }

    fn object(&mut self, fields: &Map<String, Json>, pointer: &str) -> Result<Map<String, Json>> {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        let mut others = json!(false);
        for (key, value) in fields {
            let pointer = pointer_to(pointer, key);
            if key == WILDCARD {
                others = Json::Object(self.schema(value, &pointer)?);
                continue;
            }
            let Key { name, optional, form } = read_key(key, &pointer)?;
            let mut property = self.property(form, value, &pointer)?;
            if optional {
                allow_null(&mut property);
            } else {
                required.push(name);
            }
            if properties.insert(name.to_owned(), Json::Object(property)).is_some() {
                return Err(SchemaError::new(pointer, format!("the field `{name}` is there twice")));
            }
        }
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), Json::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        schema.insert("additionalProperties".to_owned(), others);
        Ok(schema)
    }

    fn property(
        &mut self,
        form: Option<(&str, Option<&str>)>,
        value: &Json,
        pointer: &str,
    ) -> Result<Map<String, Json>> {
        let Some((form, description)) = form else {
            return self.schema(value, pointer);
        };
        let mut schema = Map::new();
        match form {
            "array" => {
                schema.insert("type".to_owned(), "array".into());
                schema.insert("items".to_owned(), Json::Object(self.schema(value, pointer)?));
            }
            "object" => schema = self.schema(value, pointer)?,
            "enum" => match value {
                Json::Array(values) if !values.is_empty() => {
                    schema.insert("enum".to_owned(), value.clone());
                }
                other => {
                    let message = format!("`enum` needs a list of values, found {}", kind(other));
                    return Err(SchemaError::new(pointer, message));
                }
            },
            other => {
                let error = SchemaError::of_key(
                    pointer,
                    format!("expected `(array)`, `(object)` or `(enum)`, found `({other})`"),
                );
                return Err(error);
            }
        }
        if let Some(description) = description {
            schema.insert("description".to_owned(), description.into());
        }
        Ok(schema)
    }
}

/// A field's key, taken apart.
struct Key<'k> {
    name: &'k str,
    optional: bool,
    /// What stands in parentheses: `array`, `object` or `enum`, and its description.
    form: Option<(&'k str, Option<&'k str>)>,
}

fn read_key<'k>(key: &'k str, pointer: &str) -> Result<Key<'k>> {
    let (name, form) = match key.split_once('(') {
        None => (key, None),
        Some((name, form)) => {
            let closed = form.strip_suffix(')');
            let form = closed
                .ok_or_else(|| SchemaError::of_key(pointer, format!("`(` is never closed in `{key}`")))?;
            (name, Some(described(form)))
        }
    };
    let name = name.trim();
    let (name, optional) = match name.strip_suffix('?') {
        Some(name) => (name.trim_end(), true),
        None => (name, false),
    };
    match name.is_empty() {
        true => Err(SchemaError::of_key(pointer, format!("`{key}` has no name"))),
        false => Ok(Key { name, optional, form }),
    }
}

/// `type, description`: the first comma parts them.
fn described(text: &str) -> (&str, Option<&str>) {
    match text.split_once(',') {
        Some((name, description)) => (name.trim(), Some(description.trim())),
        None => (text.trim(), None),
    }
}

/// Lets a field that may be left out be null as well, as models write it.
fn allow_null(schema: &mut Map<String, Json>) {
    match schema.get_mut("type") {
        Some(Json::String(name)) if name != "null" => {
            let name = std::mem::take(name);
            schema.insert("type".to_owned(), json!([name, "null"]));
        }
        Some(Json::Array(names)) if !names.contains(&json!("null")) => names.push("null".into()),
        _ => {}
    }
    if let Some(Json::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Json::Null)
    {
        values.push(Json::Null);
    }
}

fn unknown_type(name: &str, named: &BTreeMap<String, Json>, pointer: &str) -> SchemaError {
    let known = SCALARS.into_iter().chain(named.keys().map(String::as_str));
    let help = match name {
        "text" | "str" | "varchar" => Some("write `string`".to_owned()),
        "int" | "long" => Some("write `integer`".to_owned()),
        "float" | "double" | "decimal" => Some("write `number`".to_owned()),
        "bool" => Some("write `boolean`".to_owned()),
        "date" | "datetime" | "time" => Some("a time is a `string`".to_owned()),
        name if matches!(name, "array" | "list") || name.ends_with("[]") => Some(list_of(name, pointer)),
        _ => did_you_mean(name, known),
    };
    let help = help.map(|help| format!("; {help}")).unwrap_or_default();
    SchemaError::new(pointer, format!("there is no type {}{help}", quoted(name)))
}

/// How a list is written where the short form stands, for what looks like one.
fn list_of(name: &str, pointer: &str) -> String {
    let item = name.strip_suffix("[]").filter(|item| SCALARS.contains(item)).unwrap_or("string");
    match pointer.rsplit('/').next().filter(|field| !field.is_empty()) {
        Some(field) => format!("a list is `{field}(array): {item}`"),
        None => format!("a list is `{{ type: array, items: {{ type: {item} }} }}`"),
    }
}
