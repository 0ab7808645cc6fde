//! Whose turn it is: which runs are under way, which wait, and which of them is next.
//!
//! Runs of a workflow with the same key share a lane, and a lane has as many seats as the workflow's
//! `concurrency` says. Within a lane runs go in the order of their acceptance; the lanes of a
//! workflow, and the workflows among each other, take turns, so that a long queue of one delays
//! nobody else. All of them together have the engine's seats.
//!
//! It is not here that runs are started, kept or cancelled; what is decided here is told to who asks.
//! What must stay true: a run that waits costs no more than its id and what it came with; both the
//! queue of a workflow and all queues together are bounded; no call takes longer for a longer queue.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use crate::ids::RunId;
use crate::journal::{Overflow, Turn};

use super::lock;

/// How much an engine takes on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// How many runs are under way at once; more wait.
    pub running: usize,
    /// How many runs of one workflow wait; more are refused.
    pub queued_of_one: usize,
    /// How many runs wait in all; more are refused.
    pub queued: usize,
}

impl Capacity {
    /// Takes nothing on: every run is refused.
    pub const NONE: Self = Self { running: 0, queued_of_one: 0, queued: 0 };
}

/// 10,000 under way, 10,000 waiting of each workflow, 50,000 waiting in all.
impl Default for Capacity {
    fn default() -> Self {
        Self { running: 10_000, queued_of_one: 10_000, queued: 50_000 }
    }
}

/// Runs that share seats.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LaneId {
    pub workflow: Arc<str>,
    /// Empty where all runs of the workflow count together.
    pub key: Arc<str>,
}

impl LaneId {
    /// The lane of a run with this turn; none: it shares its seats with nobody.
    pub fn new(workflow: &str, turn: Option<&Turn>) -> Self {
        Self {
            workflow: workflow.into(),
            key: turn.map_or_else(Default::default, |turn| turn.key.as_str().into()),
        }
    }
}

/// What becomes of a run that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has a seat.
    Seat,
    /// It has a place in the queue, to be taken with [`Dispatch::enqueue`].
    Place,
    /// It is one too many, and its workflow wants no such run.
    Skip,
    /// There is no place left.
    Busy,
}

/// A run whose turn it is, with what it waited with. It has a seat.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Granted<W> {
    pub run: RunId,
    pub lane: LaneId,
    pub parcel: W,
}

/// What follows from a run that was put into the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Enqueued<W> {
    /// The runs whose turn it is now.
    pub granted: Vec<Granted<W>>,
    /// The runs that are to be cancelled for it.
    pub evicted: Vec<RunId>,
}

/// Everything that is under way or waits; a run that waits does so with a `W`.
pub(super) struct Dispatch<W> {
    capacity: Capacity,
    inner: Mutex<Inner<W>>,
}

struct Inner<W> {
    running: usize,
    queued: usize,
    workflows: HashMap<Arc<str>, Workflow<W>>,
    /// The workflows in which a run could start, each once, in turn.
    ring: VecDeque<Arc<str>>,
    /// Where each run waits.
    places: HashMap<RunId, LaneId>,
}

struct Workflow<W> {
    /// Those that wait, and those that will.
    queued: usize,
    lanes: HashMap<Arc<str>, Lane<W>>,
    /// The lanes in which a run could start, each once, in turn.
    ready: VecDeque<Arc<str>>,
    is_in_ring: bool,
}

struct Lane<W> {
    running: BTreeMap<RunId, Stay>,
    waiting: BTreeMap<RunId, Waiting<W>>,
    is_ready: bool,
}

struct Waiting<W> {
    turn: Option<Turn>,
    stay: Stay,
    parcel: W,
}

/// Whether a run is there to stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stay {
    Stays,
    /// It was told to go, for a newer one.
    Goes,
}

impl<W> Default for Workflow<W> {
    fn default() -> Self {
        Self { queued: 0, lanes: HashMap::new(), ready: VecDeque::new(), is_in_ring: false }
    }
}

impl<W> Default for Lane<W> {
    fn default() -> Self {
        Self { running: BTreeMap::new(), waiting: BTreeMap::new(), is_ready: false }
    }
}

impl<W> Lane<W> {
    /// Whether the run at its head could start, as far as the lane goes.
    fn can_start(&self) -> bool {
        self.waiting.first_key_value().is_some_and(|(_, head)| self.running.len() < limit(head.turn.as_ref()))
    }

    /// Tells the oldest to go until at most so many stay.
    fn evict(&mut self, limit: usize) -> Vec<RunId> {
        let running = self.running.iter_mut().map(|(run, stay)| (*run, stay));
        let waiting = self.waiting.iter_mut().map(|(run, waiting)| (*run, &mut waiting.stay));
        let mut staying: Vec<_> = running.chain(waiting).filter(|(_, stay)| **stay == Stay::Stays).collect();
        staying.sort_unstable_by_key(|(run, _)| *run);
        let too_many = staying.len().saturating_sub(limit);
        let going = staying.into_iter().take(too_many);
        going
            .map(|(run, stay)| {
                *stay = Stay::Goes;
                run
            })
            .collect()
    }
}

