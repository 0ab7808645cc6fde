//! Doing a step that has no effect, so that what it gives is known.

use std::sync::{Mutex, PoisonError};

use crate::clock::SharedClock;
use crate::component::{
    Ask, Attempt, Context, Delta, Rendered, Reservation, ReserveFuture, Response, StateEdit, StateFuture,
    Wait, WaitFuture,
};
use crate::event::Awaited;
use crate::ids::StepPath;
use crate::plan::Bound;
use crate::template::foresight;
use crate::value::{Failure, SharedJson};

/// What came of doing a step.
pub(super) struct Performed {
    /// What it gives; the failure that [it is not known](foresight::unknown) where it would wait, or change
    /// what outlives the run.
    pub outcome: Result<SharedJson, Failure>,
    /// What it would wait for or change, in words.
    pub told: Option<String>,
}

/// What such a step can do beside giving its output: nothing, but for saying what it would do.
struct Nothing<'a> {
    key: String,
    clock: &'a SharedClock,
    told: Mutex<Option<String>>,
}

impl Nothing<'_> {
    /// Notes what would be done, and that nobody knows what that gives.
    fn not_done(&self, what: String) -> Failure {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
        foresight::failure(&self.key)
    }
}

impl Context for Nothing<'_> {
    fn key(&self) -> &str {
        &self.key
    }

    fn attempt(&self) -> u32 {
        1
    }

    fn clock(&self) -> &SharedClock {
        self.clock
    }

    /// Nothing is spent, so nothing limits it.
    fn reserve(&self, _: Ask) -> ReserveFuture<'_> {
        Box::pin(std::future::ready(Ok(Reservation::new(None, |_| ()))))
    }

    fn emit(&self, _: Delta) {}

    fn respond(&self, _: Response) {}

    fn wait(&self, wait: Wait) -> WaitFuture<'_> {
        let what = match wait.awaited {
            Awaited::Time => "waits",
            Awaited::Event => "waits for an event",
            Awaited::Approval { .. } => "waits for a person",
        };
        let due = wait.due.map(|due| format!(", at most until {due}")).unwrap_or_default();
        Box::pin(std::future::ready(Err(self.not_done(format!("{what}{due}")).into())))
    }

    fn edit_state(&self, _: StateEdit) -> StateFuture<'_> {
        Box::pin(std::future::ready(Err(self.not_done("changes the state".to_owned()).into())))
    }
}

/// Does the step as far as nobody notices.
pub(super) async fn perform(
    bound: &Bound,
    values: Rendered,
    path: &StepPath,
    clock: &SharedClock,
) -> Performed {
    let context = Nothing { key: path.to_string(), clock, told: Mutex::default() };
    let attempt = Attempt { values, arguments: &bound.arguments, alternative: 0, context: &context };
    let outcome = match bound.action.run(attempt).await {
        Ok(output) => Ok(output.value),
        Err(error) => Err(error.failure),
    };
    Performed { outcome, told: context.told.into_inner().unwrap_or_else(PoisonError::into_inner) }
}
