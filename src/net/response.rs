//! An answer: status, headers, and a body that is read within limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

use super::error::{self, NetError, Wait};
use super::request::Limits;
use crate::secret::Secrets;

/// Headers of an answer: names in lower case, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of this name, which is written in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.as_ref().to_ascii_lowercase(), value.into()))
                .collect(),
        )
    }
}

/// An answer whose body is still on its way. Dropping it closes the connection.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    inner: reqwest::Response,
    reading: Reading,
}

/// What reading a body needs to know.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) host: String,
    pub(super) limits: Limits,
    /// When all of it must have come.
    pub(super) deadline: Instant,
    /// The limit of connecting, for errors.
    pub(super) connect: Duration,
    pub(super) secrets: Secrets,
    /// Bytes read so far.
    pub(super) read: u64,
}

impl Response {
    pub(super) fn new(inner: reqwest::Response, reading: Reading) -> Self {
        let headers = inner
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            .collect();
        Self { status: inner.status().as_u16(), headers, inner, reading }
    }

    /// The host and port that answered, as errors name them.
    pub fn host(&self) -> &str {
        &self.reading.host
    }

    /// The address that answered, its secrets filled in: for telling what lies beside it, never for
    /// showing.
    pub fn url(&self) -> &url::Url {
        self.inner.url()
    }

    /// The next piece of the body, after decompression; none at its end.
    ///
    /// # Errors
    /// When the connection breaks, a wait is over, or the body passes its limit.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, NetError> {
        let Reading { host, limits, deadline, connect, secrets, read } = &mut self.reading;
        let idle = Instant::now() + limits.idle;
        let chunk = match timeout_at(idle.min(*deadline), self.inner.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => {
                let mut error = error::classify(&error, *connect, host);
                error.message = secrets.redact(&error.message);
                return Err(error);
            }
            Err(_) if idle < *deadline => return Err(error::timeout(Wait::Idle, limits.idle, host)),
            Err(_) => return Err(error::timeout(Wait::Total, limits.total, host)),
        };
        *read += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if *read > limits.max_body {
            return Err(error::too_large(limits.max_body, host));
        }
        Ok(chunk)
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn bytes(mut self) -> Result<Bytes, NetError> {
        // A length that is said and too large is refused before anything is read.
        if self.inner.content_length().is_some_and(|length| length > self.reading.limits.max_body) {
            return Err(error::too_large(self.reading.limits.max_body, &self.reading.host));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// The first `most` bytes of the body, or what came of it before it broke: for error pages,
    /// where a part says enough.
    pub async fn beginning(mut self, most: usize) -> Bytes {
        let mut body = BytesMut::new();
        while body.len() < most
            && let Ok(Some(chunk)) = self.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(most);
        body.freeze()
    }
}
