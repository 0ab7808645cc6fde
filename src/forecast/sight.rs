//! What the steps of a list can read in a forecast: as much of what they would read in a run as is known.

use std::sync::Arc;

use serde_json::json;

use crate::plan::Bound;
use crate::plan::flow::{Body, Step};
use crate::template::{Branch, Node, Scope};
use crate::value::{Failure, Json};

/// What can be read at a place. A copy is a place of its own that sees the same so far.
#[derive(Clone)]
pub(super) struct Sight {
    roots: Scope,
    steps: Arc<Branch>,
}

/// The names under `steps.ID` that only a model step has.
const FACTS: [&str; 6] = ["usage", "cost", "model", "finish_reason", "reasoning", "truncated"];

impl Sight {
    /// A place with these roots, where no step has ended.
    pub fn new(roots: Scope) -> Self {
        Self { roots, steps: Arc::default() }
    }

    /// A place of its own that sees these roots besides.
    pub fn inside(&self, more: impl IntoIterator<Item = (Arc<str>, Node)>) -> Self {
        let roots = more.into_iter().fold(self.roots.clone(), |roots, (name, node)| roots.with(name, node));
        Self { roots, steps: self.steps.clone() }
    }

    /// What a text can read here.
    pub fn scope(&self) -> Scope {
        self.roots.with("steps", self.steps.clone())
    }

    /// What a step gave, where it is shown.
    pub fn output(&self, id: &str) -> Option<Node> {
        match self.steps.get(id)? {
            Node::Branch(step) => step.get("output").cloned(),
            _ => Some(Node::Unknown),
        }
    }

    /// Shows a step that succeeded.
    pub fn show_success(&mut self, id: &Arc<str>, output: Node) {
        let mut view = Branch::new().with("output", output).with("status", json!("succeeded"));
        for name in ["attempts", "started", "duration"].into_iter().chain(FACTS) {
            view.insert(name, Node::Unknown);
        }
        self.show(id, view.into());
    }

    /// Shows a step that failed, where the run went on.
    pub fn show_failure(&mut self, id: &Arc<str>, error: Json) {
        let view = without_output("failed").with("error", error);
        self.show(id, view.into());
    }

    /// Shows a step of which nothing is known.
    pub fn show_unknown(&mut self, id: &Arc<str>) {
        self.show(id, Node::Unknown);
    }

    fn show(&mut self, id: &Arc<str>, view: Node) {
        Arc::make_mut(&mut self.steps).insert(id.clone(), view);
    }

    /// Shows the steps of a list, and of the groups in it, that are not shown yet, with this status.
    pub fn show_rest(&mut self, steps: &[Step<Bound>], status: &str) {
        each_visible(steps, &mut |id| {
            if self.steps.get(id).is_none() {
                self.show(id, without_output(status).into());
            }
        });
    }

    /// Forgets what is known of the steps of a list, and of the groups in it: they may not be done.
    pub fn forget(&mut self, steps: &[Step<Bound>]) {
        each_visible(steps, &mut |id| self.show_unknown(id));
    }
}

fn without_output(status: &str) -> Branch {
    Branch::new().with("output", Json::Null).with("status", json!(status)).with("attempts", json!(0))
}

/// What `error` holds after a step failed with this.
pub(super) fn error(failure: &Failure, step: &str) -> Json {
    json!({
        "code": failure.code,
        "attempt": 1,
        "message": failure.message,
        "status": failure.status,
        "step": step,
    })
}

/// Every id of a list that steps after the list can read: those in groups too.
fn each_visible(steps: &[Step<Bound>], see: &mut dyn FnMut(&Arc<str>)) {
    for step in steps {
        step.settings.id.iter().for_each(&mut *see);
        match &step.body {
            Body::Group { steps, otherwise } => {
                each_visible(&steps.steps, see);
                otherwise.iter().for_each(|list| each_visible(&list.steps, see));
            }
            Body::Parallel(steps) => each_visible(&steps.steps, see),
            Body::Action(_)
            | Body::Approve { .. }
            | Body::Foreach(_)
            | Body::Repeat(_)
            | Body::Call(_)
            | Body::Switch { .. } => {}
        }
    }
}
