//! The state of a run: the fold of its entries, and nothing else.
//!
//! It decides nothing; it says where the run stands. Two folds of the same entries are equal,
//! however they were cut into commits, and an ended run is never revived by a late entry.

use indexmap::IndexMap;

use crate::clock::Timestamp;
use crate::event::TriggerId;
use crate::ids::{Digest, RunId, StepPath};
use crate::journal::entry::{AfterFailure, Answer, Entry, StepEnd, Stop};
use crate::journal::row::RunRow;
use crate::journal::status::{RunStatus, StepStatus};
use crate::journal::store::{Commit, Version};
use crate::money::Cost;
use crate::value::{Failure, ModelFacts, Usage, Value};

/// The longest reason, in characters, that a row of the index holds.
const REASON_LIMIT: usize = 300;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    /// The run.
    pub run: RunId,
    /// Its workflow's name.
    pub workflow: String,
    /// The definition it keeps to its end.
    pub bundle: Digest,
    /// What it came through.
    pub trigger: TriggerId,
    /// `event`.
    pub event: Value,
    /// `inputs`.
    pub inputs: Value,
    /// `vars`, where there are any.
    pub vars: Option<Value>,
    /// Where it stands.
    pub status: RunStatus,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// When its first step began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its steps, in the order in which they first did something.
    pub steps: IndexMap<StepPath, StepState>,
    /// What it has cost so far, failed attempts included.
    pub cost: Cost,
    /// The tokens it has used so far, failed attempts included.
    pub usage: Usage,
    /// The failure that it will end with, and the step, while its handlers run.
    pub settled: Option<(Failure, Option<StepPath>)>,
    /// What it answered to the request that started it.
    pub response: Option<Answer>,
    /// Its output, once it succeeded.
    pub output: Option<Value>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The step that made it fail.
    pub failed_step: Option<StepPath>,
    /// Who asked for it to end, and when.
    pub cancel: Option<Cancel>,
    /// What a person has to decide.
    pub attention: Option<Attention>,
    /// How often a process that had it under way was lost or stopped.
    pub recoveries: u32,
    /// How many entries it has.
    pub version: Version,
    /// How many steps are in each status that decides the run's.
    active: Active,
    /// How many attempts ended; crashes count only while this stands still.
    progress: u64,
}

/// A request to end a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Cancel {
    /// Who asked.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Why a run stands still until a person decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    /// The step in doubt; none when it is the whole run.
    pub path: Option<StepPath>,
    /// Why, in one line.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// Where a step stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// Where it stands.
    pub status: StepStatus,
    /// Its attempts, the oldest first. An attempt without an end is under way, or was when its
    /// process was lost.
    pub attempts: Vec<Attempt>,
    /// Its output, once it has one.
    pub output: Option<Value>,
    /// What the model call that gave the output used and cost.
    pub model: Option<ModelFacts>,
    /// When its next attempt is due.
    pub retry_due: Option<Timestamp>,
    /// How its next attempt is made.
    pub next: Next,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Crashes in a row, and the run's progress at the last of them.
    crashes: (u32, u64),
}

/// How a step's next attempt is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// Which of the ways to do the step it takes, from 0.
    pub alternative: u32,
    /// How many attempts that way has had before.
    pub tries: u32,
}

/// One attempt of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; none: it is under way, or nobody knows.
    pub ended: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What its model call used and cost.
    pub model: Option<ModelFacts>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Active {
    running: usize,
    waiting: usize,
    in_doubt: usize,
}

/// Why entries are not a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the first entry of a run is not `run_accepted`")]
pub struct FoldError;

impl RunState {
    /// The state after these entries.
    ///
    /// # Errors
    /// When the first of them is not [`Entry::RunAccepted`].
    pub fn fold(run: RunId, entries: &[Entry]) -> Result<Self, FoldError> {
        let Some((Entry::RunAccepted { workflow, bundle, trigger, event, inputs, vars, at }, rest)) =
            entries.split_first()
        else {
            return Err(FoldError);
        };
        let mut state = Self {
            run,
            workflow: workflow.clone(),
            bundle: *bundle,
            trigger: trigger.clone(),
            event: event.clone(),
            inputs: inputs.clone(),
            vars: vars.clone(),
            status: RunStatus::Queued,
            accepted: *at,
            started: None,
            ended: None,
            steps: IndexMap::new(),
            cost: Cost::ZERO,
            usage: Usage::default(),
            settled: None,
            response: None,
            output: None,
            failure: None,
            failed_step: None,
            cancel: None,
            attention: None,
            recoveries: 0,
            version: Version(1),
            active: Active::default(),
            progress: 0,
        };
        for entry in rest {
            state.apply(entry);
        }
        Ok(state)
    }

