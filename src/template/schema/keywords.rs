//! The keywords of JSON Schema, for the slip of the finger: a keyword that nobody knows is allowed, and
//! means nothing, so one that is nearly a known one would be a silent hole.

use crate::diagnostic::nearest;
use crate::value::Json;

use super::{Part, SchemaError};

/// The keywords, with what other dialects add and people paste.
const KEYWORDS: [&str; 63] = [
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "const",
    "default",
    "description",
    "title",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
    "contains",
    "prefixItems",
    "additionalItems",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "definitions",
    "examples",
    "example",
    "readOnly",
    "writeOnly",
    "deprecated",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "nullable",
    "discriminator",
    "xml",
    "externalDocs",
    "strict",
    "name",
    "label",
    "order",
    "hint",
    "id",
    "note",
];

/// What holds schemas by names of the author's.
const NAMED: [&str; 5] = ["properties", "patternProperties", "definitions", "$defs", "dependentSchemas"];

/// What holds data, in which any key may stand.
const DATA: [&str; 5] = ["enum", "const", "default", "examples", "example"];

/// Finds the first keyword that is nearly a known one. The schema is not deeper than schemas may be.
pub(super) fn check(schema: &Json) -> Result<(), SchemaError> {
    walk(schema, "")
}

fn walk(schema: &Json, pointer: &str) -> Result<(), SchemaError> {
    match schema {
        Json::Array(schemas) => {
            let mut schemas = schemas.iter().enumerate();
            schemas.try_for_each(|(at, schema)| walk(schema, &format!("{pointer}/{at}")))
        }
        Json::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            let below = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            if let (false, Some(near)) = (is_known(key), nearest(key, KEYWORDS)) {
                let message = format!("there is no keyword `{key}`; did you mean `{near}`?");
                return Err(SchemaError { message, pointer: below, part: Part::Key });
            }
            match value {
                _ if DATA.contains(&&**key) => Ok(()),
                Json::Object(named) if NAMED.contains(&&**key) => {
                    named.iter().try_for_each(|(name, schema)| {
                        walk(schema, &format!("{below}/{}", name.replace('~', "~0").replace('/', "~1")))
                    })
                }
                value => walk(value, &below),
            }
        }),
        _ => Ok(()),
    }
}

/// Whether a key says something, or is a way to say what only people read.
fn is_known(key: &str) -> bool {
    KEYWORDS.contains(&key) || key.starts_with(['$', 'x', '_'])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_slip_is_found_where_a_keyword_stands() {
        let found = |schema: Json| check(&schema).err().map(|error| error.pointer);
        assert_eq!(found(json!({ "type": "string", "minLenght": 3 })), Some("/minLenght".into()));
        let deep = json!({ "properties": { "typ": { "anyOf": [{ "patern": "a" }] } } });
        assert_eq!(found(deep), Some("/properties/typ/anyOf/0/patern".into()));
    }

    #[test]
    fn names_and_data_of_the_author_are_no_keywords() {
        for schema in [
            json!({ "properties": { "typ": { "type": "string" }, "requird": true } }),
            json!({ "default": { "itmes": 1 }, "enum": [{ "tpye": 1 }], "x-typ": 1 }),
            json!({ "type": "string", "widget": "textarea", "$coment": "" }),
        ] {
            assert!(check(&schema).is_ok(), "{schema}");
        }
    }
}
