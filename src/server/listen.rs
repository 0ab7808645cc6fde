//! The accept loop: connections, their number, and their end.
//!
//! It knows nothing of routes. Each connection is one task; a panic of the service is one answer.
//! Held here, for whatever service: the number of connections, in all and from one address, and the
//! time for a header, for a body, for an answer to be read, and for all that at the shutdown.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::SharedClock;

use super::Limits;
use super::answer::Problem;
use super::deadline::{TimedBody, TimedSocket};

/// Connections that may wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4_096;

/// The pause after the system could not give a connection, for want of descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on an address.
pub(super) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait until the system has forgotten the connections of the last process.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// A listener and what holds for its connections.
pub(super) struct Listening {
    /// Bound.
    pub listener: TcpListener,
    /// How many connections may be open.
    pub connections: usize,
    /// All other limits.
    pub limits: Limits,
    /// The clock for all waiting.
    pub clock: SharedClock,
    /// Ends the listening; requests under way are still answered.
    pub shutdown: CancellationToken,
}

/// What all connections share.
struct Shared<S> {
    service: S,
    limits: Limits,
    clock: SharedClock,
    shutdown: CancellationToken,
}

/// Accepts connections and answers them until the shutdown, then lets requests under way end.
pub(super) async fn serve<S, F>(listening: Listening, service: S)
where
    S: Fn(Request<Body>) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let Listening { listener, connections, limits, clock, shutdown } = listening;
    let addresses = Addresses::new(limits.per_address);
    let places = Arc::new(Semaphore::new(connections));
    let shared = Arc::new(Shared { service, limits, clock, shutdown });
    let cut = CancellationToken::new();
    let tasks = TaskTracker::new();
    let accepting = async {
        let mut short = false;
        // The semaphore is never closed, so this ends with the shutdown only.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    short = false;
                    // One over the limit of its address is closed by dropping it.
                    let Some(guest) = addresses.enter(peer.ip()) else { continue };
                    let (shared, cut) = (shared.clone(), cut.clone());
                    tasks.spawn(async move {
                        cut.run_until_cancelled(connection(stream, shared)).await;
                        drop((place, guest));
                    });
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    if !short {
                        tracing::warn!(%error, "no connection can be accepted for now");
                    }
                    short = true;
                    shared.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    shared.shutdown.run_until_cancelled(accepting).await;
    drop(listener);
    tasks.close();
    tokio::select! {
        () = tasks.wait() => {}
        () = shared.clock.sleep(shared.limits.drain) => cut.cancel(),
    }
    tasks.wait().await;
}

/// Answers what comes over one connection. An error of it is the client's to notice.
async fn connection<S, F>(stream: TcpStream, shared: Arc<Shared<S>>)
where
    S: Fn(Request<Body>) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    // A socket that refuses works all the same, only slower.
    let _ = stream.set_nodelay(true);
    let limits = &shared.limits;
    let socket = TimedSocket::new(stream, limits, shared.clock.clone());
    let service = service_fn(|request| answer(shared.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(8 << 10))
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = shared.shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer<S, F>(shared: Arc<Shared<S>>, request: Request<Incoming>) -> Result<Response, Infallible>
where
    S: Fn(Request<Body>) -> F,
    F: Future<Output = Response>,
{
    let request = request.map(|body| Body::new(TimedBody::new(body, &shared.limits, shared.clock.clone())));
    let answered = AssertUnwindSafe(async { (shared.service)(request).await }).catch_unwind().await;
    Ok(answered.unwrap_or_else(|_| {
        tracing::error!("a request was not answered through a fault of howdah itself");
        Problem::internal("the request was not answered through a fault of howdah itself").into_response()
    }))
}

/// Whether a connection was lost before it was accepted: no reason to pause.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// How many connections each address has open.
struct Addresses {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most: usize,
}

/// One connection of an address, counted until this is dropped.
struct Guest {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    /// None for loopback, which is not counted.
    ip: Option<IpAddr>,
}

impl Addresses {
    fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    /// Counts one more connection, unless it is one too many.
    fn enter(&self, ip: IpAddr) -> Option<Guest> {
        let ip = ip.to_canonical();
        if ip.is_loopback() {
            return Some(Guest { open: self.open.clone(), ip: None });
        }
        let ip = household(ip);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(ip).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Guest { open: self.open.clone(), ip: Some(ip) })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Some(ip) = self.ip else { return };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                open.remove(&ip);
            }
        }
    }
}

