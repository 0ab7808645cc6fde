//! The sockets: accepting, one task a connection, and an end that waits for nobody.
//!
//! Stopping drops every request in flight: a hanging one would never end by itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use indexmap::IndexMap;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::faults::Pace;
use super::record::{Counters, Journal};
use super::{Options, StartError, routes};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Connections that are open at once; more wait in the backlog.
const MAX_CONNECTIONS: usize = 16_384;
/// How long a connection may be idle or send a header: longer than clients keep idle ones.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);
/// The pause after a connection could not be accepted, for want of descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) models: Models,
    pub(super) journal: Journal,
    pub(super) counters: Counters,
    pub(super) requests: AtomicU64,
    pub(super) in_flight: AtomicUsize,
}

impl Shared {
    pub(super) fn new(options: Options) -> Self {
        Self {
            models: Models::new(&options.models),
            journal: Journal::new(options.journal),
            counters: Counters::default(),
            requests: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            options,
        }
    }

    /// Counts a request that begins.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { number: self.requests.fetch_add(1, Ordering::Relaxed), shared: Arc::clone(self) }
    }

    /// The pace of requests that ask for no other.
    pub(super) fn pace(&self) -> Pace {
        Pace { latency: self.options.latency, speed: self.options.speed }
    }
}

/// A request that is being answered; dropping it ends that.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The models that are listed, as they are sent.
#[derive(Debug)]
pub(super) struct Models {
    list: Bytes,
    by_id: IndexMap<String, String>,
}

impl Models {
    fn new(ids: &[String]) -> Self {
        let model =
            |id: &String| json!({ "id": id, "object": "model", "created": 0, "owned_by": "simulator" });
        let list = json!({ "object": "list", "data": ids.iter().map(model).collect::<Vec<_>>() });
        let by_id = ids.iter().map(|id| (id.clone(), model(id).to_string())).collect();
        Self { list: list.to_string().into(), by_id }
    }

    /// All models.
    pub(super) fn list(&self) -> Bytes {
        self.list.clone()
    }

    /// The model with this id.
    pub(super) fn find(&self, id: &str) -> Option<String> {
        self.by_id.get(id).cloned()
    }
}

/// Binds the address.
pub(super) fn listen(addr: SocketAddr) -> Result<TcpListener, StartError> {
    let bind = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|source| StartError { addr, source })
}

/// Accepts connections until the shutdown.
pub(super) async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
) {
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let accepting = async {
        // The semaphore is never closed, so this ends with the shutdown only.
        while let Ok(place) = Arc::clone(&free).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = connection(stream, Arc::clone(&shared));
                    let shutdown = shutdown.clone();
                    tasks.spawn(async move {
                        shutdown.run_until_cancelled(connection).await;
                        drop(place);
                    });
                }
                Err(_) => shared.options.clock.sleep(ACCEPT_PAUSE).await,
            }
        }
    };
    shutdown.run_until_cancelled(accepting).await;
}

/// Answers what comes over one connection. An error of it is the client's to notice.
async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // A delayed small packet would be measured as latency; a socket that refuses works all the same.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| routes::serve(Arc::clone(&shared), request));
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
