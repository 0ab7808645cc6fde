//! Errors as servers write them: ten shapes read into one, and told apart by kind.
//!
//! A server's text is shown to people in one line, without tags, redacted and then cut.

use crate::secret::Secrets;
use crate::value::Json;

/// The most characters of a server's text that an error shows.
const SHOWN: usize = 400;

/// What a server said about an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerError {
    /// Its words, as they came.
    pub(super) message: String,
    /// `code`, numbers as text.
    pub(super) code: String,
    /// `type`.
    pub(super) kind: String,
    /// The parameter that it means.
    pub(super) param: Option<String>,
}

/// What an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The key: missing, wrong, or without the right.
    Key,
    /// Money: none left, or a budget passed.
    Quota,
    /// The model's name.
    Model,
    /// The address.
    Address,
    /// More tokens than the model takes.
    Context,
    /// A filter.
    Filter,
    /// Something that this server or model cannot do at all.
    Unsupported,
    /// Too many requests or tokens in a time.
    Rate,
    /// The server's own wait was over.
    Timeout,
    /// The request.
    Request,
    /// The server.
    Server,
}

impl ServerError {
    /// Reads the body of an error.
    pub(super) fn read(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(json) => Self::read_json(&json),
            Err(_) => Self { message: String::from_utf8_lossy(body).into_owned(), ..Self::default() },
        }
    }

    /// Reads an error in JSON, whichever of the shapes it has.
    pub(super) fn read_json(body: &Json) -> Self {
        let first = |list: &Json| list.as_array().and_then(|items| items.first()).cloned();
        if let Some(item) = first(body) {
            return Self::read_json(&item);
        }
        if let Some(item) = body.get("errors").and_then(first) {
            return Self::read_json(&item);
        }
        let error = body.get("error").filter(|error| error.is_object()).unwrap_or(body);
        let word = |name: &str| match &error[name] {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let detail = &error["detail"];
        let texts = [
            error["message"].as_str().map(ToOwned::to_owned),
            error.as_str().map(ToOwned::to_owned),
            error["error"].as_str().map(ToOwned::to_owned),
            detail.as_str().map(ToOwned::to_owned),
            first(detail).map(|item| describe_detail(&item)),
            error["message"].is_object().then(|| error["message"].to_string()),
        ];
        let mut message =
            texts.into_iter().flatten().find(|text| !text.trim().is_empty()).unwrap_or_default();
        // A router's own words say little; those of the provider behind it say what happened.
        if let Some(raw) = error.pointer("/metadata/raw") {
            let raw = raw.as_str().map_or_else(|| raw.to_string(), ToOwned::to_owned);
            message = format!("{message}: {raw}");
        }
        let inner = error.pointer("/innererror/code").and_then(Json::as_str);
        let code = inner.map_or_else(|| word("code"), ToOwned::to_owned);
        Self { message, code, kind: word("type"), param: error["param"].as_str().map(ToOwned::to_owned) }
    }

    /// What the error is about.
    pub(super) fn subject(&self, status: u16) -> Subject {
        let text = format!("{} {} {}", self.code, self.kind, self.message).to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let context =
            ["context_length_exceeded", "exceed_context_size", "contextwindowexceeded", "context window"];
        let context_too = ["maximum context length", "prompt is too long", "context length exceeded"];
        let quota =
            ["insufficient_quota", "insufficient balance", "budget has been exceeded", "budget exceeded"];
        let quota_too = ["budget_exceeded", "insufficient credits", "credit balance"];
        let filter =
            ["content_filter", "responsibleaipolicyviolation", "content_policy_violation", "content policy"];
        let model = ["model_not_found", "invalid model name", "unknown model", "model not found"];
        let model_too = ["no_fixture_match", "not a valid model", "no such model"];
        let unsupported = ["not_supported_error", "input is not supported", "does not support"];
        match status {
            400 | 404 | 413 | 422 | 500 if says(&context) || says(&context_too) => Subject::Context,
            402 => Subject::Quota,
            400 | 403 | 429 if says(&quota) || says(&quota_too) => Subject::Quota,
            400 | 403 | 422 if says(&filter) => Subject::Filter,
            401 | 403 => Subject::Key,
            400 | 404 | 422 if says(&model) || says(&model_too) => Subject::Model,
            404 if text.contains("model") => Subject::Model,
            400 | 500 | 501 if says(&unsupported) => Subject::Unsupported,
            501 => Subject::Unsupported,
            404 | 405 => Subject::Address,
            300..=399 => Subject::Address,
            408 => Subject::Timeout,
            429 => Subject::Rate,
            409 | 425 => Subject::Server,
            400..=499 => Subject::Request,
            _ => Subject::Server,
        }
    }

    /// The server's words, fit for a message.
    pub(super) fn shown(&self, secrets: &Secrets) -> String {
        one_line(&self.message, secrets)
    }
}

