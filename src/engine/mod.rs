//! Runs workflows: one task a run, every effect between two entries of its journal.
//!
//! The engine decides what happens next from what is recorded, so a run that is taken up again
//! walks the same way and finds every finished step's output instead of doing it anew. It knows
//! plans and actions by their contract only.
//!
//! A run that calls another waits for it and is ended by nobody but its own steps, its time or a
//! person; whoever ends it ends those that it called first ([`child`], [`limit`], [`cancel`]).
//!
//! A run is accepted with its first flush: pure steps before the first effect ride in that one
//! commit, and nobody is told that the run exists before it is on stable storage. From then on "step
//! done" and "next step started" share a commit, so that N steps with effects cost N+1.
//!
//! A run that has to wait for its turn ([dispatch]) is accepted alone, and taken up from the journal
//! when its turn comes. What a step wants to spend it asks for first, and what it spends its run has
//! spent, and every run that calls lead from ([budget], [purse]).

mod attempt;
mod begin;
mod book;
mod budget;
mod cancel;
mod child;
mod dispatch;
mod flow;
mod foreach;
mod frame;
mod limit;
mod links;
mod once;
mod purse;
mod record;
mod reuse;
mod root;
mod run;
mod seat;
mod signal;
mod state;
mod ticket;
mod wait;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::SharedClock;
use crate::component::Delta;
use crate::event::{Identity, SeenFile, TriggerId};
use crate::ids::{Digest, RunId, StepPath};
use crate::journal::{
    AppendError, Entry, Parent, RunEnd, RunRow, RunState, RunStatus, SharedStore, StoreError,
};
use crate::plan::Plan;
use crate::secret::Known;
use crate::value::{Failure, SharedJson};

pub use budget::DayLimit;
pub use dispatch::Capacity;
pub use reuse::Reuse;
pub use signal::{Asked, Given, SignalError, Stands, Told, Which};
pub use state::EditError;
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
    /// How much it takes on at once.
    pub capacity: Capacity,
}

/// Finds the plans of workflows: those that runs started with, and those in force.
pub trait Definitions: Send + Sync {
    /// The plan of a bundle.
    ///
    /// # Errors
    /// A sentence: it is gone, or can no longer be planned on this machine.
    fn definition(&self, digest: Digest) -> BoxFuture<'_, Result<Arc<Plan>, String>>;

    /// The plan that is in force for the workflow of this name. Its bundle is kept.
    ///
    /// # Errors
    /// A sentence: there is no such workflow, or it has never been right.
    fn current(&self, workflow: &str) -> Result<Arc<Plan>, String>;
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
    /// The call that it answers, if a run calls it.
    pub parent: Option<Parent>,
    /// What of an earlier run it begins with, and how much of the plan it does.
    pub reuse: Reuse,
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
    dispatch: dispatch::Dispatch<seat::Parcel>,
    budget: Arc<budget::Budget>,
    purses: purse::RunPurses,
    live: Mutex<HashMap<RunId, Live>>,
    progress: broadcast::Sender<Progress>,
    tasks: TaskTracker,
    /// No run starts another step from now on.
    stopping: CancellationToken,
    /// Why the journal cannot be written, while runs wait for it.
    trouble: book::Trouble,
    /// What outlives runs.
    states: state::States,
    /// What addresses begin with that runs give away.
    links: links::Links,
    /// Where the administration of this process is reached, once that is known.
    admin_url: OnceLock<String>,
}

impl Shared {
    /// Where a run can be looked at.
    fn url(&self, run: RunId) -> Option<String> {
        self.admin_url.get().map(|admin| format!("{admin}/api/v1/runs/{run}"))
    }
}

/// A run that is under way in this process.
#[derive(Clone)]
struct Live {
    phase: watch::Receiver<Phase>,
    cancel: cancel::Cancel,
    waits: wait::Waits,
}

/// How many happenings a slow watcher may be behind before it misses some.
const PROGRESS_BUFFER: usize = 1_024;

