//! What the one who started a run gets to know of it: that it is kept, what it answers, how it ends.

use std::sync::Arc;

use tokio::sync::watch;

use crate::component::Response;
use crate::ids::{RunId, StepPath};
use crate::journal::RunStatus;
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

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is a run of its own.
    New,
    /// The same event had become this run before.
    Repeat(RunId),
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
    /// Too many runs are under way.
    #[error("too many runs are under way; try again later")]
    Busy,
    /// The daemon is about to end.
    #[error("howdah is stopping; try again later")]
    Stopping,
    /// The run could not be kept.
    #[error("the run could not be kept: {0}")]
    Storage(String),
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
