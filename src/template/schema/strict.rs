//! The strict dialect of OpenAI's structured outputs: a subset of JSON Schema in which every object
//! is closed and all of its fields are required.
//!
//! A field that may be left out can only become required where null already stands for its absence.
//! An object that says nothing about other fields is closed, which only forbids what nobody asked
//! for; one that asks for them cannot be converted.

use serde_json::{Map, json};

use crate::value::Json;

/// How deep objects may nest in the dialect.
const DEPTH: usize = 10;

/// What says something about a value and is kept as it is.
const KEPT: [&str; 13] = [
    "type",
    "enum",
    "const",
    "description",
    "title",
    "$ref",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "multipleOf",
];

/// What says nothing about a value and is left out.
const DROPPED: [&str; 6] = ["default", "examples", "$schema", "$comment", "$id", "deprecated"];

/// The strict schema; none when it would mean something else.
pub(super) fn convert(schema: &Json) -> Option<Json> {
    let converted = convert_one(schema, DEPTH)?;
    // The dialect wants an object at the root.
    (converted.get("type")? == "object").then_some(converted)
}

fn convert_one(schema: &Json, depth: usize) -> Option<Json> {
    let depth = depth.checked_sub(1)?;
    let fields = schema.as_object()?;
    let mut strict = Map::new();
    for (key, value) in fields {
        let converted = match key.as_str() {
            "properties" => convert_all(value, depth)?,
            "$defs" => convert_all(value, DEPTH)?,
            "items" => convert_one(value, depth)?,
            "anyOf" => Json::Array(
                value.as_array()?.iter().map(|one| convert_one(one, depth)).collect::<Option<_>>()?,
            ),
            "required" => continue,
            "additionalProperties" if *value == json!(false) => continue,
            key if KEPT.contains(&key) => value.clone(),
            key if DROPPED.contains(&key) => continue,
            _ => return None,
        };
        strict.insert(key.clone(), converted);
    }
    if !["type", "$ref", "anyOf"].into_iter().any(|key| strict.contains_key(key)) {
        strict.insert("type".to_owned(), type_of_values(fields)?);
    }
    if is_object(&strict) {
        let properties = strict.get("properties").and_then(Json::as_object)?;
        let required = fields.get("required").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let optional = properties.iter().filter(|(name, _)| !required.iter().any(|one| one == name.as_str()));
        if optional.into_iter().any(|(_, property)| !allows_null(property)) {
            return None;
        }
        let names: Vec<&String> = properties.keys().collect();
        let names = json!(names);
        strict.insert("required".to_owned(), names);
        strict.insert("additionalProperties".to_owned(), json!(false));
    }
    Some(Json::Object(strict))
}

fn convert_all(schemas: &Json, depth: usize) -> Option<Json> {
    let converted =
        schemas.as_object()?.iter().map(|(name, one)| Some((name.clone(), convert_one(one, depth)?)));
    converted.collect::<Option<_>>().map(Json::Object)
}

fn is_object(schema: &Map<String, Json>) -> bool {
    match schema.get("type") {
        Some(Json::Array(names)) => names.iter().any(|name| name == "object"),
        Some(name) => name == "object",
        None => false,
    }
}

/// Whether null fits the schema; where that is hard to tell, no.
fn allows_null(schema: &Json) -> bool {
    let typed = match schema.get("type") {
        Some(Json::Array(names)) => names.iter().any(|name| name == "null"),
        Some(name) => name == "null",
        None => false,
    };
    let listed =
        schema.get("enum").and_then(Json::as_array).is_none_or(|values| values.contains(&Json::Null));
    let one_of_several =
        schema.get("anyOf").and_then(Json::as_array).is_some_and(|all| all.iter().any(allows_null));
    (typed && listed && schema.get("const").is_none()) || one_of_several
}

/// The type of an `enum` or `const` that has none, which the dialect wants.
fn type_of_values(schema: &Map<String, Json>) -> Option<Json> {
    let one;
    let values = match (schema.get("enum"), schema.get("const")) {
        (Some(values), _) => values.as_array()?.as_slice(),
        (None, Some(value)) => {
            one = [value.clone()];
            &one
        }
        (None, None) => return None,
    };
    let mut names: Vec<&str> = Vec::new();
    for value in values {
        let name = match value {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) | Json::Object(_) => return None,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.as_slice() {
        [one] => Some((*one).into()),
        [_, _] if names.contains(&"null") => Some(json!(names)),
        _ => None,
    }
}
