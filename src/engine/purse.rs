//! Purses: what was taken from a limit, and from whose.
//!
//! A run pays from its own purse and from those of the runs that called it, one from another: what a
//! call spends, its caller has spent too. The purse of a run is made once, from what its journal says
//! of it and of the runs that it called, before it or any of them goes on in this process; from then
//! on it is kept up here.
//!
//! It is not here that money is granted: see [budget](super::budget).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use crate::ids::{RunId, StepPath};
use crate::journal::{RunState, StoreError};
use crate::money::Money;
use crate::plan::Plan;
use crate::plan::flow::Settings;

use super::run::Run;
use super::{Shared, lock};

/// What was taken from a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Purse {
    pub spent: Money,
    pub reserved: Money,
}

impl Purse {
    pub fn take(&mut self, amount: Money) {
        self.reserved += amount;
    }

    pub fn settle(&mut self, reserved: Money, spent: Money) {
        self.reserved = self.reserved.less(reserved);
        self.spent += spent;
    }
}

/// A purse that several parts look into. It is only locked while the days are.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedPurse(Arc<Mutex<Purse>>);

impl SharedPurse {
    /// A purse from which so much was spent before.
    pub fn with_spent(spent: Money) -> Self {
        Self(Arc::new(Mutex::new(Purse { spent, reserved: Money::ZERO })))
    }
}

/// What a run and all that it calls are paid from.
pub(super) struct RunPurse {
    purse: SharedPurse,
    limit: Option<Money>,
    /// Whose run it is.
    workflow: Arc<str>,
    /// That of the run that called it.
    caller: Option<Arc<RunPurse>>,
}

impl RunPurse {
    /// The purse of a run of this workflow, which has spent so much before.
    pub fn new(
        workflow: Arc<str>,
        limit: Option<Money>,
        spent: Money,
        caller: Option<Arc<RunPurse>>,
    ) -> Arc<Self> {
        Arc::new(Self { purse: SharedPurse::with_spent(spent), limit, workflow, caller })
    }
}

/// What the calls of one step are paid from.
#[derive(Clone)]
pub(super) struct Account {
    /// Whose day it is.
    pub workflow: Arc<str>,
    /// What limits the calls of the step.
    pub limits: AccountLimits,
    /// Of all attempts of the step.
    pub step: SharedPurse,
    /// Of the run, and of those that called it.
    pub run: Arc<RunPurse>,
}

/// What limits the calls of a step, beside the runs and the day of all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AccountLimits {
    pub step: Option<Money>,
    pub day: Option<Money>,
}

/// Whose purse it is, as people know its limit.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    Step,
    Run,
    /// A run of this workflow, from which calls lead to the run.
    Caller(&'a str),
    WorkflowDay,
    Day,
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step => f.write_str("the step's `limits.cost`"),
            Self::Run => f.write_str("`limits.run.cost`"),
            Self::Caller(workflow) => {
                write!(f, "`limits.run.cost` of `{workflow}`, from which it was called,")
            }
            Self::WorkflowDay => f.write_str("the workflow's `limits.day.cost`"),
            Self::Day => f.write_str("`limits.day.cost` in howdah.yaml"),
        }
    }
}

impl Account {
    /// The account of a step; its attempts before a restart count.
    pub fn of(run: &Run, settings: &Settings, path: &StepPath) -> Self {
        let spent = run.book.read(|state| {
            let attempts = state?.steps.get(path)?.attempts.iter();
            Some(attempts.filter_map(|attempt| attempt.model.as_ref()).map(|model| model.cost.amount).sum())
        });
        let day = run.plan.limits.day_cost.as_ref().map(|cost| cost.value);
        Self {
            workflow: run.plan.name.clone(),
            limits: AccountLimits { step: settings.cost_limit, day },
            step: SharedPurse::with_spent(spent.unwrap_or_default()),
            run: run.purse.clone(),
        }
    }

