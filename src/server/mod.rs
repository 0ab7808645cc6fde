//! The two listeners: one for administration, one for webhooks.
//!
//! Administration ([`api`], behind [`auth`]) speaks to people and scripts; webhooks ([`hooks`]) come
//! from anybody. Each has an accept loop of its own ([`listen`]), so that a flood of one never takes
//! the places of the other. What outsiders read is made in [`views`].
//!
//! Not here: what a request means. A webhook is judged by its trigger's `Ingress`; runs are started,
//! followed and ended by the daemon and its engine; this room turns that into HTTP.
//!
//! What must stay true: the webhook listener knows no route but `/hooks/PATH`, of which `/hooks/-/…` are
//! the addresses that runs give away ([`links`]). No request is answered
//! with success before what it asked for is on stable storage. Every request, slow or hostile, ends
//! within a limit of [`Limits`], in time and in memory. A client that leaves ends nothing but its wait.

mod answer;
mod api;
mod approval;
mod auth;
mod deadline;
mod hooks;
mod links;
mod listen;
mod reply;
mod runs;
mod state;
pub mod views;
mod waits;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::daemon::Daemon;
use crate::secret::Secret;

use api::Api;
use auth::{Guard, Hosts};
use hooks::Hooks;
use listen::Listening;

/// The shortest token, in characters: 128 bits, as base64 spells them.
const TOKEN_LENGTH: usize = 22;

/// Where and how to listen.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address of the administration; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address of the webhooks; port 0 takes a free one.
    pub hooks: SocketAddr,
    /// Host names, without a port, under which a proxy or the network reaches the listeners, beside
    /// the names of this machine's loopback.
    pub hosts: Vec<String>,
    /// What the addresses begin with that runs give away; none: the address of the webhooks.
    pub url: Option<String>,
    /// What the administration asks for as a bearer token. Without one it listens on loopback only.
    pub token: Option<Secret>,
    /// How much of everything.
    pub limits: Limits,
}

/// How much the listeners take on.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections of the webhook listener; more wait to be accepted.
    pub hook_connections: usize,
    /// Open connections of the administration listener; more wait to be accepted.
    pub admin_connections: usize,
    /// Open connections from one address, other than loopback; more are closed at once.
    pub per_address: usize,
    /// Webhooks that wait for an answer of their run at once; more are refused with 503.
    pub held: usize,
    /// The header section of a request, in bytes; at least 8 KiB.
    pub header_bytes: usize,
    /// The body of a request to the administration, in bytes. A webhook's is its trigger's.
    pub admin_body: usize,
    /// How long a header may take to arrive, and how long a connection may be idle.
    pub header_time: Duration,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// How long a body may pause.
    pub body_pause: Duration,
    /// How long a client may leave an answer unread.
    pub write_pause: Duration,
    /// How long requests may still be answered after the listeners have stopped.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hook_connections: 4_096,
            admin_connections: 512,
            per_address: 256,
            held: 3_072,
            header_bytes: 32 << 10,
            admin_body: 2 << 20,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            body_pause: Duration::from_secs(10),
            write_pause: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// Why the listeners did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else listens there.
    #[error(
        "cannot listen on `{addr}` for {purpose}: another program has that port (`ss -ltnp` names it); \
         stop it, or choose another address with `{flag}` (port 0 takes any free one)"
    )]
    InUse {
        /// The address.
        addr: SocketAddr,
        /// What it was wanted for.
        purpose: &'static str,
        /// How to choose another.
        flag: &'static str,
    },
    /// The system does not allow it.
    #[error("cannot listen on `{addr}` for {purpose} ({source}); choose another address with `{flag}`")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What it was wanted for.
        purpose: &'static str,
        /// How to choose another.
        flag: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Other machines could reach the administration, and nothing would keep them out.
    #[error(
        "administration on `{0}` could be reached from other machines, and no token is set: set one, or listen \
         on `127.0.0.1`"
    )]
    NoToken(SocketAddr),
    /// The token could be guessed.
    #[error("the token for the administration is too short: use at least {TOKEN_LENGTH} random characters")]
    WeakToken,
}

