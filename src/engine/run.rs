//! One run from its first step to its end: the task that owns it. How it gets there is [`begin`](super::begin)'s.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::component::Response;
use crate::ids::{RunId, StepPath};
use crate::journal::{Entry, RunEnd, RunState, RunStatus, StepStatus};
use crate::plan::flow::StepList;
use crate::plan::{Bound, Plan};
use crate::template::{Node, Scope};
use crate::value::{Failure, Json, SharedJson};

use super::book::{Book, Closed};
use super::cancel::Cancel;
use super::frame::{Frame, error_json};
use super::once::Taken;
use super::purse::RunPurse;
use super::root::RunRoot;
use super::state::StateView;
use super::ticket::{Finish, Kept, Phase, Teller};
use super::wait::Waits;
use super::{Shared, lock};

/// Tells those who wait, and takes the run off the list of live ones when it goes.
pub(super) struct Exit {
    shared: Arc<Shared>,
    id: RunId,
    /// Tells those who wait how far the run has come.
    pub phase: watch::Sender<Phase>,
    /// What the run waits for.
    pub waits: Waits,
}

impl Exit {
    /// The way out of a run whose open waits are listed here.
    pub fn new(shared: Arc<Shared>, id: RunId, phase: watch::Sender<Phase>, waits: Waits) -> Self {
        Self { shared, id, phase, waits }
    }

    /// What tells those who wait when the run itself is somewhere else.
    pub fn teller(&self) -> Teller {
        Teller::new(self.phase.clone())
    }
}

impl Drop for Exit {
    fn drop(&mut self) {
        lock(&self.shared.live).remove(&self.id);
        self.phase.send_modify(|phase| phase.gone = true);
    }
}

/// A run while it is under way.
pub(super) struct Run {
    pub shared: Arc<Shared>,
    pub id: RunId,
    pub plan: Arc<Plan>,
    pub book: Arc<Book>,
    pub waits: Waits,
    /// What its model calls are paid from.
    pub purse: Arc<RunPurse>,
    /// What `run` holds.
    pub root: Arc<RunRoot>,
    /// How many calls led to it.
    pub depth: u32,
    /// The items that its loops have taken on.
    pub taken: Taken,
    pub cancel: Cancel,
    pub exit: Exit,
}

/// Why a list of steps did not come to its end.
#[derive(Clone, Debug)]
pub(super) enum Halt {
    /// A step failed for good.
    Failed {
        /// Why.
        failure: Failure,
        /// The step.
        step: StepPath,
    },
    /// Somebody asked the run to end.
    Cancelled,
    /// A person must decide before it can go on.
    Attention {
        /// The step in doubt; none when it is the run, for a reason that may go away.
        step: Option<StepPath>,
        /// Why, in one line.
        reason: String,
    },
    /// The run goes on in another process, or never was one.
    Closed(Closed),
}

impl From<Closed> for Halt {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl Run {
    /// The run from its first step to its last word. `failed` is why it cannot even begin.
    pub async fn live(self, scope: Scope, failed: Option<Failure>) {
        let main = AssertUnwindSafe(self.main(scope, failed)).catch_unwind().await;
        let outcome = main.unwrap_or_else(|panic| {
            Err(Halt::Failed { failure: fault(panic.as_ref()), step: StepPath::root() })
        });
        let finish = match self.conclude(outcome).await {
            Ok(finish) => finish,
            Err(closed) => {
                let accepted: Option<_> = closed.into();
                if accepted.is_some() {
                    self.exit.phase.send_modify(|phase| phase.accepted = accepted);
                } else if let Err(error) = self.flush_rest().await {
                    tracing::debug!(run = %self.id, ?error, "the run's last entries were not written");
                }
                return;
            }
        };
        self.accepted();
        self.exit.phase.send_modify(|phase| phase.finish = Some(Arc::new(finish)));
    }

    /// What is noted when the process stops is written too, so that nothing is done twice.
    async fn flush_rest(&self) -> Result<(), Closed> {
        if self.book.is_kept() { self.book.flush().await } else { Ok(()) }
    }

    /// Tells those who wait that the run is kept, once it is.
    pub fn accepted(&self) {
        self.exit.phase.send_if_modified(|phase| {
            let news = phase.accepted.is_none();
            phase.accepted.get_or_insert(Ok(Kept::New));
            news
        });
    }

    /// Writes what is noted and tells that the run is kept.
    pub async fn flush(&self) -> Result<(), Closed> {
        self.book.flush().await?;
        self.accepted();
        Ok(())
    }

    /// Gives the answer to the request that started the run; only the first counts.
    pub fn answer(&self, response: Response) {
        self.exit.phase.send_modify(|phase| {
            phase.response.get_or_insert_with(|| Arc::new(response));
        });
    }

