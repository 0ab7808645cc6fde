//! What an action does: one attempt, in a context that the engine gives.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::SharedClock;
use crate::diagnostic::Severity;
use crate::value::{Failure, Json, ModelFacts, Output};

use super::{
    Arguments, Ask, Asks, Effect, Outlook, Rendered, ReserveFuture, StateEdit, StateFuture, Wait, WaitFuture,
};

/// What an attempt gives in the end.
pub type StepFuture<'a> = Pin<Box<dyn Future<Output = Result<Output, StepError>> + Send + 'a>>;

/// A kind of action, bound to the services it needs.
pub trait Action: Send + Sync {
    /// Makes one attempt. The engine drops the future to cancel it.
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a>;

    /// What this very step does to the world; by default what the declaration says of the kind.
    /// Only narrower or wider for reasons in the arguments (an `http` step that is a GET).
    fn effect(&self, arguments: &Arguments) -> Effect;

    /// How many ways there are to do this step, tried in order (the models of a chain).
    fn alternatives(&self, values: &Rendered) -> usize {
        let _ = values;
        1
    }

    /// How often one alternative is tried in all when the step does not say.
    fn default_attempts(&self) -> u32 {
        1
    }

    /// The model calls that this step would make, with its fields as far as they are known; none for an
    /// action that asks no model.
    fn asks(&self, arguments: &Arguments, outlook: &Outlook) -> Option<Asks> {
        let _ = (arguments, outlook);
        None
    }

    /// What this machine lacks for these arguments (a provider, an allowed host), before anything
    /// runs. Only what was written without templates can be looked at.
    fn examine(&self, arguments: &Arguments) -> Vec<Misfit> {
        let _ = arguments;
        Vec::new()
    }
}

/// Something in a step's arguments that this machine cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The field it is about.
    pub field: &'static str,
    /// Whether the workflow can run all the same.
    pub severity: Severity,
    /// A stable word in kebab case.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write or to do instead.
    pub help: Option<String>,
}

/// Everything that one attempt gets.
pub struct Attempt<'a> {
    /// The rendered fields.
    pub values: Rendered,
    /// The compiled fields, for what is not a value (a schema).
    pub arguments: &'a Arguments,
    /// Which of the alternatives, from 0.
    pub alternative: usize,
    /// What the engine does for an action.
    pub context: &'a dyn Context,
}

/// What the engine does for an action while it runs.
pub trait Context: Send + Sync {
    /// The idempotency key, `RUN/step-path`: the same for every attempt of the step.
    fn key(&self) -> &str;

    /// Which attempt of the step this is, from 1, counted over restarts.
    fn attempt(&self) -> u32;

    /// The clock for all waiting.
    fn clock(&self) -> &SharedClock;

    /// Sets money aside for a call before it is made, against every limit of the step, the run and
    /// the day; waits while others have set aside what is missing. Fails when there is not enough, or
    /// when there is a limit and nobody said what the call costs: another alternative may do then.
    fn reserve(&self, ask: Ask) -> ReserveFuture<'_>;

    /// Shows progress to whoever watches; nothing is kept.
    fn emit(&self, delta: Delta);

    /// Answers the request that started the run, once the step is recorded. Later answers of the
    /// same run are ignored.
    fn respond(&self, response: Response);

    /// Waits, for days if need be: nothing but a little memory is held meanwhile, and the wait goes on
    /// after a restart. For actions with [`Effect::None`], once an attempt.
    fn wait(&self, wait: Wait) -> WaitFuture<'_>;

    /// Changes the state in the very commit in which this step succeeds, and not before. Others who
    /// change the same wait until then, so the action should end at once. Once an attempt.
    fn edit_state(&self, edit: StateEdit) -> StateFuture<'_>;
}

/// Progress of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// More of the answer's text.
    Text(Arc<str>),
    /// A sentence on what is being waited for.
    Note(Arc<str>),
}

/// An answer to the request that started a run.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body: text as it is, all else as JSON.
    pub body: Json,
}

/// Why an attempt failed, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct StepError {
    /// What the workflow and its author see.
    pub failure: Failure,
    /// Whether trying again can help.
    pub retry: Retry,
    /// What the failed attempt used of a model all the same.
    pub model: Option<Box<ModelFacts>>,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// No: the same would happen.
    Never,
    /// Perhaps, but something may have reached the other side: only for a step that is idempotent.
    IfIdempotent {
        /// How long the other side asks to wait.
        after: Option<Duration>,
    },
    /// Perhaps, and nothing has happened yet: for every step.
    Safe {
        /// How long the other side asks to wait.
        after: Option<Duration>,
    },
    /// Not the same way, but the next alternative may do.
    Alternative,
}

impl StepError {
    /// A failure that will not go away.
    pub fn fatal(failure: Failure) -> Self {
        Self { failure, retry: Retry::Never, model: None }
    }
}

impl From<Failure> for StepError {
    fn from(failure: Failure) -> Self {
        Self::fatal(failure)
    }
}
