//! What somebody gives to a run, against what the workflow asks for.

use std::fmt;
use std::sync::Arc;

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

/// Declared inputs with their values; one without a value was not given and has no default.
pub type OpenInputs = Vec<(Arc<str>, Option<Json>)>;

impl Plan {
    /// The inputs of a run: what was given, and defaults for the rest, in the declared order.
    ///
    /// # Errors
    /// Every input that is unknown, missing or of the wrong type.
    pub fn inputs(&self, given: serde_json::Map<String, Json>) -> Result<Json, InputErrors> {
        let (values, mut errors) = self.look_at(given);
        let missing = values.iter().filter(|(_, value)| value.is_none());
        errors.extend(missing.map(|(name, _)| InputError {
            input: name.to_string(),
            message: format!("the input `{name}` is missing"),
        }));
        match errors.is_empty() {
            true => {
                Ok(values.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect())
            }
            false => Err(InputErrors(errors)),
        }
    }

    /// The same, where what is missing is left open.
    ///
    /// # Errors
    /// Every input that is unknown or of the wrong type.
    pub fn known_inputs(&self, given: serde_json::Map<String, Json>) -> Result<OpenInputs, InputErrors> {
        let (values, errors) = self.look_at(given);
        if errors.is_empty() { Ok(values) } else { Err(InputErrors(errors)) }
    }

    /// Every declared input with its value, if it has one, and what is wrong with what was given.
    fn look_at(&self, mut given: serde_json::Map<String, Json>) -> (OpenInputs, Vec<InputError>) {
        let mut errors = Vec::new();
        let mut values = Vec::new();
        for input in &self.inputs {
            let Some(value) = given.shift_remove(&*input.name) else {
                values.push((input.name.clone(), input.default.clone()));
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
            values.push((input.name.clone(), Some(value)));
        }
        for unknown in given.keys() {
            let names: Vec<_> = self.inputs.iter().map(|input| &*input.name).collect();
            let advice = did_you_mean(unknown, names).map(|help| format!(" ({help})")).unwrap_or_default();
            errors.push(InputError {
                input: unknown.clone(),
                message: format!("the workflow has no input `{unknown}`{advice}"),
            });
        }
        (values, errors)
    }
}