    /// A new run of these entries, and the commit that makes it.
    ///
    /// # Errors
    /// When the first of them is not [`Entry::RunAccepted`].
    pub fn accept(run: RunId, entries: Vec<Entry>) -> Result<(Self, Commit), FoldError> {
        let state = Self::fold(run, &entries)?;
        let row = state.summary();
        Ok((state, Commit { expected: Version::NONE, entries, row }))
    }

    /// Takes these entries in, and gives the commit that records them. When the commit fails the
    /// state is ahead of the journal: commit the same again, or load the run anew.
    pub fn commit(&mut self, entries: Vec<Entry>) -> Commit {
        let expected = self.version;
        for entry in &entries {
            self.apply(entry);
        }
        Commit { expected, entries, row: self.summary() }
    }

    /// Takes one more entry in. After the end of the run only what it cost still counts.
    pub fn apply(&mut self, entry: &Entry) {
        self.version = self.version.after(1);
        if let Entry::StepFinished { model: Some(model), .. } | Entry::StepFailed { model: Some(model), .. } =
            entry
        {
            self.cost += model.cost;
            self.usage += model.usage;
        }
        if self.status.is_final() {
            return;
        }
        match entry {
            // A run is accepted once; `fold` has read that entry.
            Entry::RunAccepted { .. } => {}
            Entry::StepStarted { path, attempt, at } => {
                self.started.get_or_insert(*at);
                self.attention.take_if(|attention| attention.path.is_none());
                let step = self.turn(path, StepStatus::Running);
                step.retry_due = None;
                step.ended = None;
                step.attempts.push(Attempt {
                    number: *attempt,
                    started: *at,
                    ended: None,
                    failure: None,
                    model: None,
                });
                self.settle();
            }
            Entry::StepFinished { path, status, output, model, at } => {
                self.started.get_or_insert(*at);
                let step = self.turn(
                    path,
                    match status {
                        StepEnd::Succeeded => StepStatus::Succeeded,
                        StepEnd::Skipped => StepStatus::Skipped,
                    },
                );
                step.retry_due = None;
                step.ended = Some(*at);
                step.output = Some(output.clone());
                step.model = model.clone();
                if let Some(attempt) = step.attempts.last_mut().filter(|attempt| attempt.ended.is_none()) {
                    attempt.ended = Some(*at);
                    attempt.model = model.clone();
                }
                self.progress += 1;
                self.settle();
            }
            Entry::StepFailed { path, attempt, failure, model, then, at } => {
                self.started.get_or_insert(*at);
                let step = self.turn(
                    path,
                    match then {
                        AfterFailure::Retry => StepStatus::Waiting,
                        AfterFailure::GiveUp => StepStatus::Failed,
                    },
                );
                step.ended = (*then == AfterFailure::GiveUp).then_some(*at);
                let ended = Attempt {
                    number: *attempt,
                    started: *at,
                    ended: Some(*at),
                    failure: Some(failure.clone()),
                    model: model.clone(),
                };
                match step.attempts.last_mut().filter(|last| last.number == *attempt) {
                    Some(last) => *last = Attempt { started: last.started, ..ended },
                    // It failed before anything was begun: a template, say.
                    None => step.attempts.push(ended),
                }
                self.progress += 1;
                self.settle();
            }
            Entry::RetryScheduled { path, due, alternative, tries, .. } => {
                let step = self.turn(path, StepStatus::Waiting);
                step.retry_due = Some(*due);
                step.next = Next { alternative: *alternative, tries: *tries };
                self.settle();
            }
            Entry::CancelRequested { by, at } => {
                self.cancel.get_or_insert_with(|| Cancel { by: by.clone(), at: *at });
            }
            Entry::AttentionNeeded { path, reason, at } => {
                if let Some(path) = path {
                    self.turn(path, StepStatus::InDoubt);
                }
                self.attention = Some(Attention { path: path.clone(), reason: reason.clone(), at: *at });
                self.settle();
            }
            Entry::RunRecovered { after, .. } => self.recover(*after),
            Entry::FailureSettled { failure, step, .. } => {
                self.settled.get_or_insert_with(|| (failure.clone(), step.clone()));
            }
            Entry::Responded { response, .. } => {
                self.response.get_or_insert_with(|| response.clone());
            }
            Entry::RunFinished { status, output, failure, step, at } => {
                self.finish();
                self.status = (*status).into();
                if self.status == RunStatus::Succeeded {
                    self.started.get_or_insert(*at);
                }
                self.ended = Some(*at);
                self.output = output.clone();
                self.failure = failure.clone();
                self.failed_step = step.clone();
            }
        }
    }