/// FastAPI's `{loc, msg}`.
fn describe_detail(item: &Json) -> String {
    let message = item["msg"].as_str().map_or_else(|| item.to_string(), ToOwned::to_owned);
    let path: Vec<String> = item["loc"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| step.as_str().map_or_else(|| step.to_string(), ToOwned::to_owned))
        .collect();
    if path.is_empty() { message } else { format!("{}: {message}", path.join(".")) }
}

/// A foreign text in one line: no tags, no control characters, no secrets, no more than [`SHOWN`]
/// characters.
pub(super) fn one_line(text: &str, secrets: &Secrets) -> String {
    // Redacted whole, because a cut could leave a part of a secret that is not recognised.
    let text = secrets.redact(text);
    let text = if looks_like_html(&text) { without_tags(&text) } else { text };
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().nth(SHOWN).is_some() {
            return line.chars().take(SHOWN).chain(['…']).collect();
        }
    }
    line
}

fn looks_like_html(text: &str) -> bool {
    let begin = text.trim_start().get(..14).unwrap_or(text.trim_start()).to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body", "<h1", "<center"].iter().any(|tag| begin.starts_with(tag))
}

/// A page's text, without what stands between `<` and `>` and without scripts and styles.
fn without_tags(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let mut text = String::new();
    let mut at = 0;
    while let Some(open) = page[at..].find('<').map(|open| at + open) {
        text.push_str(&page[at..open]);
        text.push(' ');
        let end = ["script", "style"]
            .iter()
            .find(|name| lower[open + 1..].starts_with(**name))
            .map_or_else(|| page[open..].find('>'), |name| lower[open..].find(&format!("</{name}")));
        match end {
            Some(end) if page[open + end..].starts_with('>') => at = open + end + 1,
            // At a script's closing tag, which is taken out as the next tag.
            Some(end) if end > 0 => at = open + end,
            _ => return text,
        }
    }
    text + &page[at..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[track_caller]
    fn reads(body: &str, message: &str, code: &str) {
        let error = ServerError::read(body.as_bytes());
        let shown = error.shown(&Secrets::default());
        assert_eq!((shown.as_str(), error.code.as_str()), (message, code), "{body}");
    }

    #[test]
    fn every_shape_is_read() {
        reads(r#"{"error":{"message":"m","type":"t","param":null,"code":"429"}}"#, "m", "429");
        reads(r#"{"error":{"message":"m","code":401}}"#, "m", "401");
        reads(r#"{"error":{"message":"m","code":null}}"#, "m", "");
        reads(r#"{"error":"m"}"#, "m", "");
        reads(r#"{"message":"m"}"#, "m", "");
        reads(r#"{"detail":"Not Found"}"#, "Not Found", "");
        reads(r#"{"detail":[{"loc":["body","n",0],"msg":"m"}]}"#, "body.n.0: m", "");
        reads(r#"[{"error":{"message":"m","code":400}}]"#, "m", "400");
        reads(r#"{"object":"error","message":"m","code":40}"#, "m", "40");
        reads(r#"{"errors":[{"message":"m"}]}"#, "m", "");
        let routed = r#"{"error":{"message":"Provider returned error","metadata":{"raw":"overloaded"}}}"#;
        reads(routed, "Provider returned error: overloaded", "");
        reads("", "", "");
        reads("{}", "", "");
        reads("Internal Server\nError", "Internal Server Error", "");
        let page = "<html><head><style>b{}</style><title>502</title></head><body>Bad<br>gate</body>";
        reads(page, "502 Bad gate", "");
        reads("<html><script>alert(1)", "", "");
    }

    #[test]
    fn the_subject_is_told_by_code_words_and_status() {
        let subject = |status, body: &str| ServerError::read(body.as_bytes()).subject(status);
        assert_eq!(subject(429, r#"{"error":{"message":"m","code":"insufficient_quota"}}"#), Subject::Quota);
        assert_eq!(subject(402, ""), Subject::Quota);
        let azure =
            r#"{"error":{"code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#;
        assert_eq!(subject(400, azure), Subject::Filter);
        assert_eq!(subject(404, r#"{"error":{"message":"The model `x` does not exist"}}"#), Subject::Model);
        assert_eq!(subject(404, r#"{"detail":"Not Found"}"#), Subject::Address);
        assert_eq!(subject(429, "{}"), Subject::Rate);
        assert_eq!(subject(500, "context"), Subject::Server);
    }

    #[test]
    fn a_text_is_redacted_before_it_is_cut() {
        let key = "k".repeat(50);
        let secrets = Secrets::new([("KEY".to_owned(), Secret::new(key.as_str()))].into());
        let long = format!("{}{key}{}", "a ".repeat(195), "b".repeat(500));
        let shown = one_line(&long, &secrets);
        assert!(!shown.contains("kk") && shown.chars().count() == SHOWN + 1, "{shown}");
        assert_eq!(one_line("a\u{1b}[31m\tb", &Secrets::default()), "a [31m b");
    }
}
