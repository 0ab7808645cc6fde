//! Items that loops have done once and for all, across runs: what `once` leaves out.
//!
//! Not here: which item is which, and what becomes of one that is done; those are the engine's.
//!
//! What must stay true: what is remembered follows from [`Entry::ItemDone`], and is written in the
//! transaction of that entry. An item that is forgotten is as if it had never been done.

use crate::clock::Timestamp;
use crate::ids::{Digest, RunId, StepPath};
use crate::journal::entry::Entry;
use crate::journal::row::RunRow;

/// A loop of a workflow: the same in every run, and wherever it stands inside of other loops.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoopKey {
    /// The workflow's name.
    pub workflow: String,
    /// The loop's path, without passes.
    pub path: StepPath,
}

/// An item that a run did.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) of: LoopKey,
    pub(super) key: Digest,
    pub(super) run: RunId,
    /// Until when it is remembered; none: for ever.
    pub(super) until: Option<Timestamp>,
    /// When it was done.
    pub(super) at: Timestamp,
}

/// The items that these entries of a run say to be done.
pub(super) fn items(entries: &[Entry], row: &RunRow) -> Vec<Item> {
    let item = |entry: &Entry| match entry {
        Entry::ItemDone { path, key, until, at } => {
            let of = LoopKey { workflow: row.workflow.clone(), path: path.without_passes() };
            Some(Item { of, key: *key, run: row.run, until: *until, at: *at })
        }
        _ => None,
    };
    entries.iter().filter_map(item).collect()
}
