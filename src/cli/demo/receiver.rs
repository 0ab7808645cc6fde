//! Somebody who waits for deliveries: a web server on this machine with one address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::{Json, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::cli::problem::Problem;
use crate::value::Json as Value;

/// How many deliveries may wait to be looked at; more are refused.
const WAITING: usize = 16;

/// The web server; dropping it ends it.
pub(super) struct Receiver {
    address: SocketAddr,
    deliveries: mpsc::Receiver<Delivery>,
    server: JoinHandle<()>,
}

/// What came.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The header by which a repeat would be known.
    pub key: String,
    pub body: Value,
}

impl Receiver {
    /// Listens on a free port.
    pub async fn start() -> Result<Self, Problem> {
        let failed = |error: io::Error| Problem::failed(format!("cannot start the receiver: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (sender, deliveries) = mpsc::channel(WAITING);
        let router = Router::new().route("/pager", post(take)).with_state(sender);
        let server = tokio::spawn(async move {
            // It ends with the demo; an error could only end it sooner, and then nothing is delivered.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, deliveries, server })
    }

    /// Where it wants its deliveries.
    pub fn url(&self) -> String {
        format!("http://{}/pager", self.address)
    }

    /// The next delivery.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.deliveries.recv().await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(
    State(sender): State<mpsc::Sender<Delivery>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> StatusCode {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    match sender.try_send(Delivery { key: format!("Idempotency-Key: {key}"), body }) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
