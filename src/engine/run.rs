//! One run from its acceptance to its end: the task that owns it.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::json;
use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::component::Response;
use crate::event::TriggerId;
use crate::ids::{RunId, StepPath};
use crate::journal::{Entry, RunEnd, RunState, RunStatus, StepStatus, StoreError};
use crate::plan::flow::StepList;
use crate::plan::{Bound, Plan};
use crate::template::{Branch, Node, Scope};
use crate::value::{Failure, Json, SharedJson, Value};

use super::book::{Book, Closed, Offer};
use super::cancel::Cancel;
use super::frame::{Frame, error_json};
use super::ticket::{Finish, Kept, Phase, Refusal};
use super::{Shared, Submission, lock};

/// Tells those who wait, and takes the run off the list of live ones when it goes.
pub(super) struct Exit {
    shared: Arc<Shared>,
    id: RunId,
    phase: watch::Sender<Phase>,
}

impl Exit {
    pub fn new(shared: Arc<Shared>, id: RunId, phase: watch::Sender<Phase>) -> Self {
        Self { shared, id, phase }
    }
}

impl Drop for Exit {
    fn drop(&mut self) {
        lock(&self.shared.live).remove(&self.id);
        self.phase.send_modify(|phase| phase.gone = true);
    }
}

/// A run while it is under way.
pub(super) struct Run {
    pub shared: Arc<Shared>,
    pub id: RunId,
    pub plan: Arc<Plan>,
    pub book: Arc<Book>,
    cancel: Cancel,
    exit: Exit,
}

/// Why a list of steps did not come to its end.
#[derive(Clone, Debug)]
pub(super) enum Halt {
    /// A step failed for good.
    Failed {
        /// Why.
        failure: Failure,
        /// The step.
        step: StepPath,
    },
    /// Somebody asked the run to end.
    Cancelled,
    /// A person must decide before it can go on.
    Attention {
        /// The step in doubt.
        step: StepPath,
        /// Why, in one line.
        reason: String,
    },
    /// The run goes on in another process, or never was one.
    Closed(Closed),
}

