//! `/hooks/-/…`: the addresses that runs give away, for those who end a wait: a page on which a
//! person decides, and a place to send an event to.
//!
//! The token in the address is all that is asked for, as it goes only to whom the workflow sends it.
//! What must stay true: nobody learns anything without a token; a page runs no script and can be put
//! into no other page; looking at one changes nothing, however often a mail program does.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::component::Decision;
use crate::daemon::Daemon;
use crate::engine::{Given, SignalError, Stands};
use crate::value::{Json, fits_depth};

use super::answer::{Problem, read, typed};
use super::approval::{self, Notice};
use super::waits::{acknowledged, is_approval, person, refused};

/// The largest body, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// The deepest nesting of lists and maps in a body.
const DEPTH_LIMIT: usize = 64;

/// What a page may do: show itself and send its own form.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                           frame-ancestors 'none'; base-uri 'none'";

/// Headers of a request that say who asks, and are not for a workflow.
const HIDDEN: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// A decision as a program sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    approved: bool,
    by: Option<String>,
    comment: Option<String>,
    #[serde(default)]
    fields: Json,
}

/// Answers a request to `/hooks/-/` and this rest of its path.
pub(super) async fn answer(daemon: &Daemon, rest: &str, request: Request<Body>) -> Result<Response, Problem> {
    let nothing = || Problem::not_found("nothing waits here");
    let (route, token) = rest.split_once('/').ok_or_else(nothing)?;
    let (token, method) = (token.to_owned(), request.method().clone());
    match (route, &method) {
        ("approve", &Method::GET | &Method::HEAD) => show(daemon, &token).await,
        ("approve", &Method::POST) => decide(daemon, &token, request).await,
        ("approve", method) => Err(Problem::method(method, "GET, HEAD, POST")),
        ("resume", &Method::POST) => resume(daemon, &token, request).await,
        ("resume", method) => Err(Problem::method(method, "POST")),
        _ => Err(nothing()),
    }
}

/// Sends an event to a wait.
async fn resume(daemon: &Daemon, token: &str, request: Request<Body>) -> Result<Response, Problem> {
    // Before the body is read, which costs more.
    if daemon.engine().asked(token).await?.is_none() {
        return Err(refused(SignalError::Unknown));
    }
    let (parts, body) = request.into_parts();
    let body = body_of(&parts.headers, body).await?;
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let event = json!({ "body": body, "headers": headers(&parts), "query": pairs(query.into_owned()) });
    let told = daemon.engine().signal_token(token, "the resume address", Given::Event(event)).await;
    told.map(|told| acknowledged(&told)).map_err(refused)
}

/// Shows a person what is asked.
async fn show(daemon: &Daemon, token: &str) -> Result<Response, Problem> {
    let asked = daemon.engine().asked(token).await?.filter(is_approval);
    Ok(match asked {
        None => page(StatusCode::NOT_FOUND, approval::notice(Notice::Unknown)),
        Some(asked) => match asked.stands {
            Stands::Open => page(StatusCode::OK, approval::form(&asked, None)),
            Stands::Answered => page(StatusCode::OK, approval::notice(Notice::Answered)),
            Stands::Over => page(StatusCode::GONE, approval::notice(Notice::Over)),
        },
    })
}

