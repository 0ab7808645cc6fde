//! What starts a run: one event of one trigger, with its data and its identity.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::Digest;
use crate::value::SharedJson;

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
