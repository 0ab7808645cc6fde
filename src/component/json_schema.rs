//! Declarations as JSON Schema, for editors: what completes a key and flags a wrong one while a
//! file is written.
//!
//! Of draft 7, which the YAML language server reads. It says less than the checker: what needs the
//! file as a whole (names, order, one action a step) is left to `check`, and nothing that `check`
//! takes is flagged here. Where a scalar has a type, a text with `{{…}}` may stand instead.

use serde_json::{Map, json};

use super::declaration::{ActionDeclaration, Field, FieldType, Need, SecretsIn};
use super::forms::{FORMS, STEP, TOP, TRIGGER};
use super::kinds::Kinds;
use super::prompt::PROMPT_FILE;
use super::trigger::TriggerDeclaration;
use crate::value::Json;

/// The draft that the schemas are written in.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// A template in a text.
const TEMPLATE: &str = r"\{\{";

/// The schema of a workflow file that uses these kinds.
pub fn workflow(kinds: &Kinds) -> Json {
    let mut root = record(TOP.iter().map(|key| &key.field), Required::Listed);
    root["$schema"] = DRAFT.into();
    root["title"] = "howdah workflow".into();
    root["patternProperties"] = json!({ "^x-": { "description": "Free: a place for YAML anchors" } });
    root["definitions"] = json!({
        "template": { "type": "string", "pattern": TEMPLATE },
        "steps": { "type": "array", "items": { "$ref": "#/definitions/step" } },
        "step": step(kinds),
        "triggers": triggers(kinds),
        "defaults": defaults(kinds),
    });
    root
}

/// The schema of a file that is a map of these fields. It stands by itself.
pub fn file(title: &str, fields: &[Field]) -> Json {
    let mut root = record(fields, Required::Listed);
    root["$schema"] = DRAFT.into();
    root["title"] = title.into();
    root["definitions"] = json!({ "template": { "type": "string", "pattern": TEMPLATE } });
    root
}

/// Whether fields that must be written are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Required {
    /// Yes.
    Listed,
    /// No: something else may fill them in.
    Open,
}

fn step(kinds: &Kinds) -> Json {
    let mut properties = Map::new();
    for key in STEP {
        properties.insert(key.field.name.to_owned(), field(&key.field));
    }
    for declaration in kinds.actions() {
        properties.insert(declaration.name.to_owned(), action(declaration));
    }
    for form in FORMS {
        let mut schema = field(&form.head);
        if form.head.name == "foreach" {
            schema = json!({ "anyOf": [ty(&form.head.ty), { "type": "array" }] });
        }
        describe(&mut schema, form.summary, form.example);
        properties.insert(form.head.name.to_owned(), schema);
    }
    // What belongs to a form comes after all heads: `steps` is one of them.
    for beside in FORMS.iter().flat_map(|form| form.fields) {
        properties.entry(beside.name).or_insert_with(|| field(beside));
    }
    json!({
        "type": "object",
        "properties": properties,
        "patternProperties": { r"^\w[\w-]*\.\S+$": { "description": "An action of a plugin" } },
        "additionalProperties": false,
    })
}

fn action(declaration: &ActionDeclaration) -> Json {
    let map = match declaration.open {
        Some(of) => json!({ "type": "object", "additionalProperties": ty(of) }),
        None => record(declaration.fields, Required::Open),
    };
    let short =
        declaration.shorthand.and_then(|name| declaration.fields.iter().find(|field| field.name == name));
    // Without a map all may come from the defaults.
    let mut forms = vec![map, json!({ "type": "null" })];
    forms.extend(short.map(|field| ty(&field.ty)));
    let mut schema = json!({ "anyOf": forms });
    describe(&mut schema, declaration.summary, declaration.example);
    schema
}

