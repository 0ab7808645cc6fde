//! Money that an action asks for before it spends it.
//!
//! What a call may cost is set aside before the call, against everything that limits it, and is made
//! up for by what it did cost. So limits hold however many calls are made at once.

use std::future::Future;
use std::pin::Pin;

use crate::money::Money;

use super::StepError;

/// What a wait for money gives in the end.
pub type ReserveFuture<'a> = Pin<Box<dyn Future<Output = Result<Reservation, StepError>> + Send + 'a>>;

/// What a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Who is called, for people: `provider/model`.
    pub what: String,
    /// What the call may cost; none: nobody said what it costs.
    pub cost: Option<CostRange>,
}

/// How much a call may cost: the caller can bound it by what it is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostRange {
    /// With less it is not worth making.
    pub least: Money,
    /// More it cannot cost.
    pub most: Money,
}

/// Money that is set aside for one call. Dropped without being settled, as when the call is broken
/// off, all of it counts as spent: nobody knows what was.
pub struct Reservation {
    granted: Option<Money>,
    settle: Option<Box<dyn FnOnce(Money) + Send>>,
}

impl Reservation {
    /// So much money; `settle` is told what was spent in the end. None is granted where nothing limits
    /// the call.
    pub fn new(granted: Option<Money>, settle: impl FnOnce(Money) + Send + 'static) -> Self {
        Self { granted, settle: Some(Box::new(settle)) }
    }

    /// How much the call may cost; none: as much as it does.
    pub fn granted(&self) -> Option<Money> {
        self.granted
    }

    /// Says what the call did cost.
    pub fn settle(mut self, cost: Money) {
        if let Some(settle) = self.settle.take() {
            settle(cost);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(settle) = self.settle.take() {
            settle(self.granted.unwrap_or_default());
        }
    }
}
