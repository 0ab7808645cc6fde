//! What each entry makes of the state of its run.

use crate::journal::entry::{AfterFailure, Entry, StepEnd};
use crate::journal::status::{RunStatus, StepStatus};

use super::step::{Attempt, Next, Signal, WaitState};
use super::{Attention, Cancel, RunState};

impl RunState {
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
                self.size = self.size.saturating_add(output.size());
                self.started.get_or_insert(*at);
                self.attention.take_if(|attention| attention.path.is_none());
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
                self.attention.take_if(|attention| attention.path.is_none());
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
            Entry::WaitBegun { path, awaited, due, token, at } => {
                self.started.get_or_insert(*at);
                let step = self.turn(path, StepStatus::Waiting);
                step.wait = Some(WaitState {
                    awaited: awaited.clone(),
                    due: *due,
                    token: token.clone(),
                    since: *at,
                    signal: None,
                });
                self.settle();
            }
            Entry::WaitSignalled { path, by, data, at } => {
                if let Some(wait) = self.turn(path, StepStatus::Running).wait.as_mut() {
                    wait.signal.get_or_insert_with(|| Signal { by: by.clone(), data: data.clone(), at: *at });
                }
                self.settle();
            }
            // What others see of it is the store's.
            Entry::StateChanged { .. } => {}
            Entry::PreviousRead { previous } => {
                self.previous.get_or_insert_with(|| previous.clone());
            }
            Entry::DecisionTaken { path, value } => {
                self.decisions.entry(path.clone()).or_insert_with(|| value.clone());
            }
            Entry::ChildCalled { path, run, at } => {
                self.started.get_or_insert(*at);
                self.attention.take_if(|attention| attention.path.is_none());
                let step = self.turn(path, StepStatus::Running);
                if step.child.replace(*run) != Some(*run) {
                    step.attempts.push(Attempt {
                        number: 1,
                        started: *at,
                        ended: None,
                        failure: None,
                        model: None,
                    });
                }
                self.settle();
            }
            Entry::ChildEnded { path, run, cost, .. } => {
                // A caller that is taken up again learns of it once more.
                if let Some(step) = self.steps.get_mut(path)
                    && step.child == Some(*run)
                    && step.child_cost.replace(*cost).is_none()
                {
                    self.calls_cost += *cost;
                }
            }
            // The items that are done are the store's, and of all runs.
            Entry::ItemDone { .. } => {}
            Entry::StepReused { path, result, from, at } => {
                let status = match result.end {
                    Some(StepEnd::Succeeded) => StepStatus::Succeeded,
                    Some(StepEnd::Skipped) => StepStatus::Skipped,
                    None => StepStatus::Failed,
                };
                let step = self.turn(path, status);
                step.reused = Some(*from);
                step.ended = Some(*at);
                step.output = Some(result.output.clone());
                step.model = result.model.clone();
                step.attempts.extend(result.failure.clone().map(|failure| Attempt {
                    number: 1,
                    started: *at,
                    ended: Some(*at),
                    failure: Some(failure),
                    model: None,
                }));
            }
            Entry::RunNarrowed { only, .. } => {
                self.only.get_or_insert_with(|| only.clone());
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
}