/// The running listeners. Dropping this stops nothing; the shutdown given at the start does.
#[derive(Debug)]
pub struct Server {
    /// Where the administration listens.
    pub admin_addr: SocketAddr,
    /// Where webhooks are taken.
    pub hooks_addr: SocketAddr,
    tasks: TaskTracker,
}

impl Server {
    /// Starts both listeners, which end with `shutdown`. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When an address cannot be listened on, or the administration would be open to others.
    pub fn start(daemon: Daemon, options: Options, shutdown: CancellationToken) -> Result<Self, StartError> {
        let Options { listen, hooks, hosts, url, token, limits } = options;
        permit(listen, token.as_ref())?;
        let (admin_listener, admin_addr) = bind(listen, "administration", "--listen")?;
        let (hooks_listener, hooks_addr) = bind(hooks, "webhooks", "--hooks")?;
        let clock = daemon.clock().clone();
        daemon.engine().set_base_url(&url.unwrap_or_else(|| format!("http://{}", from_here(hooks_addr))));

        let guard = Arc::new(Guard::new(Hosts::new(admin_addr.ip(), &hosts), token.as_ref()));
        let api = Api { daemon: daemon.clone(), stopping: shutdown.clone(), body_limit: limits.admin_body };
        let router = api::router(api);
        let admin = move |request| {
            let (guard, router) = (guard.clone(), router.clone());
            async move {
                let answer = match guard.admit(&request) {
                    Ok(()) => router.oneshot(request).await.unwrap_or_else(|never| match never {}),
                    Err(problem) => problem.into_response(),
                };
                auth::fence(answer)
            }
        };
        let hooks = Arc::new(Hooks::new(daemon, Hosts::new(hooks_addr.ip(), &hosts), limits.held));
        let webhooks = move |request| {
            let hooks = hooks.clone();
            async move { hooks.answer(request).await }
        };

        let tasks = TaskTracker::new();
        let listening = |listener, connections| Listening {
            listener,
            connections,
            limits: limits.clone(),
            clock: clock.clone(),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(listen::serve(listening(admin_listener, limits.admin_connections), admin));
        tasks.spawn(listen::serve(listening(hooks_listener, limits.hook_connections), webhooks));
        tasks.close();
        Ok(Self { admin_addr, hooks_addr, tasks })
    }

    /// Waits until both listeners have ended: after the shutdown, once every request is answered or
    /// the drain limit has passed.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

/// Whether nobody but its users could get at an administration that listens there.
fn permit(listen: SocketAddr, token: Option<&Secret>) -> Result<(), StartError> {
    match token {
        None if !listen.ip().to_canonical().is_loopback() => Err(StartError::NoToken(listen)),
        Some(token) if token.expose().chars().count() < TOKEN_LENGTH => Err(StartError::WeakToken),
        _ => Ok(()),
    }
}

/// Where somebody on this machine reaches what listens there: what listens everywhere also listens here.
fn from_here(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

fn bind(
    addr: SocketAddr,
    purpose: &'static str,
    flag: &'static str,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = listen::bind(addr).and_then(|listener| listener.local_addr().map(|addr| (listener, addr)));
    bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::InUse { addr, purpose, flag },
        _ => StartError::Listen { addr, purpose, flag, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administration_for_other_machines_needs_a_token() {
        let permit =
            |addr: &str, token: Option<&str>| permit(addr.parse().unwrap(), token.map(Secret::new).as_ref());
        for own in ["127.0.0.1:0", "127.0.0.2:1", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            assert!(permit(own, None).is_ok(), "{own}");
        }
        let long = "0123456789abcdef0123456789abcdef";
        for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7878"] {
            assert!(matches!(permit(open, None), Err(StartError::NoToken(_))), "{open}");
            assert!(matches!(permit(open, Some("secret")), Err(StartError::WeakToken)), "{open}");
            assert!(permit(open, Some(long)).is_ok(), "{open}");
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_with_the_way_out() {
        let (_held, addr) = bind("127.0.0.1:0".parse().unwrap(), "webhooks", "--hooks").unwrap();
        let error = bind(addr, "webhooks", "--hooks").unwrap_err().to_string();
        assert!(error.contains(&format!("`{addr}` for webhooks: another program has that port")), "{error}");
        assert!(error.contains("`--hooks`"), "{error}");
    }
}
