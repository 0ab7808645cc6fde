//! What may still be spent: purses of a step, a run and its callers, a workflow's day and the day of all.
//!
//! Money is set aside in all of them at once or in none, and none ever gives more than it has; what is
//! set aside and not spent comes back. What was spent on the present day is read from the journal
//! once, and counted here from then on: no other process spends.
//!
//! What must stay true: for each purse with a limit, what is spent and what is set aside together are
//! within it, as long as no call costs more than was set aside for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::Notify;

use crate::clock::{SharedClock, Timestamp};
use crate::component::{Ask, CostRange, Reservation, Retry, StepError};
use crate::journal::{SharedStore, StoreError};
use crate::money::Money;
use crate::value::Failure;

use super::lock;
use super::purse::{Account, Owner, Purse};

/// What all runs of a day may cost together, and when a day begins.
#[derive(Clone, Debug)]
pub struct DayLimit {
    /// The most; none: there is no limit.
    pub cost: Option<Money>,
    /// In which a day begins at midnight.
    pub timezone: TimeZone,
}

impl Default for DayLimit {
    fn default() -> Self {
        Self { cost: None, timezone: TimeZone::UTC }
    }
}

/// All purses of an engine.
pub(super) struct Budget {
    store: SharedStore,
    clock: SharedClock,
    days: Mutex<Days>,
    /// Held while the day is read, so that it is read once.
    reading: tokio::sync::Mutex<()>,
    /// Told whenever there may be more money than before.
    change: Notify,
}

/// What is spent on the present day.
#[derive(Default)]
struct Days {
    limit: DayLimit,
    /// Which day that is; none before it is read.
    today: Option<Date>,
    all: Purse,
    workflows: HashMap<Arc<str>, Purse>,
}

/// Why nothing was set aside.
enum Short {
    /// Others have it, and may give some of it back.
    Lent,
    /// There is not enough.
    Spent(StepError),
}

impl Days {
    /// Begins a new day, if it has come. What is set aside stays so.
    fn roll(&mut self, now: Timestamp) {
        let today = self.day(now);
        if self.today.is_some_and(|day| day != today) {
            self.today = Some(today);
            self.all.spent = Money::ZERO;
            self.workflows.retain(|_, purse| {
                purse.spent = Money::ZERO;
                purse.reserved > Money::ZERO
            });
        }
    }

    fn day(&self, now: Timestamp) -> Date {
        now.to_zoned(self.limit.timezone.clone()).date()
    }

    /// Shows every purse of an account, with its limit, the narrowest first.
    fn each(&mut self, account: &Account, mut look: impl FnMut(&mut Purse, Option<Money>, Owner<'_>)) {
        account.each(&mut look);
        let day = self.workflows.entry(account.workflow.clone()).or_default();
        look(day, account.limits.day, Owner::WorkflowDay);
        look(&mut self.all, self.limit.cost, Owner::Day);
    }

    fn reserve(&mut self, account: &Account, ask: &Ask) -> Result<Option<Money>, Short> {
        let mut refused = None;
        let mut room: Option<Money> = None;
        let mut lent = false;
        self.each(account, |purse, limit, owner| {
            let (Some(limit), None) = (limit, &refused) else { return };
            let Some(CostRange { least, .. }) = ask.cost else {
                refused = Some(unpriced(&ask.what, owner));
                return;
            };
            let left = limit.less(purse.spent);
            if least > left {
                refused = Some(over(&ask.what, least, left, limit, owner));
                return;
            }
            let free = left.less(purse.reserved);
            lent |= least > free;
            room = Some(room.map_or(free, |room| room.min(free)));
        });
        if let Some(error) = refused {
            return Err(Short::Spent(error));
        }
        if lent {
            return Err(Short::Lent);
        }
        let granted = ask.cost.and_then(|CostRange { most, .. }| room.map(|room| room.min(most)));
        self.each(account, |purse, _, _| purse.take(granted.unwrap_or_default()));
        Ok(granted)
    }

    fn settle(&mut self, account: &Account, reserved: Money, spent: Money) {
        self.each(account, |purse, _, _| purse.settle(reserved, spent));
    }
}

impl Budget {
    /// Nothing is spent yet, as far as is known, and nothing limits the day of all.
    pub fn new(store: SharedStore, clock: SharedClock) -> Self {
        let (days, reading) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { store, clock, days, reading, change: Notify::new() }
    }

