//! Instances against a real validator, and schemas that mean harm.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const PROMPT: &str = "Sort into billing, outage or other:\n\nThe server is down. This is an outage. Please call ann@example.org!";

fn make(schema: &Value, seed: u64) -> Value {
    instance(schema, &Prompt::new("", PROMPT), Key::new(seed), 1)
}

/// An instance that the schema was seen to accept.
fn valid(schema: Value) -> Value {
    let mut last = Value::Null;
    for seed in 0..20 {
        last = make(&schema, seed);
        if let Err(problem) =
            jsonschema::options().should_validate_formats(true).build(&schema).unwrap().validate(&last)
        {
            panic!("{schema} gave {last}: {problem}");
        }
    }
    last
}

#[test]
fn every_kept_keyword_is_kept() {
    for schema in [
        json!({"type": "object", "required": ["queue", "urgency", "tags"], "additionalProperties": false, "properties": {
            "queue": {"enum": ["billing", "outage", "other"]}, "urgency": {"type": "integer", "minimum": 1, "maximum": 5},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2}}}),
        json!({"type": ["string", "null"], "maxLength": 5}),
        json!({"type": "string", "minLength": 400, "maxLength": 401}),
        json!({"type": "string", "pattern": "^[A-Z]{3}-\\d+$", "maxLength": 8}),
        json!({"type": "integer", "exclusiveMinimum": 1.5, "exclusiveMaximum": 3}),
        json!({"type": "integer", "multipleOf": 7, "minimum": 50, "maximum": 60}),
        json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001}),
        json!({"type": "number", "minimum": 0.5, "maximum": 0.5}),
        json!({"type": "number", "maximum": -3}),
        json!({"type": "integer", "minimum": -1e300, "maximum": 1e300}),
        json!({"const": {"a": [1, null]}}),
        json!({"type": "array", "uniqueItems": true, "minItems": 3, "items": {"enum": ["a", "b", "c"]}}),
        json!({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}], "items": false}),
        json!({"type": "array", "contains": {"const": 4}, "items": {"type": "integer"}}),
        json!({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3}),
        json!({"type": "object", "required": ["undeclared"]}),
        json!({"allOf": [{"type": "object", "properties": {"a": {"type": "number"}}}, {"required": ["a"],
            "properties": {"a": {"type": "integer", "minimum": 7}}}]}),
        json!({"anyOf": [{"type": "null"}, {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "x"}}}]}),
        json!({"$defs": {"node": {"type": "object", "required": ["next", "all"], "properties": {
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            "all": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}, "$ref": "#/$defs/node"}),
        json!({"properties": {"a": {"minimum": 3}, "b": {"items": {"type": "boolean"}}}}),
        json!(true),
        json!({}),
    ] {
        valid(schema);
    }
}

#[test]
fn formats_are_kept() {
    for format in [
        "date",
        "time",
        "date-time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uuid",
        "json-pointer",
        "regex",
    ] {
        valid(json!({"type": "string", "format": format}));
    }
}

#[test]
fn an_enumeration_takes_the_member_that_the_text_names() {
    assert_eq!(make(&json!({"enum": ["billing", "outage", "other"]}), 1), "outage");
    // `own` is a part of a word here, and so not named.
    let drawn: Vec<_> = (0..20).map(|seed| make(&json!({"enum": ["own", "red", "blue"]}), seed)).collect();
    assert!(["own", "red", "blue"].iter().all(|member| drawn.contains(&json!(member))), "{drawn:?}");
}

#[test]
fn texts_come_from_the_prompt() {
    let made = make(&json!({"properties": {"title": {"type": "string"}, "reason": {"type": "string"}}}), 1);
    assert_eq!(made, json!({"title": "The server is down", "reason": "This is an outage."}));
}

#[test]
fn hostile_schemas_end() {
    let wide = json!({"type": "array", "minItems": 1e15, "items": {"type": "array", "minItems": 1e15}});
    assert!(wide.is_object() && make(&wide, 1).is_array());
    make(&json!({"$ref": "#"}), 1);
    make(&json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}), 1);
    make(&json!({"required": ["a"], "properties": {"a": {"$ref": "#"}}}), 1);
    let required = ["a", "b", "c", "d", "e"];
    let each: Map<String, Value> =
        required.map(|name| (name.to_owned(), json!({"$ref": "#"}))).into_iter().collect();
    make(&json!({"required": required, "properties": each}), 1);
    let members: Vec<_> = (0..200).map(|number| format!("member{number}")).collect();
    make(&json!({"type": "array", "minItems": 1_000_000, "items": {"enum": members}}), 1);
    make(&json!({"type": "array", "minItems": 1_000_000, "items": {"pattern": "(\\pL\\pN){3,900}"}}), 1);
    make(&json!({"type": "string", "minLength": 1e18, "multipleOf": -1, "$ref": 3, "enum": 4}), 1);
    make(&json!({"enum": []}), 1);
}

/// Schemas of the kinds that programs ask models for.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "boolean"})),
        Just(json!({"type": ["string", "null"]})),
        (0_u32..9, 0_u32..40).prop_map(|(least, more)| {
            json!({"type": "string", "minLength": least, "maxLength": least + more})
        }),
        (-50_i64..50, 0_i64..50)
            .prop_map(|(low, more)| json!({"type": "integer", "minimum": low, "maximum": low + more})),
        (-50.0..50.0, 0.0..9.0)
            .prop_map(|(low, more)| json!({"type": "number", "minimum": low, "maximum": low + more})),
        proptest::collection::vec("[a-z]{1,6}", 1..4).prop_map(|members| json!({"enum": members})),
        Just(json!({"type": "string", "format": "date-time"})),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0_u32..4, 0_u32..3).prop_map(|(items, least, more)| {
                json!({"type": "array", "items": items, "minItems": least, "maxItems": least + more})
            }),
            (proptest::collection::btree_map("[a-z]{1,8}", inner.clone(), 0..4), any::<bool>()).prop_map(|(fields, all)| {
                let required: Vec<_> = fields.keys().take(if all { 9 } else { 1 }).cloned().collect();
                json!({"type": "object", "properties": fields, "required": required, "additionalProperties": false})
            }),
            proptest::collection::vec(inner, 1..3).prop_map(|branches| json!({"anyOf": branches})),
        ]
    })
}

proptest! {
    #[test]
    fn instances_are_valid_and_repeatable(schema in schemas(), seed: u64) {
        let made = make(&schema, seed);
        prop_assert!(jsonschema::is_valid(&schema, &made), "{schema} gave {made}");
        prop_assert_eq!(made, make(&schema, seed));
    }
}
