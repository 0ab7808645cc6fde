//! The simulator: a model server that speaks OpenAI's protocol and needs no model.
//!
//! For demos, dry runs, tests and load tests. It answers over real HTTP and server-sent events on
//! `POST /v1/chat/completions`, `POST /v1/embeddings`, `GET /v1/models`, `GET /v1/models/ID` and
//! `GET /health`, each also without `/v1`. It is not a mock of one client's expectations: requests are
//! read as leniently as real servers read them, and every answer satisfies OpenAI's own schemas.
//!
//! What must stay true:
//! - An answer is a function of the seed and the conversation. Chance (errors, hangs) depends on the
//!   seed and the number of the request, so that a retry can succeed.
//! - Nothing that a client sends makes it panic, or take more than bounded time and memory.
//! - A request costs little when it waits: a hanging one holds a connection and no timer.
//! - Time passes by the clock in the options, except for the limits on idle connections.
//!
//! # Directives
//!
//! A line that starts with `sim:`, in a system message or in the last one of the user, says what to do.
//! Several may stand together; `times N` follows one only for the first N requests with this message,
//! then the next one of its sort counts. `hang`, `error` and what breaks an answer come before chance.
//!
//! | Directive | What happens |
//! |---|---|
//! | `sim: error 429 retry-after 1 times 2` | this error; `Retry-After` in seconds (1 for 429 and 503 if not given) |
//! | `sim: hang` | no answer, ever |
//! | `sim: cut` | half of the answer, then the connection drops |
//! | `sim: truncate` | half of a stream, then a clean end without finish reason and `[DONE]`; else as `cut` |
//! | `sim: stall` | half of the answer, then silence |
//! | `sim: malformed` | one event of the stream, or the body, is not JSON |
//! | `sim: error-event` | half of a stream, then an error as its last event; else a 500 |
//! | `sim: latency 2s` | the wait before the first byte |
//! | `sim: speed 80` | tokens a second |
//! | `sim: say "text" times 1` | this text: a JSON string, or the rest of the line |
//! | `sim: json {"a": 1}` | this JSON as the text, whatever the schema says |
//! | `sim: call NAME {"a": 1}` | a call of this tool with these arguments |
//! | `sim: tokens 500` | a text of this many tokens |
//! | `sim: refuse "text"` | a refusal |

mod answer;
mod completion;
mod directive;
mod embedding;
mod faults;
mod instance;
mod key;
mod prose;
mod record;
mod reply;
mod routes;
mod server;
mod stream;
mod wire;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::faults::{Chance, ErrorRule, FaultError};
pub use self::record::Recorded;
use self::server::Shared;
use crate::clock::SharedClock;
use crate::secret::Secret;
use crate::value::Json;

/// How a simulator behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What its waits go by.
    pub clock: SharedClock,
    /// The models that `GET /v1/models` lists. Requests may name any other.
    pub models: Vec<String>,
    /// The key that clients must send, if any.
    pub key: Option<Secret>,
    /// Another seed gives other answers and faults.
    pub seed: u64,
    /// The wait before the first byte of an answer.
    pub latency: Duration,
    /// Tokens a second after it; none for no delay.
    pub speed: Option<NonZeroU32>,
    /// The tokens in one event of a stream.
    pub tokens_per_event: NonZeroU32,
    /// Shares of the requests that get an error. Together with `hang`, what is above 1 never happens.
    pub errors: Vec<ErrorRule>,
    /// The share of the requests that get no answer, ever.
    pub hang: Chance,
    /// How many of the last requests are kept for [`Simulator::journal`], up to 32 MiB of bodies.
    pub journal: usize,
}

impl Options {
    /// A simulator on a free port of the loopback address that answers everything at once.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock,
            models: Vec::new(),
            key: None,
            seed: 0,
            latency: Duration::ZERO,
            speed: None,
            tokens_per_event: NonZeroU32::MIN.saturating_add(3),
            errors: Vec::new(),
            hang: Chance::NEVER,
            journal: 256,
        }
    }
}

/// A value that a schema accepts, always the same: what an answer may look like, without asking anybody.
pub fn example(schema: &Json) -> Json {
    instance::instance(schema, &prose::Prompt::new("", ""), key::Key::new(0), 1)
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{addr}` ({source}): choose another address, or port 0 for any free one")]
pub struct StartError {
    addr: SocketAddr,
    source: io::Error,
}

/// A running simulator: a cheap handle, any copy of which can stop it. It runs on when all are dropped.
#[derive(Clone, Debug)]
pub struct Simulator {
    addr: SocketAddr,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stopped: CancellationToken,
}

impl Simulator {
    /// Starts a simulator, which ends with `shutdown` or [`stop`](Self::stop). Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(options: Options, shutdown: CancellationToken) -> Result<Self, StartError> {
        let wanted = options.listen;
        let listener = server::listen(wanted)?;
        let addr = listener.local_addr().map_err(|source| StartError { addr: wanted, source })?;
        let shared = Arc::new(Shared::new(options));
        let (tasks, stopped) = (TaskTracker::new(), shutdown.child_token());
        tasks.spawn(server::accept(listener, Arc::clone(&shared), tasks.clone(), stopped.clone()));
        Ok(Self { addr, shared, tasks, stopped })
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL for a client, as `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// How many requests for completions and embeddings came so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// How many of them are being answered now, the hanging ones among them.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// The last of them, the oldest first.
    pub fn journal(&self) -> Vec<Recorded> {
        self.shared.journal.requests()
    }

    /// Ends it at once: requests in flight are dropped, and the port is free when this returns.
    pub async fn stop(&self) {
        self.stopped.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
