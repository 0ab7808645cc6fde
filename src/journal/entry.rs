//! What happened in a run, one entry after the other: the only thing a run's state is made from.
//!
//! Not an effect and not a decision; those are the engine's. Entries are named by past participles,
//! are only ever appended, and travel as blobs that carry the version of their format, so that an
//! old program refuses what a newer one wrote instead of misreading it. An entry's meaning never
//! changes: what is needed beyond it becomes an optional field or a new entry.

use jiff::fmt::serde::timestamp::millisecond::required as millis;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::event::TriggerId;
use crate::ids::{Digest, StepPath};
use crate::journal::status::RunEnd;
use crate::journal::store::StoreError;
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
    if entries.iter().flat_map(Entry::values).any(|json| !fits_depth(json, DEPTH_LIMIT)) {
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

    /// The values that stand in the entry itself.
    fn values(&self) -> impl Iterator<Item = &Json> {
        let values = match self {
            Self::RunAccepted { event, inputs, vars, .. } => [Some(event), Some(inputs), vars.as_ref()],
            Self::StepFinished { output, .. } => [Some(output), None, None],
            Self::Responded { response, .. } => [Some(&response.body), None, None],
            Self::RunFinished { output, .. } => [output.as_ref(), None, None],
            _ => [None, None, None],
        };
        values.into_iter().flatten().filter_map(|value| match value {
            Value::Inline(json) => Some(&**json),
            Value::Blob { .. } => None,
        })
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