fn triggers(kinds: &Kinds) -> Json {
    let properties: Map<_, _> =
        kinds.triggers().map(|declaration| (declaration.name.to_owned(), trigger(declaration))).collect();
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

fn trigger(declaration: &TriggerDeclaration) -> Json {
    let common = TRIGGER.iter().map(|key| &key.field);
    let one = record(declaration.fields.iter().chain(common), Required::Listed);
    let mut schema = json!({ "anyOf": [one, { "type": "array", "items": one }] });
    describe(&mut schema, declaration.summary, declaration.example);
    schema
}

fn defaults(kinds: &Kinds) -> Json {
    let actions = kinds.actions().filter(|declaration| declaration.open.is_none());
    let properties: Map<_, _> = actions
        .map(|declaration| (declaration.name.to_owned(), record(declaration.fields, Required::Open)))
        .collect();
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

fn describe(schema: &mut Json, summary: &str, example: &str) {
    schema["description"] = summary.into();
    schema["markdownDescription"] = format!("{summary}\n\n```yaml\n{example}```").into();
}

fn record<'a>(fields: impl IntoIterator<Item = &'a Field>, required: Required) -> Json {
    let mut properties = Map::new();
    let mut needed = Vec::new();
    for one in fields {
        properties.insert(one.name.to_owned(), field(one));
        if one.need == Need::Required && required == Required::Listed {
            needed.push(one.name);
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !needed.is_empty() {
        schema["required"] = needed.into();
    }
    schema
}

/// A field's type with what is said of it.
fn field(field: &Field) -> Json {
    let mut words = field.doc.to_owned();
    if let Some(default) = field.default {
        words.push_str(&format!(". Default: {default}"));
    }
    if field.secrets == SecretsIn::Allowed {
        words.push_str(". `{{secrets.NAME}}` may stand here");
    }
    let mut schema = ty(&field.ty);
    if schema.get("$ref").is_some() {
        // In this draft nothing beside a reference counts.
        schema = json!({ "allOf": [schema] });
    }
    schema["description"] = words.into();
    schema
}

fn ty(ty: &FieldType) -> Json {
    let template = || json!({ "$ref": "#/definitions/template" });
    match ty {
        FieldType::Text => json!({ "type": ["string", "number", "boolean"] }),
        FieldType::Url => json!({ "type": "string", "pattern": format!("^https?://|{TEMPLATE}") }),
        FieldType::Path | FieldType::Glob | FieldType::File => json!({ "type": ["string", "number"] }),
        FieldType::Json | FieldType::Schema => json!({}),
        FieldType::Expression | FieldType::ExpressionOver(_) => {
            json!({ "type": ["string", "number", "boolean"] })
        }
        FieldType::Boolean => json!({ "anyOf": [{ "type": "boolean" }, template()] }),
        FieldType::Integer { min, max } => {
            // The outermost numbers mean that there is no bound.
            let mut schema = json!({ "type": ["integer", "string"], "pattern": TEMPLATE });
            if *min > i64::MIN {
                schema["minimum"] = (*min).into();
            }
            if *max < i64::MAX {
                schema["maximum"] = (*max).into();
            }
            schema
        }
        FieldType::Number { min, max } => {
            json!({ "type": ["number", "string"], "minimum": min, "maximum": max, "pattern": TEMPLATE })
        }
        FieldType::Duration => {
            json!({ "type": "string", "pattern": format!(r"^\s*([0-9]+(ms|s|m|h|d))+\s*$|{TEMPLATE}") })
        }
        FieldType::Size => {
            json!({ "type": "string", "pattern": format!(r"^\s*[0-9]+(B|[KMG]iB|[kKMG]B)\s*$|{TEMPLATE}") })
        }
        FieldType::Money => {
            json!({ "type": ["string", "number"], "pattern": format!(r"^\$?[0-9]+(\.[0-9]+)?$|{TEMPLATE}") })
        }
        FieldType::Choice(words) => json!({ "anyOf": [{ "enum": words }, template()] }),
        FieldType::List(of) => {
            json!({ "anyOf": [{ "type": "array", "items": self::ty(of) }, template()] })
        }
        FieldType::OneOrMany(of) => {
            let one = self::ty(of);
            json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }, template()] })
        }
        FieldType::Map(of) => {
            json!({ "anyOf": [{ "type": "object", "additionalProperties": self::ty(of) }, template()] })
        }
        FieldType::Prompt => json!({ "anyOf": [
            { "type": ["string", "number", "boolean"] },
            record(PROMPT_FILE, Required::Listed),
        ] }),
        FieldType::Record(fields) => record(*fields, Required::Listed),
        FieldType::Steps => json!({ "$ref": "#/definitions/steps" }),
        FieldType::Triggers => json!({ "$ref": "#/definitions/triggers" }),
        FieldType::Defaults => json!({ "$ref": "#/definitions/defaults" }),
        FieldType::Either(scalar, other) => {
            json!({ "anyOf": [self::ty(scalar), self::ty(other)] })
        }
    }
}
