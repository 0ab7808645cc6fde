//! The specification's own cases, and what a schema says about values.

use super::*;
use serde_json::json;

fn schema(json: Json) -> Schema {
    Schema::parse(&json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// Every case of Dotprompt's specification of Picoschema.
#[test]
fn picoschema_is_that_of_dotprompt() {
    let text = include_str!("../../../tests/fixtures/dotprompt/picoschema.yaml");
    let cases: Vec<Json> = serde_yaml::from_str(text).unwrap();
    let mut checked = 0;
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let template = case["template"].as_str().unwrap();
        let head: Json = serde_yaml::from_str(template.split("---").nth(1).unwrap()).unwrap();
        let named = case
            .get("schemas")
            .map(|named| serde_json::from_value(named.clone()).unwrap())
            .unwrap_or_default();
        for test in case["tests"].as_array().unwrap() {
            for side in ["input", "output"] {
                // One case states its input beside `expect` and not in it.
                let expected = test["expect"].get(side).or_else(|| test.get(side));
                let Some(expected) = expected.and_then(|side| side.get("schema")) else { continue };
                let parsed = Schema::parse_with(&head[side]["schema"], &named).unwrap();
                assert_eq!(parsed.json(), expected, "{name}: {side}");
                checked += 1;
            }
        }
    }
    assert_eq!((cases.len(), checked), (19, 21));
}

#[test]
fn both_forms_are_told_apart() {
    let cases = [
        (json!("string"), json!({"type": "string"})),
        (
            json!({"type": "string", "enum": ["a"], "default": "a"}),
            json!({"type": "string", "enum": ["a"], "default": "a"}),
        ),
        (json!({"type": ["string", "null"]}), json!({"type": ["string", "null"]})),
        (json!({"anyOf": [{"type": "string"}]}), json!({"anyOf": [{"type": "string"}]})),
        (
            json!({"type": "string, what kind", "n(enum)": [1, 2]}),
            json!({
                "type": "object",
                "properties": {"type": {"type": "string", "description": "what kind"}, "n": {"enum": [1, 2]}},
                "required": ["type", "n"],
                "additionalProperties": false,
            }),
        ),
    ];
    for (written, expected) in cases {
        assert_eq!(schema(written.clone()).json(), &expected, "{written}");
    }
}

#[test]
fn what_is_no_schema_says_where() {
    let cases = [
        (json!({"a": "strng"}), "/a", "there is no type `strng`; did you mean `string`?"),
        (
            json!({"a(list)": "string"}),
            "/a(list)",
            "expected `(array)`, `(object)` or `(enum)`, found `(list)`",
        ),
        (json!({"a(enum)": "x"}), "/a(enum)", "`enum` needs a list of values, found text"),
        (
            json!({"a/b": {"c": 1}}),
            "/a~1b/c",
            "expected a type like `string` or a map of fields, found a number",
        ),
        (json!({"a(array": "string"}), "/a(array", "`(` is never closed in `a(array`"),
        (json!({"a": "string", "a?": "string"}), "/a?", "the field `a` is there twice"),
        (json!(null), "", "expected a type like `string` or a map of fields, found null"),
    ];
    for (written, pointer, message) in cases {
        let error = Schema::parse(&written).unwrap_err();
        assert_eq!((error.pointer.as_str(), error.message.as_str()), (pointer, message), "{written}");
    }
    let error =
        Schema::parse(&json!({"type": "object", "properties": {"a": {"type": "strin"}}})).unwrap_err();
    assert_eq!(error.pointer, "/properties/a/type");
    for unfetched in [json!({"$ref": "https://example.org/s.json"}), json!({"$ref": "file:///etc/passwd"})] {
        assert!(Schema::parse(&unfetched).is_err(), "{unfetched}");
    }
}

#[test]
fn violations_tell_what_was_found_but_not_the_value() {
    let schema = schema(json!({
        "queue(enum)": ["billing", "outage"], "urgency": "integer", "note?": "string", "tags(array)": "string",
    }));
    assert_eq!(
        schema.validate(&json!({"queue": "billing", "urgency": 4.0, "note": null, "tags": []})),
        Ok(())
    );
    let wrong = json!({"queue": "secret-text", "urgency": "high", "tags": ["a", 1], "x": 1});
    let violations = schema.validate(&wrong).unwrap_err();
    let mut told: Vec<_> =
        violations.iter().map(|one| (one.pointer.as_str(), one.message.as_str())).collect();
    told.sort_unstable();
    let expected = [
        ("", "the schema has no field `x`"),
        ("/queue", "expected one of `billing`, `outage`, found text that is none of them"),
        ("/tags/1", "expected text, found a number"),
        ("/urgency", "expected a whole number, found text"),
    ];
    assert_eq!(told, expected);
    let missing = schema.validate(&json!({"queue": "billing", "tags": []})).unwrap_err();
    assert_eq!(missing[0].message, "the field `urgency` is missing");
}

#[test]
fn other_violations_are_in_plain_words_too() {
    let schema = schema(json!({"type": "string", "maxLength": 3, "pattern": "^a"}));
    let violations = schema.validate(&json!("bcdefg")).unwrap_err();
    let told: Vec<_> = violations.into_iter().map(|one| one.message).collect();
    assert!(
        told.iter().all(|message| message.starts_with("the value ") && !message.contains("bcdefg")),
        "{told:?}"
    );
    assert_eq!(told.len(), 2);
}

#[test]
fn violations_are_not_without_end() {
    let list = Json::Array(vec![json!("x"); 10_000]);
    assert_eq!(
        schema(json!({"type": "array", "items": {"type": "integer"}})).validate(&list).unwrap_err().len(),
        20
    );
}

#[test]
fn hostile_schemas_are_refused_or_harmless() {
    let deep = (0..100).fold(json!("string"), |inner, _| json!({"a": inner}));
    assert!(Schema::parse(&deep).unwrap_err().message.contains("levels"));
    let wide: serde_json::Map<_, _> = (0..20_000).map(|n| (format!("f{n}"), json!("string"))).collect();
    assert!(Schema::parse(&Json::Object(wide)).is_err());
    // A pattern that takes exponential time in engines that go back.
    let pattern = schema(json!({"type": "string", "pattern": "^(a+)+$"}));
    assert!(pattern.validate(&json!("a".repeat(50_000) + "b")).is_err());
    let own = schema(
        json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}}}),
    );
    assert!(own.validate(&json!({"n": {"n": {"n": 1}}})).is_err());
}

