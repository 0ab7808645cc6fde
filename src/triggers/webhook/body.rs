//! The body of a request as a value, and other parts of a request that become part of an event.
//!
//! By content type: JSON, a form, text; nothing for an empty body. What says nothing of itself is
//! JSON if it can be read as such, else text. Binary bodies and compressed ones are refused.

use serde_json::Map;

use crate::component::{Incoming, Rejection};
use crate::value::Json;

/// How deep JSON may nest.
const DEPTH: usize = 64;

/// What a content type says of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Json,
    Form,
    Text,
    Parts,
    Unknown,
}

impl Media {
    fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" | "text/json" => Self::Json,
            json if json.ends_with("+json") => Self::Json,
            "application/x-www-form-urlencoded" => Self::Form,
            "application/xml" => Self::Text,
            text if text.starts_with("text/") || text.ends_with("+xml") => Self::Text,
            parts if parts.starts_with("multipart/") => Self::Parts,
            _ => Self::Unknown,
        }
    }
}

/// The body as text and as a value; the text is `event.raw`.
pub(super) fn read(request: &Incoming) -> Result<(&str, Json), Rejection> {
    if let Some(encoding) = request.header("content-encoding")
        && !encoding.trim().eq_ignore_ascii_case("identity")
    {
        return Err(unsupported("the body is compressed: send it plain"));
    }
    if request.body.is_empty() {
        return Ok(("", Json::Null));
    }
    let media = Media::of(request.header("content-type").unwrap_or_default());
    let text = match (std::str::from_utf8(&request.body), media) {
        (_, Media::Parts) => return Err(unsupported("the body has parts: send JSON, a form or text")),
        (Ok(text), _) => text,
        (Err(_), Media::Unknown) => return Err(unsupported("the body is binary: send JSON, a form or text")),
        (Err(error), _) => {
            return Err(unreadable(format!("the body is not UTF-8 at byte {}", error.valid_up_to())));
        }
    };
    let value = match media {
        Media::Json => json(text)?.map_err(|error| unreadable(format!("the body is no JSON: {error}")))?,
        Media::Form => pairs(url::form_urlencoded::parse(text.as_bytes())),
        Media::Unknown if text.trim_start().starts_with(['{', '[']) => {
            json(text)?.unwrap_or_else(|_| text.into())
        }
        Media::Text | Media::Parts | Media::Unknown => text.into(),
    };
    Ok((text, value))
}

/// Names and values as a map; a name that comes again makes a list.
pub(super) fn pairs<K: Into<String> + AsRef<str>, V: Into<String>>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> Json {
    let mut map = Map::new();
    for (name, value) in pairs {
        let value = Json::String(value.into());
        match map.get_mut(name.as_ref()) {
            None => drop(map.insert(name.into(), value)),
            Some(Json::Array(values)) => values.push(value),
            Some(first) => *first = Json::Array(vec![first.take(), value]),
        }
    }
    Json::Object(map)
}

/// The value of a JSON text that nests no deeper than it may.
fn json(text: &str) -> Result<serde_json::Result<Json>, Rejection> {
    if depth(text) > DEPTH {
        let message = format!("the body nests deeper than {DEPTH} levels");
        return Err(Rejection { status: 400, code: "too_deep", message });
    }
    Ok(serde_json::from_str(text))
}

/// How deep brackets nest outside of strings.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                let _ = bytes.next();
            }
            _ => {}
        }
    }
}

fn unreadable(message: String) -> Rejection {
    Rejection { status: 400, code: "unreadable_body", message }
}

fn unsupported(message: &str) -> Rejection {
    Rejection { status: 415, code: "unsupported_media_type", message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(content_type: &str, bytes: &[u8]) -> Result<Json, (u16, &'static str)> {
        let request = Incoming {
            method: "POST".into(),
            params: [].into(),
            query: Vec::new(),
            headers: vec![("content-type".into(), content_type.into())],
            body: bytes.to_vec().into(),
        };
        read(&request).map(|(_, value)| value).map_err(|rejection| (rejection.status, rejection.code))
    }

    #[test]
    fn the_content_type_says_what_a_body_is() {
        for (content_type, text, value) in [
            ("application/json; charset=utf-8", r#"{"a":[1,2.5]}"#, json!({"a": [1, 2.5]})),
            ("application/vnd.api+json", "3", json!(3)),
            ("Application/JSON", "", Json::Null),
            ("application/x-www-form-urlencoded", "a=1+2&b=%C3%A9&a=3", json!({"a": ["1 2", "3"], "b": "é"})),
            ("text/plain", "{\"a\":1}", json!("{\"a\":1}")),
            ("application/xml", "<a/>", json!("<a/>")),
            ("", " {\"a\":1}", json!({"a": 1})),
            ("", "{not json", json!("{not json")),
            ("application/octet-stream", "12", json!("12")),
        ] {
            assert_eq!(body(content_type, text.as_bytes()), Ok(value), "{content_type}: {text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (content_type, bytes, status, code) in [
            ("application/json", &b"{"[..], 400, "unreadable_body"),
            ("application/json", b"\"\xff\"", 400, "unreadable_body"),
            ("text/plain", b"\xff", 400, "unreadable_body"),
            ("image/png", b"\x89PNG", 415, "unsupported_media_type"),
            ("multipart/form-data; boundary=x", b"--x--", 415, "unsupported_media_type"),
        ] {
            assert_eq!(body(content_type, bytes), Err((status, code)), "{content_type}");
        }
    }

    #[test]
    fn json_nests_so_deep_and_no_deeper() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(body("application/json", nested(DEPTH).as_bytes()).is_ok());
        for text in [nested(DEPTH + 1), "[".repeat(1 << 20), "{\"a\":".repeat(100_000)] {
            assert_eq!(body("application/json", text.as_bytes()), Err((400, "too_deep")));
            assert_eq!(body("", text.as_bytes()), Err((400, "too_deep")));
        }
        let quoted = json!(["[".repeat(100), "\"[[".repeat(100), "\\"]);
        assert_eq!(body("application/json", quoted.to_string().as_bytes()), Ok(quoted));
    }

    proptest::proptest! {
        #[test]
        fn every_body_is_read_or_refused(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            text in "[\\[\\]{}\":,\\\\a1 ]{0,200}",
        ) {
            for content_type in ["application/json", "application/x-www-form-urlencoded", "text/plain", ""] {
                proptest::prop_assert!(!matches!(body(content_type, &bytes), Err((500.., _))));
                // A text that is cut off or overfull is no JSON; whatever is JSON is read as it is.
                match (body(content_type, text.as_bytes()), serde_json::from_str::<Json>(&text)) {
                    (Ok(value), Ok(json)) if content_type == "application/json" => {
                        proptest::prop_assert_eq!(value, json);
                    }
                    (Ok(_), Err(_)) if content_type == "application/json" => {
                        proptest::prop_assert!(text.is_empty());
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_compressed_body_is_refused() {
        let mut request = Incoming {
            method: "POST".into(),
            params: [].into(),
            query: Vec::new(),
            headers: vec![("content-encoding".into(), "gzip".into())],
            body: bytes::Bytes::from_static(b"x"),
        };
        assert_eq!(read(&request).unwrap_err().status, 415);
        request.headers[0].1 = "identity".into();
        assert!(read(&request).is_ok());
    }
}
