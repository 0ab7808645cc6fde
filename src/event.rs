//! What starts a run: one event of one trigger, with its data and its identity; and what a run that
//! has stopped to wait goes on with.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::Digest;
use crate::value::{Json, SharedJson};

/// Which trigger of a workflow an event came through: `webhook`, or `webhook[1]` for the second of
/// a list, or `manual`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TriggerId {
    /// The trigger's kind.
    pub kind: String,
    /// Its place among the workflow's triggers of that kind.
    pub index: usize,
}

impl TriggerId {
    /// The trigger that every workflow has: a person.
    pub fn manual() -> Self {
        Self { kind: "manual".to_owned(), index: 0 }
    }

    /// What a run comes through that another run calls.
    pub fn call() -> Self {
        Self { kind: "call".to_owned(), index: 0 }
    }
}

impl fmt::Display for TriggerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => f.write_str(&self.kind),
            index => write!(f, "{}[{index}]", self.kind),
        }
    }
}

/// Something happened that a workflow may want to know.
#[derive(Clone, Debug)]
pub struct Event {
    /// The trigger that saw it.
    pub trigger: TriggerId,
    /// What `event` holds in the workflow.
    pub data: SharedJson,
    /// What makes it the same event when it comes again; none: it is always new.
    pub identity: Option<Identity>,
}

/// The identity of an event within its trigger: one starts at most one run while it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The key, as the sender or the world gave it.
    pub key: String,
    /// How long it is remembered; none: for ever.
    pub keep: Option<std::time::Duration>,
}

/// A version of a file that a trigger has dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFile {
    /// The path below the workspace; its bytes, as it need not be UTF-8.
    pub path: Vec<u8>,
    /// The digest of its content.
    pub content: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, to the nanosecond, as the file system says.
    pub modified: Timestamp,
}

/// What a step waits for, beside an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Awaited {
    /// Nothing but its instant.
    Time,
    /// A request to the address that only this wait has.
    Event,
    /// A person's decision.
    Approval {
        /// What is asked.
        message: String,
        /// Who is asked, in the author's words; nobody named: whoever can answer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        to: Vec<String>,
        /// The JSON Schema of what a yes has to come with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fields: Option<Json>,
    },
}

impl Awaited {
    /// The word for it: `time`, `event` or `approval`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Event => "event",
            Self::Approval { .. } => "approval",
        }
    }
}