#[test]
fn the_strict_dialect_means_the_same_or_is_none() {
    let strict = |json: Json| schema(json).strict();
    assert_eq!(
        strict(json!({"queue(enum, why)": ["a", "b"], "note?": "string", "in(object)": {"n": "integer"}})),
        Some(json!({
            "type": "object",
            "properties": {
                "queue": {"enum": ["a", "b"], "description": "why", "type": "string"},
                "note": {"type": ["string", "null"]},
                "in": {
                    "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"],
                    "additionalProperties": false,
                },
            },
            "required": ["queue", "note", "in"],
            "additionalProperties": false,
        }))
    );
    for other in [
        json!("string"),
        json!({"(*)": "string"}),
        json!({"a": "any"}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}}),
        json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}, "required": ["a"]}),
        json!({"type": "object", "properties": {"a": {"not": {"type": "string"}}}, "required": ["a"]}),
        json!({"type": "object", "properties": {"a": {"enum": [1, "a"]}}, "required": ["a"]}),
        json!({"type": "object"}),
    ] {
        assert_eq!(strict(other.clone()), None, "{other}");
    }
    let defs = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "required": ["a"],
        "$defs": {"x": {"type": "object", "properties": {}, "default": 1}}});
    assert_eq!(
        strict(defs).unwrap()["$defs"]["x"],
        json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false})
    );
}
