//! What a prompt is given: its fields by name, against the schema of them and over their defaults.

use std::sync::Arc;

use serde_json::Map;

use crate::template::schema::Schema;
use crate::template::values::kind;
use crate::value::{Failure, Json, weight};

/// What a prompt takes.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// What it must be; without one, anything.
    pub schema: Option<Arc<Schema>>,
    /// What fields are that are not given.
    pub defaults: Map<String, Json>,
}

impl Inputs {
    /// The inputs that this makes: defaults filled in, checked, and what may be left out and is left
    /// out null, so that `{{#if note}}` can ask for it.
    ///
    /// # Errors
    /// `wrong_input` with every violation of the schema; `template_limit` when more than
    /// 4 MiB are filled in.
    pub fn fill(&self, given: Json) -> Result<Json, Failure> {
        let mut inputs = match given {
            Json::Object(fields) => {
                let mut inputs = self.defaults.clone();
                inputs.extend(fields);
                Json::Object(inputs)
            }
            Json::Null if !self.defaults.is_empty() => Json::Object(self.defaults.clone()),
            other => other,
        };
        let Some(schema) = &self.schema else {
            return match inputs.is_object() {
                true => Ok(inputs),
                false => {
                    Err(wrong(format!("a prompt is given a map of its inputs, found {}", kind(&inputs))))
                }
            };
        };
        let mut left = FILL_LIMIT;
        settle(&mut inputs, schema.json(), Absent::Default, &mut left)?;
        schema.validate(&inputs).map_err(|violations| {
            let told = violations.iter().map(|violation| match violation.pointer.as_str() {
                "" => violation.message.clone(),
                pointer => format!("`{}`: {}", &pointer[1..], violation.message),
            });
            wrong(format!("the inputs of the prompt do not fit: {}", told.collect::<Vec<_>>().join("; ")))
        })?;
        settle(&mut inputs, schema.json(), Absent::Null, &mut left)?;
        Ok(inputs)
    }
}

fn wrong(message: String) -> Failure {
    Failure::new("wrong_input", message)
}

/// How many bytes may be filled in.
const FILL_LIMIT: usize = 4 * 1024 * 1024;

/// What becomes of a field that is declared and not there.
#[derive(Clone, Copy)]
enum Absent {
    /// What its schema says under `default`, if it does.
    Default,
    /// Null.
    Null,
}

/// Fills in what is absent, here and below. Goes no deeper than the schema, whose depth is limited.
fn settle(value: &mut Json, schema: &Json, absent: Absent, left: &mut usize) -> Result<(), Failure> {
    match value {
        Json::Object(fields) => {
            let Some(declared) = schema.get("properties").and_then(Json::as_object) else { return Ok(()) };
            for (name, property) in declared {
                if let Some(field) = fields.get_mut(name) {
                    settle(field, property, absent, left)?;
                    continue;
                }
                let filled = match absent {
                    Absent::Null => Some(&Json::Null),
                    Absent::Default => property.get("default"),
                };
                let Some(filled) = filled else { continue };
                *left = left.checked_sub(weight(filled)).ok_or_else(|| {
                    let message =
                        format!("more than {} MiB of inputs are left out and filled in", FILL_LIMIT >> 20);
                    Failure::new("template_limit", message)
                })?;
                fields.insert(name.clone(), filled.clone());
            }
        }
        Json::Array(items) => {
            if let Some(of) = schema.get("items") {
                items.iter_mut().try_for_each(|item| settle(item, of, absent, left))?;
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn inputs(schema: Json, defaults: Json) -> Inputs {
        let Json::Object(defaults) = defaults else { panic!("defaults are a map") };
        Inputs { schema: Some(Arc::new(Schema::parse(&schema).unwrap())), defaults }
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        let inputs = inputs(
            json!({ "name": "string", "note?": "string", "rows(array)": { "x?": "integer" } }),
            json!({ "name": "Ann" }),
        );
        let made = inputs.fill(json!({ "rows": [{}, { "x": 1 }] })).unwrap();
        assert_eq!(made, json!({ "name": "Ann", "rows": [{ "x": null }, { "x": 1 }], "note": null }));
        let failure = inputs.fill(json!({ "name": 3, "other": 1 })).unwrap_err();
        assert_eq!(failure.code, "wrong_input");
        for told in
            ["`name`: expected text, found a number", "the field `rows` is missing", "no field `other`"]
        {
            assert!(failure.message.contains(told), "{failure}");
        }
        let defaults = Inputs { defaults: inputs.defaults.clone(), schema: None };
        assert_eq!(defaults.fill(Json::Null).unwrap(), json!({ "name": "Ann" }));
        assert!(defaults.fill(json!("x")).is_err());
    }

    #[test]
    fn a_schema_of_json_schema_has_its_own_defaults() {
        let schema = json!({ "type": "object", "properties": { "n": { "type": "integer", "default": 3 } }, "required": ["n"] });
        assert_eq!(inputs(schema, json!({})).fill(json!({})).unwrap(), json!({ "n": 3 }));
        let whole =
            Inputs { schema: Some(Arc::new(Schema::parse(&json!("string")).unwrap())), ..Inputs::default() };
        assert_eq!(whole.fill(json!("all of it")).unwrap(), json!("all of it"));
    }
}
