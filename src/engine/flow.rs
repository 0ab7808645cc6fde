//! Control flow: lists, groups, loops and choices. Pure but for the steps in them, so that walking
//! it again after a restart leads the same way.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::json;

use crate::ids::StepPath;
use crate::journal::StepStatus;
use crate::plan::Bound;
use crate::plan::flow::{Body, OnError, OnLimit, Repeat, Step, StepList};
use crate::template::{Branch, Node};
use crate::value::{Failure, Json, SharedJson};

use super::attempt::Work;
use super::book::Closed;
use super::frame::{Ended, Frame};
use super::run::{Halt, Run, fault};

/// How many entries may be noted before they are written, whether or not an effect waits for them.
const PENDING_LIMIT: usize = 128;

impl Run {
    /// Runs a list of steps; gives the output of the last one.
    pub fn list<'a>(
        &'a self,
        list: &'a StepList<Bound>,
        path: StepPath,
        frame: &'a Frame,
    ) -> BoxFuture<'a, Result<SharedJson, Halt>> {
        Box::pin(async move {
            let count = list.steps.len();
            let mut started = vec![false; count];
            let mut done = vec![false; count];
            let mut running = FuturesUnordered::new();
            let mut halt = None;
            let mut last = Arc::new(Json::Null);
            loop {
                // After a failure nothing new starts, and what is under way comes to its end.
                if halt.is_none() {
                    for (index, step) in list.steps.iter().enumerate() {
                        if !started[index] && step.settings.after.iter().all(|earlier| done[*earlier]) {
                            started[index] = true;
                            let path = path.step(&step.settings.key);
                            running.push(async move { (index, self.step(step, path, frame).await) });
                        }
                    }
                }
                match running.next().await {
                    None => break,
                    Some((index, Ok(output))) => {
                        done[index] = true;
                        if index + 1 == count {
                            last = output;
                        }
                    }
                    Some((_, Err(why))) => halt = halt.or(Some(why)),
                }
            }
            halt.map_or(Ok(last), Err)
        })
    }

    /// Runs a step, or finds what it came to before.
    async fn step(&self, step: &Step<Bound>, path: StepPath, frame: &Frame) -> Result<SharedJson, Halt> {
        let settings = &step.settings;
        let ended = match self.recorded(&path).await? {
            Some(ended) => ended,
            None => {
                self.breathe(frame).await?;
                let fresh = AssertUnwindSafe(self.fresh(step, &path, frame)).catch_unwind().await;
                match fresh {
                    Ok(ended) => ended?,
                    Err(panic) => self.record_failure(&path, fault(panic.as_ref())),
                }
            }
        };
        let ended = match (ended.status, &step.on_error, ended.failure.clone()) {
            (StepStatus::Failed, OnError::Fail, Some(failure)) => {
                return Err(Halt::Failed { failure, step: path });
            }
            (StepStatus::Failed, OnError::Handle(handler), Some(failure)) => {
                let error = Node::from(self.error(&failure, &path));
                let inside = frame.inside([("error".into(), error)]);
                let output = self.list(handler, path.branch("on_error"), &inside).await?;
                Ended { output, status: StepStatus::Succeeded, failure: None, ..ended }
            }
            _ => ended,
        };
        if let Some(id) = &settings.id {
            frame.show(id.clone(), ended.view(&path));
        }
        self.show_inner(&step.body, &path, frame, StepStatus::Skipped).await?;
        Ok(ended.output)
    }

    /// Before a step that has not run: lets others run, and sees whether this run may go on. What is
    /// noted does not pile up without end either.
    async fn breathe(&self, frame: &Frame) -> Result<(), Halt> {
        tokio::task::yield_now().await;
        if frame.cancel.is_cancelled() {
            return Err(Halt::Cancelled);
        }
        if self.shared.stopping.is_cancelled() {
            return Err(Halt::Closed(Closed::Lost));
        }
        if self.book.pending() >= PENDING_LIMIT {
            self.flush().await?;
        }
        Ok(())
    }

    /// A step without a record: its condition, then what it does.
    async fn fresh(&self, step: &Step<Bound>, path: &StepPath, frame: &Frame) -> Result<Ended, Halt> {
        let holds = match &step.settings.condition {
            Some(condition) => {
                let holds = || condition.evaluate_bool(&frame.scope()).map(Json::Bool);
                let holds = self.decide(&path.branch("if"), condition.references().iter(), holds).await?;
                holds.map(|holds| holds == Json::Bool(true))
            }
            None => Ok(true),
        };
        let holds = match holds {
            Ok(holds) => holds,
            Err(failure) => return Ok(self.record_failure(path, failure)),
        };
        let work = match &step.body {
            Body::Action(bound) => Some((bound, None)),
            Body::Approve { action, notify } => Some((action, Some(notify))),
            _ => None,
        };
        if let Some((bound, notify)) = work
            && holds
        {
            return self.action(Work { settings: &step.settings, bound, notify }, path, frame).await;
        }
        let outcome = match (&step.body, holds) {
            (Body::Group { otherwise: Some(list), .. }, false) => self.list(list, path.clone(), frame).await,
            (_, false) => return Ok(self.record_skipped(path)),
            (body, true) => match step.settings.timeout {
                None => self.control(body, path, frame).await,
                Some(limit) => {
                    let inner = frame.limited();
                    let work = self.control(body, path, &inner);
                    self.in_step_time(limit, (frame, &inner), path, work).await
                }
            },
        };
        match outcome {
            Ok(output) => self.record_output(path, output).await,
            // What failed inside has its own record; an error handler of the whole sees it.
            Err(Halt::Failed { failure, step: inner }) => match step.on_error {
                OnError::Fail if inner != *path => Err(Halt::Failed { failure, step: inner }),
                _ => {
                    let ended = self.record_failure(path, failure);
                    // Those after it see what became of the steps inside, which have their records.
                    self.flush().await?;
                    Ok(ended)
                }
            },
            Err(Halt::Cancelled) if matches!(step.body, Body::Call(_)) => Err(self.stopped(path, frame)),
            Err(halt) => Err(halt),
        }
    }

    async fn control(&self, body: &Body<Bound>, path: &StepPath, frame: &Frame) -> Result<SharedJson, Halt> {
        match body {
            Body::Action(_) | Body::Approve { .. } => Ok(Arc::new(Json::Null)),
            Body::Group { steps, .. } => self.list(steps, path.clone(), frame).await,
            Body::Parallel(steps) => self.parallel(steps, path, frame).await,
            Body::Foreach(each) => self.foreach(each, path, frame).await,
            Body::Repeat(repeat) => self.repeat(repeat, path, frame).await,
            Body::Call(child) => self.call(child, path, frame).await,
            Body::Switch { on, cases, default } => {
                let value = || on.evaluate(&frame.scope());
                let value = self.decide(&path.branch("switch"), on.references().iter(), value).await?;
                let value = value.map_err(|failure| failed(failure, path))?;
                let text = as_text(&value);
                let case = cases.iter().find(|(case, _)| **case == *text);
                let (name, list) = match (case, default) {
                    (Some((case, list)), _) => (&**case, list),
                    (None, Some(list)) => ("default", list),
                    (None, None) => return Ok(Arc::new(Json::Null)),
                };
                self.list(list, path.branch(name), &frame.inside([])).await
            }
        }
    }

    async fn parallel(
        &self,
        steps: &StepList<Bound>,
        path: &StepPath,
        frame: &Frame,
    ) -> Result<SharedJson, Halt> {
        self.list(steps, path.clone(), frame).await?;
        let scope = frame.scope();
        let mut outputs = serde_json::Map::new();
        for id in steps.steps.iter().filter_map(|step| step.settings.id.as_ref()) {
            if let Some(Node::Branch(all)) = scope.get("steps")
                && let Some(Node::Branch(step)) = all.get(id)
                && let Some(Node::Value(output)) = step.get("output")
            {
                outputs.insert(id.to_string(), Json::clone(output));
            }
        }
        Ok(Arc::new(Json::Object(outputs)))
    }

    async fn repeat(
        &self,
        repeat: &Repeat<Bound>,
        path: &StepPath,
        frame: &Frame,
    ) -> Result<SharedJson, Halt> {
        let mut previous: SharedJson = Arc::new(Json::Null);
        let mut collected = Vec::new();
        let mut ended = repeat.until.is_none();
        for index in 0..repeat.max {
            let path = path.pass(index);
            let round = Branch::new().with("index", json!(index)).with("previous", previous);
            let inside = frame.inside([("round".into(), Node::from(round))]);
            previous = self.list(&repeat.steps, path.clone(), &inside).await?;
            let scope = inside.scope();
            if let Some(collect) = &repeat.collect {
                collected.push(collect.evaluate(&scope).map_err(|failure| failed(failure, &path))?);
            }
            if let Some(until) = &repeat.until {
                let holds = || until.evaluate_bool(&scope).map(Json::Bool);
                let holds = self.decide(&path.branch("until"), until.references().iter(), holds).await?;
                if holds.map_err(|failure| failed(failure, &path))? == Json::Bool(true) {
                    ended = true;
                    break;
                }
            }
        }
        if !ended && repeat.on_limit == OnLimit::Fail {
            let message = format!(
                "`until` does not hold after {} rounds; allow more with `max`, or go on all the same with `on_limit: continue`",
                repeat.max
            );
            return Err(failed(Failure::new("rounds_used_up", message), path));
        }
        Ok(if repeat.collect.is_some() { Arc::new(Json::Array(collected)) } else { previous })
    }

    /// Shows the steps in a group to those after it, as far as they are not shown yet: as they are
    /// recorded, or with this status where they did not run.
    async fn show_inner(
        &self,
        body: &Body<Bound>,
        path: &StepPath,
        frame: &Frame,
        otherwise: StepStatus,
    ) -> Result<(), Halt> {
        match body {
            Body::Group { steps, otherwise: other } => {
                self.show_rest(steps, path, frame, otherwise).await?;
                match other {
                    Some(list) => self.show_rest(list, path, frame, otherwise).await,
                    None => Ok(()),
                }
            }
            Body::Parallel(steps) => self.show_rest(steps, path, frame, otherwise).await,
            Body::Action(_)
            | Body::Approve { .. }
            | Body::Foreach(_)
            | Body::Repeat(_)
            | Body::Call(_)
            | Body::Switch { .. } => Ok(()),
        }
    }

    /// Shows the steps of a list that are not shown yet.
    pub fn show_rest<'a>(
        &'a self,
        list: &'a StepList<Bound>,
        path: &'a StepPath,
        frame: &'a Frame,
        otherwise: StepStatus,
    ) -> BoxFuture<'a, Result<(), Halt>> {
        Box::pin(async move {
            for step in &list.steps {
                let path = path.step(&step.settings.key);
                if let Some(id) = step.settings.id.as_ref().filter(|id| !frame.shows(id)) {
                    let ended = match self.recorded(&path).await? {
                        Some(ended) => ended,
                        None => Ended::without_output(otherwise, self.shared.clock.now()),
                    };
                    frame.show(id.clone(), ended.view(&path));
                }
                self.show_inner(&step.body, &path, frame, otherwise).await?;
            }
            Ok(())
        })
    }
}

pub(super) fn failed(failure: Failure, step: &StepPath) -> Halt {
    Halt::Failed { failure, step: step.clone() }
}

/// A value as the key of a case: text as it is, all else as JSON.
fn as_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