/// What counts as one address: for IPv6 the /64 that one customer has for himself.
fn household(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::super::answer::read;
    use super::*;
    use crate::clock::SystemClock;

    const SOON: Duration = Duration::from_secs(10);
    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    fn quick() -> Limits {
        let short = Duration::from_millis(50);
        Limits { header_time: short, body_time: short, body_pause: short, drain: short, ..Limits::default() }
    }

    /// Listens with a service that reads the body and says how long it was.
    fn start(
        limits: Limits,
        connections: usize,
    ) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        start_with(limits, connections, |request: Request<Body>| async {
            match read(request.into_body(), 100).await {
                Ok(body) => body.len().to_string().into_response(),
                Err(problem) => problem.into_response(),
            }
        })
    }

    fn start_with<S, F>(
        limits: Limits,
        connections: usize,
        service: S,
    ) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>)
    where
        S: Fn(Request<Body>) -> F + Send + Sync + 'static,
        F: Future<Output = Response> + Send + 'static,
    {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let clock = SystemClock::shared();
        let listening = Listening { listener, connections, limits, clock, shutdown: shutdown.clone() };
        (addr, shutdown, tokio::spawn(serve(listening, service)))
    }

    /// Sends this and reads until the server closes.
    async fn talk(addr: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset is an end too.
        let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("the server closes");
        String::from_utf8(answer).unwrap()
    }

    /// Reads one answer with a body of one byte.
    async fn one_answer(stream: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") || answer.ends_with(b"\r\n\r\n") {
            answer.push(timeout(SOON, stream.read_u8()).await.expect("an answer").unwrap());
        }
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn silence_and_half_a_header_are_closed() {
        let (addr, ..) = start(quick(), 8);
        assert_eq!(talk(addr, b"").await, "");
        let half = talk(addr, b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
        assert!(half.is_empty() || half.starts_with("HTTP/1.1 408"), "{half}");
        assert!(
            talk(addr, GET).await.ends_with("\r\n\r\n0"),
            "an idle connection is closed after its answer"
        );
    }

    #[tokio::test]
    async fn half_a_body_is_answered_and_closed() {
        let (addr, ..) = start(quick(), 8);
        let answer = talk(addr, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf").await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains(r#""code":"too_slow""#), "{answer}");
    }

    #[tokio::test]
    async fn a_body_must_arrive_within_the_total_limit_however_long_a_pause_may_be() {
        let (addr, ..) = start(Limits { body_pause: SOON, ..quick() }, 8);
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx").await.unwrap();
        let mut answer = String::new();
        timeout(SOON, stream.read_to_string(&mut answer)).await.expect("the server closes").unwrap();
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }

    #[tokio::test]
    async fn too_much_is_refused_announced_or_not() {
        let (addr, ..) = start(quick(), 8);
        let announced = talk(addr, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 101\r\n\r\n").await;
        assert!(announced.starts_with("HTTP/1.1 413"), "{announced}");
        let chunk = [b"65\r\n".as_slice(), &[b'x'; 101], b"\r\n0\r\n\r\n"].concat();
        let head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".as_slice();
        let counted = talk(addr, &[head, &chunk].concat()).await;
        assert!(counted.starts_with("HTTP/1.1 413"), "{counted}");
        let header = format!("GET / HTTP/1.1\r\nhost: x\r\nx-big: {}\r\n\r\n", "x".repeat(33 << 10));
        let large = talk(addr, header.as_bytes()).await;
        assert!(large.is_empty() || large.starts_with("HTTP/1.1 431"), "{large}");
    }

    #[tokio::test]
    async fn connections_over_the_cap_wait_for_a_place() {
        let (addr, ..) = start(Limits { header_time: SOON, ..quick() }, 1);
        let mut first = TcpStream::connect(addr).await.unwrap();
        first.write_all(GET).await.unwrap();
        assert!(one_answer(&mut first).await.starts_with("HTTP/1.1 200"));
        let mut second = TcpStream::connect(addr).await.unwrap();
        second.write_all(GET).await.unwrap();
        let early = timeout(Duration::from_millis(50), second.read_u8()).await;
        assert!(early.is_err(), "the only place is taken");
        drop(first);
        assert!(one_answer(&mut second).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_after_the_shutdown() {
        let (asked, go) = (CancellationToken::new(), CancellationToken::new());
        let (seen, answer) = (asked.clone(), go.clone());
        let (addr, shutdown, served) = start_with(Limits { drain: SOON, ..quick() }, 8, move |_| {
            let (asked, go) = (asked.clone(), go.clone());
            async move {
                asked.cancel();
                go.cancelled().await;
                "x".into_response()
            }
        });
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(GET).await.unwrap();
        seen.cancelled().await;
        shutdown.cancel();
        answer.cancel();
        assert!(one_answer(&mut stream).await.starts_with("HTTP/1.1 200"));
        timeout(SOON, served).await.expect("the listener ends").unwrap();
        assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
    }

    #[tokio::test]
    async fn a_request_that_never_ends_is_cut_after_the_drain() {
        let asked = CancellationToken::new();
        let seen = asked.clone();
        let (addr, shutdown, served) = start_with(quick(), 8, move |_| {
            asked.cancel();
            std::future::pending()
        });
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(GET).await.unwrap();
        seen.cancelled().await;
        shutdown.cancel();
        timeout(SOON, served).await.expect("the listener ends").unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_one_answer() {
        let count = Arc::new(AtomicUsize::new(0));
        let (addr, ..) = start_with(quick(), 8, move |_| {
            let nth = count.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(nth > 0, "the first request fails");
                "x".into_response()
            }
        });
        assert!(talk(addr, GET).await.starts_with("HTTP/1.1 500"));
        assert!(talk(addr, GET).await.starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn an_address_has_its_share_and_loopback_has_all() {
        let addresses = Addresses::new(2);
        let enter = |ip: &str| addresses.enter(ip.parse().unwrap());
        let first = enter("192.0.2.1").unwrap();
        let _second = enter("::ffff:192.0.2.1").unwrap();
        assert!(enter("192.0.2.1").is_none() && enter("192.0.2.2").is_some());
        drop(first);
        assert!(enter("192.0.2.1").is_some());
        let _same_network = (enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap());
        assert!(enter("2001:db8::3").is_none() && enter("2001:db8:0:1::3").is_some());
        let loopback: Vec<_> = (0..10).map(|_| enter("127.0.0.1")).collect();
        assert!(loopback.iter().all(Option::is_some));
    }
}