    /// Shows each purse of the step and its runs, with its limit, the narrowest first.
    pub fn each(&self, look: &mut dyn FnMut(&mut Purse, Option<Money>, Owner<'_>)) {
        look(&mut lock(&self.step.0), self.limits.step, Owner::Step);
        look(&mut lock(&self.run.purse.0), self.run.limit, Owner::Run);
        let mut caller = self.run.caller.as_ref();
        while let Some(run) = caller {
            look(&mut lock(&run.purse.0), run.limit, Owner::Caller(&run.workflow));
            caller = run.caller.as_ref();
        }
    }
}

/// The purses of all runs that are under way, and of those that wait for them.
#[derive(Default)]
pub(super) struct RunPurses {
    open: Mutex<HashMap<RunId, Weak<RunPurse>>>,
    /// Held while purses are made from the journal, so that each is made once.
    reading: tokio::sync::Mutex<()>,
}

/// How many purses there are before those that nobody holds any more are looked for.
const SWEEP: usize = 1_024;

impl RunPurses {
    fn get(&self, run: RunId) -> Option<Arc<RunPurse>> {
        lock(&self.open).get(&run)?.upgrade()
    }

    fn put(&self, run: RunId, purse: &Arc<RunPurse>) {
        let mut open = lock(&self.open);
        if open.len() >= SWEEP && open.len() == open.capacity() {
            open.retain(|_, purse| purse.strong_count() > 0);
        }
        open.insert(run, Arc::downgrade(purse));
    }
}

impl Shared {
    /// The purse of a new run of this plan, which this run called, if one did.
    ///
    /// # Errors
    /// When the caller is not under way, and what it may spend cannot be read.
    pub async fn new_purse(
        &self,
        run: RunId,
        plan: &Plan,
        caller: Option<RunId>,
    ) -> Result<Arc<RunPurse>, String> {
        let caller = match caller {
            Some(caller) => Some(self.purse(caller).await?),
            None => None,
        };
        let purse = RunPurse::new(plan.name.clone(), limit(plan), Money::ZERO, caller);
        self.purses.put(run, &purse);
        Ok(purse)
    }

    /// The purse of a run that was accepted before.
    ///
    /// # Errors
    /// When what it may spend, or has spent, cannot be read.
    pub async fn purse(&self, run: RunId) -> Result<Arc<RunPurse>, String> {
        if let Some(purse) = self.purses.get(run) {
            return Ok(purse);
        }
        let _one = self.purses.reading.lock().await;
        self.read_purse(run).await
    }

    /// Makes the purse of a run from the journal, and first those of its callers: calls are only so deep.
    async fn read_purse(&self, run: RunId) -> Result<Arc<RunPurse>, String> {
        let mut line = Vec::new();
        let mut next = Some(run);
        let mut purse = None;
        while let Some(run) = next {
            purse = self.purses.get(run);
            if purse.is_some() {
                break;
            }
            let state = self.state(run).await.map_err(|error| error.to_string())?;
            let state = state.ok_or_else(|| format!("the run `{run}` is not in the journal"))?;
            next = state.parent.as_ref().map(|parent| parent.run);
            line.push(state);
        }
        for state in line.into_iter().rev() {
            let plan = self.definitions.definition(state.bundle).await?;
            let limit = limit(&plan);
            let spent = match limit {
                Some(_) => self.spent(&state).await.map_err(|error| error.to_string())?,
                None => Money::ZERO,
            };
            let own = RunPurse::new(plan.name.clone(), limit, spent, purse);
            self.purses.put(state.run, &own);
            purse = Some(own);
        }
        purse.ok_or_else(|| format!("the run `{run}` is not in the journal"))
    }

    /// What a run has spent with all that it called, those that have not ended included.
    async fn spent(&self, state: &RunState) -> Result<Money, StoreError> {
        let mut sum = state.cost_with_calls().amount;
        let mut uncounted: Vec<_> = state.uncounted_calls().collect();
        while let Some(run) = uncounted.pop() {
            // A call that was never accepted has cost nothing.
            let Some(state) = self.state(run).await? else { continue };
            sum += state.cost_with_calls().amount;
            uncounted.extend(state.uncounted_calls());
        }
        Ok(sum)
    }

    async fn state(&self, run: RunId) -> Result<Option<RunState>, StoreError> {
        let Some(entries) = self.store.load(run).await? else { return Ok(None) };
        let state = RunState::fold(run, &entries);
        state.map(Some).map_err(|error| StoreError::Unreadable(error.to_string()))
    }
}

fn limit(plan: &Plan) -> Option<Money> {
    plan.limits.run_cost.as_ref().map(|cost| cost.value)
}
