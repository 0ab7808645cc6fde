//! What clients send: read leniently, borrowed from the body where it can be.
//!
//! Unknown fields are ignored. A known field of the wrong type or range is an error, because a real
//! server would refuse it too and a client should learn of it here.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::prose::clip;
use super::reply::Problem;

/// The most answers to one request.
const MAX_CHOICES: u64 = 128;
/// The most stop sequences.
const MAX_STOPS: usize = 4;
/// The longest name of a model, in bytes.
pub(super) const MAX_MODEL: usize = 256;
/// The longest name of a function, in bytes.
const MAX_NAME: usize = 64;
/// What a message may be from.
const ROLES: [&str; 6] = ["developer", "system", "user", "assistant", "tool", "function"];

/// The body of `POST /v1/chat/completions`, the parts that count here.
#[derive(Debug, Deserialize)]
pub(super) struct ChatRequest<'a> {
    #[serde(default)]
    pub(super) model: String,
    #[serde(borrow, default)]
    pub(super) messages: Vec<Message<'a>>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,
    n: Option<u64>,
    stop: Option<OneOrMany>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    temperature: Option<f64>,
    pub(super) response_format: Option<ResponseFormat>,
    pub(super) tools: Option<Vec<Tool>>,
    pub(super) tool_choice: Option<Value>,
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) seed: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
pub(super) struct ResponseFormat {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) json_schema: Option<NamedSchema>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NamedSchema {
    pub(super) schema: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tool {
    /// None for tools of another type than `function`, which the simulator never calls.
    pub(super) function: Option<Function>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) parameters: Option<Value>,
}

/// One message of the conversation.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) role: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) content: Content<'a>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<&'a RawValue>,
}

/// The text of a message. Parts are joined by line ends; a part that is no text is shown by its
/// type in brackets, as in `[image_url]`.
#[derive(Debug, Default)]
pub(super) struct Content<'a>(pub(super) Cow<'a, str>);

impl ChatRequest<'_> {
    /// Reads and checks a body.
    pub(super) fn read(body: &[u8]) -> Result<ChatRequest<'_>, Problem> {
        let request: ChatRequest =
            serde_json::from_slice(body).map_err(|error| Problem::unreadable(&error))?;
        request.check()?;
        Ok(request)
    }

    fn check(&self) -> Result<(), Problem> {
        let wrong = |param, message: String| Err(Problem::bad_request(Some(param), message));
        if self.model.is_empty() {
            return wrong("model", "`model` is missing: name any model".into());
        }
        if self.model.len() > MAX_MODEL {
            return wrong("model", format!("`model` is too long: at most {MAX_MODEL} bytes"));
        }
        if self.functions().any(|function| function.name.is_empty() || function.name.len() > MAX_NAME) {
            return wrong("tools", format!("the name of a function must have 1 to {MAX_NAME} characters"));
        }
        if self.messages.is_empty() {
            return wrong("messages", "`messages` is missing or empty: send at least one message".into());
        }
        if let Some(message) = self.messages.iter().find(|message| !ROLES.contains(&&*message.role)) {
            let allowed = ROLES.join("`, `");
            let role = clip(&message.role, 40);
            return wrong("messages", format!("unknown role `{role}`: expected one of `{allowed}`"));
        }
        if self.n.is_some_and(|n| n == 0 || n > MAX_CHOICES) {
            return wrong("n", format!("`n` must be from 1 to {MAX_CHOICES}"));
        }
        if self.temperature.is_some_and(|degree| !(0.0..=2.0).contains(&degree)) {
            return wrong("temperature", "`temperature` must be from 0 to 2".into());
        }
        if self.stops().len() > MAX_STOPS {
            return wrong("stop", format!("`stop` may hold at most {MAX_STOPS} texts"));
        }
        if self.max_completion_tokens == Some(0) || self.max_tokens == Some(0) {
            return wrong("max_completion_tokens", "the most tokens of an answer must be at least 1".into());
        }
        if self.stream_options.is_some() && self.stream != Some(true) {
            return wrong("stream_options", "`stream_options` is allowed only with `stream: true`".into());
        }
        Ok(())
    }

    /// How many answers are asked for: 1 to 128.
    pub(super) fn choices(&self) -> u64 {
        self.n.unwrap_or(1)
    }

    /// The texts at which an answer ends.
    pub(super) fn stops(&self) -> &[String] {
        match &self.stop {
            None => &[],
            Some(OneOrMany::One(stop)) => std::slice::from_ref(stop),
            Some(OneOrMany::Many(stops)) => stops,
        }
    }

    /// The most tokens of an answer, where the request says so.
    pub(super) fn max_tokens(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// Whether a stream ends with the usage.
    pub(super) fn includes_usage(&self) -> bool {
        self.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false)
    }

    /// The functions among the tools.
    pub(super) fn functions(&self) -> impl Iterator<Item = &Function> {
        self.tools.iter().flatten().filter_map(|tool| tool.function.as_ref())
    }
}