    /// The run's row in the index.
    pub fn summary(&self) -> RunRow {
        let reason = match (&self.attention, &self.failure) {
            (Some(attention), _) => Some(attention.reason.as_str()),
            (None, Some(failure)) => Some(failure.message.as_str()),
            (None, None) => None,
        };
        RunRow {
            run: self.run,
            workflow: self.workflow.clone(),
            bundle: self.bundle,
            trigger: self.trigger.clone(),
            status: self.status,
            reason: reason.map(|reason| reason.chars().take(REASON_LIMIT).collect()),
            accepted: self.accepted,
            started: self.started,
            ended: self.ended,
            cost: self.cost,
            recoveries: self.recoveries,
            version: self.version,
        }
    }

    /// At how many crashes in a row this step was under way, with no attempt of the run ended in
    /// between: a step that takes the process down with it shows here.
    pub fn crashes(&self, path: &StepPath) -> u32 {
        match self.steps.get(path).map(|step| step.crashes) {
            Some((count, progress)) if progress == self.progress => count,
            _ => 0,
        }
    }

    /// Moves a step to a status and keeps the counts.
    fn turn(&mut self, path: &StepPath, status: StepStatus) -> &mut StepState {
        let step = self.steps.entry(path.clone()).or_default();
        let before = std::mem::replace(&mut step.status, status);
        if let Some(count) = self.active.of(before) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.active.of(status) {
            *count += 1;
        }
        step
    }

    /// What the steps make of the run's status.
    fn settle(&mut self) {
        if self.active.in_doubt == 0 {
            self.attention.take_if(|attention| attention.path.is_some());
        }
        self.status = if self.attention.is_some() {
            RunStatus::NeedsAttention
        } else if self.active.running == 0 && self.active.waiting > 0 {
            RunStatus::Waiting
        } else {
            RunStatus::Running
        };
    }

    fn recover(&mut self, after: Stop) {
        self.recoveries += 1;
        // What kept the whole run from going on may be in order again; a step in doubt stays so.
        self.attention.take_if(|attention| attention.path.is_none());
        for step in self.steps.values_mut().filter(|step| step.status == StepStatus::Running) {
            step.status = StepStatus::Pending;
            if after == Stop::Crash {
                let (count, progress) = step.crashes;
                step.crashes = (if progress == self.progress { count + 1 } else { 1 }, self.progress);
            }
        }
        self.active.running = 0;
        self.status = if self.attention.is_some() { RunStatus::NeedsAttention } else { RunStatus::Queued };
    }

    fn finish(&mut self) {
        self.attention = None;
        self.active = Active::default();
        for step in self.steps.values_mut().filter(|step| !step.status.is_final()) {
            step.status = StepStatus::Cancelled;
            step.retry_due = None;
        }
    }
}

impl StepState {
    /// Whether the last attempt was under way when its process was lost.
    pub fn was_interrupted(&self) -> bool {
        self.status == StepStatus::Pending && self.attempts.last().is_some_and(|last| last.ended.is_none())
    }

    /// Why its last attempt failed.
    pub fn failure(&self) -> Option<&Failure> {
        self.attempts.last()?.failure.as_ref()
    }
}