/// How many runs of a lane are under way at once.
fn limit(turn: Option<&Turn>) -> usize {
    turn.map_or(usize::MAX, |turn| usize::try_from(turn.limit).unwrap_or(usize::MAX))
}

impl<W> Dispatch<W> {
    /// Nothing is under way, and nothing waits.
    pub fn new(capacity: Capacity) -> Self {
        let inner = Inner {
            running: 0,
            queued: 0,
            workflows: HashMap::new(),
            ring: VecDeque::new(),
            places: HashMap::new(),
        };
        Self { capacity, inner: Mutex::new(inner) }
    }

    /// How many runs are under way.
    pub fn running(&self) -> usize {
        lock(&self.inner).running
    }

    /// How many runs wait.
    pub fn queued(&self) -> usize {
        lock(&self.inner).queued
    }

    /// Whether runs of this workflow are refused for now: it has as many that wait as it may have, or
    /// all workflows together have and nothing is free. A run whose key has a seat is refused too then.
    pub fn is_full(&self, workflow: &str) -> bool {
        let inner = lock(&self.inner);
        let queued = inner.workflows.get(workflow).map_or(0, |workflow| workflow.queued);
        let must_wait = inner.running >= self.capacity.running;
        must_wait && inner.queued >= self.capacity.queued
            || queued >= self.capacity.queued_of_one && (queued > 0 || must_wait)
    }

    /// Gives a new run a seat, a place in the queue, or neither.
    pub fn admit(&self, run: RunId, lane: &LaneId, turn: Option<&Turn>) -> Verdict {
        let mut inner = lock(&self.inner);
        let inner = &mut *inner;
        let workflow = inner.workflows.entry(lane.workflow.clone()).or_default();
        let there = workflow.lanes.get(&lane.key);
        let (running, waiting) = there.map_or((0, 0), |lane| (lane.running.len(), lane.waiting.len()));
        let is_free = running < limit(turn) && waiting == 0;
        let overflow = turn.map_or(Overflow::Queue, |turn| turn.overflow);
        let verdict = if is_free && inner.running < self.capacity.running {
            workflow.lanes.entry(lane.key.clone()).or_default().running.insert(run, Stay::Stays);
            inner.running += 1;
            Verdict::Seat
        } else if !is_free && overflow == Overflow::Skip {
            Verdict::Skip
        } else if workflow.queued >= self.capacity.queued_of_one || inner.queued >= self.capacity.queued {
            Verdict::Busy
        } else {
            workflow.queued += 1;
            inner.queued += 1;
            Verdict::Place
        };
        inner.tidy(lane);
        verdict
    }

    /// Gives a place in the queue back that was not taken.
    pub fn give_up(&self, lane: &LaneId) {
        let mut inner = lock(&self.inner);
        inner.unqueue(lane);
        inner.tidy(lane);
    }

    /// Puts a run into the place that it was given.
    pub fn enqueue(&self, run: RunId, lane: &LaneId, turn: Option<&Turn>, parcel: W) -> Enqueued<W> {
        let mut inner = lock(&self.inner);
        let of_workflow = inner.workflows.entry(lane.workflow.clone()).or_default();
        let in_lane = of_workflow.lanes.entry(lane.key.clone()).or_default();
        in_lane.waiting.insert(run, Waiting { turn: turn.cloned(), stay: Stay::Stays, parcel });
        let evicted = match turn.map(|turn| turn.overflow) {
            Some(Overflow::CancelOldest) => in_lane.evict(limit(turn)),
            Some(Overflow::Queue | Overflow::Skip) | None => Vec::new(),
        };
        inner.places.insert(run, lane.clone());
        inner.wake(lane);
        Enqueued { granted: inner.grant(self.capacity.running), evicted }
    }

    /// Gives a seat to a run that had one in an earlier process, whatever the bounds.
    pub fn adopt(&self, run: RunId, lane: &LaneId) {
        let mut inner = lock(&self.inner);
        let workflow = inner.workflows.entry(lane.workflow.clone()).or_default();
        workflow.lanes.entry(lane.key.clone()).or_default().running.insert(run, Stay::Stays);
        inner.running += 1;
    }

    /// Puts a run into the queue that was there before, whatever the bounds: one that was accepted is
    /// never refused.
    pub fn requeue(&self, run: RunId, lane: &LaneId, turn: Option<&Turn>, parcel: W) -> Enqueued<W> {
        let mut inner = lock(&self.inner);
        inner.workflows.entry(lane.workflow.clone()).or_default().queued += 1;
        inner.queued += 1;
        drop(inner);
        self.enqueue(run, lane, turn, parcel)
    }

