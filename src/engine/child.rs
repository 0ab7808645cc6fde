//! Runs that runs call: a step starts another workflow as a run of its own and waits for its end.
//!
//! What must stay true: a call has one run, whatever is lost on the way. Its id is in the caller's
//! journal before it is offered, and a caller that is taken up again finds it by that id: ended, under
//! way, or never accepted. What ends the caller's step ends the run that it called first.

use std::sync::Arc;

use crate::event::TriggerId;
use crate::ids::{RunId, StepPath};
use crate::journal::{Entry, Parent, RunState, RunStatus, StoreError};
use crate::plan::flow::Child;
use crate::value::{Failure, Json, SharedJson};

use super::book::{Closed, STORAGE_PAUSE};
use super::flow::failed;
use super::frame::Frame;
use super::run::{Halt, Run};
use super::ticket::{Answer, Finish, Refusal, Ticket};
use super::{Engine, Live, Reuse, Submission, lock};

/// How many calls may lead to a run, one from another.
const DEPTH_LIMIT: u32 = 16;

/// The runs that steps of a run wait for.
pub(super) fn under_way(state: &RunState) -> Vec<RunId> {
    state.steps.values().filter(|step| !step.status.is_final()).filter_map(|step| step.child).collect()
}

impl Engine {
    /// What follows when a run was ended that stood still: the runs that it called end too, and the one
    /// that called it goes on, if that is what it stands still for.
    pub(super) async fn ended_standing(
        &self,
        state: &RunState,
        called: Vec<RunId>,
    ) -> Result<(), StoreError> {
        let by = as_caller(state.run);
        for child in called {
            // This goes as deep as calls do, and that is bounded.
            Box::pin(self.cancel(child, &by)).await?;
        }
        let Some(caller) = state.parent.as_ref().map(|parent| parent.run) else { return Ok(()) };
        let entries = self.shared.store.load(caller).await?.unwrap_or_default();
        let stands = RunState::fold(caller, &entries).is_ok_and(|caller| {
            caller.status == RunStatus::NeedsAttention
                && caller.attention.is_some_and(|attention| attention.path.is_none())
        });
        if stands
            && let Some(row) = self.shared.store.row(caller).await?
            && let Some((live, exit)) = self.enter(caller)
        {
            self.go_on(&row, live, exit);
        }
        Ok(())
    }
}

/// Who asks a run to end that this one called.
fn as_caller(caller: RunId) -> String {
    format!("the run {caller} that called it")
}

/// Where a run that was called is found.
enum Found {
    /// It was never accepted.
    Nowhere,
    /// It is under way.
    Live(Live),
    /// It has ended, or needs a person.
    Ended(Finish),
    /// It has not ended and is not under way: it could not be taken up.
    Standing,
}

impl Run {
    /// Calls a workflow and waits for its run; gives its output.
    pub async fn call(&self, child: &Child, path: &StepPath, frame: &Frame) -> Result<SharedJson, Halt> {
        let known = self.book.read(|state| state?.steps.get(path)?.child);
        let id = known.unwrap_or_default();
        let mut found = match known {
            Some(_) => self.find(id, path).await?,
            None => Found::Nowhere,
        };
        if matches!(found, Found::Live(_)) {
            self.note_call(id, path).await?;
        }
        loop {
            let live = match found {
                Found::Live(live) => live,
                Found::Nowhere => self.offer(id, child, path, frame).await?,
                Found::Ended(finish) => return self.ended(id, child, &finish, path, frame).await,
                Found::Standing => {
                    let name = &child.workflow;
                    let reason =
                        format!("the run `{id}` of `{name}`, which `{path}` called, is not under way");
                    return Err(Halt::Attention { step: None, reason });
                }
            };
            let mut ticket = Ticket::new(id, live.phase.clone());
            if let Answer::Finished(finish) = self.follow(&mut ticket, &live, frame).await {
                return self.ended(id, child, &finish, path, frame).await;
            }
            if self.shared.stopping.is_cancelled() {
                return Err(Halt::Closed(Closed::Lost));
            }
            match ticket.accepted().await {
                Err(Refusal::Unfit(reason)) => {
                    let message = format!("the run of `{}` could not be kept: {reason}", child.workflow);
                    return Err(failed(Failure::new("call_not_kept", message), path));
                }
                // As everybody who writes does, while the storage does not work.
                Err(Refusal::Storage(_)) => self.rest(STORAGE_PAUSE, frame).await?,
                _ => {}
            }
            found = self.find(id, path).await?;
        }
    }

    /// Starts the run under this id, once the call is on stable storage.
    async fn offer(&self, id: RunId, child: &Child, path: &StepPath, frame: &Frame) -> Result<Live, Halt> {
        let submission = self.submission(child, path, frame).map_err(|failure| failed(failure, path))?;
        self.note_call(id, path).await?;
        if frame.cancel.is_cancelled() {
            return Err(Halt::Cancelled);
        }
        if self.shared.stopping.is_cancelled() {
            return Err(Halt::Closed(Closed::Lost));
        }
        let engine = Engine { shared: self.shared.clone() };
        Ok(engine.launch(id, submission))
    }

    async fn note_call(&self, id: RunId, path: &StepPath) -> Result<(), Closed> {
        let at = self.shared.clock.now();
        self.book.note(Entry::ChildCalled { path: path.clone(), run: id, at });
        self.flush().await
    }

