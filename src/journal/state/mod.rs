//! The state of a run: the fold of its entries, and nothing else.
//!
//! It decides nothing; it says where the run stands. Two folds of the same entries are equal,
//! however they were cut into commits, and an ended run is never revived by a late entry. What each
//! entry does is in `apply`, and what is known of a step in `step`.

mod apply;
mod step;

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::clock::Timestamp;
use crate::event::TriggerId;
use crate::ids::{Digest, RunId, StepPath};
use crate::journal::entry::{Answer, Entry, Parent, Stop, Turn};
use crate::journal::row::RunRow;
use crate::journal::status::{RunStatus, StepStatus};
use crate::journal::store::{Commit, Version};
use crate::money::Cost;
use crate::value::{Failure, RUN_LIMIT, Usage, Value};

pub use step::{Attempt, Next, Signal, StepState, WaitState};

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
    /// How it takes its turn among the runs of its workflow.
    pub turn: Option<Turn>,
    /// The call that it answers, if a run called it.
    pub parent: Option<Parent>,
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
    /// What the runs cost that it called and that have ended, with all that those called.
    pub calls_cost: Cost,
    /// The tokens it has used so far, failed attempts included.
    pub usage: Usage,
    /// About how many bytes the outputs of its steps have together.
    pub size: u64,
    /// The failure that it will end with, and the step, while its handlers run.
    pub settled: Option<(Failure, Option<StepPath>)>,
    /// `previous`, where it reads that.
    pub previous: Option<Value>,
    /// Decisions that it keeps to, by what was decided on.
    pub decisions: HashMap<StepPath, Value>,
    /// What it answered to the request that started it.
    pub response: Option<Answer>,
    /// Its output, once it succeeded.
    pub output: Option<Value>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The step that made it fail.
    pub failed_step: Option<StepPath>,
    /// The one step that is done in it, where it is only one.
    pub only: Option<StepPath>,
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
        let Some((
            Entry::RunAccepted { workflow, bundle, trigger, event, inputs, vars, turn, parent, at },
            rest,
        )) = entries.split_first()
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
            turn: turn.clone(),
            parent: parent.clone(),
            status: RunStatus::Queued,
            accepted: *at,
            started: None,
            ended: None,
            steps: IndexMap::new(),
            cost: Cost::ZERO,
            calls_cost: Cost::ZERO,
            usage: Usage::default(),
            size: 0,
            settled: None,
            previous: None,
            decisions: HashMap::new(),
            response: None,
            output: None,
            failure: None,
            failed_step: None,
            only: None,
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

    /// What it has cost so far, with the runs that it called and that have ended.
    pub fn cost_with_calls(&self) -> Cost {
        self.cost + self.calls_cost
    }

    /// The runs that it called and of which it does not know what they cost.
    pub fn uncounted_calls(&self) -> impl Iterator<Item = RunId> {
        self.steps.values().filter(|step| step.child_cost.is_none()).filter_map(|step| step.child)
    }

    /// Whether one more output fits into what all of them may have together.
    pub fn has_room(&self, output: &Value) -> bool {
        self.size.saturating_add(output.size()) <= RUN_LIMIT
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
            turn: self.turn.clone(),
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

    /// The steps that wait now for something other than their next attempt.
    pub fn waits(&self) -> impl Iterator<Item = (&StepPath, &WaitState)> {
        let waiting = self.steps.iter().filter(|(_, step)| step.status == StepStatus::Waiting);
        waiting
            .filter_map(|(path, step)| Some((path, step.wait.as_ref().filter(|wait| wait.signal.is_none())?)))
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
            // Of a step that waits for another run the process does not die.
            if after == Stop::Crash && step.child.is_none() {
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
    use crate::event::Awaited;
    use crate::journal::entry::{AfterFailure, StepEnd};
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
    fn the_outputs_of_a_run_have_a_limit_together() {
        let output = Value::Blob { digest: Digest::of(b"x"), size: RUN_LIMIT - 100 };
        let mut run = state(&[]);
        assert!(run.has_room(&output));
        let (path, status, at) = ("a".into(), StepEnd::Succeeded, instant(1));
        run.apply(&Entry::StepFinished { path, status, output: output.clone(), model: None, at });
        assert!(!run.has_room(&output));
        assert!(run.has_room(&Value::Inline(std::sync::Arc::new("small".into()))));
    }

    #[test]
    fn a_step_waits_until_it_is_signalled() {
        let begun = Entry::WaitBegun {
            path: "a".into(),
            awaited: Awaited::Event,
            due: None,
            token: Some("t".to_owned()),
            at: instant(2_000),
        };
        let signalled = |by: &str| Entry::WaitSignalled {
            path: "a".into(),
            by: by.to_owned(),
            data: crate::journal::samples::inline(1.into()),
            at: instant(3_000),
        };
        let mut run = state(&[begun]);
        assert_eq!((run.status, run.waits().count()), (RunStatus::Waiting, 1));
        run.apply(&signalled("first"));
        run.apply(&signalled("second"));
        assert_eq!((run.status, run.waits().count()), (RunStatus::Running, 0));
        let by = run.steps[0].wait.as_ref().and_then(|wait| wait.signal.as_ref()).map(|signal| &*signal.by);
        assert_eq!(by, Some("first"));
        run.apply(&Entry::RunRecovered { after: Stop::Crash, at: instant(4_000) });
        assert!(!run.steps[0].was_interrupted(), "nothing of it is in doubt");
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
    fn what_is_reused_costs_nothing_and_starts_nothing() {
        let model = crate::value::ModelFacts {
            cost: Cost::exactly("$1".parse().unwrap()),
            ..crate::value::ModelFacts::default()
        };
        let reused = |end, failure| crate::journal::entry::Reused {
            output: Value::Inline(std::sync::Arc::new(1.into())),
            end,
            failure,
            model: Some(model.clone()),
        };
        let entry = |path: &str, result| Entry::StepReused {
            path: path.into(),
            result,
            from: RunId::new(),
            at: instant(1),
        };
        let failure = Failure::new("http_status", "503");
        let run = state(&[
            entry("a", reused(Some(StepEnd::Succeeded), None)),
            entry("b", reused(None, Some(failure.clone()))),
        ]);
        assert_eq!((run.status, run.started, run.cost), (RunStatus::Queued, None, Cost::ZERO));
        assert_eq!((run.steps[0].status, run.steps[1].status), (StepStatus::Succeeded, StepStatus::Failed));
        assert_eq!(run.steps[1].failure(), Some(&failure));
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
    fn a_call_is_an_attempt_that_no_crash_is_blamed_on() {
        let child = RunId::new();
        let called = Entry::ChildCalled { path: "c".into(), run: child, at: instant(2_000) };
        let crash = Entry::RunRecovered { after: Stop::Crash, at: instant(5_000) };
        let mut run = state(&[called.clone(), crash]);
        let path = StepPath::from("c");
        assert_eq!((run.steps[&path].child, run.crashes(&path)), (Some(child), 0));
        assert_eq!((run.started, run.status), (Some(instant(2_000)), RunStatus::Queued));
        run.apply(&called);
        assert_eq!(run.status, RunStatus::Running, "it waits for the same run again");
        run.apply(&finished("c", 1));
        let step = &run.steps[&path];
        assert_eq!((step.status, step.attempts.len()), (StepStatus::Succeeded, 1));
        assert_eq!(step.attempts[0].ended, Some(instant(3_000)));
    }

    #[test]
    fn what_a_call_cost_counts_once_and_apart() {
        let (child, path) = (RunId::new(), StepPath::from("c"));
        let called = Entry::ChildCalled { path: path.clone(), run: child, at: instant(2_000) };
        let cost = Cost::exactly("$0.03".parse().unwrap());
        let ended = Entry::ChildEnded { path, run: child, cost, at: instant(2_500) };
        let mut run = state(&[called, finished("a", 1)]);
        assert_eq!(run.uncounted_calls().collect::<Vec<_>>(), [child]);
        run.apply(&ended);
        run.apply(&ended);
        assert_eq!((run.cost.to_string(), run.calls_cost), ("$0.02".to_owned(), cost));
        assert_eq!(run.cost_with_calls().to_string(), "$0.05");
        assert_eq!(run.uncounted_calls().count(), 0);
    }

    #[test]
    fn what_held_a_whole_run_is_over_when_a_step_ends() {
        let held =
            Entry::AttentionNeeded { path: None, reason: "its child is in doubt".into(), at: instant(3) };
        let mut run = state(&[started("a", 1), held]);
        assert_eq!(run.status, RunStatus::NeedsAttention);
        run.apply(&failed("a", 1, AfterFailure::GiveUp));
        assert_eq!((run.status, run.attention), (RunStatus::Running, None));
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
