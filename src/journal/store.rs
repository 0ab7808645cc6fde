//! The contract of a store: what it promises to those who write a run and to those who read it.
//!
//! When a write answers with success it is on stable storage. When it answers with an error, it may
//! or may not be: every write may be repeated as it is, and does its work at most once. A dropped
//! future takes nothing back.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::clock::Timestamp;
use crate::event::{Identity, SeenFile, TriggerId};
use crate::ids::{Digest, RunId};
use crate::journal::entry::Entry;
use crate::journal::form::DEPTH_LIMIT;
use crate::journal::items::LoopKey;
use crate::journal::row::{Found, Page, RunFilter, RunRow};
use crate::journal::variables::{StateChange, StateOwner, StateValues};
use crate::money::Money;
use crate::value::{SharedJson, VALUE_LIMIT, Value};

/// A store that many parts use.
pub type SharedStore = Arc<dyn Store>;

/// How many entries a run has: every commit names the number it was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// Of a run that has no entries.
    pub const NONE: Self = Self(0);

    /// The version after so many more entries.
    pub fn after(self, entries: usize) -> Self {
        Self(self.0.saturating_add(u64::try_from(entries).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Entries of one run that become true together, and what follows from them. Only
/// [`RunState::accept`](crate::journal::state::RunState::accept) and
/// [`RunState::commit`](crate::journal::state::RunState::commit) make one, so the row is the fold's.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// The version that the entries follow.
    pub(super) expected: Version,
    pub(super) entries: Vec<Entry>,
    /// The run's row after them.
    pub(super) row: RunRow,
}

impl Commit {
    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The changes of the state that they make.
    pub(super) fn state_changes(&self) -> Vec<StateChange> {
        let change = |entry: &Entry| match entry {
            Entry::StateChanged { change, .. } => Some(change.clone()),
            _ => None,
        };
        self.entries.iter().filter_map(change).collect()
    }

    /// The run's row after them.
    pub fn row(&self) -> &RunRow {
        &self.row
    }

    /// What its entries say was spent, by the quarter of an hour.
    pub(super) fn spendings(&self) -> Vec<(Quarter, Money)> {
        let spent = self.entries.iter().filter_map(Entry::spending).filter(|(_, cost)| *cost > Money::ZERO);
        spent.map(|(at, cost)| (Quarter::of(at), cost)).collect()
    }
}

/// A quarter of an hour, counted from 1970: what is spent is summed up by these, as days begin at
/// one of them in every time zone of our time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Quarter(pub(super) i64);

impl Quarter {
    /// The quarter of an hour that this instant lies in.
    pub fn of(at: Timestamp) -> Self {
        Self(at.as_second().div_euclid(15 * 60))
    }
}

/// An event that becomes a run, with all that must be kept before it is acknowledged.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// The first entries of the run; a run of pure steps may arrive finished.
    pub commit: Commit,
    /// What makes the event the same when it comes again; none: it is always new.
    pub claim: Option<Claim>,
    /// The file version that the event is about, for the ledger.
    pub file: Option<SeenFile>,
}

impl Acceptance {
    /// The acceptance of an event that is always new.
    pub fn of(commit: Commit) -> Self {
        Self { commit, claim: None, file: None }
    }

    /// The trigger of the run: its identities and files are kept under it.
    pub fn trigger(&self) -> TriggerKey {
        TriggerKey { workflow: self.commit.row.workflow.clone(), trigger: self.commit.row.trigger.clone() }
    }
}

/// An event's identity, claimed for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The identity within the trigger of the run.
    pub identity: Identity,
    /// The present instant: from it the identity is kept as long as it says.
    pub now: Timestamp,
}

impl Claim {
    /// When the identity is forgotten; none: never.
    pub fn expires(&self) -> Option<Timestamp> {
        self.identity.keep.map(|keep| self.now.checked_add(keep).unwrap_or(Timestamp::MAX))
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It became the run it was offered as.
    New,
    /// It had become this run before. The run that was offered does not exist, unless it is this one.
    Repeat(RunId),
}

/// One trigger of one workflow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TriggerKey {
    /// The workflow's name.
    pub workflow: String,
    /// The trigger within it.
    pub trigger: TriggerId,
}

/// Whether a trigger watches as it did before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arming {
    /// Never, or with other settings: what lies there now was there before.
    First,
    /// With the same settings: what the ledger does not name is new.
    Known,
}

/// What the store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Transactions, each flushed once.
    pub commits: u64,
    /// Writes in them. Many to a commit under load.
    pub writes: u64,
}

