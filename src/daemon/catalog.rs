//! What is loaded: one generation of workflows, swapped as a whole.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::component::{Armed, Route};
use crate::event::TriggerId;
use crate::ids::Digest;
use crate::plan::{Plan, PlannedTrigger};
use crate::template::{Expr, Tree};

/// One generation of workflows. Immutable; those who hold an older one keep it.
#[derive(Default)]
pub struct Catalog {
    /// Counted from 1; 0 is the empty catalog before the first load.
    pub generation: u64,
    /// In order of their names.
    pub workflows: Vec<Arc<Listed>>,
    routes: matchit::Router<Vec<Arc<LiveTrigger>>>,
}

/// A workflow of a generation.
pub struct Listed {
    /// Of its last good version; the file's stem when there was none.
    pub name: Arc<str>,
    /// Relative to the workspace.
    pub file: PathBuf,
    /// Of the bundle that is in force, if any is.
    pub digest: Option<Digest>,
    /// When that bundle was loaded, or the file was first found broken.
    pub loaded_at: Timestamp,
    /// What is wrong with the file as it is now, drawn; the last good version is in force.
    pub error: Option<String>,
    /// What runs.
    pub plan: Option<Arc<Plan>>,
    /// What starts it.
    pub triggers: Vec<Arc<LiveTrigger>>,
}

/// A trigger of a workflow that is in force.
pub struct LiveTrigger {
    /// The workflow's name.
    pub workflow: Arc<str>,
    /// Which of its triggers.
    pub id: TriggerId,
    /// What its events start.
    pub plan: Arc<Plan>,
    /// Which events it wants; without one, all.
    pub condition: Option<Arc<Expr>>,
    /// What each input is, from the event.
    pub with: Vec<(Arc<str>, Tree)>,
    /// The trigger itself.
    pub armed: Armed,
}

impl LiveTrigger {
    /// A planned trigger of this plan.
    pub(super) fn new(plan: &Arc<Plan>, planned: PlannedTrigger) -> Self {
        Self {
            workflow: plan.name.clone(),
            id: planned.id,
            plan: plan.clone(),
            condition: planned.condition,
            with: planned.with,
            armed: planned.armed,
        }
    }

    /// Where it answers requests, if it does.
    pub fn route(&self) -> Option<&Route> {
        match &self.armed {
            Armed::Route(route, _) => Some(route),
            Armed::Source(_) => None,
        }
    }
}

/// What a path below `/hooks` leads to.
pub struct Match {
    /// The triggers of that path, each with its own methods.
    pub triggers: Vec<Arc<LiveTrigger>>,
    /// The path's `{name}` segments, decoded.
    pub params: HashMap<String, String>,
}

impl Catalog {
    /// A generation of these workflows, of which no two in force have a name or a path in common.
    pub(super) fn new(generation: u64, mut workflows: Vec<Arc<Listed>>) -> Self {
        workflows.sort_by(|a, b| a.name.cmp(&b.name));
        let mut by_path: BTreeMap<&str, Vec<Arc<LiveTrigger>>> = BTreeMap::new();
        for trigger in workflows.iter().flat_map(|workflow| &workflow.triggers) {
            if let Some(route) = trigger.route() {
                by_path.entry(&route.path).or_default().push(trigger.clone());
            }
        }
        let mut routes = matchit::Router::new();
        for (path, triggers) in by_path {
            if let Err(error) = routes.insert(path, triggers) {
                tracing::error!(path, %error, "nobody is let in here, through a fault of howdah itself");
            }
        }
        Self { generation, workflows, routes }
    }

    /// The workflow of this name. A file that was never right owns no name: it is found by its stem
    /// only while no workflow is called so.
    pub fn workflow(&self, name: &str) -> Option<&Arc<Listed>> {
        let at = self.workflows.partition_point(|listed| *listed.name < *name);
        let mut named = self.workflows[at..].iter().take_while(|listed| *listed.name == *name);
        let first = named.clone().next();
        named.find(|listed| listed.plan.is_some()).or(first)
    }

    /// The workflow that is in force from this file.
    pub(super) fn in_force(&self, file: &Path) -> Option<&Arc<Listed>> {
        self.workflows.iter().find(|listed| listed.file == file && listed.plan.is_some())
    }

    /// What a path below `/hooks` leads to; `path` begins with `/` and is still encoded.
    pub fn route(&self, path: &str) -> Option<Match> {
        let matched = self.routes.at(path).ok()?;
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let params = matched.params.iter().map(|(name, value)| (name.to_owned(), decode(value))).collect();
        Some(Match { triggers: matched.value.clone(), params })
    }
}
