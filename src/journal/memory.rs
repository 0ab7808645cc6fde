//! A store that forgets: for tests and dry runs.
//!
//! It keeps the same contract as [SQLite](crate::journal::sqlite), durability aside, and runs
//! through the same encoding, so that what it accepts the other accepts too.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use crate::clock::Timestamp;
use crate::event::SeenFile;
use crate::ids::{Digest, RunId};
use crate::journal::blobs::{Packed, pack, unpack};
use crate::journal::entry::{Entry, Stop};
use crate::journal::form::{decode, encode};
use crate::journal::items::{Item, LoopKey, items};
use crate::journal::row::{Found, Page, RunFilter, RunRow, prefix_range};
use crate::journal::status::RunStatus;
use crate::journal::store::{
    Acceptance, Accepted, AppendError, Arming, Commit, Quarter, Stats, Store, StoreError, TriggerKey, Version,
};
use crate::journal::variables::{StateChange, StateOwner, StateValues};
use crate::money::Money;
use crate::value::{SharedJson, Value};

/// A store in memory. Clones share what they keep.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    runs: BTreeMap<RunId, Run>,
    bundles: HashMap<Digest, Vec<u8>>,
    blobs: HashMap<Digest, Vec<u8>>,
    items: HashMap<(LoopKey, Digest), (RunId, Option<Timestamp>)>,
    claims: HashMap<(TriggerKey, String), (RunId, Option<Timestamp>)>,
    files: HashMap<TriggerKey, BTreeMap<Vec<u8>, SeenFile>>,
    armed: HashMap<TriggerKey, Digest>,
    state: HashMap<StateOwner, StateValues>,
    spent: BTreeMap<(Quarter, String), Money>,
    stats: Stats,
    closed: bool,
}

#[derive(Debug)]
struct Run {
    row: RunRow,
    blobs: Vec<Vec<u8>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// What opening a durable store does after its process is gone: runs that were under way are
    /// queued again, and the store takes writes again.
    ///
    /// # Errors
    /// When the entries of a run cannot be written.
    pub fn reopen(&self, after: Stop, at: Timestamp) -> Result<(), StoreError> {
        let mut inner = self.inner();
        inner.closed = false;
        let blob = encode(&[Entry::RunRecovered { after, at }])?;
        for run in inner.runs.values_mut() {
            let last = run.blobs.last().map(|blob| decode(blob)).transpose()?.unwrap_or_default();
            let is_stuck = last.last().is_some_and(Entry::stops_whole_run);
            if run.row.status != RunStatus::Running && !is_stuck {
                continue;
            }
            run.blobs.push(blob.clone());
            run.row.status = RunStatus::Queued;
            run.row.reason = None;
            run.row.recoveries += 1;
            run.row.version = run.row.version.after(1);
        }
        Ok(())
    }

    /// Nothing that holds the lock can leave it half done.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError>,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let inner = self.inner();
        ready(if inner.closed { Err(StoreError::Closed) } else { work(&inner) }).boxed()
    }

    fn write<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inner) -> Result<T, E>,
    ) -> BoxFuture<'_, Result<T, E>> {
        let mut inner = self.inner();
        if inner.closed {
            return ready(Err(StoreError::Closed.into())).boxed();
        }
        inner.stats.commits += 1;
        inner.stats.writes += 1;
        ready(work(&mut inner)).boxed()
    }
}

impl Inner {
    fn accept(&mut self, acceptance: Acceptance) -> Result<Accepted, StoreError> {
        let trigger = acceptance.trigger();
        let changes = acceptance.commit.state_changes();
        let spent = acceptance.commit.spendings();
        let Acceptance { commit: Commit { entries, row, .. }, claim, file } = acceptance;
        let run = row.run;
        let blob = encode(&entries)?;
        let items = items(&entries, &row);
        if !self.bundles.contains_key(&row.bundle) {
            return Err(StoreError::NoBundle(row.bundle));
        }
        if let Some(file) = file {
            self.see(trigger.clone(), [file]);
        }
        if let Some(claim) = claim {
            let expires = claim.expires();
            let key = (trigger, claim.identity.key);
            match self.claims.get(&key) {
                Some((first, until)) if until.is_none_or(|until| until > claim.now) => {
                    return Ok(Accepted::Repeat(*first));
                }
                _ => self.claims.insert(key, (run, expires)),
            };
        }
        if self.runs.contains_key(&run) {
            return Ok(Accepted::Repeat(run));
        }
        self.spend(&row.workflow, spent);
        self.runs.insert(run, Run { row, blobs: vec![blob] });
        self.change(&changes);
        self.remember(items);
        Ok(Accepted::New)
    }

    fn append(&mut self, commit: Commit) -> Result<Version, AppendError> {
        let blob = encode(&commit.entries)?;
        let changes = commit.state_changes();
        let spent = commit.spendings();
        let items = items(&commit.entries, &commit.row);
        let found = self.runs.get_mut(&commit.row.run);
        match found {
            Some(run) if run.row.version == commit.expected => {
                let version = commit.row.version;
                let workflow = commit.row.workflow.clone();
                run.row = commit.row;
                run.blobs.push(blob);
                self.spend(&workflow, spent);
                self.change(&changes);
                self.remember(items);
                Ok(version)
            }
            other => Err(AppendError::Conflict { found: other.map_or(Version::NONE, |run| run.row.version) }),
        }
    }

    fn change(&mut self, changes: &[StateChange]) {
        for change in changes {
            change.apply(self.state.entry(change.owner.clone()).or_default());
        }
    }

    fn spend(&mut self, workflow: &str, spent: Vec<(Quarter, Money)>) {
        for (quarter, cost) in spent {
            *self.spent.entry((quarter, workflow.to_owned())).or_insert(Money::ZERO) += cost;
        }
    }

