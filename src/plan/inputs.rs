//! What somebody gives to a run, against what the workflow asks for.

use std::fmt;

use crate::diagnostic::did_you_mean;
use crate::value::Json;

use super::Plan;

/// One input that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// The input.
    pub input: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// All inputs that do not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputErrors(pub Vec<InputError>);

impl fmt::Display for InputErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(|error| error.message.as_str()).collect();
        f.write_str(&texts.join("; "))
    }
}

impl std::error::Error for InputErrors {}

impl Plan {
    /// The inputs of a run: what was given, and defaults for the rest, in the declared order.
    ///
    /// # Errors
    /// Every input that is unknown, missing or of the wrong type.
    pub fn inputs(&self, mut given: serde_json::Map<String, Json>) -> Result<Json, InputErrors> {
        let mut errors = Vec::new();
        let mut values = serde_json::Map::new();
        for input in &self.inputs {
            let Some(value) = given.shift_remove(&*input.name) else {
                match &input.default {
                    Some(default) => drop(values.insert(input.name.to_string(), default.clone())),
                    None => errors.push(InputError {
                        input: input.name.to_string(),
                        message: format!("the input `{}` is missing", input.name),
                    }),
                }
                continue;
            };
            let optional_null = value.is_null() && input.default == Some(Json::Null);
            if !optional_null && let Err(violations) = input.schema.validate(&value) {
                errors.extend(violations.into_iter().map(|violation| InputError {
                    input: input.name.to_string(),
                    message: format!(
                        "the input `{}{}` does not fit: {}",
                        input.name, violation.pointer, violation.message
                    ),
                }));
            }
            values.insert(input.name.to_string(), value);
        }
        for unknown in given.keys() {
            let names: Vec<_> = self.inputs.iter().map(|input| &*input.name).collect();
            let advice = did_you_mean(unknown, names).map(|help| format!(" ({help})")).unwrap_or_default();
            errors.push(InputError {
                input: unknown.clone(),
                message: format!("the workflow has no input `{unknown}`{advice}"),
            });
        }
        if errors.is_empty() { Ok(Json::Object(values)) } else { Err(InputErrors(errors)) }
    }
}
