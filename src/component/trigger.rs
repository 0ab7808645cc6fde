//! What a trigger is: something that turns what happens outside into events.
//!
//! A trigger that answers requests is an [`Ingress`] and gets its requests from the webhook
//! listener; one that looks out by itself is a [`Source`] and runs as a task of the daemon.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::diagnostic::Diagnostics;
use crate::event::{Event, Identity, SeenFile, TriggerId};
use crate::ids::{Digest, RunId};
use crate::value::{Failure, Json};

use super::{Arguments, Field, Rendered, Response, Type, Written};

/// What a trigger is, for people and for the checker.
#[derive(Clone, Copy)]
pub struct TriggerDeclaration {
    /// The key under `on`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What may be written in it, beside `if` and `with`.
    pub fields: &'static [Field],
    /// What `event` holds.
    pub event: Type,
    /// Rules over several fields.
    pub rules: Option<fn(&Written<'_>, &mut Diagnostics)>,
    /// A trigger of this kind, in YAML.
    pub example: &'static str,
}

/// A kind of trigger, bound to the services it needs.
pub trait Trigger: Send + Sync {
    /// Makes one trigger of a workflow ready to be used.
    ///
    /// # Errors
    /// When this machine lacks what it needs (a secret, a folder): a sentence that says so.
    fn arm(&self, written: Setting<'_>) -> Result<Armed, Failure>;
}

/// One trigger of one workflow, about to be armed.
pub struct Setting<'a> {
    /// The workflow's name.
    pub workflow: &'a str,
    /// Which of its triggers this is.
    pub id: TriggerId,
    /// The rendered settings; secrets in it are placeholders.
    pub values: Rendered,
    /// The compiled settings, for what is not a value (a schema).
    pub arguments: &'a Arguments,
}

/// A trigger that is ready.
#[derive(Clone)]
pub enum Armed {
    /// It answers requests at a route.
    Route(Route, Arc<dyn Ingress>),
    /// It looks out by itself.
    Source(Arc<dyn Source>),
}

/// Where a trigger answers requests, below `/hooks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `/tickets/{queue}`: each `{name}` stands for one segment.
    pub path: String,
    /// Upper-case methods.
    pub methods: Vec<String>,
    /// The largest body it reads, in bytes.
    pub max_body: usize,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Upper case.
    pub method: String,
    /// Values of the route's `{name}` segments, decoded.
    pub params: HashMap<String, String>,
    /// The query's pairs, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: bytes::Bytes,
}

impl Incoming {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// A trigger that answers requests.
pub trait Ingress: Send + Sync {
    /// Decides on a request: who sent it, what event it is. Nothing is kept before this has passed.
    ///
    /// # Errors
    /// What to answer instead of starting a run.
    fn receive(&self, request: &Incoming) -> Result<Received, Rejection>;

    /// How the sender is answered.
    fn respond(&self) -> &RespondMode;
}

/// A request that passed.
#[derive(Clone, Debug)]
pub struct Received {
    /// What `event` will hold.
    pub data: Json,
    /// What makes it the same event when it comes again.
    pub identity: Option<Identity>,
}

/// A request that did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// A stable word.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// How the sender of a request is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum RespondMode {
    /// 202 and the run's id once the run is kept.
    Accepted,
    /// 200 and the output once the run has succeeded, 500 and the error when it failed, 202 when
    /// that takes longer than this.
    Result(Duration),
    /// What the run's `respond` step says; as `Result` when it ends without one.
    Step(Duration),
    /// Always this, once the run is kept.
    Fixed(Response),
}

/// A trigger that looks out by itself.
pub trait Source: Send + Sync {
    /// Looks out until `shutdown`; every event goes to `sink`. Must end soon after `shutdown`.
    fn run(self: Arc<Self>, sink: Arc<dyn EventSink>, shutdown: CancellationToken) -> BoxFuture<'static, ()>;
}

/// Where a source's events go: the daemon, for one trigger of one workflow.
pub trait EventSink: Send + Sync {
    /// Hands over an event. Once this has returned `Ok` the event will not be lost, and the file
    /// version is kept with it; until then the source keeps it and tries again.
    fn deliver(&self, event: Event, file: Option<SeenFile>) -> BoxFuture<'_, Result<Delivered, Refused>>;

    /// What the trigger has dealt with so far, and whether it was armed with these settings before.
    fn ledger(&self, settings: Digest) -> BoxFuture<'_, Result<Ledger, Refused>>;

    /// Remembers that the trigger is armed with these settings, and the files that it leaves aside
    /// because they were there before.
    fn arm(&self, settings: Digest, existing: Vec<SeenFile>) -> BoxFuture<'_, Result<(), Refused>>;

    /// Keeps versions of files that start no run.
    fn note(&self, files: Vec<SeenFile>) -> BoxFuture<'_, Result<(), Refused>>;

    /// Says that the first look around is over: the trigger sees what happens from now on.
    fn ready(&self);
}

/// What a trigger has on record.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Whether it was armed with the same settings before.
    pub arming: Arming,
    /// The latest version of each file that it has dealt with.
    pub files: Vec<SeenFile>,
}

/// Whether a trigger watches as it did before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arming {
    /// Never, or with other settings: what lies there now was there before.
    First,
    /// With the same settings: what the ledger does not name is new.
    Known,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It started this run.
    Started(RunId),
    /// It had started this run before.
    Repeat(RunId),
    /// The trigger's `if` did not want it.
    Filtered,
    /// As many runs as the workflow wants were under way.
    Skipped,
}

/// An event that was not taken: too much is going on, or nothing can be kept just now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// A sentence.
    pub reason: String,
    /// When it is worth trying again.
    pub retry_after: Duration,
}