impl Engine {
    /// An engine that runs nothing yet.
    pub fn new(options: Options) -> Self {
        let (progress, _) = broadcast::channel(PROGRESS_BUFFER);
        let budget = budget::Budget::new(options.store.clone(), options.clock.clone());
        let shared = Shared {
            budget: Arc::new(budget),
            purses: purse::RunPurses::default(),
            store: options.store,
            clock: options.clock,
            secrets: options.secrets,
            definitions: options.definitions,
            dispatch: dispatch::Dispatch::new(options.capacity),
            live: Mutex::default(),
            progress,
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            trouble: book::Trouble::default(),
            states: state::States::default(),
            links: links::Links::default(),
            admin_url: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Says where the administration of this process is reached, as a URL without a slash at its end:
    /// runs tell it as `run.url`. Only the first word counts.
    pub fn set_admin_url(&self, url: String) {
        self.shared.admin_url.get_or_init(|| url);
    }

    /// Starts a run. Its acceptance, its answer and its end are told through the ticket.
    ///
    /// # Errors
    /// When too many runs are under way, or the engine is stopping.
    pub fn submit(&self, submission: Submission) -> Result<Ticket, Refusal> {
        if self.shared.stopping.is_cancelled() {
            return Err(Refusal::Stopping);
        }
        if self.is_full(&submission.plan.name) {
            return Err(Refusal::Busy);
        }
        let id = RunId::new();
        let live = self.launch(id, submission);
        Ok(Ticket::new(id, live.phase))
    }

    /// Starts a run under this id.
    fn launch(&self, id: RunId, submission: Submission) -> Live {
        let (live, exit) = self.insert(id, &mut lock(&self.shared.live));
        let (shared, cancel) = (self.shared.clone(), live.cancel.clone());
        self.shared.tasks.spawn(begin::start(shared, id, submission, cancel, exit));
        live
    }

    /// Takes up every run that an earlier process left unfinished, and says how many there are. Those
    /// that had not begun wait for their turn, in the order of their acceptance.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn resume(&self) -> Result<usize, StoreError> {
        let runs = self.shared.store.unfinished().await?;
        // All are entered before any goes on, so that each finds those that it called. One that was
        // accepted since is under way already.
        let entered = runs.iter().filter_map(|row| Some((row, self.enter(row.run)?)));
        // Those that were under way have their seats before any other is given one.
        let (begun, waiting): (Vec<_>, Vec<_>) = entered.partition(|(row, _)| seat::was_begun(row));
        for (row, (live, exit)) in begun.into_iter().chain(waiting) {
            seat::restore(&self.shared, row, seat::Parcel { cancel: live.cancel, exit });
        }
        Ok(runs.len())
    }

    /// Limits what all runs of a day may cost from now on.
    pub fn limit_days(&self, limit: DayLimit) {
        self.shared.budget.limit_days(limit);
    }

    /// Goes on with a run that stood still.
    fn go_on(&self, row: &RunRow, live: Live, exit: run::Exit) {
        seat::restore(&self.shared, row, seat::Parcel { cancel: live.cancel, exit });
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
        if let Some(withdrawn) = self.shared.dispatch.withdraw(run) {
            return self.end_waiting(run, withdrawn, by).await;
        }
        let live = lock(&self.shared.live).get(&run).cloned();
        if let Some(live) = live {
            let is_asked = live.cancel.ask(by, self.shared.clock.now()).await;
            // It may have gone into the queue meanwhile.
            return match self.shared.dispatch.withdraw(run) {
                Some(withdrawn) => self.end_waiting(run, withdrawn, by).await,
                None => Ok(is_asked),
            };
        }
        self.end_standing(run, by).await
    }

    /// Ends a run that waited in the queue. When that cannot be written it waits on.
    async fn end_waiting(
        &self,
        run: RunId,
        withdrawn: dispatch::Withdrawn<seat::Parcel>,
        by: &str,
    ) -> Result<bool, StoreError> {
        let dispatch::Withdrawn { lane, turn, parcel, granted } = withdrawn;
        seat::take_up(&self.shared, granted);
        let ended = self.end_standing(run, by).await;
        match &ended {
            Ok(true) => parcel.exit.teller().finished(Finish::bare(RunStatus::Cancelled)),
            Ok(false) => {}
            Err(_) => seat::wait_again(&self.shared, run, &lane, turn.as_ref(), parcel),
        }
        ended
    }

    /// Ends a run that stands still, in the journal.
    async fn end_standing(&self, run: RunId, by: &str) -> Result<bool, StoreError> {
        let at = self.shared.clock.now();
        let Some(entries) = self.shared.store.load(run).await? else {
            return Ok(false);
        };
        let Ok(mut state) = RunState::fold(run, &entries) else {
            return Ok(false);
        };
        if state.status.is_final() {
            return Ok(false);
        }
        let called = child::under_way(&state);
        let commit = state.commit(vec![
            Entry::CancelRequested { by: by.to_owned(), at },
            Entry::RunFinished { status: RunEnd::Cancelled, output: None, failure: None, step: None, at },
        ]);
        let entries: Arc<[Entry]> = commit.entries().into();
        match self.shared.store.append(commit).await {
            Ok(_) => {
                // Nobody listening is no reason to stop.
                let _ = self.shared.progress.send(Progress { run, what: Happened::Recorded(entries) });
                self.ended_standing(&state, called).await?;
                Ok(true)
            }
            Err(AppendError::Conflict { .. }) => Ok(false),
            Err(AppendError::Store(error)) => Err(error),
        }
    }

    /// From now on the addresses that runs give away begin with this.
    pub fn set_base_url(&self, base: &str) {
        self.shared.links.set_base(base);
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
        self.shared.dispatch.running()
    }

    /// How many runs wait for their turn.
    pub fn queued(&self) -> usize {
        self.shared.dispatch.queued()
    }

    /// Whether a run of this workflow is refused for now, as too many wait.
    pub fn is_full(&self, workflow: &str) -> bool {
        self.shared.dispatch.is_full(workflow)
    }

    /// Starts no step from now on and waits for those under way, at most so long. What is not
    /// finished goes on in the next process. False when something was still under way.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.shared.stopping.cancel();
        // What waits is kept; whoever waits for it is told that it goes on elsewhere.
        drop(self.shared.dispatch.clear());
        self.shared.tasks.close();
        tokio::select! {
            () = self.shared.tasks.wait() => true,
            () = self.shared.clock.sleep(patience) => self.shared.tasks.is_empty(),
        }
    }

    /// Puts a run on the list of those under way; nothing when it is there.
    fn enter(&self, id: RunId) -> Option<(Live, run::Exit)> {
        let mut all = lock(&self.shared.live);
        (!all.contains_key(&id)).then(|| self.insert(id, &mut all))
    }

    fn insert(&self, id: RunId, all: &mut HashMap<RunId, Live>) -> (Live, run::Exit) {
        let (sender, phase) = watch::channel(Phase::default());
        let live = Live { phase, cancel: cancel::Cancel::default(), waits: wait::Waits::default() };
        all.insert(id, live.clone());
        let exit = run::Exit::new(self.shared.clone(), id, sender, live.waits.clone());
        (live, exit)
    }
}

/// Locks; a panic elsewhere while it was locked cannot have left these maps half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