/// Takes a decision: from the page's form, or as JSON from a program.
async fn decide(daemon: &Daemon, token: &str, request: Request<Body>) -> Result<Response, Problem> {
    let Some(asked) = daemon.engine().asked(token).await?.filter(is_approval) else {
        return Err(refused(SignalError::Unknown));
    };
    let (parts, body) = request.into_parts();
    let is_form = essence(&parts.headers) == "application/x-www-form-urlencoded";
    let body = body_of(&parts.headers, body).await?;
    let (by, decision) = if is_form {
        match approval::decision(&asked, &body) {
            Some(decided) => decided,
            None => {
                let message = "choose to approve or to reject";
                return Ok(page(StatusCode::UNPROCESSABLE_ENTITY, approval::form(&asked, Some(message))));
            }
        }
    } else {
        let sent = serde_json::from_value(body);
        let sent: Sent = sent.map_err(|error| {
            let message =
                format!("the body cannot be read: {error}; send `{{\"approved\": true}}` or false as JSON");
            Problem::bad_request(message)
        })?;
        let Sent { approved, by, comment, fields } = sent;
        (by, Decision { approved, comment, fields })
    };
    let by = by.map(|by| person(&by)).filter(|by| !by.is_empty());
    let approved = decision.approved;
    let given = Given::Decision(decision);
    let told = daemon.engine().signal_token(token, by.as_deref().unwrap_or("the approval page"), given).await;
    match (told, is_form) {
        (Ok(told), false) => Ok(acknowledged(&told)),
        (Err(error), false) => Err(refused(error)),
        (Ok(_), true) => Ok(page(StatusCode::OK, approval::notice(Notice::Taken { approved }))),
        (Err(SignalError::Unfit(why)), true) => {
            let why = format!("not taken: {why}");
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, approval::form(&asked, Some(&why))))
        }
        (Err(SignalError::Answered(_)), true) => {
            Ok(page(StatusCode::CONFLICT, approval::notice(Notice::Answered)))
        }
        (Err(SignalError::Over), true) => Ok(page(StatusCode::GONE, approval::notice(Notice::Over))),
        (Err(error), true) => Err(refused(error)),
    }
}

fn page(status: StatusCode, html: String) -> Response {
    let mut answer = typed(status, "text/html; charset=utf-8", html);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The address is a secret; with `no-referrer` a browser would hide where its form comes from.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer.into_response()
}

/// The media type of a body, without its parameters.
fn essence(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body as a value: JSON, a form, or text; null when there is none.
async fn body_of(headers: &HeaderMap, body: Body) -> Result<Json, Problem> {
    let is_plain = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
        let message = "compressed bodies are not taken; send it without `Content-Encoding`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded", message));
    }
    let bytes = read(body, BODY_LIMIT).await?;
    if bytes.is_empty() {
        return Ok(Json::Null);
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        let message = "the body is no UTF-8: send JSON, a form or text";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "binary", message));
    };
    let kind = essence(headers);
    let is_json = kind == "application/json" || kind.ends_with("+json");
    if kind == "application/x-www-form-urlencoded" {
        return Ok(pairs(url::form_urlencoded::parse(&bytes).into_owned()));
    }
    match serde_json::from_str::<Json>(text) {
        Ok(json) if is_json || kind.is_empty() => {
            if fits_depth(&json, DEPTH_LIMIT) {
                return Ok(json);
            }
            let message = format!("the body is nested more than {DEPTH_LIMIT} levels deep");
            Err(Problem::bad_request(message))
        }
        Err(error) if is_json => Err(Problem::bad_request(format!("the body is no JSON: {error}"))),
        _ => Ok(text.into()),
    }
}

/// The headers that a workflow may see.
fn headers(parts: &Parts) -> Json {
    let seen = parts.headers.iter().filter(|(name, _)| !HIDDEN.contains(&name.as_str()));
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Json::Object(seen.map(|(name, value)| (name.as_str().to_owned(), text(value).into())).collect())
}

/// Names and values as a map; of a name that comes again the last counts.
fn pairs(pairs: impl Iterator<Item = (String, String)>) -> Json {
    Json::Object(pairs.map(|(name, value)| (name, value.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(kind: &'static str, text: &str) -> Result<Json, String> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        body_of(&headers, Body::from(text.to_owned())).await.map_err(|problem| format!("{problem:?}"))
    }

    #[tokio::test]
    async fn a_body_is_what_its_type_says() {
        assert_eq!(body("application/json; charset=utf-8", "{\"a\":1}").await, Ok(json!({ "a": 1 })));
        let form = body("application/x-www-form-urlencoded", "a=1&b=c+d").await;
        assert_eq!(form, Ok(json!({ "a": "1", "b": "c d" })));
        assert_eq!(body("text/plain", "{\"a\":1}").await, Ok(json!("{\"a\":1}")));
        assert_eq!(body("", "").await, Ok(Json::Null));
        assert!(body("application/json", "{").await.unwrap_err().starts_with("400"));
        let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
        assert!(body("application/json", &deep).await.unwrap_err().starts_with("400"));
        assert!(body("application/json", &"[".repeat(100_000)).await.is_err());
        assert!(body("text/plain", &"x".repeat(BODY_LIMIT + 1)).await.unwrap_err().starts_with("413"));
    }
}