impl Active {
    fn of(&mut self, status: StepStatus) -> Option<&mut usize> {
        match status {
            StepStatus::Running => Some(&mut self.running),
            StepStatus::Waiting => Some(&mut self.waiting),
            StepStatus::InDoubt => Some(&mut self.in_doubt),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::samples::{accepted, ended, failed, finished, instant, started};
    use crate::journal::status::RunEnd;

    fn state(entries: &[Entry]) -> RunState {
        let all: Vec<Entry> = std::iter::once(accepted("w")).chain(entries.iter().cloned()).collect();
        RunState::fold(RunId::new(), &all).unwrap()
    }

    #[test]
    fn a_run_goes_through_its_statuses() {
        let due = instant(9_000);
        let retry = Entry::RetryScheduled {
            path: "a".into(),
            attempt: 2,
            due,
            reason: "429".into(),
            alternative: 0,
            tries: 1,
        };
        let mut run = state(&[]);
        for (entry, status) in [
            (started("a", 1), RunStatus::Running),
            (failed("a", 1, AfterFailure::Retry), RunStatus::Waiting),
            (retry, RunStatus::Waiting),
            (started("a", 2), RunStatus::Running),
            (finished("a", 1), RunStatus::Running),
            (ended(RunEnd::Succeeded), RunStatus::Succeeded),
        ] {
            run.apply(&entry);
            assert_eq!(run.status, status, "after {entry:?}");
        }
        assert_eq!(run.steps[0].attempts.len(), 2);
        assert_eq!(run.version, Version(7));
    }

    #[test]
    fn failed_attempts_cost_too_and_late_bills_count() {
        let mut run = state(&[started("a", 1), failed("a", 1, AfterFailure::Retry), finished("a", 1)]);
        assert_eq!(run.cost.to_string(), "$0.03");
        run.apply(&ended(RunEnd::Cancelled));
        run.apply(&finished("b", 1));
        assert_eq!((run.status, run.cost.to_string().as_str()), (RunStatus::Cancelled, "$0.05"));
        assert!(!run.steps.contains_key(&StepPath::from("b")), "an ended run is not revived");
    }

    #[test]
    fn steps_under_way_end_with_their_run() {
        let run = state(&[started("a", 1), started("b", 1), finished("b", 1), ended(RunEnd::Failed)]);
        let statuses: Vec<_> = run.steps.values().map(|step| step.status).collect();
        assert_eq!(statuses, [StepStatus::Cancelled, StepStatus::Succeeded]);
    }

    #[test]
    fn crashes_in_a_row_are_counted_until_something_ends() {
        let crash = Entry::RunRecovered { after: Stop::Crash, at: instant(5) };
        let stop = Entry::RunRecovered { after: Stop::Clean, at: instant(5) };
        let path = StepPath::from("a");
        let mut run = state(&[started("a", 1), crash.clone(), started("a", 2), stop]);
        assert_eq!((run.status, run.crashes(&path), run.recoveries), (RunStatus::Queued, 1, 2));
        assert!(run.steps[0].was_interrupted());
        run.apply(&started("a", 3));
        run.apply(&crash);
        assert_eq!(run.crashes(&path), 2);
        run.apply(&finished("b", 1));
        assert_eq!(run.crashes(&path), 0);
        run.apply(&started("a", 4));
        run.apply(&crash);
        assert_eq!(run.crashes(&path), 1);
    }

    #[test]
    fn a_step_in_doubt_holds_the_run_until_it_is_resolved() {
        let doubt = Entry::AttentionNeeded {
            path: Some("a".into()),
            reason: "it may have been sent".into(),
            at: instant(3),
        };
        let mut run = state(&[started("a", 1), doubt, finished("b", 1)]);
        assert_eq!(run.status, RunStatus::NeedsAttention);
        assert_eq!(run.summary().reason.as_deref(), Some("it may have been sent"));
        run.apply(&finished("a", 1));
        assert_eq!((run.status, run.summary().reason), (RunStatus::Running, None));
    }

    #[test]
    fn entries_without_their_beginning_are_no_run() {
        assert_eq!(RunState::fold(RunId::new(), &[]), Err(FoldError));
        assert_eq!(RunState::fold(RunId::new(), &[started("a", 1)]), Err(FoldError));
    }
}
