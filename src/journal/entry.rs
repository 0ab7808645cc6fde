//! What happened in a run, one entry after the other: the only thing a run's state is made from.
//!
//! Not an effect and not a decision; those are the engine's. Entries are named by past participles,
//! are only ever appended; how they are written is in [`form`](super::form). An entry's meaning never
//! changes: what is needed beyond it becomes an optional field or a new entry.

use jiff::fmt::serde::timestamp::millisecond::{optional as some_millis, required as millis};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{Awaited, TriggerId};
use crate::ids::{Digest, RunId, StepPath};
use crate::journal::status::RunEnd;
use crate::journal::variables::StateChange;
use crate::money::{Cost, Money};
use crate::value::{Failure, Json, ModelFacts, Value};

/// One thing that happened in a run. Instants are kept as whole milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// An event was taken on and became a run; the first entry of every run.
    RunAccepted {
        /// The workflow's name.
        workflow: String,
        /// The definition that the run keeps to its end.
        bundle: Digest,
        /// What it came through.
        trigger: TriggerId,
        /// `event`.
        event: Value,
        /// `inputs`.
        inputs: Value,
        /// `vars`, as they were when the run began; none where there are none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vars: Option<Value>,
        /// How it takes its turn; none where its workflow's runs need none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn: Option<Turn>,
        /// The call that it answers; none where no run called it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Parent>,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// An attempt of a step is about to begin; recorded before any effect of it.
    StepStarted {
        /// The step.
        path: StepPath,
        /// Which attempt, from 1.
        attempt: u32,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// A step came to its output. A step without effects need not have been started before.
    StepFinished {
        /// The step.
        path: StepPath,
        /// `succeeded` or `skipped`.
        status: StepEnd,
        /// `steps.ID.output`.
        output: Value,
        /// What its model call used and cost.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelFacts>,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// An attempt of a step failed.
    StepFailed {
        /// The step.
        path: StepPath,
        /// Which attempt, from 1.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// What the failed attempt used and cost all the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelFacts>,
        /// Whether another attempt follows.
        then: AfterFailure,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// The next attempt of a step was put off.
    RetryScheduled {
        /// The step.
        path: StepPath,
        /// The attempt that comes next.
        attempt: u32,
        /// When it is due.
        #[serde(with = "millis")]
        due: Timestamp,
        /// Why it waits, in words.
        reason: String,
        /// Which of the ways to do the step that attempt takes, from 0.
        #[serde(default)]
        alternative: u32,
        /// How many attempts that way has had before.
        #[serde(default)]
        tries: u32,
    },
    /// What a step came to in an earlier run was taken over; it stands right behind the acceptance, and
    /// costs nothing here.
    StepReused {
        /// The step.
        path: StepPath,
        /// What it came to there.
        result: Reused,
        /// The run that did it.
        from: RunId,
        /// When it was taken over.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// Only one step of the workflow is done in this run, with what it contains.
    RunNarrowed {
        /// The step.
        only: StepPath,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// A step began to wait for an instant, for a person, or for an event.
    WaitBegun {
        /// The step.
        path: StepPath,
        /// What it waits for, beside the instant.
        awaited: Awaited,
        /// When it goes on in any case; none: never by itself.
        #[serde(default, with = "some_millis", skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
        /// What only those know who may end the wait; none where only time can.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// A step called another workflow: this run answers it. Recorded before that run is offered, so
    /// that a call never has two, and once more when a caller that was taken up again waits for it.
    ChildCalled {
        /// The step.
        path: StepPath,
        /// The run that answers it, whether or not it came to be.
        run: RunId,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// What a step waited for came; the first that comes counts.
    WaitSignalled {
        /// The step.
        path: StepPath,
        /// Who or what ended the wait.
        by: String,
        /// What came.
        data: Value,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// The run that a step called has ended. Its end is that of the step, which is recorded apart.
    ChildEnded {
        /// The step.
        path: StepPath,
        /// The run.
        run: RunId,
        /// What it cost, with all that it called.
        cost: Cost,
        /// When that was learned.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// A pass of a loop did its item once and for all; the store remembers the item by it.
    ItemDone {
        /// The pass.
        path: StepPath,
        /// The digest of what tells the item apart.
        key: Digest,
        /// Until when the item is remembered; none: for ever.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "jiff::fmt::serde::timestamp::millisecond::optional"
        )]
        until: Option<Timestamp>,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// A step changed values that outlive the run; the store does so in the same transaction.
    StateChanged {
        /// The step.
        path: StepPath,
        /// What changed.
        change: StateChange,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// The run looked up what the last successful run of its workflow gave, and keeps to that.
    PreviousRead {
        /// `previous`.
        previous: Value,
    },
    /// A decision was taken on values that others may change meanwhile; the run keeps to it.
    DecisionTaken {
        /// What was decided on: a step, and perhaps which part of it.
        path: StepPath,
        /// What its expression gave.
        value: Value,
    },
    /// Somebody asked for the run to end.
    CancelRequested {
        /// Who.
        by: String,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// The run cannot go on without a person: a step is in doubt, or something about the whole run.
    AttentionNeeded {
        /// The step in doubt; none when it is the run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<StepPath>,
        /// Why, in one line.
        reason: String,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// The process that was running the run is gone, and a new one has taken it over. The store
    /// writes it when it is opened.
    RunRecovered {
        /// How the process went.
        after: Stop,
        /// When the new one opened the store.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// The run came to the failure that it will end with; what follows are its handlers.
    FailureSettled {
        /// Why.
        failure: Failure,
        /// The step that made it fail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepPath>,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// The run answered the request that started it; only the first answer counts.
    Responded {
        /// What was answered.
        response: Answer,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
    /// The run ended; nothing changes its state any more.
    RunFinished {
        /// How.
        status: RunEnd,
        /// The run's output, where it succeeded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Value>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// The step that made it fail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepPath>,
        /// When.
        #[serde(with = "millis")]
        at: Timestamp,
    },
}

/// How a run takes its turn among the runs of its workflow: a part of its definition and of its
/// event, kept so that it waits after a restart as it did before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Runs of the same key count together; empty where all do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// How many of them are under way at once.
    pub limit: u32,
    /// What happens to one more.
    #[serde(default)]
    pub overflow: Overflow,
}

/// What happens to a run that is one too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// It waits its turn.
    #[default]
    Queue,
    /// It is no run.
    Skip,
    /// The oldest one under way is cancelled for it.
    CancelOldest,
}

/// The call that a run answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The run that called.
    pub run: RunId,
    /// The step that called, and that waits.
    pub step: StepPath,
    /// How many calls led here, this one included.
    pub depth: u32,
}

/// What a run answered to the request that started it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body: text as it is, all else as JSON.
    pub body: Value,
}

/// What a step came to in an earlier run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reused {
    /// `steps.ID.output`; null where it was skipped, or failed.
    pub output: Value,
    /// How it ended; none where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<StepEnd>,
    /// Why it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What its model call used and cost then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelFacts>,
}

/// How a step came to an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEnd {
    /// It did what it is for.
    Succeeded,
    /// Its `if` said no.
    Skipped,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterFailure {
    /// Another attempt; the step waits for it.
    Retry,
    /// Nothing: the step has failed.
    GiveUp,
}

/// How an earlier process let go of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It closed the store.
    Clean,
    /// It was killed, or the machine stopped.
    Crash,
}

impl Entry {
    /// Whether it stops the run as a whole, for a reason that may be gone when the next process looks.
    pub(super) fn stops_whole_run(&self) -> bool {
        matches!(self, Self::AttentionNeeded { path: None, .. })
    }

    /// When money was spent, and how much, where this entry tells of some.
    pub(super) fn spending(&self) -> Option<(Timestamp, Money)> {
        match self {
            Self::StepFinished { model: Some(model), at, .. }
            | Self::StepFailed { model: Some(model), at, .. } => Some((*at, model.cost.amount)),
            _ => None,
        }
    }

    /// The values that stand in the entry itself.
    pub(super) fn values(&self) -> impl Iterator<Item = &Json> {
        let values = match self {
            Self::RunAccepted { event, inputs, vars, .. } => [Some(event), Some(inputs), vars.as_ref()],
            Self::StepFinished { output, .. } => [Some(output), None, None],
            Self::StepReused { result, .. } => [Some(&result.output), None, None],
            Self::Responded { response, .. } => [Some(&response.body), None, None],
            Self::RunFinished { output, .. } => [output.as_ref(), None, None],
            Self::WaitSignalled { data: value, .. }
            | Self::PreviousRead { previous: value }
            | Self::DecisionTaken { value, .. } => [Some(value), None, None],
            _ => [None, None, None],
        };
        values.into_iter().flatten().filter_map(|value| match value {
            Value::Inline(json) => Some(&**json),
            Value::Blob { .. } => None,
        })
    }

    /// The values that the entry changes, and the schema that it asks for.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Json> {
        let values = match self {
            Self::StateChanged { change, .. } => Some(change.set.values()),
            _ => None,
        };
        let schema = match self {
            Self::WaitBegun { awaited: Awaited::Approval { fields, .. }, .. } => fields.as_ref(),
            _ => None,
        };
        values.into_iter().flatten().chain(schema)
    }
}
