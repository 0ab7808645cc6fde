//! Schemas: what an input, an answer or a body looks like, as JSON Schema or in Picoschema's short
//! form. Values are checked by a library; nothing is fetched.
//!
//! Told apart as Dotprompt does: text is a Picoschema type (`integer, how urgent`); a map is JSON
//! Schema when its `type` is one of JSON Schema's types, or when it has `properties`, `$ref`, a list
//! of `enum`, `anyOf`, `oneOf` or `allOf`, or any other key that begins with `$`; every other map is
//! Picoschema's list of fields.

mod keywords;
mod picoschema;
mod strict;

use std::collections::BTreeMap;
use std::fmt;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};

use crate::template::types::Presence;
use crate::value::Json;

use super::values::kind;
use crate::value::{fits_depth, weight};

/// The deepest schema, in levels of JSON.
const SCHEMA_DEPTH: usize = 64;

/// The largest schema, in bytes.
const SCHEMA_SIZE: usize = 256 * 1024;

/// How many violations are told of one value.
const VIOLATION_LIMIT: usize = 20;

/// A schema that values can be checked against.
pub struct Schema {
    json: Json,
    validator: Validator,
}

/// Why something is not a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    /// What is wrong and what is allowed.
    pub message: String,
    /// Where, as a JSON pointer into what was parsed; empty for all of it.
    pub pointer: String,
    /// Which part of that is meant.
    pub part: Part,
}

/// A part of an entry of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its name.
    Key,
    /// What stands there.
    Value,
}

/// One thing about a value that its schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Violation {
    /// Where in the value, as a JSON pointer; empty for all of it.
    pub pointer: String,
    /// What was found and what is allowed, without the value itself.
    pub message: String,
}

impl SchemaError {
    fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), pointer: pointer.into(), part: Part::Value }
    }

    fn of_key(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { part: Part::Key, ..Self::new(pointer, message) }
    }
}

/// The name of a field as its key writes it, and whether the field may be left out: what stands before
/// the parentheses, without `?`.
pub fn field_name(key: &str) -> (&str, Presence) {
    let name = key.split_once('(').map_or(key, |(name, _)| name).trim_end();
    match name.strip_suffix('?') {
        Some(name) => (name, Presence::Optional),
        None => (name, Presence::Required),
    }
}

impl Schema {
    /// Reads JSON Schema or Picoschema.
    ///
    /// # Errors
    /// When it is neither, or larger than 256 KiB or 64 levels.
    pub fn parse(schema: &Json) -> Result<Self, SchemaError> {
        Self::parse_with(schema, &BTreeMap::new())
    }

    /// The same, where Picoschema may use these schemas as types by their names.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(schema: &Json, named: &BTreeMap<String, Json>) -> Result<Self, SchemaError> {
        check_size(schema)?;
        let json = match schema {
            Json::Object(fields) if is_json_schema(fields) => {
                keywords::check(schema)?;
                let mut fields = fields.clone();
                if fields.get("properties").is_some_and(Json::is_object) && !fields.contains_key("type") {
                    fields.insert("type".to_owned(), "object".into());
                }
                Json::Object(fields)
            }
            short => picoschema::expand(short, named)?,
        };
        Self::parse_expanded(json)
    }

    fn parse_expanded(json: Json) -> Result<Self, SchemaError> {
        // Named schemas can make it larger than it was written.
        check_size(&json)?;
        let patterns = PatternOptions::regex().size_limit(SCHEMA_SIZE);
        let options =
            jsonschema::options().offline().with_pattern_options(patterns).should_validate_formats(true);
        let validator = options.build(&json).map_err(|error| {
            let message = format!("this is not JSON Schema: {}", message(&error));
            SchemaError::new(error.instance_path().to_string(), message)
        })?;
        Ok(Self { json, validator })
    }

    /// Reads a field as it stands in a list of fields, where Picoschema's parentheses may be part of
    /// its key: `tags(array, why): string`, `note?: string`. None where the key has no parentheses: its
    /// value then says all.
    ///
    /// Pointers of errors lead into a map that has this field alone.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when the key is none.
    pub fn parse_field(key: &str, value: &Json) -> Result<Option<Self>, SchemaError> {
        if !key.contains('(') {
            return Ok(None);
        }
        check_size(value)?;
        let json = picoschema::expand_field(key, value)?;
        Self::parse_expanded(json).map(Some)
    }

    /// The schema as JSON Schema.
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// Checks a value.
    ///
    /// # Errors
    /// Every violation, at most twenty.
    pub fn validate(&self, value: &Json) -> Result<(), Vec<Violation>> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let violation = |error: ValidationError<'_>| Violation {
            pointer: error.instance_path().to_string(),
            message: message(&error),
        };
        Err(self.validator.iter_errors(value).take(VIOLATION_LIMIT).map(violation).collect())
    }

    /// The same schema in the strict dialect of OpenAI's structured outputs, in which every object is
    /// closed and every field required; none when that would allow or forbid a different value.
    pub fn strict(&self) -> Option<Json> {
        strict::convert(&self.json)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.json).finish()
    }
}

