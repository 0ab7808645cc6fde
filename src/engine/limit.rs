//! Limits of time on many steps at once: a run's, and those of groups, loops and calls.
//!
//! What is under way when a limit is reached is asked to end and comes to its end; nothing is
//! dropped half way, so that a run that was called has ended too before its caller goes on.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::clock::elapsed;
use crate::ids::StepPath;
use crate::units::format_duration;
use crate::value::{Failure, SharedJson};

use super::frame::Frame;
use super::run::{Halt, Run};

/// The limits of time that hold at a place, from the widest to the narrowest. Each holds the failure
/// of what comes too late, once it is reached.
#[derive(Clone, Default)]
pub(super) struct Limits(Vec<Arc<OnceLock<Failure>>>);

impl Limits {
    /// These, and a narrower one.
    pub fn with_one(&self) -> Self {
        Self(self.0.iter().cloned().chain([Arc::default()]).collect())
    }

    /// What became of the steps here, if they are asked to end because a limit is reached.
    pub fn reached(&self) -> Option<&Failure> {
        self.0.iter().find_map(|limit| limit.get())
    }
}

impl Run {
    /// The run's steps within the time that it has, counted from its first step over restarts.
    pub async fn in_run_time(&self, frame: &Frame) -> Result<SharedJson, Halt> {
        let Some(limit) = self.plan.limits.run_time else {
            return self.body(frame).await;
        };
        let now = self.shared.clock.now();
        let began = self.book.read(|state| state.and_then(|state| state.started)).unwrap_or(now);
        let left = limit.saturating_sub(elapsed(began, now));
        let message =
            format!("the run took longer than `limits.run.time` allows, which is {}", format_duration(limit));
        let inner = frame.limited();
        let work = self.body(&inner);
        self.in_time(left, Failure::new("timeout", message), (frame, &inner), &StepPath::root(), work).await
    }

    /// A step with steps in it, within its `timeout`.
    pub async fn in_step_time(
        &self,
        limit: Duration,
        frames: (&Frame, &Frame),
        path: &StepPath,
        work: impl Future<Output = Result<SharedJson, Halt>>,
    ) -> Result<SharedJson, Halt> {
        let message = format!("the step took longer than its `timeout` of {}", format_duration(limit));
        self.in_time(limit, Failure::new("timeout", message), frames, path, work).await
    }

    /// Work that is asked to end after this time; `frames` are the one around it and its own.
    async fn in_time(
        &self,
        left: Duration,
        failure: Failure,
        (outer, inner): (&Frame, &Frame),
        path: &StepPath,
        work: impl Future<Output = Result<SharedJson, Halt>>,
    ) -> Result<SharedJson, Halt> {
        let mut work = pin!(work);
        // Of a run that is over its time already only what is recorded is walked through.
        if !left.is_zero() {
            tokio::select! {
                biased;
                outcome = &mut work => return outcome,
                () = self.shared.clock.sleep(left) => {}
            }
        }
        if let Some(own) = inner.limits.0.last() {
            own.get_or_init(|| failure.clone());
        }
        inner.cancel.cancel();
        match work.await {
            Err(Halt::Cancelled) if !outer.cancel.is_cancelled() => {
                Err(Halt::Failed { failure, step: path.clone() })
            }
            outcome => outcome,
        }
    }

    /// Why a step under way stops that was asked to end: for a limit of time, that is recorded.
    pub fn stopped(&self, path: &StepPath, frame: &Frame) -> Halt {
        if let Some(failure) = frame.limits.reached() {
            self.record_failure(path, failure.clone());
        }
        Halt::Cancelled
    }
}
