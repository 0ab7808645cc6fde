//! What a run takes over from an earlier one, and how much of its plan it does.
//!
//! What is taken over is recorded right behind the acceptance, as if the steps had come to it here; so
//! the run walks its plan as ever and finds them done.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::ids::{RunId, StepPath};
use crate::journal::entry::Reused;
use crate::journal::{Entry, RunState};
use crate::plan::Plan;

/// What a run begins with; by default with nothing, to do all of its plan.
#[derive(Clone, Debug, Default)]
pub struct Reuse {
    /// The one step that it does. The plan that is submitted holds no other that is not done.
    pub only: Option<StepPath>,
    /// What steps came to, each with the run that did it.
    pub steps: Vec<(StepPath, RunId, Reused)>,
}

impl Reuse {
    /// The entries that stand behind the acceptance.
    pub(super) fn into_entries(self, at: Timestamp) -> impl Iterator<Item = Entry> {
        let narrowed = self.only.map(|only| Entry::RunNarrowed { only, at });
        let reused = self.steps.into_iter();
        let reused = reused.map(move |(path, from, result)| Entry::StepReused { path, result, from, at });
        narrowed.into_iter().chain(reused)
    }
}

/// Makes of a definition the plan that a recorded run does.
pub(super) fn narrowed(state: &RunState) -> impl FnOnce(Arc<Plan>) -> Arc<Plan> + use<> {
    let only = state.only.clone();
    let reused = state.steps.iter().filter(|(_, step)| step.reused.is_some());
    let reused: Vec<StepPath> = reused.map(|(path, _)| path.clone()).collect();
    move |plan| match only {
        Some(only) => Arc::new(plan.only(&only, &|path| reused.contains(path))),
        None => plan,
    }
}
