//! Starting a run from one of its steps, or of one step alone, with what an earlier run came to.
//!
//! Steps are matched by their paths, so the workflow may have changed meanwhile: what stands before the
//! step must have been done then, whatever it was.

use std::sync::Arc;

use crate::engine::{Reuse, Submission, Ticket};
use crate::event::{Identity, TriggerId};
use crate::ids::{RunId, StepPath};
use crate::journal::entry::Reused;
use crate::journal::row::{Found, RunFilter};
use crate::journal::state::StepState;
use crate::journal::{RunState, StepEnd, StepStatus, StoreError};
use crate::plan::flow::{OnError, Step};
use crate::plan::{Bound, Located, NotLocated, Plan};
use crate::value::{Json, SharedJson, Value};

use super::{Daemon, StartError};

/// The word for the newest run of the workflow.
const LAST: &str = "last";

/// A part of a workflow to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The step: its id or its path.
    pub step: String,
    /// How much of what follows.
    pub extent: Extent,
    /// The run that the steps before are taken over from: an id, its beginning, or `last`.
    pub using: Option<String>,
}

/// How much of a workflow is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The step and all that follows.
    From,
    /// The step and what it contains.
    Only,
}

/// Why a part cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// There is no such step to start from.
    #[error(transparent)]
    Step(#[from] NotLocated),
    /// Without a run nothing stands before the step.
    #[error("a run from the step `{0}` needs a run to take the steps before it from: name it with `using`")]
    NeedsUsing(String),
    /// The step reads what only a run can give.
    #[error("the step `{step}` reads `steps.{reads}`: name a run to take that from with `using`")]
    Reads {
        /// The step.
        step: String,
        /// What it reads.
        reads: String,
    },
    /// Inputs come with the run.
    #[error("the inputs and the event are those of the run that is used: leave out what is given besides")]
    Mixed,
    /// There is no such run.
    #[error("there is no run `{0}` in this workspace")]
    NoRun(String),
    /// The workflow never ran.
    #[error("the workflow `{0}` has no runs yet")]
    NeverRan(String),
    /// Several runs are meant.
    #[error("several runs begin with `{0}`; write more of the id")]
    Ambiguous(String),
    /// The run is one of something else.
    #[error("the run `{run}` is one of the workflow `{workflow}`, not of `{wanted}`")]
    OtherWorkflow {
        /// The run.
        run: RunId,
        /// What it is a run of.
        workflow: String,
        /// What is to be run.
        wanted: String,
    },
    /// The run did not come so far.
    #[error(
        "the run `{run}` {what} `{missing}`, which stands before `{step}`: use another run, or start at `{missing}`"
    )]
    Missing {
        /// The run.
        run: RunId,
        /// What it did with the step that is missing.
        what: &'static str,
        /// The step that is missing.
        missing: StepPath,
        /// The step to start from.
        step: StepPath,
    },
    /// The history cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A run that is used, and what came with it.
struct Used {
    state: RunState,
    inputs: SharedJson,
    event: SharedJson,
}

impl Daemon {
    /// Starts a run of a part of a workflow by hand. With a run to use, inputs and event are its own.
    ///
    /// # Errors
    /// As [`start_run`](Self::start_run), and when there is no such part or the run does not fit it.
    pub async fn start_part(
        &self,
        workflow: &str,
        part: &Part,
        inputs: serde_json::Map<String, Json>,
        event: Option<Json>,
        identity: Option<Identity>,
    ) -> Result<Ticket, StartError> {
        let whole = self.plan_of(workflow)?;
        let located = whole.locate(&part.step).map_err(PartError::from)?;
        let used = match &part.using {
            Some(_) if !inputs.is_empty() || event.is_some() => return Err(PartError::Mixed.into()),
            Some(using) => Some(self.used(using, &whole.name).await?),
            None if part.extent == Extent::From => {
                return Err(PartError::NeedsUsing(part.step.clone()).into());
            }
            None => None,
        };
        let steps = taken_over(&located, used.as_ref().map(|used| &used.state), part.extent)?;
        let only = (part.extent == Extent::Only).then(|| located.path.clone());
        let plan = match &only {
            Some(only) => Arc::new(whole.only(only, &|path| steps.iter().any(|(done, ..)| done == path))),
            None => whole.clone(),
        };
        let (inputs, event) = match used {
            Some(Used { inputs, event, .. }) => {
                (inputs.as_object().cloned().unwrap_or_default(), Some(event))
            }
            None => (inputs, event.map(Arc::new)),
        };
        if plan.reads.event && event.as_ref().is_none_or(|event| part.using.is_some() && event.is_null()) {
            return Err(StartError::NeedsEvent);
        }
        let inputs = plan.inputs(inputs).map_err(StartError::Inputs)?;
        let submission = Submission {
            plan,
            trigger: TriggerId::manual(),
            event: event.unwrap_or_default(),
            inputs: Arc::new(inputs),
            identity,
            file: None,
            parent: None,
            reuse: Reuse { only, steps },
            refused: None,
        };
        self.engine().submit(submission).map_err(StartError::Refused)
    }

