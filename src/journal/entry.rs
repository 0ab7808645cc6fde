//! What happened in a run, one entry after the other: the only thing a run's state is made from.
//!
//! Not an effect and not a decision; those are the engine's. Entries are named by past participles,
//! are only ever appended, and travel as blobs that carry the version of their format, so that an
//! old program refuses what a newer one wrote instead of misreading it. An entry's meaning never
//! changes: what is needed beyond it becomes an optional field or a new entry.

use jiff::fmt::serde::timestamp::millisecond::{optional as some_millis, required as millis};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::event::{Awaited, TriggerId};
use crate::ids::{Digest, RunId, StepPath};
use crate::journal::status::RunEnd;
use crate::journal::store::StoreError;
use crate::journal::variables::StateChange;
use crate::money::{Cost, Money};
use crate::value::{Failure, Json, ModelFacts, Value, fits_depth};

/// The format in which entries are written, and the newest that can be read.
pub const FORMAT: u32 = 1;

/// The deepest nesting of lists and maps in a value that is kept: what is deeper could be written
/// and never read again.
pub const DEPTH_LIMIT: usize = 96;

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

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    entries: &'a [Entry],
}

#[derive(Deserialize)]
struct Read<'a> {
    v: u32,
    #[serde(borrow)]
    entries: &'a RawValue,
}

/// The blob of the entries of one commit.
///
/// # Errors
/// When there are none, or a value in them is nested deeper than [`DEPTH_LIMIT`].
pub fn encode(entries: &[Entry]) -> Result<Vec<u8>, StoreError> {
    if entries.is_empty() {
        return Err(StoreError::Empty);
    }
    let mut values = entries.iter().flat_map(|entry| entry.values().chain(entry.changed()));
    if values.any(|json| !fits_depth(json, DEPTH_LIMIT)) {
        return Err(StoreError::TooDeep);
    }
    serde_json::to_vec(&Written { v: FORMAT, entries })
        .map_err(|error| StoreError::Unreadable(format!("entries cannot be written as JSON: {error}")))
}

/// The entries of one commit.
///
/// # Errors
/// When the blob is of a newer format, or is not what [`encode`] writes.
pub fn decode(blob: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let malformed = |error| StoreError::Unreadable(format!("entries are malformed: {error}"));
    let read: Read = serde_json::from_slice(blob).map_err(malformed)?;
    if read.v != FORMAT {
        return Err(StoreError::Unreadable(format!(
            "entries are of format {}, and this program reads format {FORMAT}: use the version of howdah that \
             wrote them",
            read.v
        )));
    }
    serde_json::from_str(read.entries.get()).map_err(malformed)
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
    fn values(&self) -> impl Iterator<Item = &Json> {
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
    fn changed(&self) -> impl Iterator<Item = &Json> {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn finished(output: Json) -> Entry {
        Entry::StepFinished {
            path: StepPath::from("label"),
            status: StepEnd::Succeeded,
            output: Value::Inline(Arc::new(output)),
            model: None,
            at: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
        }
    }

    #[test]
    fn the_written_form_stays_as_it_is() {
        let blob = encode(&[finished("billing".into())]).unwrap();
        assert_eq!(
            String::from_utf8(blob).unwrap(),
            r#"{"v":1,"entries":[{"step_finished":{"path":"label","status":"succeeded","output":{"inline":"billing"},"at":1700000000123}}]}"#
        );
    }

    #[test]
    fn a_run_that_nobody_called_is_written_as_before() {
        let first = crate::journal::samples::accepted("w");
        let text = String::from_utf8(encode(std::slice::from_ref(&first)).unwrap()).unwrap();
        assert!(!text.contains("parent"), "{text}");
        assert_eq!(decode(text.as_bytes()).unwrap(), [first]);
        let done = Entry::ItemDone {
            path: "each[3]".into(),
            key: Digest::of(b"k"),
            until: None,
            at: Timestamp::from_millisecond(1).unwrap(),
        };
        let text = String::from_utf8(encode(std::slice::from_ref(&done)).unwrap()).unwrap();
        assert!(text.ends_with(r#""at":1}}]}"#) && !text.contains("until"), "{text}");
        assert_eq!(decode(text.as_bytes()).unwrap(), [done]);
    }

    #[test]
    fn a_newer_format_and_an_unknown_entry_are_refused() {
        let newer = decode(br#"{"v":2,"entries":{"whatever":true}}"#).unwrap_err().to_string();
        assert!(newer.contains("of format 2, and this program reads format 1"), "{newer}");
        let unknown = decode(br#"{"v":1,"entries":[{"step_teleported":{}}]}"#).unwrap_err().to_string();
        assert!(unknown.contains("unknown variant `step_teleported`"), "{unknown}");
        assert!(decode(b"\xff").is_err());
    }

    #[test]
    fn what_is_accepted_can_be_read_back_however_deep() {
        let nested = |depth| (0..depth).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
        let deepest = [finished(nested(DEPTH_LIMIT))];
        assert_eq!(decode(&encode(&deepest).unwrap()).unwrap(), deepest);
        assert!(matches!(encode(&[finished(nested(DEPTH_LIMIT + 1))]), Err(StoreError::TooDeep)));
    }
}
