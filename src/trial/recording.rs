//! A recording: what was asked of models and servers in one real run, and what they answered.
//!
//! It is a YAML file for people to read and to keep beside the workflow. An answer stands for its step
//! as long as the step asks the same, to the letter; no secret is ever in it, only their names.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{Digest, RunId};
use crate::template::functions::read_yaml;
use crate::value::{Failure, Json, ModelFacts};

use super::request::named;

/// The version of the form that is written here.
const VERSION: u32 = 1;

/// The answers of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The version of this form.
    version: u32,
    /// The workflow that ran.
    pub workflow: String,
    /// When.
    pub recorded: Timestamp,
    /// In the order of their steps.
    pub calls: Vec<Recorded>,
}

/// What one step asked, and what it got in the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The workflow of the step.
    pub workflow: String,
    /// The step's path in the run.
    pub step: String,
    /// The action.
    pub action: String,
    /// Of the request.
    pub digest: Digest,
    /// What it asked.
    pub request: Json,
    /// What it gave.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub output: Option<Json>,
    /// Why it failed instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What the model used, and what that cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelFacts>,
}

/// Null is an output too.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// Why a step finds no answer in a recording.
#[derive(Clone, Debug, PartialEq)]
pub enum Stale {
    /// The step was not there.
    Unknown,
    /// The step asks something else now.
    Changed {
        /// What it asked then.
        before: String,
        /// What it asks now.
        now: String,
    },
}

impl Recording {
    /// A recording of these answers.
    pub fn new(workflow: &str, recorded: Timestamp, mut calls: Vec<Recorded>) -> Self {
        calls
            .sort_by_cached_key(|call| (call.workflow != workflow, call.workflow.clone(), call.step.clone()));
        Self { version: VERSION, workflow: workflow.to_owned(), recorded, calls }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// A sentence, when a value cannot be written as YAML.
    pub fn write(&self, name: &str) -> Result<String, String> {
        let yaml = serde_yaml::to_string(self).map_err(|error| error.to_string())?;
        Ok(format!(
            "# Recorded by howdah for the test {name:?}: what was asked, and what was answered.\n{yaml}"
        ))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// A sentence: it is no recording, or of another version.
    pub fn read(text: &str) -> Result<Self, String> {
        let json = read_yaml(text)?;
        match json.get("version").and_then(Json::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => {
                return Err(format!("it is of version {version}, and this howdah knows {VERSION}"));
            }
            None => return Err("it has no `version`, so it is no recording".to_owned()),
        }
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    /// The answer for a step that asks this.
    ///
    /// # Errors
    /// When there is none.
    pub fn answer(&self, workflow: &str, step: &str, request: &Json) -> Result<&Recorded, Stale> {
        let call = self.calls.iter().find(|call| call.workflow == workflow && call.step == step);
        let call = call.ok_or(Stale::Unknown)?;
        if call.digest == digest(request) {
            return Ok(call);
        }
        Err(Stale::Changed { before: legible(&call.request), now: legible(request) })
    }
}

/// What a step asks, in the form in which it is compared: secrets and the run by their names.
pub(super) fn normalised(run: &str, values: &serde_json::Map<String, Json>) -> Json {
    let mut request = named(&Json::Object(values.clone()));
    if run.parse::<RunId>().is_ok() {
        replace(&mut request, run);
    }
    request
}

fn replace(value: &mut Json, run: &str) {
    match value {
        Json::String(text) if text.contains(run) => *text = text.replace(run, "{{run.id}}"),
        Json::Array(items) => items.iter_mut().for_each(|item| replace(item, run)),
        Json::Object(fields) => fields.values_mut().for_each(|field| replace(field, run)),
        _ => {}
    }
}

/// The digest of what a step asks; the order of keys does not count.
pub(super) fn digest(request: &Json) -> Digest {
    let mut sorted = request.clone();
    sorted.sort_all_objects();
    Digest::of(sorted.to_string().as_bytes())
}

/// A request as people read it.
fn legible(request: &Json) -> String {
    serde_yaml::to_string(request).unwrap_or_else(|_| format!("{request:#}\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::placeholder;

    fn recording() -> Recording {
        let request = json!({ "model": ["m"], "prompt": "a\nb\n" });
        let call = |workflow: &str, step: &str| Recorded {
            workflow: workflow.to_owned(),
            step: step.to_owned(),
            action: "chat".to_owned(),
            digest: digest(&request),
            request: request.clone(),
            output: Some(json!(null)),
            error: None,
            model: Some(ModelFacts::default()),
        };
        Recording::new("w", Timestamp::UNIX_EPOCH, vec![call("a", "z"), call("w", "b"), call("w", "a")])
    }

    #[test]
    fn what_is_written_is_read() {
        let recording = recording();
        let text = recording.write("a test").unwrap();
        assert!(text.starts_with("# Recorded by howdah for the test \"a test\""), "{text}");
        assert_eq!(Recording::read(&text).unwrap(), recording);
        let order: Vec<_> = recording.calls.iter().map(|call| (&*call.workflow, &*call.step)).collect();
        assert_eq!(order, [("w", "a"), ("w", "b"), ("a", "z")]);
        assert!(Recording::read("version: 2").unwrap_err().contains("version 2"));
        assert!(Recording::read("[]").unwrap_err().contains("no recording"));
    }

    #[test]
    fn an_answer_stands_as_long_as_the_step_asks_the_same() {
        let recording = recording();
        let same = json!({ "prompt": "a\nb\n", "model": ["m"] });
        assert!(recording.answer("w", "a", &same).is_ok());
        assert_eq!(recording.answer("w", "c", &same), Err(Stale::Unknown));
        let Err(Stale::Changed { before, now }) = recording.answer("w", "a", &json!({ "prompt": "a\nc\n" }))
        else {
            panic!("the request is another");
        };
        assert!(before.contains("  b\n") && now.contains("  c\n"), "{before}{now}");
    }

    #[test]
    fn secrets_and_the_run_stand_by_their_names() {
        let run = RunId::new().to_string();
        let values = json!({ "prompt": format!("{run} {}", placeholder("KEY")) });
        let request = normalised(&run, values.as_object().unwrap());
        assert_eq!(request, json!({ "prompt": "{{run.id}} {{secrets.KEY}}" }));
    }
}
