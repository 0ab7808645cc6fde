//! A run's journal, as its task writes it.
//!
//! Entries are noted at once and written together: nothing is durable before [`Book::flush`] has
//! answered, and every effect waits for that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::event::{Identity, SeenFile};
use crate::ids::RunId;
use crate::journal::{Acceptance, Accepted, AppendError, Claim, Commit, Entry, RunState, StoreError};

use super::root::RunRoot;
use super::ticket::{self, Refusal};
use super::{Happened, Progress, Shared, lock};

/// How long a run waits before it tries again to write, while the storage does not work.
pub(super) const STORAGE_PAUSE: Duration = Duration::from_secs(1);

/// The journal of one run.
pub(super) struct Book {
    shared: Arc<Shared>,
    run: RunId,
    root: Arc<RunRoot>,
    inner: Mutex<Inner>,
    /// Held while entries are written, so that they are written in order.
    gate: tokio::sync::Mutex<()>,
}

struct Inner {
    /// What is written and what is being written, folded; nothing before the run is offered.
    state: Option<RunState>,
    /// Noted and not yet written.
    pending: Vec<Entry>,
    /// What the acceptance carries beside its entries.
    offer: Offer,
    /// Whether the run is on stable storage.
    kept: Kept,
    /// A commit that was begun. Whoever writes next ends it first, so that one that was dropped half
    /// way is neither lost nor made twice.
    begun: Option<Commit>,
}

/// Whether a run is on stable storage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    NotYet,
    Yes,
}

/// What a new run is offered to the store with.
#[derive(Clone, Default)]
pub(super) struct Offer {
    /// What makes its event the same when it comes again.
    pub identity: Option<Identity>,
    /// The file version that its event is about.
    pub file: Option<SeenFile>,
}

/// Why a run cannot go on here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// It was never a run: its event had become this one before.
    Repeat(RunId),
    /// It was never a run: it could not be kept.
    Refused(Refusal),
    /// Another process writes the journal now, or this one is about to end.
    Lost,
}

impl Book {
    /// The book of a run that does not exist yet.
    pub fn new(shared: Arc<Shared>, run: RunId, root: Arc<RunRoot>, first: Entry, offer: Offer) -> Self {
        let inner = Inner { state: None, pending: vec![first], offer, kept: Kept::NotYet, begun: None };
        Self { shared, run, root, inner: Mutex::new(inner), gate: tokio::sync::Mutex::default() }
    }

    /// The book of a run that is taken up again.
    pub fn reopen(shared: Arc<Shared>, root: Arc<RunRoot>, state: RunState) -> Self {
        let run = state.run;
        let offer = Offer::default();
        let inner = Inner { state: Some(state), pending: Vec::new(), offer, kept: Kept::Yes, begun: None };
        Self { shared, run, root, inner: Mutex::new(inner), gate: tokio::sync::Mutex::default() }
    }

    /// Notes what happened. It is written with the next flush.
    pub fn note(&self, entry: Entry) {
        if let Entry::StepFinished { model: Some(model), .. } | Entry::StepFailed { model: Some(model), .. } =
            &entry
        {
            self.root.spend(model.cost);
        }
        lock(&self.inner).pending.push(entry);
    }

    /// How many entries are noted and not yet written.
    pub fn pending(&self) -> usize {
        lock(&self.inner).pending.len()
    }

    /// Whether results of an earlier run are noted and not yet written: they are found only then.
    pub fn takes_over(&self) -> bool {
        lock(&self.inner).pending.iter().any(|entry| matches!(entry, Entry::StepReused { .. }))
    }

    /// Looks at what is written so far.
    pub fn read<T>(&self, look: impl FnOnce(Option<&RunState>) -> T) -> T {
        look(lock(&self.inner).state.as_ref())
    }

    /// Whether the run is on stable storage.
    pub fn is_kept(&self) -> bool {
        lock(&self.inner).kept == Kept::Yes
    }