    /// The run that is meant.
    async fn used(&self, using: &str, workflow: &str) -> Result<Used, PartError> {
        let run = self.run_meant(using, workflow).await?;
        let store = self.store();
        let entries = store.load(run).await?.ok_or_else(|| PartError::NoRun(using.to_owned()))?;
        let state =
            RunState::fold(run, &entries).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        if state.workflow != workflow {
            let wanted = workflow.to_owned();
            return Err(PartError::OtherWorkflow { run, workflow: state.workflow, wanted });
        }
        let inputs = store.fetch(state.inputs.clone()).await?;
        let event = store.fetch(state.event.clone()).await?;
        Ok(Used { state, inputs, event })
    }

    async fn run_meant(&self, using: &str, workflow: &str) -> Result<RunId, PartError> {
        if using == LAST {
            let filter = RunFilter { workflow: Some(workflow.to_owned()), limit: 1, ..RunFilter::default() };
            let newest = self.store().list(filter).await?.rows.into_iter().next();
            return newest.map(|row| row.run).ok_or_else(|| PartError::NeverRan(workflow.to_owned()));
        }
        match self.store().find(using.to_owned()).await? {
            Found::One(run) => Ok(run),
            Found::None => Err(PartError::NoRun(using.chars().take(40).collect())),
            Found::Many(_) => Err(PartError::Ambiguous(using.to_owned())),
        }
    }

    /// The plan in force of a workflow.
    pub(super) fn plan_of(&self, workflow: &str) -> Result<Arc<Plan>, StartError> {
        let catalog = self.catalog();
        let Some(listed) = catalog.workflow(workflow) else {
            let names: Vec<_> = catalog.workflows.iter().map(|listed| &*listed.name).collect();
            let help = crate::diagnostic::did_you_mean(workflow, names);
            return Err(StartError::UnknownWorkflow { name: workflow.to_owned(), help });
        };
        match &listed.plan {
            Some(plan) => Ok(plan.clone()),
            None => {
                let error = listed.error.clone().unwrap_or_default();
                Err(StartError::Broken { name: workflow.to_owned(), error })
            }
        }
    }
}

/// What the steps before came to, with all in them but the passes of loops, which nobody looks at again.
fn taken_over(
    located: &Located<'_>,
    used: Option<&RunState>,
    extent: Extent,
) -> Result<Vec<(StepPath, RunId, Reused)>, PartError> {
    let reads = located.reads();
    let mut taken = Vec::new();
    for (path, step) in &located.before {
        let done = used.map(|used| (used, done(used, path, step)));
        match done {
            Some((used, Ok(()))) => taken.extend(used.steps.iter().filter_map(|(inner, state)| {
                let rest = inner.as_str().strip_prefix(path.as_str())?;
                let is_in = rest.is_empty() || rest.starts_with(['/', '!']) && !rest.contains('[');
                let run = state.reused.unwrap_or(used.run);
                is_in.then(|| reused(state).map(|result| (inner.clone(), run, result))).flatten()
            })),
            // What a step alone does not read it does not need.
            _ if extent == Extent::Only && !reads.reads(step) => {}
            Some((used, Err(what))) => {
                return Err(PartError::Missing {
                    run: used.run,
                    what,
                    missing: path.clone(),
                    step: located.path.clone(),
                });
            }
            None => {
                let (step, reads) = (located.path.to_string(), step.settings.key.to_string());
                return Err(PartError::Reads { step, reads });
            }
        }
    }
    Ok(taken)
}

/// Whether a run has done a step, or what it did instead.
fn done(used: &RunState, path: &StepPath, step: &Step<Bound>) -> Result<(), &'static str> {
    match used.steps.get(path).map(|state| state.status) {
        Some(StepStatus::Succeeded | StepStatus::Skipped) => Ok(()),
        Some(StepStatus::Failed) if !matches!(step.on_error, OnError::Fail) => Ok(()),
        Some(StepStatus::Failed) => Err("failed at"),
        Some(_) => Err("did not come to the end of"),
        None => Err("did not come to"),
    }
}

/// What a step came to, where it came to an end.
fn reused(state: &StepState) -> Option<Reused> {
    let end = match state.status {
        StepStatus::Succeeded => Some(StepEnd::Succeeded),
        StepStatus::Skipped => Some(StepEnd::Skipped),
        StepStatus::Failed => None,
        _ => return None,
    };
    let output = state.output.clone().unwrap_or_else(|| Value::Inline(SharedJson::default()));
    let failure = state.failure().filter(|_| end.is_none()).cloned();
    Some(Reused { output, end, failure, model: state.model.clone() })
}
