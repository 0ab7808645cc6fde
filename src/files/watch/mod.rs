//! Watching: every settled content version of the files that match, each delivered once.
//!
//! What the operating system reports are hints ([`hints`]); a look at the disk decides what is
//! there ([`look`]), a small state machine decides when a version is settled ([`settler`]), and the
//! driver ([`watcher`]) moves them along. [`changes()`] is the simpler face for whoever only
//! wants to know that something in a few folders is not as it was.
//!
//! What must stay true: a version counts as delivered only when its receiver said so; a hint that is
//! lost delays a file until the next full scan and loses nothing; a folder is watched before
//! it is listed, so that nothing falls between.

mod changes;
mod hints;
mod look;
mod settler;
mod watcher;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::pattern::Patterns;
use super::scan::Skipped;
use crate::clock::Timestamp;
use crate::ids::Digest;

pub use changes::{Changes, changes};
pub use watcher::{Watcher, watch};

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The files.
    pub patterns: Patterns,
    /// Which versions are delivered.
    pub wanted: Wanted,
    /// How long a file must stay as it is. Zero: deliver as soon as its writer closes it.
    pub settle: Duration,
    /// Larger files are left out and named in [`Status::skipped`]; in bytes.
    pub max_size: u64,
    /// Up to this size the bytes travel with the version.
    pub keep: u64,
    /// Between full scans that find what no hint told; [`RESCAN`] is a good value.
    pub rescan: Duration,
    /// The versions already delivered, by path: what the receiver has on record.
    pub seen: HashMap<String, Seen>,
}

/// The usual time between full scans.
pub const RESCAN: Duration = Duration::from_secs(60);

/// The time between full scans where the operating system tells nothing.
pub const POLL: Duration = Duration::from_secs(1);

/// A version that was delivered, or that lay there before the watch was first armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its digest; none when nobody read it, as with what lay there before.
    pub digest: Option<Digest>,
    /// In bytes.
    pub size: u64,
    /// As the file system said then.
    pub modified: Timestamp,
}

/// Whether a path had a version before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// The first version at this path.
    Created,
    /// Another content than the last one.
    Modified,
}

/// Which changes are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    #[default]
    Both,
    /// The first version of each path only.
    Created,
    /// All but the first version of each path.
    Modified,
}

impl Wanted {
    fn includes(self, change: Change) -> bool {
        match self {
            Self::Both => true,
            Self::Created => change == Change::Created,
            Self::Modified => change == Change::Modified,
        }
    }
}

/// A settled content version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// As the pattern is: relative to the workspace, or absolute.
    pub path: String,
    /// Whether it is the first one at this path.
    pub change: Change,
    /// In bytes.
    pub size: u64,
    /// When the content was last written, as the file says.
    pub modified: Timestamp,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// The content, unless it is larger than [`Watch::keep`].
    pub bytes: Option<Bytes>,
}

/// A version on its way. Dropped without [`recorded`](Self::recorded) it is refused and comes again
/// later.
#[derive(Debug)]
pub struct Delivery {
    /// The version.
    pub settled: Settled,
    recorded: oneshot::Sender<()>,
}

impl Delivery {
    /// Says that the version is on stable storage, and need not come again.
    pub fn recorded(self) {
        // The watch may have ended; the record is with the receiver, and comes back as `seen`.
        let _ = self.recorded.send(());
    }
}

/// How a watch is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// True once the first full scan is done, and with it the watches stand; see `problem` too.
    pub armed: bool,
    /// Why the folders are scanned every second instead of being watched; none: they are watched.
    pub polling: Option<String>,
    /// Why a scan failed, until a full one succeeds.
    pub problem: Option<String>,
    /// Files that wait to settle or to be recorded.
    pub waiting: usize,
    /// Versions recorded since the start.
    pub delivered: u64,
    /// What matches and is left out, with the reason; at most 100.
    pub skipped: Vec<Skipped>,
}