/// Why the store did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The storage does not work now: the disk is full, or failed. It may work later.
    #[error("the journal cannot be used: {0}")]
    Unavailable(String),
    /// Another process has opened the state folder since; this one can write no more.
    #[error("another process has taken over the state folder: stop this one")]
    Fenced,
    /// The store was closed.
    #[error("the journal is closed")]
    Closed,
    /// What is stored cannot be understood, or is damaged.
    #[error("the journal cannot be read: {0}")]
    Unreadable(String),
    /// A commit that says nothing.
    #[error("a commit needs at least one entry")]
    Empty,
    /// A value nested so deep that it could not be read back.
    #[error("the value is nested more than {DEPTH_LIMIT} levels deep")]
    TooDeep,
    /// A value over the limit; its size in bytes.
    #[error("the value has {0} bytes of JSON, and the limit is {VALUE_LIMIT}")]
    TooLarge(u64),
    /// A run names a definition that was not kept.
    #[error("the bundle `{0}` is not in the journal")]
    NoBundle(Digest),
}

/// Why a commit was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The run is at another version: somebody else has written it, or this commit was made before.
    /// Load the run anew. A run that does not exist is at [`Version::NONE`].
    #[error("the run is at version {found}, not at the one that this follows")]
    Conflict {
        /// The version it is at.
        found: Version,
    },
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What keeps runs. All of it may be called by many at once.
pub trait Store: Send + Sync + fmt::Debug {
    /// Makes an event a run, unless it is one already, in one transaction with its identity and its
    /// file. A repeat records the file all the same.
    ///
    /// # Errors
    /// When the run's bundle was not put, or the storage fails.
    fn accept(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Accepted, StoreError>>;

    /// Adds entries to a run and replaces its row, if the run is at the version they follow. Gives
    /// the new version.
    ///
    /// # Errors
    /// When it is at another version, or the storage fails.
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Version, AppendError>>;

    /// All entries of a run; none when there is no such run.
    fn load(&self, run: RunId) -> BoxFuture<'_, Result<Option<Vec<Entry>>, StoreError>>;

    /// The row of a run; none when there is no such run.
    fn row(&self, run: RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>>;

    /// A page of runs, the newest first.
    fn list(&self, filter: RunFilter) -> BoxFuture<'_, Result<Page, StoreError>>;

    /// The run whose id begins with this text; hyphens do not matter.
    fn find(&self, prefix: String) -> BoxFuture<'_, Result<Found, StoreError>>;

    /// The runs that the engine is to bring further, the oldest first.
    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>>;

    /// What was spent from `from` on, by workflow. Exact for an instant at the beginning of a quarter
    /// of an hour; any other is taken back to the beginning of its own.
    fn spent_since(&self, from: Timestamp) -> BoxFuture<'_, Result<Vec<(String, Money)>, StoreError>>;

    /// Keeps a definition, before the first run that names it. Putting it again does nothing.
    fn put_bundle(&self, digest: Digest, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// A definition that was kept.
    fn bundle(&self, digest: Digest) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Takes a value into keeping: a small one as it is, a large one as a blob, which is on stable
    /// storage when this answers.
    ///
    /// # Errors
    /// When the value is too large or nested too deep, or the storage fails.
    fn keep(&self, value: SharedJson) -> BoxFuture<'_, Result<Value, StoreError>>;

    /// Gives a kept value back.
    ///
    /// # Errors
    /// When its blob is missing or damaged.
    fn fetch(&self, value: Value) -> BoxFuture<'_, Result<SharedJson, StoreError>>;

    /// Which of these items of a loop runs have done, and which run each, as far as they are still
    /// remembered at this instant.
    fn items_done(
        &self,
        of: LoopKey,
        keys: Vec<Digest>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<HashMap<Digest, RunId>, StoreError>>;

    /// Whether a trigger has been armed with these settings.
    fn arming(&self, trigger: TriggerKey, settings: Digest) -> BoxFuture<'_, Result<Arming, StoreError>>;

    /// Remembers that a trigger is armed with these settings, and the files that it leaves aside
    /// because they were there before, in one transaction.
    fn arm(
        &self,
        trigger: TriggerKey,
        settings: Digest,
        existing: Vec<SeenFile>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The latest version of each file that a trigger has dealt with.
    fn files_seen(&self, trigger: TriggerKey) -> BoxFuture<'_, Result<Vec<SeenFile>, StoreError>>;

    /// Records versions of files that a trigger has dealt with and that start no run.
    fn mark_seen(&self, trigger: TriggerKey, files: Vec<SeenFile>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What an owner keeps in the state.
    fn state(&self, owner: StateOwner) -> BoxFuture<'_, Result<StateValues, StoreError>>;

    /// Changes the state without a run: for a person's command. The limits are the caller's.
    fn change_state(&self, change: StateChange) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What the store has done so far.
    fn stats(&self) -> Stats;

    /// Finishes what was begun, takes no more, and leaves the store in order. Closing it again does
    /// nothing.
    fn close(&self) -> BoxFuture<'_, ()>;
}