    /// Takes a seat back; gives the runs whose turn it is now.
    pub fn release(&self, run: RunId, lane: &LaneId) -> Vec<Granted<W>> {
        let mut inner = lock(&self.inner);
        let in_lane =
            inner.workflows.get_mut(&lane.workflow).and_then(|found| found.lanes.get_mut(&lane.key));
        if in_lane.is_some_and(|found| found.running.remove(&run).is_some()) {
            inner.running -= 1;
        }
        inner.wake(lane);
        let granted = inner.grant(self.capacity.running);
        inner.tidy(lane);
        granted
    }

    /// Takes a run out of the queue, if it waits there.
    pub fn withdraw(&self, run: RunId) -> Option<Withdrawn<W>> {
        let mut inner = lock(&self.inner);
        let lane = inner.places.remove(&run)?;
        let found = inner.workflows.get_mut(&lane.workflow)?.lanes.get_mut(&lane.key)?;
        let Waiting { turn, parcel, .. } = found.waiting.remove(&run)?;
        inner.unqueue(&lane);
        // Another run is at the head now, with a limit of its own.
        inner.wake(&lane);
        let granted = inner.grant(self.capacity.running);
        inner.tidy(&lane);
        Some(Withdrawn { lane, turn, parcel, granted })
    }

    /// Takes all runs out of the queue.
    pub fn clear(&self) -> Vec<W> {
        let mut inner = lock(&self.inner);
        inner.places.clear();
        inner.ring.clear();
        inner.queued = 0;
        let workflows = std::mem::take(&mut inner.workflows);
        let lanes = workflows.into_values().flat_map(|workflow| workflow.lanes.into_values());
        lanes.flat_map(|lane| lane.waiting.into_values()).map(|waiting| waiting.parcel).collect()
    }
}

/// A run that was taken out of the queue.
pub(super) struct Withdrawn<W> {
    pub lane: LaneId,
    pub turn: Option<Turn>,
    pub parcel: W,
    /// The runs whose turn it is now.
    pub granted: Vec<Granted<W>>,
}

impl<W> Inner<W> {
    /// One run of this lane waits no longer.
    fn unqueue(&mut self, lane: &LaneId) {
        if let Some(workflow) = self.workflows.get_mut(&lane.workflow) {
            workflow.queued = workflow.queued.saturating_sub(1);
        }
        self.queued = self.queued.saturating_sub(1);
    }

    /// Notes that a run of this lane could start, if so.
    fn wake(&mut self, lane: &LaneId) {
        let Some(workflow) = self.workflows.get_mut(&lane.workflow) else { return };
        let Some(found) = workflow.lanes.get_mut(&lane.key) else { return };
        if !found.can_start() || found.is_ready {
            return;
        }
        found.is_ready = true;
        workflow.ready.push_back(lane.key.clone());
        if !workflow.is_in_ring {
            workflow.is_in_ring = true;
            self.ring.push_back(lane.workflow.clone());
        }
    }

    /// Gives the free seats to those whose turn it is.
    fn grant(&mut self, capacity: usize) -> Vec<Granted<W>> {
        let mut granted = Vec::new();
        while self.running < capacity
            && let Some(name) = self.ring.pop_front()
        {
            let Some(workflow) = self.workflows.get_mut(&name) else { continue };
            workflow.is_in_ring = false;
            let Some(key) = workflow.ready.pop_front() else { continue };
            if let Some(lane) = workflow.lanes.get_mut(&key) {
                lane.is_ready = false;
                if lane.can_start()
                    && let Some((run, waiting)) = lane.waiting.pop_first()
                {
                    lane.running.insert(run, waiting.stay);
                    workflow.queued -= 1;
                    self.queued -= 1;
                    self.running += 1;
                    self.places.remove(&run);
                    let lane = LaneId { workflow: name.clone(), key: key.clone() };
                    granted.push(Granted { run, lane, parcel: waiting.parcel });
                }
                if lane.can_start() {
                    lane.is_ready = true;
                    workflow.ready.push_back(key);
                }
            }
            if !workflow.ready.is_empty() {
                workflow.is_in_ring = true;
                self.ring.push_back(name);
            } else if workflow.lanes.is_empty() && workflow.queued == 0 {
                self.workflows.remove(&name);
            }
        }
        granted
    }

    /// Forgets a lane in which nothing is left, and its workflow with the last one.
    fn tidy(&mut self, lane: &LaneId) {
        let Some(workflow) = self.workflows.get_mut(&lane.workflow) else { return };
        if workflow
            .lanes
            .get(&lane.key)
            .is_some_and(|lane| lane.running.is_empty() && lane.waiting.is_empty())
        {
            workflow.lanes.remove(&lane.key);
        }
        if workflow.lanes.is_empty() && workflow.queued == 0 && !workflow.is_in_ring {
            self.workflows.remove(&lane.workflow);
        }
    }
}

#[cfg(test)]
mod tests;
