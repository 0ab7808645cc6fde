//! What the one who started a run gets to know of it: that it is kept, what it answers, how it ends.

use std::sync::Arc;

use tokio::sync::watch;

use crate::component::Response;
use crate::ids::{RunId, StepPath};
use crate::journal::{RunStatus, StoreError};
use crate::money::Cost;
use crate::value::{Failure, SharedJson};

/// A run that was started, or is followed.
#[derive(Clone)]
pub struct Ticket {
    /// The run.
    pub run: RunId,
    phase: watch::Receiver<Phase>,
}

/// How far a run has come, for those who wait.
#[derive(Clone, Default)]
pub(super) struct Phase {
    /// Whether the run is kept, once that is known.
    pub accepted: Option<Result<Kept, Refusal>>,
    /// What it answered.
    pub response: Option<Arc<Response>>,
    /// How it ended.
    pub finish: Option<Arc<Finish>>,
    /// It is under way here no more, whether or not it ended.
    pub gone: bool,
}

/// Tells those who wait for a run, from beside it.
pub(super) struct Teller(watch::Sender<Phase>);

impl Teller {
    pub fn new(phase: watch::Sender<Phase>) -> Self {
        Self(phase)
    }

    /// The run is kept.
    pub fn accepted(&self) {
        self.0.send_modify(|phase| {
            phase.accepted.get_or_insert(Ok(Kept::New));
        });
    }

    /// The run has ended.
    pub fn finished(&self, finish: Finish) {
        self.0.send_modify(|phase| phase.finish = Some(Arc::new(finish)));
    }
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is a run of its own.
    New,
    /// The same event had become this run before.
    Repeat(RunId),
    /// It is no run: as many as its workflow wants were under way.
    Skipped,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Finish {
    /// `succeeded`, `failed`, `cancelled` or `needs_attention`.
    pub status: RunStatus,
    /// What it gave.
    pub output: SharedJson,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The step that made it fail.
    pub step: Option<StepPath>,
    /// What it cost, with all that it called.
    pub cost: Cost,
}

impl Finish {
    /// An end with nothing to say of it: no output, no failure, no cost.
    pub fn bare(status: RunStatus) -> Self {
        Self { status, output: Arc::default(), failure: None, step: None, cost: Cost::ZERO }
    }
}

/// What a run has to say to the one who waits for it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Its `respond` step answered.
    Response(Arc<Response>),
    /// It ended.
    Finished(Arc<Finish>),
    /// It stopped here without an end; the next process goes on with it.
    Interrupted,
}

/// Why a run was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many runs wait.
    #[error("too many runs are waiting; try again later")]
    Busy,
    /// The daemon is about to end.
    #[error("howdah is stopping; try again later")]
    Stopping,
    /// The run could not be kept.
    #[error("the run could not be kept: {0}")]
    Storage(String),
    /// What it is given can never be kept.
    #[error("the run cannot be kept: {0}")]
    Unfit(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooDeep | StoreError::TooLarge(_) => Self::Unfit(error.to_string()),
            error => Self::Storage(error.to_string()),
        }
    }
}

impl Ticket {
    pub(super) fn new(run: RunId, phase: watch::Receiver<Phase>) -> Self {
        Self { run, phase }
    }

    /// Waits until the run is on stable storage, or until it is known that it will not be.
    ///
    /// # Errors
    /// When it could not be kept: then nothing has happened, and nothing will.
    pub async fn accepted(&mut self) -> Result<Kept, Refusal> {
        let phase = self.phase.wait_for(|phase| phase.accepted.is_some() || phase.gone).await;
        let accepted = phase.ok().and_then(|phase| phase.accepted.clone());
        accepted.unwrap_or(Err(Refusal::Stopping))
    }

    /// Waits for the run's end.
    pub async fn finished(&mut self) -> Answer {
        let phase = self.phase.wait_for(|phase| phase.finish.is_some() || phase.gone).await;
        match phase.ok().and_then(|phase| phase.finish.clone()) {
            Some(finish) => Answer::Finished(finish),
            None => Answer::Interrupted,
        }
    }

    /// Waits for what the run's `respond` step says, or for its end.
    pub async fn answered(&mut self) -> Answer {
        let told = |phase: &Phase| phase.response.is_some() || phase.finish.is_some() || phase.gone;
        let Ok(phase) = self.phase.wait_for(told).await else {
            return Answer::Interrupted;
        };
        match (&phase.response, &phase.finish) {
            (Some(response), _) => Answer::Response(response.clone()),
            (None, Some(finish)) => Answer::Finished(finish.clone()),
            (None, None) => Answer::Interrupted,
        }
    }
}