/// The body of `POST /v1/embeddings`.
#[derive(Debug, Deserialize)]
pub(super) struct EmbeddingRequest {
    #[serde(default)]
    pub(super) model: String,
    pub(super) input: Option<Input>,
    pub(super) encoding_format: Option<Encoding>,
    pub(super) dimensions: Option<usize>,
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    /// An array of numbers.
    Float,
    /// Little-endian 32-bit floats in base64.
    Base64,
}

/// One or many texts, each as text or as tokens.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Input {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u64>),
    TokenLists(Vec<Vec<u64>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list of parts, or null")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Content(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Content(Cow::Owned(text)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Content::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let mut joined = String::new();
        while let Some(Part(text)) = parts.next_element()? {
            if !joined.is_empty() {
                joined.push('\n');
            }
            joined.push_str(&text);
        }
        Ok(Content(Cow::Owned(joined)))
    }
}

/// One part of a message, as text.
struct Part(String);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a message, with its `type`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let (mut kind, mut text) = (String::new(), None);
        while let Some(field) = fields.next_key::<Cow<'de, str>>()? {
            match &*field {
                "type" => kind = fields.next_value()?,
                "text" => text = Some(fields.next_value()?),
                // An image or a file may be megabytes of base64: it is skipped, not kept.
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Part(text.unwrap_or_else(|| format!("[{kind}]"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> String {
        ChatRequest::read(body.as_bytes()).unwrap_err().message
    }

    #[test]
    fn content_is_text_parts_or_nothing() {
        let body = br#"{"model": "m", "unknown": [1], "messages": [
            {"role": "user", "content": "plain"}, {"role": "user", "content": "esc\"aped"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:"}}]}]}"#;
        let request = ChatRequest::read(body).unwrap();
        let texts: Vec<_> = request.messages.iter().map(|message| &*message.content.0).collect();
        assert_eq!(texts, ["plain", "esc\"aped", "", "a\n[image_url]"]);
        assert!(matches!(request.messages[0].content.0, Cow::Borrowed(_)));
        assert_eq!(request.messages[2].tool_calls.unwrap().get(), r#"[{"id": "1"}]"#);
    }

    #[test]
    fn a_wrong_request_is_told_what_is_wrong() {
        assert!(problem("{").starts_with("the body is not the JSON"), "{}", problem("{"));
        assert!(problem(r#"{"messages": []}"#).starts_with("`model` is missing"));
        assert!(problem(r#"{"model": "m"}"#).starts_with("`messages` is missing or empty"));
        let with = |more: &str| {
            problem(&format!(r#"{{"model": "m", "messages": [{{"role": "user", "content": ""}}], {more}}}"#))
        };
        assert_eq!(with(r#""n": 129"#), "`n` must be from 1 to 128");
        assert_eq!(with(r#""temperature": 3"#), "`temperature` must be from 0 to 2");
        assert_eq!(with(r#""stop": ["1", "2", "3", "4", "5"]"#), "`stop` may hold at most 4 texts");
        assert!(with(r#""temperature": "0.7""#).contains("invalid type: string"));
        assert!(with(r#""max_tokens": 0"#).contains("at least 1"));
        assert!(with(r#""stream_options": {}"#).contains("only with `stream: true`"));
        let role = problem(r#"{"model": "m", "messages": [{"role": "usr", "content": ""}]}"#);
        assert!(role.starts_with("unknown role `usr`: expected one of `developer`"), "{role}");
    }
}
