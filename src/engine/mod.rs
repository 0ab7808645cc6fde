//! Runs workflows: one task a run, every effect between two entries of its journal.
//!
//! The engine decides what happens next from what is recorded, so a run that is taken up again
//! walks the same way and finds every finished step's output instead of doing it anew. It knows
//! plans and actions by their contract only.
//!
//! A run is accepted with its first flush: pure steps before the first effect ride in that one
//! commit, and nobody is told that the run exists before it is on stable storage. From then on "step
//! done" and "next step started" share a commit, so that N steps with effects cost N+1.

mod attempt;
mod book;
mod cancel;
mod flow;
mod frame;
mod record;
mod run;
mod ticket;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::SharedClock;
use crate::component::Delta;
use crate::event::{Identity, SeenFile, TriggerId};
use crate::ids::{Digest, RunId, StepPath};
use crate::journal::{AppendError, Entry, RunEnd, RunState, SharedStore, StoreError};
use crate::plan::Plan;
use crate::secret::Known;
use crate::value::{Failure, SharedJson};

pub use ticket::{Answer, Finish, Kept, Refusal, Ticket};

use ticket::Phase;

/// What an engine is made with.
pub struct Options {
    /// Where runs are kept.
    pub store: SharedStore,
    /// The clock for all waiting.
    pub clock: SharedClock,
    /// What must not be written down; it may learn more at any time.
    pub secrets: Arc<Known>,
    /// Where the plan of a run is found when it is taken up again.
    pub definitions: Arc<dyn Definitions>,
    /// How many runs may be under way at once; more are refused.
    pub capacity: usize,
}

/// Finds the plan that a run started with.
pub trait Definitions: Send + Sync {
    /// The plan of a bundle.
    ///
    /// # Errors
    /// A sentence: it is gone, or can no longer be planned on this machine.
    fn definition(&self, digest: Digest) -> BoxFuture<'_, Result<Arc<Plan>, String>>;
}

/// A run to be started.
pub struct Submission {
    /// What it does.
    pub plan: Arc<Plan>,
    /// What it came through.
    pub trigger: TriggerId,
    /// `event`.
    pub event: SharedJson,
    /// `inputs`, complete and of the declared types.
    pub inputs: SharedJson,
    /// What makes it the same event when it comes again.
    pub identity: Option<Identity>,
    /// The file version that the event is about.
    pub file: Option<SeenFile>,
    /// Why its event cannot become a run that does anything: it is kept, and fails with this at once.
    pub refused: Option<Failure>,
}

/// Something that happened in a run, for whoever watches. Nothing is kept of it.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The run.
    pub run: RunId,
    /// What happened.
    pub what: Happened,
}

/// What happened in a run.
#[derive(Clone, Debug)]
pub enum Happened {
    /// Entries were recorded.
    Recorded(Arc<[Entry]>),
    /// A step has more to show.
    Delta(StepPath, Delta),
}

/// Runs workflows. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What all runs share.
struct Shared {
    store: SharedStore,
    clock: SharedClock,
    secrets: Arc<Known>,
    definitions: Arc<dyn Definitions>,
    capacity: usize,
    active: AtomicUsize,
    live: Mutex<HashMap<RunId, Live>>,
    progress: broadcast::Sender<Progress>,
    tasks: TaskTracker,
    /// No run starts another step from now on.
    stopping: CancellationToken,
    /// Why the journal cannot be written, while runs wait for it.
    trouble: book::Trouble,
}

/// A run that is under way in this process.
#[derive(Clone)]
struct Live {
    phase: watch::Receiver<Phase>,
    cancel: cancel::Cancel,
}

/// How many happenings a slow watcher may be behind before it misses some.
const PROGRESS_BUFFER: usize = 1_024;