    /// What all runs of a day may cost from now on.
    pub fn limit_days(&self, limit: DayLimit) {
        let mut days = lock(&self.days);
        if days.limit.timezone != limit.timezone {
            // The day is another one; what was spent on it is read again.
            days.today = None;
        }
        days.limit = limit;
        drop(days);
        self.change.notify_waiters();
    }

    /// Sets money aside for a call. Where others have set aside what is missing, waits for what they
    /// give back.
    ///
    /// # Errors
    /// When there is not enough left, or nobody said what the call costs and something limits it.
    pub async fn reserve(self: &Arc<Self>, account: &Account, ask: &Ask) -> Result<Reservation, StepError> {
        loop {
            let mut change = std::pin::pin!(self.change.notified());
            change.as_mut().enable();
            self.read_day().await?;
            let granted = {
                let mut days = lock(&self.days);
                days.roll(self.clock.now());
                days.reserve(account, ask)
            };
            match granted {
                Ok(granted) => {
                    let (budget, account) = (self.clone(), account.clone());
                    let reserved = granted.unwrap_or_default();
                    return Ok(Reservation::new(granted, move |spent| {
                        budget.settle(&account, reserved, spent);
                    }));
                }
                Err(Short::Spent(error)) => return Err(error),
                Err(Short::Lent) => change.await,
            }
        }
    }

    fn settle(&self, account: &Account, reserved: Money, spent: Money) {
        let mut days = lock(&self.days);
        days.roll(self.clock.now());
        days.settle(account, reserved, spent);
        drop(days);
        self.change.notify_waiters();
    }

    /// Reads what was spent on the present day, once.
    async fn read_day(&self) -> Result<(), StepError> {
        if lock(&self.days).today.is_some() {
            return Ok(());
        }
        let _one = self.reading.lock().await;
        let (today, timezone) = {
            let days = lock(&self.days);
            if days.today.is_some() {
                return Ok(());
            }
            (days.day(self.clock.now()), days.limit.timezone.clone())
        };
        let midnight = today.to_zoned(timezone).map_or(self.clock.now(), |midnight| midnight.timestamp());
        let sums = self.store.spent_since(midnight).await.map_err(|error| unread(&error))?;
        let mut days = lock(&self.days);
        days.today = Some(today);
        days.all.spent = sums.iter().map(|(_, sum)| *sum).sum();
        for purse in days.workflows.values_mut() {
            purse.spent = Money::ZERO;
        }
        for (workflow, sum) in sums {
            days.workflows.entry(workflow.into()).or_default().spent = sum;
        }
        Ok(())
    }
}

/// Another model of the chain may fit.
fn short(code: &'static str, message: String) -> StepError {
    StepError { failure: Failure::new(code, message), retry: Retry::Alternative, model: None }
}

fn over(what: &str, least: Money, left: Money, limit: Money, owner: Owner<'_>) -> StepError {
    let message = format!(
        "`{what}` was not asked: the call can cost {least}, and {owner} has {left} left of {limit}; \
         raise it, set a smaller `max_tokens`, or take a cheaper model"
    );
    short("over_budget", message)
}

fn unpriced(what: &str, owner: Owner<'_>) -> StepError {
    let message = format!(
        "`{what}` was not asked: {owner} is a limit, and nobody said what this model costs; set its price under \
         `prices:` in howdah.yaml"
    );
    short("unknown_price", message)
}

fn unread(error: &StoreError) -> StepError {
    let message = format!("what was spent today cannot be read: {error}");
    StepError { failure: Failure::new("storage", message), retry: Retry::Safe { after: None }, model: None }
}

#[cfg(test)]
mod tests;