    fn remember(&mut self, items: Vec<Item>) {
        if let Some(now) = items.iter().map(|item| item.at).max() {
            self.items.retain(|_, (_, until)| until.is_none_or(|until| until > now));
        }
        for Item { of, key, run, until, .. } in items {
            self.items.insert((of, key), (run, until));
        }
    }

    fn see(&mut self, trigger: TriggerKey, files: impl IntoIterator<Item = SeenFile>) {
        self.files
            .entry(trigger)
            .or_default()
            .extend(files.into_iter().map(|file| (file.path.clone(), file)));
    }
}

impl Store for MemoryStore {
    fn accept(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        self.write(|inner| inner.accept(acceptance))
    }

    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Version, AppendError>> {
        self.write(|inner| inner.append(commit))
    }

    fn load(&self, run: RunId) -> BoxFuture<'_, Result<Option<Vec<Entry>>, StoreError>> {
        self.read(|inner| {
            let Some(run) = inner.runs.get(&run) else { return Ok(None) };
            let commits: Vec<_> = run.blobs.iter().map(|blob| decode(blob)).collect::<Result<_, _>>()?;
            Ok(Some(commits.concat()))
        })
    }

    fn row(&self, run: RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        self.read(|inner| Ok(inner.runs.get(&run).map(|run| run.row.clone())))
    }

    fn list(&self, filter: RunFilter) -> BoxFuture<'_, Result<Page, StoreError>> {
        let limit = filter.bounded();
        self.read(|inner| {
            let rows = inner.runs.values().rev().map(|run| &run.row).filter(|row| filter.admits(row));
            Ok(Page::of(rows.take(limit + 1).cloned().collect(), limit))
        })
    }

    fn find(&self, prefix: String) -> BoxFuture<'_, Result<Found, StoreError>> {
        self.read(|inner| {
            let Some((first, last)) = prefix_range(&prefix) else { return Ok(Found::None) };
            Ok(Found::of(inner.runs.range(first..=last).map(|(run, _)| *run).take(Found::ENOUGH).collect()))
        })
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        self.read(|inner| {
            let rows = inner.runs.values().map(|run| &run.row).filter(|row| row.status.is_unfinished());
            Ok(rows.cloned().collect())
        })
    }

    fn spent_since(&self, from: Timestamp) -> BoxFuture<'_, Result<Vec<(String, Money)>, StoreError>> {
        self.read(|inner| {
            let mut sums = BTreeMap::new();
            for ((_, workflow), cost) in inner.spent.range((Quarter::of(from), String::new())..) {
                *sums.entry(workflow.clone()).or_insert(Money::ZERO) += *cost;
            }
            Ok(sums.into_iter().collect())
        })
    }

    fn put_bundle(&self, digest: Digest, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|inner| {
            inner.bundles.entry(digest).or_insert(bytes);
            Ok(())
        })
    }

    fn bundle(&self, digest: Digest) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.read(|inner| Ok(inner.bundles.get(&digest).cloned()))
    }

    fn keep(&self, value: SharedJson) -> BoxFuture<'_, Result<Value, StoreError>> {
        match pack(value) {
            Ok(Packed::Inline(value)) => ready(Ok(value)).boxed(),
            Ok(Packed::Blob(bytes)) => self.write(|inner| {
                let digest = Digest::of(&bytes);
                let size = bytes.len() as u64;
                inner.blobs.insert(digest, bytes);
                Ok(Value::Blob { digest, size })
            }),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn fetch(&self, value: Value) -> BoxFuture<'_, Result<SharedJson, StoreError>> {
        match value {
            Value::Inline(json) => ready(Ok(json)).boxed(),
            Value::Blob { digest, .. } => {
                self.read(|inner| unpack(digest, inner.blobs.get(&digest).map(Vec::as_slice)))
            }
        }
    }

    fn items_done(
        &self,
        of: LoopKey,
        keys: Vec<Digest>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<HashMap<Digest, RunId>, StoreError>> {
        self.read(|inner| {
            let done = keys.into_iter().filter_map(|key| {
                let (run, until) = inner.items.get(&(of.clone(), key))?;
                until.is_none_or(|until| until > now).then_some((key, *run))
            });
            Ok(done.collect())
        })
    }

    fn arming(&self, trigger: TriggerKey, settings: Digest) -> BoxFuture<'_, Result<Arming, StoreError>> {
        self.read(|inner| {
            let known = inner.armed.get(&trigger) == Some(&settings);
            Ok(if known { Arming::Known } else { Arming::First })
        })
    }

    fn arm(
        &self,
        trigger: TriggerKey,
        settings: Digest,
        existing: Vec<SeenFile>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|inner| {
            inner.armed.insert(trigger.clone(), settings);
            inner.see(trigger, existing);
            Ok(())
        })
    }

    fn files_seen(&self, trigger: TriggerKey) -> BoxFuture<'_, Result<Vec<SeenFile>, StoreError>> {
        self.read(|inner| {
            Ok(inner.files.get(&trigger).map(|files| files.values().cloned().collect()).unwrap_or_default())
        })
    }

    fn mark_seen(&self, trigger: TriggerKey, files: Vec<SeenFile>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|inner| {
            inner.see(trigger, files);
            Ok(())
        })
    }

    fn state(&self, owner: StateOwner) -> BoxFuture<'_, Result<StateValues, StoreError>> {
        self.read(|inner| Ok(inner.state.get(&owner).cloned().unwrap_or_default()))
    }

    fn change_state(&self, change: StateChange) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|inner| {
            inner.change(&[change]);
            Ok(())
        })
    }

    fn stats(&self) -> Stats {
        self.inner().stats
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner().closed = true;
        ready(()).boxed()
    }
}
