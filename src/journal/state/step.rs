//! Where a step stands: its attempts, what it waits for, what it gave.

use crate::clock::Timestamp;
use crate::event::Awaited;
use crate::ids::RunId;
use crate::journal::status::StepStatus;
use crate::money::Cost;
use crate::value::{Failure, ModelFacts, Value};

/// Where a step stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// Where it stands.
    pub status: StepStatus,
    /// Its attempts, the oldest first. An attempt without an end is under way, or was when its
    /// process was lost.
    pub attempts: Vec<Attempt>,
    /// Its output, once it has one.
    pub output: Option<Value>,
    /// What the model call that gave the output used and cost.
    pub model: Option<ModelFacts>,
    /// The run that it called.
    pub child: Option<RunId>,
    /// The run whose result it has, where it was not done in this one.
    pub reused: Option<RunId>,
    /// What that cost with all that it called, once it has ended.
    pub child_cost: Option<Cost>,
    /// When its next attempt is due.
    pub retry_due: Option<Timestamp>,
    /// How its next attempt is made.
    pub next: Next,
    /// What it waits for, or waited for before it ended.
    pub wait: Option<WaitState>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Crashes in a row, and the run's progress at the last of them.
    pub(super) crashes: (u32, u64),
}

/// A step's wait.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitState {
    /// What it waits for, beside the instant.
    pub awaited: Awaited,
    /// When it goes on in any case.
    pub due: Option<Timestamp>,
    /// What only those know who may end the wait.
    pub token: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// What came.
    pub signal: Option<Signal>,
}

/// What ended a step's wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Who or what it was.
    pub by: String,
    /// What came.
    pub data: Value,
    /// When.
    pub at: Timestamp,
}

/// How a step's next attempt is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// Which of the ways to do the step it takes, from 0.
    pub alternative: u32,
    /// How many attempts that way has had before.
    pub tries: u32,
}

/// One attempt of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; none: it is under way, or nobody knows.
    pub ended: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What its model call used and cost.
    pub model: Option<ModelFacts>,
}

impl StepState {
    /// Whether the last attempt was under way when its process was lost.
    pub fn was_interrupted(&self) -> bool {
        self.status == StepStatus::Pending && self.attempts.last().is_some_and(|last| last.ended.is_none())
    }

    /// Why its last attempt failed.
    pub fn failure(&self) -> Option<&Failure> {
        self.attempts.last()?.failure.as_ref()
    }
}