impl Clone for Schema {
    fn clone(&self) -> Self {
        Self { json: self.json.clone(), validator: self.validator.clone() }
    }
}

fn check_size(schema: &Json) -> Result<(), SchemaError> {
    if !fits_depth(schema, SCHEMA_DEPTH) {
        return Err(SchemaError::new("", format!("a schema nests at most {SCHEMA_DEPTH} levels")));
    }
    match weight(schema) <= SCHEMA_SIZE {
        true => Ok(()),
        false => Err(SchemaError::new("", format!("a schema has at most {} KiB", SCHEMA_SIZE >> 10))),
    }
}

/// The types of JSON Schema.
const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "null", "object", "array"];

fn is_json_schema(fields: &serde_json::Map<String, Json>) -> bool {
    let is_type = |value: &Json| value.as_str().is_some_and(|name| TYPES.contains(&name));
    let typed = match fields.get("type") {
        Some(Json::Array(types)) => !types.is_empty() && types.iter().all(is_type),
        Some(one) => is_type(one),
        None => false,
    };
    let has_list = |key: &str| fields.get(key).is_some_and(Json::is_array);
    typed
        || fields.get("properties").is_some_and(Json::is_object)
        || ["enum", "anyOf", "oneOf", "allOf"].into_iter().any(has_list)
        || fields.keys().any(|key| key.starts_with('$'))
}

/// What a violation is, in the words of this program and without the value.
fn message(error: &ValidationError<'_>) -> String {
    let found = kind(error.instance());
    match error.kind() {
        ValidationErrorKind::Type { kind: TypeKind::Single(wanted) } => {
            format!("expected {}, found {found}", type_words(&wanted.to_string()))
        }
        ValidationErrorKind::Type { kind: TypeKind::Multiple(wanted) } => {
            let wanted: Vec<_> = wanted.iter().map(|one| type_words(&one.to_string()).to_owned()).collect();
            format!("expected {}, found {found}", wanted.join(" or "))
        }
        ValidationErrorKind::Required { property } => {
            format!("the field `{}` is missing", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let names: Vec<_> =
                unexpected.iter().take(8).map(|name| format!("`{}`", shortened(name))).collect();
            format!("the schema has no field {}", names.join(", "))
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let shown: Vec<_> =
                options.iter().take(12).map(|option| format!("`{}`", super::values::text(option))).collect();
            let more = if options.len() > shown.len() { ", …" } else { "" };
            format!("expected one of {}{more}, found {found} that is none of them", shown.join(", "))
        }
        _ => {
            let text = error.masked_with("the value").to_string();
            let mut rest = text.chars();
            let first = rest.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
            shortened(&format!("{first}{}", rest.as_str())).to_owned()
        }
    }
}

/// At most some three hundred bytes of a text.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(300)]
}

fn type_words(name: &str) -> &str {
    match name {
        "string" => "text",
        "number" => "a number",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "object" => "a map",
        "array" => "a list",
        other => other,
    }
}

#[cfg(test)]
mod tests;