    /// Writes all that is noted. While the storage does not work a run that is kept waits here, and
    /// goes on by itself when it works again. May be dropped at any time: the next flush goes on
    /// where this one was.
    pub async fn flush(&self) -> Result<(), Closed> {
        let _gate = self.gate.lock().await;
        while let Some((commit, kept)) = self.begin()? {
            let entries: Arc<[Entry]> = commit.entries().into();
            match kept {
                Kept::NotYet => self.accept(commit).await?,
                Kept::Yes => self.append(commit).await?,
            }
            let mut inner = lock(&self.inner);
            inner.begun = None;
            inner.kept = Kept::Yes;
            drop(inner);
            // Nobody listening is no reason to stop.
            let _ = self.shared.progress.send(Progress { run: self.run, what: Happened::Recorded(entries) });
        }
        Ok(())
    }

    /// The commit to make now: one that was begun before, or one of all that is noted.
    fn begin(&self) -> Result<Option<(Commit, Kept)>, Closed> {
        let mut inner = lock(&self.inner);
        if let Some(commit) = &inner.begun {
            return Ok(Some((commit.clone(), inner.kept)));
        }
        let entries = std::mem::take(&mut inner.pending);
        if entries.is_empty() {
            return Ok(None);
        }
        let commit = match &mut inner.state {
            Some(state) => state.commit(entries),
            None => {
                let (state, commit) = RunState::accept(self.run, entries).map_err(|_| Closed::Lost)?;
                inner.state = Some(state);
                commit
            }
        };
        inner.begun = Some(commit.clone());
        Ok(Some((commit, inner.kept)))
    }

    async fn accept(&self, commit: Commit) -> Result<(), Closed> {
        let Offer { identity, file } = lock(&self.inner).offer.clone();
        let now = self.shared.clock.now();
        let claim = identity.map(|identity| Claim { identity, now });
        match self.shared.store.accept(Acceptance { commit, claim, file }).await {
            Ok(Accepted::New) => Ok(()),
            Ok(Accepted::Repeat(first)) if first == self.run => Ok(()),
            Ok(Accepted::Repeat(first)) => Err(Closed::Repeat(first)),
            Err(error) => match self.shared.store.row(self.run).await {
                // It was kept although it seemed not to be.
                Ok(Some(_)) => Ok(()),
                _ => Err(Closed::Refused(error.into())),
            },
        }
    }

    async fn append(&self, commit: Commit) -> Result<(), Closed> {
        let next = commit.row().version;
        let mut waiting = None;
        loop {
            match self.shared.store.append(commit.clone()).await {
                Ok(_) => return Ok(()),
                // An earlier try of this very commit went through although it seemed not to.
                Err(AppendError::Conflict { found }) if found == next => return Ok(()),
                Err(AppendError::Conflict { found }) => {
                    tracing::error!(run = %self.run, %found, "another process has gone on with this run");
                    return Err(Closed::Lost);
                }
                Err(AppendError::Store(error @ StoreError::Unavailable(_))) => {
                    tracing::warn!(run = %self.run, %error, "the run waits until its journal can be written");
                    waiting.get_or_insert_with(|| self.shared.trouble.enter(error.to_string()));
                    tokio::select! {
                        () = self.shared.clock.sleep(STORAGE_PAUSE) => {}
                        () = self.shared.stopping.cancelled() => return Err(Closed::Lost),
                    }
                }
                Err(AppendError::Store(error)) => {
                    tracing::error!(run = %self.run, %error, "the run stops here");
                    return Err(Closed::Lost);
                }
            }
        }
    }
}

/// Trouble with the storage, while runs wait for it to end.
#[derive(Default)]
pub(super) struct Trouble {
    waiting: AtomicUsize,
    reason: Mutex<String>,
}

/// A run that waits; it goes when the wait is over, however it ends.
struct Waiting<'a>(&'a Trouble);

impl Trouble {
    /// Why runs wait, if any does.
    pub fn reason(&self) -> Option<String> {
        (self.waiting.load(Ordering::Relaxed) > 0).then(|| lock(&self.reason).clone())
    }

    fn enter(&self, reason: String) -> Waiting<'_> {
        *lock(&self.reason) = reason;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl From<Closed> for Option<Result<ticket::Kept, Refusal>> {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Repeat(first) => Some(Ok(ticket::Kept::Repeat(first))),
            Closed::Refused(refusal) => Some(Err(refusal)),
            Closed::Lost => None,
        }
    }
}
