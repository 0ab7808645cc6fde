//! Answers as both listeners give them: JSON, and problems with a code and a sentence; and the
//! reading of a request's body, which ends in one or the other.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::Body as _;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::json;

use crate::engine::Refusal;
use crate::journal::StoreError;
use crate::units::ByteSize;
use crate::value::Json;

use super::deadline::TooSlow;

/// An answer of JSON.
pub(super) fn json(status: StatusCode, body: &Json) -> Response {
    typed(status, "application/json", body.to_string())
}

/// An answer of this type.
pub(super) fn typed(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Why a request was not done: `{"error": {"code", "message", …}}`.
pub(super) struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    message: String,
    more: Vec<(&'static str, Json)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with a stable word and a sentence.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), more: Vec::new(), headers: Vec::new() }
    }

    /// Nothing is there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// The request says something that cannot be read or meant.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// The method is not one of these.
    pub fn method(method: &hyper::Method, allowed: &str) -> Self {
        let message = format!("`{method}` is not allowed here; allowed: {allowed}");
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
        match HeaderValue::from_str(allowed) {
            Ok(allowed) => problem.with_header(ALLOW, allowed),
            Err(_) => problem,
        }
    }

    /// A body of more than so many bytes.
    pub fn too_large(limit: usize) -> Self {
        let limit = ByteSize(u64::try_from(limit).unwrap_or(u64::MAX));
        let message = format!("the body is larger than {limit}, the limit here");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// Not now: try again after so many seconds.
    pub fn unavailable(code: &'static str, message: impl Into<String>, seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message).with_header(RETRY_AFTER, seconds.into())
    }

    /// A fault of the program.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// The same, with one thing more for programs to read.
    pub fn with(mut self, key: &'static str, value: impl Into<Json>) -> Self {
        self.more.push((key, value.into()));
        self
    }

    /// The same, with a header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(error) = error.as_object_mut() {
            error.extend(self.more.into_iter().map(|(key, value)| (key.to_owned(), value)));
        }
        let mut response = json(self.status, &json!({ "error": error }));
        response.headers_mut().extend(self.headers);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Busy => Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", message)
                .with_header(RETRY_AFTER, HeaderValue::from_static("1")),
            Refusal::Stopping => Self::unavailable("stopping", message, 5),
            Refusal::Storage(_) => Self::unavailable("storage", message, 5),
            Refusal::Unfit(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unfit", message),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::unavailable("storage", error.to_string(), 5)
    }
}

/// Reads a body of at most `limit` bytes. What its header announces is refused before it is read.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    if usize::try_from(body.size_hint().lower()).is_ok_and(|announced| announced <= limit) {
        let read = Limited::new(body, limit).collect().await;
        read.map(|body| body.to_bytes()).map_err(|error| unreadable(&*error, limit))
    } else {
        Err(Problem::too_large(limit))
    }
}

fn unreadable(error: &(dyn Error + 'static), limit: usize) -> Problem {
    let mut causes = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    if error.is::<LengthLimitError>() {
        Problem::too_large(limit)
    } else if causes.any(|cause| cause.is::<TooSlow>()) {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", TooSlow.to_string())
    } else {
        Problem::bad_request("the body ended before it was whole")
    }
}
