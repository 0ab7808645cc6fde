//! The index over runs: one row each, for lists.
//!
//! A row is made from the run's state by [`RunState::summary`](crate::journal::state::RunState::summary)
//! and written in the transaction of the entries it follows from. It can be made anew from them at
//! any time, and says nothing that they do not.

use crate::clock::Timestamp;
use crate::event::TriggerId;
use crate::ids::{Digest, RunId};
use crate::journal::entry::Turn;
use crate::journal::status::RunStatus;
use crate::journal::store::Version;
use crate::money::Cost;

/// One run, in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// Its workflow's name.
    pub workflow: String,
    /// The definition it keeps.
    pub bundle: Digest,
    /// What it came through.
    pub trigger: TriggerId,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it failed or needs attention, cut to a line.
    pub reason: Option<String>,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// When its first step began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What it has cost so far.
    pub cost: Cost,
    /// How often a process that had it under way was lost or stopped.
    pub recoveries: u32,
    /// How it takes its turn among the runs of its workflow.
    pub turn: Option<Turn>,
    /// How many entries it has.
    pub version: Version,
}

/// Which runs to list, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those of this workflow.
    pub workflow: Option<String>,
    /// Only those in one of these statuses; none named: in any.
    pub statuses: Vec<RunStatus>,
    /// Only those older than this run: the `next` of the page before.
    pub before: Option<RunId>,
    /// At most so many, from 1 to [`RunFilter::MOST`].
    pub limit: usize,
}

impl RunFilter {
    /// The most rows that one page holds.
    pub const MOST: usize = 1_000;

    /// The limit, within its bounds.
    pub(super) fn bounded(&self) -> usize {
        self.limit.clamp(1, Self::MOST)
    }

    /// Whether a row is one of those.
    pub(super) fn admits(&self, row: &RunRow) -> bool {
        self.workflow.as_ref().is_none_or(|workflow| *workflow == row.workflow)
            && (self.statuses.is_empty() || self.statuses.contains(&row.status))
            && self.before.is_none_or(|before| row.run < before)
    }
}

/// All runs, fifty a page.
impl Default for RunFilter {
    fn default() -> Self {
        Self { workflow: None, statuses: Vec::new(), before: None, limit: 50 }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows, the newest first.
    pub rows: Vec<RunRow>,
    /// Where the next page begins; none: there is no more.
    pub next: Option<RunId>,
}

impl Page {
    /// The page that these rows make: at most `limit` of them, and `next` when there are more.
    pub(super) fn of(mut rows: Vec<RunRow>, limit: usize) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.run);
        Self { rows, next }
    }
}

/// What the beginning of a run's id leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No run.
    None,
    /// This run.
    One(RunId),
    /// Several; the oldest of them, at most ten.
    Many(Vec<RunId>),
}

impl Found {
    /// How many runs are looked at to tell the cases apart.
    pub(super) const ENOUGH: usize = 10;

    /// The case that these runs make.
    pub(super) fn of(runs: Vec<RunId>) -> Self {
        match *runs.as_slice() {
            [] => Self::None,
            [run] => Self::One(run),
            _ => Self::Many(runs),
        }
    }
}

/// The first and the last id that begin with this text (hexadecimal digits, hyphens ignored); none
/// when no id can.
pub(super) fn prefix_range(prefix: &str) -> Option<(RunId, RunId)> {
    let digits: Vec<u8> = prefix.trim().bytes().filter(|byte| *byte != b'-').collect();
    if digits.len() > 32 {
        return None;
    }
    let (mut first, mut last) = ([0_u8; 16], [0xff_u8; 16]);
    for (place, digit) in digits.iter().enumerate() {
        let digit = u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
        let shift = if place % 2 == 0 { 4 } else { 0 };
        let keep = 0x0f_u8 << (4 - shift);
        first[place / 2] |= digit << shift;
        last[place / 2] = (last[place / 2] & keep) | (digit << shift);
    }
    Some((RunId::from_bytes(first), RunId::from_bytes(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_spans_the_ids_that_begin_with_it() {
        let (first, last) = prefix_range("0192f3a1-7").unwrap();
        assert_eq!(first.to_string(), "0192f3a1-7000-0000-0000-000000000000");
        assert_eq!(last.to_string(), "0192f3a1-7fff-ffff-ffff-ffffffffffff");
        let run = RunId::new();
        assert_eq!(prefix_range(&run.to_string()), Some((run, run)));
        assert_eq!(prefix_range("xyz"), None);
        assert_eq!(prefix_range(&"0".repeat(33)), None);
    }
}