impl From<Closed> for Halt {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

/// What a run reads from its first step on.
struct Roots {
    event: SharedJson,
    inputs: SharedJson,
    /// As they were when the run began; of a new run not known yet.
    vars: Option<SharedJson>,
}

/// Runs a submission.
pub(super) async fn start(
    shared: Arc<Shared>,
    id: RunId,
    submission: Submission,
    cancel: Cancel,
    exit: Exit,
) {
    let Submission { plan, trigger, event, inputs, identity, file, refused } = submission;
    let at = shared.clock.now();
    let given = Roots { event: event.clone(), inputs: inputs.clone(), vars: None };
    let (scope, vars, failure) = match vars(&plan, scope(&plan, id, &trigger, at, given)) {
        Ok((scope, vars)) => (scope, vars, refused),
        Err((scope, failure)) => (scope, None, refused.or(Some(failure))),
    };
    let kept = async {
        let event = shared.store.keep(event).await?;
        let inputs = shared.store.keep(inputs).await?;
        let vars = match vars {
            Some(vars) => Some(shared.store.keep(vars).await?),
            None => None,
        };
        Ok::<_, StoreError>((event, inputs, vars))
    };
    let (event, inputs, vars) = match kept.await {
        Ok(kept) => kept,
        Err(error) => {
            let refusal = Refusal::Storage(error.to_string());
            exit.phase.send_modify(|phase| phase.accepted = Some(Err(refusal)));
            return;
        }
    };
    let (workflow, bundle) = (plan.name.to_string(), plan.digest);
    let first = Entry::RunAccepted { workflow, bundle, trigger, event, inputs, vars, at };
    let book = Arc::new(Book::new(shared.clone(), id, first, Offer { identity, file }));
    cancel.open(&book);
    Run { shared, id, plan, book, cancel, exit }.live(scope, failure).await;
}

/// Takes up a run that an earlier process left.
pub(super) async fn resume(shared: Arc<Shared>, id: RunId, cancel: Cancel, exit: Exit) {
    let (state, given) = match load(&shared, id).await {
        Ok(loaded) => loaded,
        Err(reason) => {
            tracing::error!(run = %id, reason, "the run cannot be taken up again");
            return;
        }
    };
    let (digest, trigger, accepted) = (state.bundle, state.trigger.clone(), state.accepted);
    let (asked, response) = (state.cancel.is_some(), state.response.clone());
    let book = Arc::new(Book::reopen(shared.clone(), state));
    let plan = match shared.definitions.definition(digest).await {
        Ok(plan) => plan,
        Err(reason) => {
            tracing::warn!(run = %id, reason, "the run needs attention");
            book.note(Entry::AttentionNeeded { path: None, reason, at: shared.clock.now() });
            if let Err(closed) = book.flush().await {
                tracing::debug!(run = %id, ?closed, "the run was not marked");
            }
            return;
        }
    };
    let response = match response {
        Some(answer) => shared.store.fetch(answer.body).await.ok().map(|body| {
            let body = Json::clone(&body);
            Arc::new(Response { status: answer.status, headers: answer.headers, body })
        }),
        None => None,
    };
    exit.phase.send_modify(|phase| {
        phase.accepted = Some(Ok(Kept::New));
        phase.response = response;
    });
    if asked {
        cancel.token.cancel();
    } else {
        cancel.open(&book);
    }
    let scope = scope(&plan, id, &trigger, accepted, given);
    Run { shared, id, plan, book, cancel, exit }.live(scope, None).await;
}

async fn load(shared: &Shared, id: RunId) -> Result<(RunState, Roots), String> {
    let entries = shared.store.load(id).await.map_err(|error| error.to_string())?;
    let entries = entries.ok_or("it has no entries")?;
    let state = RunState::fold(id, &entries).map_err(|error| error.to_string())?;
    let fetch =
        async |value: &Value| shared.store.fetch(value.clone()).await.map_err(|error| error.to_string());
    let vars = match &state.vars {
        Some(vars) => Some(fetch(vars).await?),
        None => None,
    };
    let given = Roots { event: fetch(&state.event).await?, inputs: fetch(&state.inputs).await?, vars };
    Ok((state, given))
}

/// The roots that a run begins with.
fn scope(plan: &Plan, id: RunId, trigger: &TriggerId, started: Timestamp, given: Roots) -> Scope {
    let run = Branch::new()
        .with("id", json!(id.to_string()))
        .with("workflow", json!(&*plan.name))
        .with("trigger", json!(trigger.to_string()))
        .with("started", json!(started.to_string()));
    let scope = plan.settings.with("event", given.event).with("inputs", given.inputs).with("run", run);
    match given.vars {
        Some(vars) => scope.with("vars", vars),
        None => scope,
    }
}

/// Evaluates the workflow's `vars` over those of the workspace; gives what is to be kept of them.
fn vars(plan: &Plan, scope: Scope) -> Result<(Scope, Option<SharedJson>), (Scope, Failure)> {
    let settings = match scope.get("vars") {
        Some(Node::Branch(settings)) => settings.clone(),
        _ => Arc::default(),
    };
    let evaluated = plan.vars.iter().try_fold((scope.clone(), settings), |(scope, vars), (name, tree)| {
        let value = tree.evaluate(&scope)?;
        let vars = Arc::new(vars.with(name.clone(), value));
        Ok((scope.with("vars", vars.clone()), vars))
    });
    match evaluated {
        Err(failure) => Err((scope, failure)),
        Ok((scope, vars)) => {
            let kept = vars.to_json();
            let none = kept.as_object().is_none_or(serde_json::Map::is_empty);
            Ok((scope, (!none).then(|| Arc::new(kept))))
        }
    }
}

impl Run {
    /// The run from its first step to its last word. `failed` is why it cannot even begin.
    async fn live(self, scope: Scope, failed: Option<Failure>) {
        let main = AssertUnwindSafe(self.main(scope, failed)).catch_unwind().await;
        let outcome = main.unwrap_or_else(|panic| {
            Err(Halt::Failed { failure: fault(panic.as_ref()), step: StepPath::root() })
        });
        let finish = match self.conclude(outcome).await {
            Ok(finish) => finish,
            Err(closed) => {
                let accepted: Option<_> = closed.into();
                if accepted.is_some() {
                    self.exit.phase.send_modify(|phase| phase.accepted = accepted);
                } else if let Err(error) = self.flush_rest().await {
                    tracing::debug!(run = %self.id, ?error, "the run's last entries were not written");
                }
                return;
            }
        };
        self.accepted();
        self.exit.phase.send_modify(|phase| phase.finish = Some(Arc::new(finish)));
    }

    /// What is noted when the process stops is written too, so that nothing is done twice.
    async fn flush_rest(&self) -> Result<(), Closed> {
        if self.book.is_kept() { self.book.flush().await } else { Ok(()) }
    }

    /// Tells those who wait that the run is kept, once it is.
    pub fn accepted(&self) {
        self.exit.phase.send_if_modified(|phase| {
            let news = phase.accepted.is_none();
            phase.accepted.get_or_insert(Ok(Kept::New));
            news
        });
    }

    /// Writes what is noted and tells that the run is kept.
    pub async fn flush(&self) -> Result<(), Closed> {
        self.book.flush().await?;
        self.accepted();
        Ok(())
    }

    /// Gives the answer to the request that started the run; only the first counts.
    pub fn answer(&self, response: Response) {
        self.exit.phase.send_modify(|phase| {
            phase.response.get_or_insert_with(|| Arc::new(response));
        });
    }

