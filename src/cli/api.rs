//! Asking the daemon of a workspace: its administration API, from this machine.
//!
//! One connection a request, no proxy and no TLS: it never leaves the machine that the addresses
//! file names. Not the client for workflows, which is `net`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::clock::SharedClock;
use crate::secret::Secret;
use crate::value::{Json, VALUE_LIMIT};

/// How long an answer may take beyond what was asked to be waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// The largest answer, in bytes: a few values of the largest size.
const LIMIT: usize = 4 * VALUE_LIMIT;

/// The way to one daemon.
#[derive(Clone, Debug)]
pub struct Api {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it wants to see, if anything.
    pub token: Option<Secret>,
    /// The clock for waits.
    pub clock: SharedClock,
}

/// What the daemon answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The JSON of it; null when it was none.
    pub body: Json,
}

impl Reply {
    /// The reply of a request that was granted.
    ///
    /// # Errors
    /// When it was not.
    pub fn granted(self) -> Result<Json, ApiError> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let text = |pointer: &str| self.body.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        let message = text("/error/message").unwrap_or_else(|| format!("it answered {}", self.status));
        Err(ApiError::Refused { status: self.status, message })
    }
}

/// Why the daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody listens there.
    #[error("no daemon answers at `{0}` ({1})")]
    Unreachable(SocketAddr, io::Error),
    /// The connection broke, or something else than HTTP came back.
    #[error("the daemon at `{0}` did not answer: {1}")]
    Broken(SocketAddr, String),
    /// It said no.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// Its words.
        message: String,
    },
}

impl Api {
    /// Asks for something, and is ready to wait this long for news.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn get(&self, path: &str, wait: Duration) -> Result<Reply, ApiError> {
        self.send(Method::GET, path, None, wait).await
    }

    /// Asks for a change.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn post(&self, path: &str, body: &Json) -> Result<Reply, ApiError> {
        self.send(Method::POST, path, Some(body), Duration::ZERO).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
        wait: Duration,
    ) -> Result<Reply, ApiError> {
        let patience = PATIENCE + wait;
        tokio::select! {
            reply = self.exchange(method, path, body) => reply,
            () = self.clock.sleep(patience) => {
                Err(ApiError::Broken(self.address, format!("nothing came within {} s", patience.as_secs())))
            }
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Reply, ApiError> {
        let broken = |error: &dyn std::fmt::Display| ApiError::Broken(self.address, error.to_string());
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|error| ApiError::Unreachable(self.address, error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONNECTION, "close");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let bytes = body.map(Json::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(bytes))).map_err(|error| broken(&error))?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LIMIT).collect().await;
            let bytes = body.map_err(|error| broken(&error))?.to_bytes();
            Ok(Reply { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
        };
        // The connection moves only while it is polled; it ends after the answer, or with an error
        // that the answer tells better.
        let mut connection = std::pin::pin!(connection);
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            reply = &mut answer => reply,
            _ = &mut connection => answer.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::clock::SystemClock;

    /// Answers one request with these bytes, and gives back what was asked.
    async fn answering(bytes: &'static str) -> (Api, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            stream.write_all(bytes.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let token = Some(Secret::new("s3cret-token"));
        (Api { address, token, clock: SystemClock::shared() }, asked)
    }

    #[tokio::test]
    async fn a_question_carries_host_and_token() {
        let (api, asked) =
            answering("HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"run\":\"x\"}")
                .await;
        let reply = api.get("/api/v1/status", Duration::ZERO).await.unwrap();
        assert_eq!(reply.granted().unwrap(), serde_json::json!({ "run": "x" }));
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("GET /api/v1/status HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains(&format!("host: {}\r\n", api.address)), "{asked}");
        assert!(asked.contains("authorization: Bearer s3cret-token\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_daemon_s_words() {
        let (api, _asked) = answering(
            "HTTP/1.1 404 Not Found\r\ncontent-length: 52\r\nconnection: close\r\n\r\n\
             {\"error\":{\"code\":\"unknown\",\"message\":\"no such run\"}}",
        )
        .await;
        let reply = api.post("/x", &serde_json::json!({})).await.unwrap();
        assert_eq!(reply.granted().unwrap_err().to_string(), "no such run");
    }

    #[tokio::test]
    async fn a_broken_answer_and_no_answer_are_errors() {
        let (api, _asked) = answering("nonsense\r\n\r\n").await;
        assert!(matches!(api.get("/", Duration::ZERO).await, Err(ApiError::Broken(..))));
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let api = Api { address, ..api };
        assert!(matches!(api.get("/", Duration::ZERO).await, Err(ApiError::Unreachable(..))));
    }
}
