//! How a run gets its seat: at once, or after a wait in the queue from which it is taken up as from
//! the journal.
//!
//! Who sits and who waits is [dispatch](super::dispatch)'s to decide. What must stay true: a run is on
//! stable storage before it waits, and in the queue before anybody is told that it is kept; a seat is
//! given back however its run goes.

use std::sync::Arc;

use crate::event::TriggerId;
use crate::ids::{Digest, RunId};
use crate::journal::{Overflow, RunRow, RunStatus, Turn};
use crate::plan::{self, Plan};
use crate::template::{Scope, Sink};
use crate::value::Failure;

use super::begin;
use super::cancel::Cancel;
use super::dispatch::{Enqueued, Granted, LaneId, Verdict};
use super::run::Exit;
use super::ticket::{Kept, Refusal};
use super::{Engine, Shared};

/// The longest key, in bytes, that is kept as it is; of a longer one its digest.
const KEY_LIMIT: usize = 256;

/// Who asks the oldest run to end, where that is how one more is made room for.
const NEWER: &str = "a newer run (`concurrency.overflow: cancel_oldest`)";

/// Who asks a run to end that was asked before it was kept.
const EARLY: &str = "a request from before it was kept";

/// What a run waits in the queue with.
pub(super) struct Parcel {
    pub cancel: Cancel,
    pub exit: Exit,
}

/// Where a new run goes.
pub(super) enum Admission {
    /// It starts; without a seat where it ends at once.
    Start(Option<Seat>),
    /// It is kept, and waits.
    Wait(Place),
}

/// A place among the runs under way.
pub(super) struct Seat {
    shared: Arc<Shared>,
    run: RunId,
    lane: LaneId,
}

/// A place among the runs that wait, not taken yet.
pub(super) struct Place {
    shared: Arc<Shared>,
    run: RunId,
    lane: LaneId,
    turn: Option<Turn>,
    is_taken: bool,
}

/// How a run of this plan takes its turn; none where runs need none.
///
/// # Errors
/// When the key cannot be made of what the run has.
pub(super) fn turn(plan: &Plan, scope: &Scope) -> Result<Option<Turn>, Failure> {
    let Some(concurrency) = &plan.concurrency else { return Ok(None) };
    let key = match &concurrency.key {
        Some(template) => template.render(scope, Sink::Text).map_err(|failure| {
            let message = format!("`concurrency.key` cannot be evaluated: {failure}");
            Failure { message, ..failure }
        })?,
        None => String::new(),
    };
    let key = if key.len() > KEY_LIMIT { Digest::of(key.as_bytes()).to_string() } else { key };
    let overflow = match concurrency.overflow {
        plan::Overflow::Queue => Overflow::Queue,
        plan::Overflow::Skip => Overflow::Skip,
        plan::Overflow::CancelOldest => Overflow::CancelOldest,
    };
    Ok(Some(Turn { key, limit: u32::try_from(concurrency.limit).unwrap_or(u32::MAX), overflow }))
}

/// Asks for a seat for a new run.
///
/// # Errors
/// What is told to whoever submitted it, where it is no run or is refused.
pub(super) fn admit(
    shared: &Arc<Shared>,
    run: RunId,
    workflow: &str,
    turn: Option<&Turn>,
) -> Result<Admission, Result<Kept, Refusal>> {
    let lane = LaneId::new(workflow, turn);
    let verdict = shared.dispatch.admit(run, &lane, turn);
    let shared = shared.clone();
    match verdict {
        Verdict::Seat => Ok(Admission::Start(Some(Seat { shared, run, lane }))),
        Verdict::Place => {
            Ok(Admission::Wait(Place { shared, run, lane, turn: turn.cloned(), is_taken: false }))
        }
        Verdict::Skip => {
            tracing::info!(workflow, "an event was skipped: as many runs as there may be are under way");
            Err(Ok(Kept::Skipped))
        }
        Verdict::Busy => Err(Err(Refusal::Busy)),
    }
}

impl Place {
    /// Waits there, on stable storage, until there is a seat.
    pub fn take(mut self, parcel: Parcel) {
        self.is_taken = true;
        let (told, cancel) = (parcel.exit.teller(), parcel.cancel.token.clone());
        let enqueued = self.shared.dispatch.enqueue(self.run, &self.lane, self.turn.as_ref(), parcel);
        // Only now: whoever is told may send the next one, which is to wait behind this one.
        told.accepted();
        follow(&self.shared, enqueued);
        if cancel.is_cancelled() {
            end(&self.shared, self.run, EARLY);
        }
        if self.shared.stopping.is_cancelled() {
            drop(self.shared.dispatch.clear());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_taken {
            self.shared.dispatch.give_up(&self.lane);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // What waits now goes on in the next process; and so it does where nothing can be spawned.
        if self.shared.stopping.is_cancelled() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let granted = self.shared.dispatch.release(self.run, &self.lane);
        take_up(&self.shared, granted);
    }
}

/// Takes on a run that an earlier process left.
pub(super) fn restore(shared: &Arc<Shared>, row: &RunRow, parcel: Parcel) {
    let lane = LaneId::new(&row.workflow, row.turn.as_ref());
    let (run, turn) = (row.run, row.turn.as_ref());
    if row.trigger == TriggerId::call() {
        // Its caller has a seat and waits for it.
        let Parcel { cancel, exit } = parcel;
        shared.tasks.spawn(begin::resume(shared.clone(), run, cancel, exit));
    } else if was_begun(row) {
        shared.dispatch.adopt(run, &lane);
        take_up(shared, vec![Granted { run, lane, parcel }]);
    } else {
        let enqueued = shared.dispatch.requeue(run, &lane, turn, parcel);
        follow(shared, enqueued);
    }
}

/// Whether a run that an earlier process left had its seat already.
pub(super) fn was_begun(row: &RunRow) -> bool {
    row.started.is_some() || row.status != RunStatus::Queued
}

/// Puts a run back into the queue.
pub(super) fn wait_again(
    shared: &Arc<Shared>,
    run: RunId,
    lane: &LaneId,
    turn: Option<&Turn>,
    parcel: Parcel,
) {
    let enqueued = shared.dispatch.requeue(run, lane, turn, parcel);
    follow(shared, enqueued);
}

/// Starts the runs whose turn it is, and cancels those that are in the way.
fn follow(shared: &Arc<Shared>, enqueued: Enqueued<Parcel>) {
    let Enqueued { granted, evicted } = enqueued;
    take_up(shared, granted);
    for run in evicted {
        end(shared, run, NEWER);
    }
}

/// Asks a run to end, without waiting for that.
fn end(shared: &Arc<Shared>, run: RunId, by: &'static str) {
    let engine = Engine { shared: shared.clone() };
    shared.tasks.spawn(async move {
        if let Err(error) = engine.cancel(run, by).await {
            tracing::warn!(%run, %error, "the run could not be cancelled");
        }
    });
}

/// Starts the runs whose turn it is.
pub(super) fn take_up(shared: &Arc<Shared>, granted: Vec<Granted<Parcel>>) {
    for Granted { run, lane, parcel } in granted {
        let Parcel { cancel, exit } = parcel;
        let seat = Seat { shared: shared.clone(), run, lane };
        let of_run = shared.clone();
        shared.tasks.spawn(async move {
            begin::resume(of_run, run, cancel, exit).await;
            drop(seat);
        });
    }
}
