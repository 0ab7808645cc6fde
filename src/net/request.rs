//! An outbound request: what the caller says, and the same with its secrets filled in.
//!
//! Secrets are filled before the text around them is encoded, so that a `"` or a `&` in one cannot
//! change the meaning of a JSON body, a form or a URL.

use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::error::{Class, NetError, Sent};
use super::policy;
use crate::secret::{MissingSecret, Secrets};
use crate::value::Json;

/// One request. URL, headers and body (bytes apart) may hold secret placeholders.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL as text, because a placeholder is no valid part of a parsed one.
    pub url: String,
    /// Names and values, sent in this order.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Body,
    /// How long and how much.
    pub limits: Limits,
}

impl Request {
    /// A request without headers and body, within the default limits.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: Body::Empty, limits: Limits::default() }
    }
}

/// What a request carries.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes as they are; no secret is filled in.
    Bytes(Bytes),
    /// Text, whose secrets are filled as they are.
    Text(String),
    /// JSON, whose secrets are filled in its strings; sent as `application/json`.
    Json(Json),
    /// A form, whose secrets are filled in its values; sent as `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
}

/// How long a request may take and how much may come back. The limit for connecting is the
/// client's, as connections are shared.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the start until the headers of the answer.
    pub first_byte: Duration,
    /// Between two pieces of the body.
    pub idle: Duration,
    /// For all of it, the body included.
    pub total: Duration,
    /// Bytes of the body after decompression.
    pub max_body: u64,
}

impl Default for Limits {
    /// 60 s, 60 s, 5 min, 16 MiB.
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(300),
            max_body: 16 << 20,
        }
    }
}

/// A request whose secrets are filled in: it exists only on its way to the wire.
pub(super) struct Filled {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Fills the secrets of a request and checks that it can be sent.
pub(super) fn fill(request: &Request, secrets: &Secrets) -> Result<Filled, NetError> {
    let url = fill_url(&request.url, secrets).map_err(missing)?;
    let url = Url::parse(&url).map_err(|error| {
        let shown = secrets.redact(&request.url);
        invalid(format!(
            "`{shown}` is not a URL ({error}): write it in full, like `https://example.org/path`"
        ))
    })?;
    policy::check(&url)?;
    let (body, kind) = fill_body(&request.body, secrets).map_err(missing)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let value = secrets.fill(value).map_err(missing)?;
        let parsed = HeaderName::try_from(name.as_str())
            .map_err(|_| invalid(format!("`{name}` is not a header name: use letters, digits and `-`")))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            invalid(format!("the header `{name}` holds a line end or a control character: take it out"))
        })?;
        value.set_sensitive(true);
        headers.append(parsed, value);
    }
    if let Some(kind) = kind
        && !headers.contains_key(CONTENT_TYPE)
    {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    Ok(Filled { url, headers, body })
}

/// A URL that is one secret is taken as it is; in a longer one, values after the host are encoded.
fn fill_url(text: &str, secrets: &Secrets) -> Result<String, MissingSecret> {
    let authority = text.find("://").map_or(0, |at| at + 3);
    let Some(path) = text[authority..].find(['/', '?', '#']).map(|at| authority + at) else {
        return secrets.fill(text);
    };
    let encode = |value: &str| utf8_percent_encode(value, COMPONENT).to_string();
    Ok(secrets.fill(&text[..path])? + &secrets.fill_with(&text[path..], encode)?)
}

/// What is percent-encoded in a part of a URL: all but the unreserved characters.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn fill_body(body: &Body, secrets: &Secrets) -> Result<(Bytes, Option<&'static str>), MissingSecret> {
    Ok(match body {
        Body::Empty => (Bytes::new(), None),
        Body::Bytes(bytes) => (bytes.clone(), None),
        Body::Text(text) => (secrets.fill(text)?.into(), None),
        Body::Json(value) => {
            let mut value = value.clone();
            fill_json(&mut value, secrets)?;
            (value.to_string().into(), Some("application/json"))
        }
        Body::Form(pairs) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in pairs {
                form.append_pair(name, &secrets.fill(value)?);
            }
            (form.finish().into(), Some("application/x-www-form-urlencoded"))
        }
    })
}

fn fill_json(value: &mut Json, secrets: &Secrets) -> Result<(), MissingSecret> {
    match value {
        Json::String(text) => *text = secrets.fill(text)?,
        Json::Array(items) => items.iter_mut().try_for_each(|item| fill_json(item, secrets))?,
        Json::Object(fields) => fields.values_mut().try_for_each(|field| fill_json(field, secrets))?,
        _ => {}
    }
    Ok(())
}

fn missing(secret: MissingSecret) -> NetError {
    NetError::new(Class::Secret { name: secret.0.clone() }, Sent::Nothing, secret.to_string())
}

fn invalid(message: String) -> NetError {
    NetError::new(Class::Invalid, Sent::Nothing, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{Secret, placeholder};

    fn secrets() -> Secrets {
        let pairs = [("KEY", "a\"&/b"), ("URL", "http://127.0.0.1/hook?x=1&y=2")];
        Secrets::new(pairs.map(|(name, value)| (name.to_owned(), Secret::new(value))).into())
    }

    fn filled(url: &str, body: Body) -> Filled {
        let request = Request { body, ..Request::new(Method::POST, url) };
        fill(&request, &secrets()).map_err(|error| error.message).unwrap()
    }

    #[test]
    fn a_secret_is_encoded_for_its_place() {
        let key = placeholder("KEY");
        let url = format!("http://127.0.0.1/{key}?k={key}");
        let form = filled(&url, Body::Form(vec![("k".into(), key.clone())]));
        assert_eq!(form.url.as_str(), "http://127.0.0.1/a%22%26%2Fb?k=a%22%26%2Fb");
        assert_eq!(form.body, "k=a%22%26%2Fb");
        let json = filled(&placeholder("URL"), Body::Json(serde_json::json!({ "k": [key] })));
        assert_eq!(json.url.query(), Some("x=1&y=2"));
        assert_eq!(json.body, r#"{"k":["a\"&/b"]}"#);
        assert_eq!(json.headers[CONTENT_TYPE], "application/json");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_its_secrets() {
        let refused = |request: &Request| fill(request, &secrets()).err().unwrap();
        let none = refused(&Request::new(Method::GET, placeholder("NONE")));
        assert_eq!(none.class, Class::Secret { name: "NONE".into() });
        let mut split = Request::new(Method::GET, "http://127.0.0.1/");
        split.headers.push(("x-a".into(), format!("{}\r\nx-b: 1", placeholder("KEY"))));
        let split = refused(&split);
        assert_eq!((split.class, split.sent), (Class::Invalid, Sent::Nothing));
        assert!(!split.message.contains("a\""), "{}", split.message);
        assert_eq!(refused(&Request::new(Method::GET, "file:///etc/passwd")).class, Class::Policy);
        assert_eq!(refused(&Request::new(Method::GET, "example.org/x")).class, Class::Invalid);
    }
}