    /// What is to be called, as it is in force now.
    fn submission(&self, child: &Child, path: &StepPath, frame: &Frame) -> Result<Submission, Failure> {
        let name = &child.workflow;
        let depth = self.depth + 1;
        if depth > DEPTH_LIMIT {
            let message = format!(
                "{DEPTH_LIMIT} calls lead to this run, one from another, and that is the limit: it cannot call `{name}`"
            );
            return Err(Failure::new("too_deep", message));
        }
        let plan = self.shared.definitions.current(name);
        let plan = plan.map_err(|reason| Failure::new("unknown_workflow", reason))?;
        if plan.reads.event {
            let message =
                format!("the workflow `{name}` reads `event`, and a call gives none; give it inputs");
            return Err(Failure::new("needs_event", message));
        }
        let scope = frame.scope();
        let given = child.with.iter().map(|(name, tree)| Ok((name.to_string(), tree.evaluate(&scope)?)));
        let inputs = plan.inputs(given.collect::<Result<_, Failure>>()?);
        let inputs = inputs.map_err(|errors| {
            Failure::new("inputs", format!("`{name}` cannot be called like this: {errors}"))
        })?;
        Ok(Submission {
            plan,
            trigger: TriggerId::call(),
            event: Arc::new(Json::Null),
            inputs: Arc::new(inputs),
            identity: None,
            file: None,
            parent: Some(Parent { run: self.id, step: path.clone(), depth }),
            reuse: Reuse::default(),
            refused: None,
        })
    }

    /// Waits for the run's end. What asks this run to end, or the step alone, asks that one too.
    async fn follow(&self, ticket: &mut Ticket, live: &Live, frame: &Frame) -> Answer {
        for asked in [&frame.cancel, &self.cancel.rest] {
            tokio::select! {
                biased;
                answer = ticket.finished() => return answer,
                () = asked.cancelled() => {
                    live.cancel.ask(&as_caller(self.id), self.shared.clock.now()).await;
                }
            }
        }
        ticket.finished().await
    }

    /// Looks for a run that was called.
    async fn find(&self, id: RunId, path: &StepPath) -> Result<Found, Halt> {
        if let Some(live) = lock(&self.shared.live).get(&id).cloned() {
            return Ok(Found::Live(live));
        }
        let unread = |reason: String| {
            let message = format!("the run `{id}` that this step called cannot be read: {reason}");
            failed(Failure::new("journal_unreadable", message), path)
        };
        let store = &self.shared.store;
        let Some(entries) = store.load(id).await.map_err(|error| unread(error.to_string()))? else {
            return Ok(Found::Nowhere);
        };
        let state = RunState::fold(id, &entries).map_err(|error| unread(error.to_string()))?;
        if state.status.is_unfinished() {
            return Ok(Found::Standing);
        }
        let cost = state.cost_with_calls();
        let output = match state.output {
            Some(output) => store.fetch(output).await.map_err(|error| unread(error.to_string()))?,
            None => Arc::new(Json::Null),
        };
        let doubt = state.attention.map(|attention| Failure::new("in_doubt", attention.reason));
        Ok(Found::Ended(Finish {
            status: state.status,
            cost,
            output,
            failure: state.failure.or(doubt),
            step: state.failed_step,
        }))
    }

    /// What the end of the run makes of the step that called it.
    async fn ended(
        &self,
        id: RunId,
        child: &Child,
        finish: &Finish,
        path: &StepPath,
        frame: &Frame,
    ) -> Result<SharedJson, Halt> {
        let name = &child.workflow;
        let why = finish.failure.as_ref();
        let message = why.map_or("nobody knows why", |failure| &failure.message);
        let is_asked = frame.cancel.is_cancelled();
        if finish.status.is_final() {
            let (path, cost, at) = (path.clone(), finish.cost, self.shared.clock.now());
            self.book.note(Entry::ChildEnded { path, run: id, cost, at });
        }
        match finish.status {
            RunStatus::Succeeded => Ok(finish.output.clone()),
            RunStatus::Cancelled if is_asked => Err(Halt::Cancelled),
            RunStatus::Cancelled => {
                let message = format!("the run `{id}` of `{name}`, which this step called, was cancelled");
                Err(failed(Failure::new("cancelled", message), path))
            }
            RunStatus::Failed => {
                let place = finish.step.as_ref().map(|step| format!(" at `{step}`")).unwrap_or_default();
                let message = format!("the run `{id}` of `{name}` failed{place}: {message}");
                let code = why.map_or("failed".into(), |failure| failure.code.clone());
                let status = why.and_then(|failure| failure.status);
                Err(failed(Failure { code, message, status }, path))
            }
            _ if is_asked => {
                let engine = Engine { shared: self.shared.clone() };
                if let Err(error) = Box::pin(engine.cancel(id, &as_caller(self.id))).await {
                    tracing::warn!(run = %id, %error, "the run could not be asked to end");
                }
                Err(Halt::Cancelled)
            }
            _ => {
                let reason =
                    format!("the run `{id}` of `{name}`, which `{path}` called, needs attention: {message}");
                Err(Halt::Attention { step: None, reason })
            }
        }
    }
}
