//! Items that loops do once and for all: which of a loop's items are left out.
//!
//! An item is known by the digest of its key. It is left out when an earlier pass has it: one that
//! another run finished, as the store remembers, or one of this run, which may still be under way. A
//! pass of which this run has a record is never left out, so that a run that is taken up again walks
//! the same way.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use crate::ids::{Digest, StepPath};
use crate::journal::{Entry, LoopKey};
use crate::plan::flow::Once;
use crate::value::{Failure, Json};

use super::flow::failed;
use super::frame::Frame;
use super::lock;
use super::run::{Halt, Run};

/// The items that passes of a run have taken on, and which pass each.
#[derive(Default)]
pub(super) struct Taken(Mutex<HashMap<(StepPath, Digest), StepPath>>);

/// Whether an item has its pass.
pub(super) enum Turn {
    /// Yes; when it is done, this is remembered.
    Go(Digest),
    /// No: it is done, or another pass has it.
    LeftOut,
    /// It cannot be told apart from others.
    Unknown(Failure),
}

impl Run {
    /// Says of each item whether it has its pass; `frames` are those of the passes.
    pub async fn turns(
        &self,
        once: &Once,
        path: &StepPath,
        frames: impl Iterator<Item = Frame>,
    ) -> Result<Vec<Turn>, Halt> {
        let keys: Vec<_> = frames.map(|frame| key(once, &frame)).collect();
        let of = LoopKey { workflow: self.plan.name.to_string(), path: path.without_passes() };
        let known = keys.iter().filter_map(|key| key.as_ref().ok().copied()).collect();
        let now = self.shared.clock.now();
        let done = self.shared.store.items_done(of.clone(), known, now).await.map_err(|error| {
            let message = format!("which items are done already cannot be read: {error}");
            failed(Failure::new("journal_unreadable", message), path)
        })?;
        let begun = self.begun(path);
        let mut taken = lock(&self.taken.0);
        let turns = keys.into_iter().enumerate().map(|(index, key)| {
            let key = match key {
                Ok(key) => key,
                Err(failure) => return Turn::Unknown(failure),
            };
            let pass = path.pass(index);
            let is_elsewhere = done.get(&key).is_some_and(|run| *run != self.id);
            let has_record = begun.contains(&index);
            let owner = taken.get(&(of.path.clone(), key));
            if !has_record && (is_elsewhere || owner.is_some_and(|owner| *owner != pass)) {
                return Turn::LeftOut;
            }
            taken.insert((of.path.clone(), key), pass);
            Turn::Go(key)
        });
        Ok(turns.collect())
    }

    /// Notes that the item of a pass is done.
    pub fn item_done(&self, once: &Once, pass: &StepPath, key: Digest) {
        let at = self.shared.clock.now();
        let until = once.keep.map(|keep| at.checked_add(keep).unwrap_or(crate::clock::Timestamp::MAX));
        self.book.note(Entry::ItemDone { path: pass.clone(), key, until, at });
    }

    /// The passes of a loop of which something is recorded.
    fn begun(&self, path: &StepPath) -> HashSet<usize> {
        let prefix = format!("{path}[");
        let pass = |step: &StepPath| {
            let (index, _) = step.as_str().strip_prefix(&prefix)?.split_once(']')?;
            index.parse().ok()
        };
        self.book.read(|state| {
            state.map(|state| state.steps.keys().filter_map(pass).collect()).unwrap_or_default()
        })
    }
}

/// The digest of an item's key. Maps are the same in whatever order they are written.
fn key(once: &Once, frame: &Frame) -> Result<Digest, Failure> {
    let mut key = once.key.evaluate(&frame.scope())?;
    if key == Json::Null {
        let message = "the `key` of `once` is null, which tells no item from another";
        return Err(Failure::new("wrong_value", message));
    }
    key.sort_all_objects();
    Ok(Digest::of(key.to_string().as_bytes()))
}