impl Engine {
    /// An engine that runs nothing yet.
    pub fn new(options: Options) -> Self {
        let (progress, _) = broadcast::channel(PROGRESS_BUFFER);
        let shared = Shared {
            store: options.store,
            clock: options.clock,
            secrets: options.secrets,
            definitions: options.definitions,
            capacity: options.capacity,
            active: AtomicUsize::new(0),
            live: Mutex::default(),
            progress,
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            trouble: book::Trouble::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Starts a run. Its acceptance, its answer and its end are told through the ticket.
    ///
    /// # Errors
    /// When too many runs are under way, or the engine is stopping.
    pub fn submit(&self, submission: Submission) -> Result<Ticket, Refusal> {
        if self.shared.stopping.is_cancelled() {
            return Err(Refusal::Stopping);
        }
        let seat = Seat::take(&self.shared)?;
        let id = RunId::new();
        let (live, sender) = self.enter(id);
        let ticket = Ticket::new(id, live.phase);
        let shared = self.shared.clone();
        self.shared.tasks.spawn(async move {
            run::start(shared, id, submission, live.cancel, sender).await;
            drop(seat);
        });
        Ok(ticket)
    }

    /// Takes up every run that an earlier process left unfinished, and says how many there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn resume(&self) -> Result<usize, StoreError> {
        let runs = self.shared.store.unfinished().await?;
        for id in &runs {
            let id = *id;
            // One that was accepted since is under way already.
            if lock(&self.shared.live).contains_key(&id) {
                continue;
            }
            let (live, sender) = self.enter(id);
            let shared = self.shared.clone();
            // A run that was accepted goes on, however many there are.
            self.shared.active.fetch_add(1, Ordering::Relaxed);
            let seat = Seat { shared: shared.clone() };
            self.shared.tasks.spawn(async move {
                run::resume(shared, id, live.cancel, sender).await;
                drop(seat);
            });
        }
        Ok(runs.len())
    }

    /// Follows a run that is under way in this process.
    pub fn attach(&self, run: RunId) -> Option<Ticket> {
        let live = lock(&self.shared.live).get(&run).cloned()?;
        Some(Ticket::new(run, live.phase))
    }

    /// Asks a run to end; one that stands still ends here and now. False when it has ended, or is
    /// past being asked. The request is on stable storage when this answers.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn cancel(&self, run: RunId, by: &str) -> Result<bool, StoreError> {
        let at = self.shared.clock.now();
        let live = lock(&self.shared.live).get(&run).cloned();
        if let Some(live) = live {
            return Ok(live.cancel.ask(by, at).await);
        }
        let Some(entries) = self.shared.store.load(run).await? else {
            return Ok(false);
        };
        let Ok(mut state) = RunState::fold(run, &entries) else {
            return Ok(false);
        };
        if state.status.is_final() {
            return Ok(false);
        }
        let commit = state.commit(vec![
            Entry::CancelRequested { by: by.to_owned(), at },
            Entry::RunFinished { status: RunEnd::Cancelled, output: None, failure: None, step: None, at },
        ]);
        match self.shared.store.append(commit).await {
            Ok(_) => Ok(true),
            Err(AppendError::Conflict { .. }) => Ok(false),
            Err(AppendError::Store(error)) => Err(error),
        }
    }

    /// Everything that happens from now on, in all runs.
    pub fn watch(&self) -> broadcast::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// Why the journal cannot be written, while runs wait for it.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble.reason()
    }

    /// How many runs are under way.
    pub fn active(&self) -> usize {
        self.shared.active.load(Ordering::Relaxed)
    }

    /// Whether a run that is submitted now would be refused, as too many are under way.
    pub fn is_full(&self) -> bool {
        self.active() >= self.shared.capacity
    }

    /// Starts no step from now on and waits for those under way, at most so long. What is not
    /// finished goes on in the next process. False when something was still under way.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.shared.stopping.cancel();
        self.shared.tasks.close();
        tokio::select! {
            () = self.shared.tasks.wait() => true,
            () = self.shared.clock.sleep(patience) => self.shared.tasks.is_empty(),
        }
    }

    fn enter(&self, id: RunId) -> (Live, run::Exit) {
        let (sender, phase) = watch::channel(Phase::default());
        let live = Live { phase, cancel: cancel::Cancel::default() };
        lock(&self.shared.live).insert(id, live.clone());
        (live, run::Exit::new(self.shared.clone(), id, sender))
    }
}

/// A place among the runs under way.
struct Seat {
    shared: Arc<Shared>,
}

impl Seat {
    fn take(shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let taken = shared.active.fetch_add(1, Ordering::Relaxed);
        let seat = Self { shared: shared.clone() };
        if taken >= shared.capacity { Err(Refusal::Busy) } else { Ok(seat) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Locks; a panic elsewhere while it was locked cannot have left these maps half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