    /// Everything up to the output, and then what is done whatever the outcome.
    async fn main(&self, scope: Scope, failed: Option<Failure>) -> Result<SharedJson, Halt> {
        let frame = Frame::new(scope, self.cancel.token.clone());
        let settled = self.book.read(|state| state.and_then(|state| state.settled.clone()));
        let outcome = match (settled, failed) {
            // It had come to its end before a restart: nothing of the main list runs any more.
            (Some((failure, step)), _) => {
                Err(Halt::Failed { failure, step: step.unwrap_or_else(StepPath::root) })
            }
            (None, Some(failure)) => Err(Halt::Failed { failure, step: StepPath::root() }),
            (None, None) => self.body(&frame).await,
        };
        if matches!(outcome, Err(Halt::Closed(_) | Halt::Attention { .. })) {
            return outcome;
        }
        // From here on the outcome is what it is.
        let outcome = if self.cancel.close() { outcome } else { Err(Halt::Cancelled) };
        let plan = &self.plan;
        if plan.on_failure.steps.is_empty() && plan.finally.steps.is_empty() {
            return outcome;
        }
        self.show_rest(&plan.steps, &StepPath::root(), &frame, StepStatus::Pending).await?;
        if let Err(Halt::Failed { failure, step }) = &outcome {
            let (failure, at) = (self.redacted(failure.clone()), self.shared.clock.now());
            let place = (!step.as_str().is_empty()).then(|| step.clone());
            let error = Node::from(self.error(&failure, step));
            self.book.note(Entry::FailureSettled { failure, step: place, at });
            let inside = frame.afterwards().inside([("error".into(), error)]);
            self.aftermath(&plan.on_failure, "on_failure", &inside).await?;
        }
        self.aftermath(&plan.finally, "finally", &frame.afterwards()).await?;
        outcome
    }

    async fn body(&self, frame: &Frame) -> Result<SharedJson, Halt> {
        let last = self.list(&self.plan.steps, StepPath::root(), frame).await?;
        match &self.plan.output {
            Some(output) => output
                .evaluate(&frame.scope())
                .map(Arc::new)
                .map_err(|failure| Halt::Failed { failure, step: StepPath::root() }),
            None => Ok(last),
        }
    }

    /// What `error` holds after this step failed.
    pub fn error(&self, failure: &Failure, step: &StepPath) -> Json {
        let attempts = self.book.read(|state| {
            state.and_then(|state| state.steps.get(step)).map_or(1, |step| step.attempts.len().max(1))
        });
        error_json(failure, step, u32::try_from(attempts).unwrap_or(u32::MAX))
    }

    /// Steps that run after the outcome is known and do not change it.
    async fn aftermath(&self, list: &StepList<Bound>, name: &str, frame: &Frame) -> Result<(), Halt> {
        if list.steps.is_empty() {
            return Ok(());
        }
        match self.list(list, StepPath::root().branch(name), frame).await {
            Ok(_) | Err(Halt::Cancelled) => Ok(()),
            Err(Halt::Failed { failure, step }) => {
                tracing::warn!(run = %self.id, %step, %failure, "a step of `{name}` failed");
                Ok(())
            }
            Err(halt) => Err(halt),
        }
    }

    /// Records how the run ended.
    async fn conclude(&self, outcome: Result<SharedJson, Halt>) -> Result<Finish, Closed> {
        let at = self.shared.clock.now();
        let null = || Arc::new(Json::Null);
        let finish = match outcome {
            Ok(output) => match self.keep_output(output).await {
                Ok((value, output)) => {
                    self.book.note(Entry::RunFinished {
                        status: RunEnd::Succeeded,
                        output: Some(value),
                        failure: None,
                        step: None,
                        at,
                    });
                    Finish { status: RunStatus::Succeeded, output, failure: None, step: None }
                }
                Err(failure) => self.failed(failure, StepPath::root(), at),
            },
            Err(Halt::Failed { failure, step }) => self.failed(failure, step, at),
            Err(Halt::Cancelled) => {
                self.book.note(Entry::RunFinished {
                    status: RunEnd::Cancelled,
                    output: None,
                    failure: None,
                    step: None,
                    at,
                });
                Finish { status: RunStatus::Cancelled, output: null(), failure: None, step: None }
            }
            Err(Halt::Attention { step, reason }) => {
                self.book.note(Entry::AttentionNeeded {
                    path: Some(step.clone()),
                    reason: reason.clone(),
                    at,
                });
                let failure = Failure::new("in_doubt", reason);
                Finish {
                    status: RunStatus::NeedsAttention,
                    output: null(),
                    failure: Some(failure),
                    step: Some(step),
                }
            }
            Err(Halt::Closed(closed)) => return Err(closed),
        };
        self.book.flush().await?;
        Ok(finish)
    }

    fn failed(&self, failure: Failure, step: StepPath, at: Timestamp) -> Finish {
        let failure = self.redacted(failure);
        let place = (!step.as_str().is_empty()).then_some(step);
        self.book.note(Entry::RunFinished {
            status: RunEnd::Failed,
            output: None,
            failure: Some(failure.clone()),
            step: place.clone(),
            at,
        });
        Finish {
            status: RunStatus::Failed,
            output: Arc::new(Json::Null),
            failure: Some(failure),
            step: place,
        }
    }
}

/// What a panic says, as the failure of what it happened in.
pub(super) fn fault(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    Failure::new("internal", format!("this stopped through a fault of howdah itself: {text}"))
}
