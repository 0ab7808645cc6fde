//! What `run` holds: mostly what was so from the start, and two things that change as the run goes
//! on, its cost and its status.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::clock::Timestamp;
use crate::event::TriggerId;
use crate::ids::RunId;
use crate::journal::RunStatus;
use crate::money::Cost;
use crate::template::Branch;
use crate::value::Json;

use super::{Shared, lock};

/// `run`, as it can be read at this moment.
pub(super) struct RunRoot {
    now: Mutex<(Arc<Branch>, Cost)>,
}

impl RunRoot {
    /// What `run` holds of a run that was accepted at this instant and has cost so much before.
    pub fn new(
        shared: &Shared,
        id: RunId,
        workflow: &str,
        trigger: &TriggerId,
        started: Timestamp,
        cost: Cost,
    ) -> Arc<Self> {
        let view = Branch::new()
            .with("id", json!(id.to_string()))
            .with("workflow", json!(workflow))
            .with("trigger", json!(trigger.to_string()))
            .with("started", json!(started.to_string()))
            .with("attempt", json!(1))
            .with("cost", json!(cost.to_string()))
            .with("url", shared.url(id).map_or(Json::Null, Json::String))
            .with("status", json!(RunStatus::Running.as_str()));
        Arc::new(Self { now: Mutex::new((Arc::new(view), cost)) })
    }

    /// What can be read now.
    pub fn view(&self) -> Arc<Branch> {
        lock(&self.now).0.clone()
    }

    /// Counts what a call of a model cost.
    pub fn spend(&self, more: Cost) {
        let (view, cost) = &mut *lock(&self.now);
        *cost += more;
        Arc::make_mut(view).insert("cost", json!(cost.to_string()));
    }

    /// Shows how the run goes on, or how it will end.
    pub fn set_status(&self, status: RunStatus) {
        Arc::make_mut(&mut lock(&self.now).0).insert("status", json!(status.as_str()));
    }
}