    /// Everything up to the output, and then what is done whatever the outcome.
    async fn main(&self, scope: Scope, failed: Option<Failure>) -> Result<SharedJson, Halt> {
        if self.book.takes_over() {
            self.flush().await?;
        }
        let state = StateView::of(self);
        let frame = Frame::new(scope, self.root.clone(), state, self.cancel.token.clone());
        let settled = self.book.read(|state| state.and_then(|state| state.settled.clone()));
        let outcome = match (settled, failed) {
            // It had come to its end before a restart: nothing of the main list runs any more.
            (Some((failure, step)), _) => {
                Err(Halt::Failed { failure, step: step.unwrap_or_else(StepPath::root) })
            }
            (None, Some(failure)) => Err(Halt::Failed { failure, step: StepPath::root() }),
            (None, None) => self.in_run_time(&frame).await,
        };
        if matches!(outcome, Err(Halt::Closed(_) | Halt::Attention { .. })) {
            return outcome;
        }
        // From here on the outcome is what it is.
        let outcome = if self.cancel.close() { outcome } else { Err(Halt::Cancelled) };
        let plan = &self.plan;
        if plan.on_failure.steps.is_empty() && plan.finally.steps.is_empty() {
            return outcome;
        }
        self.root.set_status(match &outcome {
            Ok(_) => RunStatus::Succeeded,
            Err(Halt::Cancelled) => RunStatus::Cancelled,
            Err(_) => RunStatus::Failed,
        });
        // From here on it ends what is left to do.
        self.cancel.leave_rest();
        let rest = &self.cancel.rest;
        self.show_rest(&plan.steps, &StepPath::root(), &frame, StepStatus::Pending).await?;
        if let Err(Halt::Failed { failure, step }) = &outcome {
            let (failure, at) = (self.redacted(failure.clone()), self.shared.clock.now());
            let place = (!step.as_str().is_empty()).then(|| step.clone());
            let error = Node::from(self.error(&failure, step));
            self.book.note(Entry::FailureSettled { failure, step: place, at });
            let inside = frame.afterwards(rest.clone()).inside([("error".into(), error)]);
            self.aftermath(&plan.on_failure, "on_failure", &inside).await?;
        }
        self.aftermath(&plan.finally, "finally", &frame.afterwards(rest.clone())).await?;
        self.cancel.close();
        outcome
    }

    /// The steps and the output.
    pub async fn body(&self, frame: &Frame) -> Result<SharedJson, Halt> {
        let last = self.list(&self.plan.steps, StepPath::root(), frame).await?;
        match &self.plan.output {
            Some(output) => output
                .evaluate(&frame.scope())
                .map(Arc::new)
                .map_err(|failure| Halt::Failed { failure, step: StepPath::root() }),
            None => Ok(last),
        }
    }

    /// What `error` holds after this step failed.
    pub fn error(&self, failure: &Failure, step: &StepPath) -> Json {
        let attempts = self.book.read(|state| {
            state.and_then(|state| state.steps.get(step)).map_or(1, |step| step.attempts.len().max(1))
        });
        error_json(failure, step, u32::try_from(attempts).unwrap_or(u32::MAX))
    }

    /// Steps that run after the outcome is known and do not change it.
    async fn aftermath(&self, list: &StepList<Bound>, name: &str, frame: &Frame) -> Result<(), Halt> {
        if list.steps.is_empty() {
            return Ok(());
        }
        match self.list(list, StepPath::root().branch(name), frame).await {
            Ok(_) | Err(Halt::Cancelled) => Ok(()),
            Err(Halt::Failed { failure, step }) => {
                tracing::warn!(run = %self.id, %step, %failure, "a step of `{name}` failed");
                Ok(())
            }
            Err(halt) => Err(halt),
        }
    }

    /// Records how the run ended.
    async fn conclude(&self, outcome: Result<SharedJson, Halt>) -> Result<Finish, Closed> {
        let at = self.shared.clock.now();
        let finish = match outcome {
            Ok(output) => match self.keep_output(output).await {
                Ok((value, output)) => {
                    self.book.note(Entry::RunFinished {
                        status: RunEnd::Succeeded,
                        output: Some(value),
                        failure: None,
                        step: None,
                        at,
                    });
                    Finish { output, ..Finish::bare(RunStatus::Succeeded) }
                }
                Err(failure) => self.failed(failure, StepPath::root(), at),
            },
            Err(Halt::Failed { failure, step }) => self.failed(failure, step, at),
            Err(Halt::Cancelled) => {
                self.book.note(Entry::RunFinished {
                    status: RunEnd::Cancelled,
                    output: None,
                    failure: None,
                    step: None,
                    at,
                });
                Finish::bare(RunStatus::Cancelled)
            }
            Err(Halt::Attention { step, reason }) => {
                self.book.note(Entry::AttentionNeeded { path: step.clone(), reason: reason.clone(), at });
                let failure = Failure::new("in_doubt", reason);
                Finish { failure: Some(failure), step, ..Finish::bare(RunStatus::NeedsAttention) }
            }
            Err(Halt::Closed(closed)) => return Err(closed),
        };
        self.book.flush().await?;
        let cost = self.book.read(|state| state.map(RunState::cost_with_calls)).unwrap_or_default();
        Ok(Finish { cost, ..finish })
    }

    fn failed(&self, failure: Failure, step: StepPath, at: Timestamp) -> Finish {
        let failure = self.redacted(failure);
        let place = (!step.as_str().is_empty()).then_some(step);
        self.book.note(Entry::RunFinished {
            status: RunEnd::Failed,
            output: None,
            failure: Some(failure.clone()),
            step: place.clone(),
            at,
        });
        Finish { failure: Some(failure), step: place, ..Finish::bare(RunStatus::Failed) }
    }
}

/// What a panic says, as the failure of what it happened in.
pub(super) fn fault(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    Failure::new("internal", format!("this stopped through a fault of howdah itself: {text}"))
}
