//! Makes a request fit its model and its server, and says what it changed.
//!
//! Rules come from the model's id. What a server was seen to refuse belongs here too, as further
//! changes to the same body, once something remembers it.

use bytes::Bytes;
use serde_json::{Map, json};

use super::provider::{ParameterRules, Provider, StreamUsage};
use super::request::ChatRequest;
use crate::models::reasoning;
use crate::value::Json;

/// What goes on the wire.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) body: Bytes,
    pub(super) warnings: Vec<String>,
}

/// Whether the answer is asked for as a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Stream,
    Whole,
}

/// Fields that a request's `extra` cannot set.
const OWN: [&str; 3] = ["model", "messages", "stream"];

/// What a reasoning model refuses unless it does not reason.
const SAMPLING: [&str; 7] = [
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
];

/// The body of a request.
///
/// # Errors
/// When it cannot be written as JSON.
pub(super) fn prepare(
    provider: &Provider,
    request: &ChatRequest,
    form: Form,
) -> Result<Prepared, serde_json::Error> {
    let mut own = request.clone();
    let extra = std::mem::take(&mut own.extra);
    let Json::Object(mut body) = serde_json::to_value(own)? else {
        return Err(serde::ser::Error::custom("a request is a map"));
    };
    let mut warnings = Vec::new();
    for (name, value) in extra {
        if OWN.contains(&name.as_str()) || body.contains_key(&name) {
            warnings.push(format!("`extra.{name}` is left out: the step sets `{name}` itself"));
        } else {
            body.insert(name, value);
        }
    }
    if provider.parameters == ParameterRules::ByModel {
        suit(&request.model, &mut body, &mut warnings);
    }
    match form {
        Form::Stream => {
            body.insert("stream".to_owned(), Json::Bool(true));
            if provider.stream_usage == StreamUsage::Asked {
                body.entry("stream_options").or_insert_with(|| json!({ "include_usage": true }));
            }
        }
        Form::Whole => drop(body.shift_remove("stream_options")),
    }
    Ok(Prepared { body: serde_json::to_vec(&body)?.into(), warnings })
}

/// Changes what the model is known to refuse.
fn suit(model: &str, body: &mut Map<String, Json>, warnings: &mut Vec<String>) {
    let Some(rules) = reasoning(model) else { return };
    if let Some(most) = body.shift_remove("max_tokens") {
        body.entry("max_completion_tokens").or_insert(most);
    }
    let effort = body.get("reasoning_effort").and_then(Json::as_str);
    let mut refused: Vec<&str> = Vec::new();
    if !(rules.sampling_without_effort && effort == Some("none")) {
        refused.extend(SAMPLING);
    }
    if !rules.stop {
        refused.push("stop");
    }
    for name in refused {
        if body.shift_remove(name).is_some() {
            warnings.push(format!("`{name}` is left out: `{model}` is a reasoning model and refuses it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{BaseUrl, Message, Role, Stop};

    fn provider() -> Provider {
        Provider::new("mammouth", BaseUrl::parse("https://api.mammouth.ai").unwrap())
    }

    fn request(model: &str) -> ChatRequest {
        ChatRequest::new(model, vec![Message::text(Role::User, "Où ?")])
    }

    fn body(request: &ChatRequest, form: Form) -> (String, usize) {
        let prepared = prepare(&provider(), request, form).unwrap();
        (String::from_utf8(prepared.body.to_vec()).unwrap(), prepared.warnings.len())
    }

    #[test]
    fn only_what_was_set_is_sent_in_a_stable_order() {
        let plain = r#"{"model":"gpt-4.1","messages":[{"role":"user","content":"Où ?"}]"#;
        assert_eq!(body(&request("gpt-4.1"), Form::Whole), (format!("{plain}}}"), 0));
        let streamed = format!(r#"{plain},"stream":true,"stream_options":{{"include_usage":true}}}}"#);
        assert_eq!(body(&request("gpt-4.1"), Form::Stream), (streamed, 0));
    }

    #[test]
    fn extra_fields_travel_but_own_ones_win() {
        let mut request = request("gpt-4.1");
        request.temperature = Some(0.2);
        let extra = json!({ "top_k": 5, "temperature": 1, "model": "x", "stream": false,
                            "stream_options": { "include_usage": false } });
        request.extra = extra.as_object().unwrap().clone();
        let (text, warnings) = body(&request, Form::Stream);
        let end = r#""temperature":0.2,"top_k":5,"stream_options":{"include_usage":false},"stream":true}"#;
        assert!(text.ends_with(end), "{text}");
        assert_eq!(warnings, 3);
        assert!(!body(&request, Form::Whole).0.contains("stream"));
    }

    #[test]
    fn a_reasoning_model_gets_what_it_takes() {
        let mut request = request("o3");
        (request.temperature, request.max_tokens) = (Some(0.2), Some(9));
        request.stop = Some(Stop::One("x".into()));
        let (text, warnings) = body(&request, Form::Whole);
        assert!(text.ends_with(r#"],"max_completion_tokens":9}"#), "{text}");
        assert_eq!(warnings, 2);

        request.model = "gpt-5.1".into();
        request.reasoning_effort = Some("none".into());
        let (text, warnings) = body(&request, Form::Whole);
        assert!(text.contains("temperature") && text.contains("max_completion_tokens"), "{text}");
        assert_eq!(warnings, 0);

        let written = Provider { parameters: ParameterRules::AsWritten, ..provider() };
        let prepared = prepare(&written, &request, Form::Whole).unwrap();
        assert!(String::from_utf8_lossy(&prepared.body).contains(r#""max_tokens":9"#));
    }
}
