//! What the steps of a list can read while they run: the roots, and the steps that have ended.
//!
//! Each pass of a loop, each case and each handler has a frame of its own over that of its place;
//! groups share the frame they stand in.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::clock::{Timestamp, elapsed};
use crate::ids::StepPath;
use crate::journal::StepStatus;
use crate::template::{Branch, Node, Scope};
use crate::value::{Failure, Json, ModelFacts, SharedJson};

use super::limit::Limits;
use super::lock;
use super::root::RunRoot;
use super::state::StateView;

/// What can be read at a place.
pub(super) struct Frame {
    /// Asks the steps here to end.
    pub cancel: CancellationToken,
    /// The limits of time that hold here.
    pub limits: Limits,
    /// The roots other than `run` and `steps`.
    roots: Scope,
    /// `run`.
    run: Arc<RunRoot>,
    /// `state`, which is read as it is at the moment.
    state: Option<StateView>,
    /// The steps that have ended, by id.
    steps: Arc<Mutex<Arc<Branch>>>,
}

impl Frame {
    /// A frame over these roots in which no step has ended.
    pub fn new(roots: Scope, run: Arc<RunRoot>, state: Option<StateView>, cancel: CancellationToken) -> Self {
        Self { cancel, limits: Limits::default(), roots, run, state, steps: Arc::default() }
    }

    /// A frame that sees the same, for steps that run whatever was asked of the run before.
    pub fn afterwards(&self, cancel: CancellationToken) -> Self {
        let steps = Arc::new(Mutex::new(lock(&self.steps).clone()));
        let (roots, run, state) = (self.roots.clone(), self.run.clone(), self.state.clone());
        Self { cancel, limits: Limits::default(), roots, run, state, steps }
    }

    /// The same frame for steps with a limit of time of their own: what they show is shown here.
    pub fn limited(&self) -> Self {
        Self {
            cancel: self.cancel.child_token(),
            limits: self.limits.with_one(),
            roots: self.roots.clone(),
            run: self.run.clone(),
            state: self.state.clone(),
            steps: self.steps.clone(),
        }
    }

    /// A frame that sees all that this one sees now, and these roots besides.
    pub fn inside(&self, more: impl IntoIterator<Item = (Arc<str>, Node)>) -> Self {
        let roots = more.into_iter().fold(self.roots.clone(), |roots, (name, node)| roots.with(name, node));
        let steps = Arc::new(Mutex::new(lock(&self.steps).clone()));
        let (cancel, limits) = (self.cancel.clone(), self.limits.clone());
        Self { cancel, limits, roots, run: self.run.clone(), state: self.state.clone(), steps }
    }

    /// What a text can read now.
    pub fn scope(&self) -> Scope {
        let scope = self.roots.with("run", self.run.view()).with("steps", lock(&self.steps).clone());
        self.state.iter().fold(scope, |scope, state| scope.with("state", state.now()))
    }

    /// Whether a step is shown.
    pub fn shows(&self, id: &str) -> bool {
        lock(&self.steps).get(id).is_some()
    }

    /// Shows a step that has ended.
    pub fn show(&self, id: Arc<str>, step: Branch) {
        let mut steps = lock(&self.steps);
        Arc::make_mut(&mut steps).insert(id, step);
    }
}

/// A step that has ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    /// Null where it has none.
    pub output: SharedJson,
    /// `succeeded`, `skipped` or `failed`.
    pub status: StepStatus,
    /// Why it failed, where it did and the run went on.
    pub failure: Option<Failure>,
    /// How many attempts it took.
    pub attempts: u32,
    /// When the first attempt began; a step that was skipped has none.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Timestamp,
    /// What its model call used and cost.
    pub model: Option<ModelFacts>,
}

impl Ended {
    /// A step that gave nothing.
    pub fn without_output(status: StepStatus, at: Timestamp) -> Self {
        Self {
            output: Arc::new(Json::Null),
            status,
            failure: None,
            attempts: 0,
            started: None,
            ended: at,
            model: None,
        }
    }

    /// What `steps.ID` holds.
    pub fn view(&self, path: &StepPath) -> Branch {
        let mut view = Branch::new()
            .with("output", self.output.clone())
            .with("status", json!(self.status.as_str()))
            .with("attempts", json!(self.attempts));
        if let Some(failure) = &self.failure {
            view.insert("error", error_json(failure, path, self.attempts));
        }
        if let Some(started) = self.started {
            view.insert("started", json!(started.to_string()));
            view.insert("duration", json!(elapsed(started, self.ended).as_secs_f64()));
        }
        if let Some(model) = &self.model {
            view.insert("usage", serde_json::to_value(model.usage).unwrap_or(Json::Null));
            view.insert("cost", json!(model.cost.to_string()));
            view.insert("model", json!(model.model));
            view.insert("finish_reason", json!(model.finish_reason));
            view.insert("reasoning", json!(model.reasoning));
            view.insert("truncated", json!(model.truncated));
        }
        view
    }
}

/// What `error` holds.
pub(super) fn error_json(failure: &Failure, path: &StepPath, attempt: u32) -> Json {
    json!({
        "code": failure.code,
        "attempt": attempt,
        "message": failure.message,
        "status": failure.status,
        "step": path.as_str(),
    })
}
