//! What goes back over HTTP: bodies, JSON answers and OpenAI's shape of an error.
//!
//! Every answer that is not a chat completion is made here; every error has all four keys.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// A body that is whole, or one that comes piece by piece.
pub(super) type Body = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Cut>>>>;

/// What makes the connection drop in the middle of a body.
#[derive(Debug, thiserror::Error)]
#[error("the simulator cuts the answer, as it was told to")]
pub(super) struct Cut;

/// The wait that a 429 and a 503 ask for when nothing else was said.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error answer.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) message: String,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<&'static str>,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorFields<'a>,
}

#[derive(Serialize)]
struct ErrorFields<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, message: String) -> Self {
        Self { status, message, kind, code: None, param: None, retry_after: None, allow: None }
    }

    /// A field of the request is wrong.
    pub(super) fn bad_request(param: Option<&'static str>, message: String) -> Self {
        Self { param, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message) }
    }

    /// The body is not the JSON of this request.
    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        Self::bad_request(None, format!("the body is not the JSON of such a request: {error}"))
    }

    /// No key, or the wrong one.
    pub(super) fn unauthorized() -> Self {
        let message = "the API key is missing or wrong: send `Authorization: Bearer KEY`".to_owned();
        let problem = Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message);
        Self { code: Some("invalid_api_key"), ..problem }
    }

    /// Nothing answers at this path.
    pub(super) fn unknown_path(path: &str) -> Self {
        let message = format!(
            "nothing answers at `{path}`: try `/v1/chat/completions`, `/v1/embeddings`, `/v1/models` or `/health`"
        );
        let problem = Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message);
        Self { code: Some("unknown_url"), ..problem }
    }

    /// The path is right and the method is not.
    pub(super) fn method(path: &str, allow: &'static str) -> Self {
        let message = format!("the method is not allowed at `{path}`: use {allow}");
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", message);
        Self { allow: Some(allow), ..problem }
    }

    /// `GET /v1/models/ID` for an id that is not listed.
    pub(super) fn unknown_model(id: &str) -> Self {
        let message = format!("the model `{id}` is not listed: see `/v1/models`");
        let problem = Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message);
        Self { code: Some("model_not_found"), param: Some("model"), ..problem }
    }

    /// The body is larger than the limit.
    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("the body is too large: at most {} MiB", limit >> 20);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", message)
    }

    /// The body did not arrive, or not in time.
    pub(super) fn no_body() -> Self {
        let message = "the body did not arrive in time or broke off".to_owned();
        Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", message)
    }

    /// An error that was asked for, in the words of a real server.
    pub(super) fn simulated(status: StatusCode, retry_after: Option<Duration>) -> Self {
        let (kind, code) = match status.as_u16() {
            401 => ("invalid_request_error", Some("invalid_api_key")),
            404 => ("invalid_request_error", Some("model_not_found")),
            429 => ("requests", Some("rate_limit_exceeded")),
            503 => ("server_error", Some("overloaded")),
            500.. => ("server_error", None),
            _ => ("invalid_request_error", None),
        };
        let waits = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let retry_after = retry_after.or(waits.then_some(DEFAULT_RETRY_AFTER));
        let reason = status.canonical_reason().unwrap_or("error").to_lowercase();
        Self {
            code,
            retry_after,
            ..Self::new(status, kind, format!("simulated error {}: {reason}", status.as_u16()))
        }
    }

    /// The error in the middle of a stream that began well.
    pub(super) fn mid_stream() -> Self {
        Self::simulated(StatusCode::INTERNAL_SERVER_ERROR, None)
    }

    /// The error as JSON.
    pub(super) fn json(&self) -> Vec<u8> {
        let Self { message, kind, param, code, .. } = self;
        to_json(&ErrorBody { error: ErrorFields { message, kind, param: *param, code: *code } })
    }

    /// The error as an answer.
    pub(super) fn response(&self) -> Response<Body> {
        let mut response = json(self.status, self.json().into());
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            // The header knows whole seconds only; the second one is what the SDKs read first.
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1_000) as u64));
            headers.insert("retry-after-ms", HeaderValue::from(wait.as_millis() as u64));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// A whole JSON answer.
pub(super) fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    with_type(status, "application/json", Either::Left(Full::new(body)))
}

/// An answer of this media type.
pub(super) fn with_type(status: StatusCode, media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A value as JSON. The types that are written here have text keys and finite numbers only, which
/// is all that could fail.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
