//! How a run gets to its first step: a new one from what was submitted, one that an earlier process
//! left from its journal.

use std::sync::Arc;

use serde_json::json;

use crate::component::Response;
use crate::ids::RunId;
use crate::journal::row::RunFilter;
use crate::journal::{Entry, RunState, RunStatus, StoreError};
use crate::money::Cost;
use crate::plan::Plan;
use crate::template::{Node, Scope};
use crate::value::{Failure, Json, SharedJson, Value};

use super::book::{Book, Offer};
use super::cancel::Cancel;
use super::once::Taken;
use super::root::RunRoot;
use super::run::{Exit, Run};
use super::seat::{self, Admission, Parcel};
use super::state::StateView;
use super::ticket::{Kept, Refusal};
use super::{Shared, Submission};

/// What a run reads from its first step on.
struct Roots {
    event: SharedJson,
    inputs: SharedJson,
    /// As they were when the run began; of a new run not known yet.
    vars: Option<SharedJson>,
    /// As it was when the run was accepted, where it is read.
    previous: Option<SharedJson>,
    /// What outlives runs, where it is read.
    state: Option<StateView>,
}

/// What a run reads that others have left: `previous` as it is now, and a view of `state`.
async fn outside(
    shared: &Arc<Shared>,
    plan: &Plan,
) -> Result<(Option<SharedJson>, Option<StateView>), StoreError> {
    let previous = match plan.reads.previous {
        true => Some(Arc::new(previous(shared, &plan.name).await?)),
        false => None,
    };
    let state = match plan.reads.state {
        true => Some(StateView::open(shared, &plan.name).await?),
        false => None,
    };
    Ok((previous, state))
}

/// `{output, started}` of the newest run of this workflow that succeeded; null when there is none.
async fn previous(shared: &Shared, workflow: &str) -> Result<Json, StoreError> {
    let filter = RunFilter {
        workflow: Some(workflow.to_owned()),
        statuses: vec![RunStatus::Succeeded],
        limit: 1,
        ..RunFilter::default()
    };
    let Some(row) = shared.store.list(filter).await?.rows.into_iter().next() else {
        return Ok(Json::Null);
    };
    let entries = shared.store.load(row.run).await?.unwrap_or_default();
    let state =
        RunState::fold(row.run, &entries).map_err(|error| StoreError::Unreadable(error.to_string()))?;
    let output = match state.output {
        Some(output) => Json::clone(&*shared.store.fetch(output).await?),
        None => Json::Null,
    };
    Ok(json!({ "output": output, "started": state.accepted.to_string() }))
}

/// Runs a submission.
pub(super) async fn start(
    shared: Arc<Shared>,
    id: RunId,
    submission: Submission,
    cancel: Cancel,
    exit: Exit,
) {
    let Submission { plan, trigger, event, inputs, identity, file, parent, reuse, refused } = submission;
    let at = shared.clock.now();
    let refuse = |exit: Exit, error: StoreError| {
        exit.phase.send_modify(|phase| phase.accepted = Some(Err(error.into())));
    };
    let (previous, state) = match outside(&shared, &plan).await {
        Ok(outside) => outside,
        Err(error) => return refuse(exit, error),
    };
    let (event_root, inputs_root) = (event.clone(), inputs.clone());
    let given =
        Roots { event: event_root, inputs: inputs_root, vars: None, previous: previous.clone(), state };
    let root = RunRoot::new(&shared, id, &plan.name, &trigger, at, Cost::ZERO);
    let depth = parent.as_ref().map_or(0, |parent| parent.depth);
    let (scope, vars, failure) = match vars(&plan, scope(&plan, &root, given)) {
        Ok((scope, vars)) => (scope, vars, refused),
        Err((scope, failure)) => (scope, None, refused.or(Some(failure))),
    };
    let (turn, failure) = match (failure, seat::turn(&plan, &scope)) {
        // Its caller has a seat and waits for it: a run that is called never waits for one.
        (None, _) if parent.is_some() => (None, None),
        // It ends at once, and needs no turn.
        (Some(failure), _) | (None, Err(failure)) => (None, Some(failure)),
        (None, Ok(turn)) => (turn, None),
    };
    let admission = match &failure {
        _ if parent.is_some() => Ok(Admission::Start(None)),
        Some(_) => Ok(Admission::Start(None)),
        None => seat::admit(&shared, id, &plan.name, turn.as_ref()),
    };
    let admission = match admission {
        Ok(admission) => admission,
        Err(told) => {
            exit.phase.send_modify(|phase| phase.accepted = Some(told));
            return;
        }
    };
    let kept = async {
        let event = shared.store.keep(event).await?;
        let inputs = shared.store.keep(inputs).await?;
        let vars = match vars {
            Some(vars) => Some(shared.store.keep(vars).await?),
            None => None,
        };
        let previous = match previous {
            Some(previous) => Some(shared.store.keep(previous).await?),
            None => None,
        };
        Ok::<_, StoreError>((event, inputs, vars, previous))
    };
    let (event, inputs, vars, previous) = match kept.await {
        Ok(kept) => kept,
        Err(error) => return refuse(exit, error),
    };
    let purse = match shared.new_purse(id, &plan, parent.as_ref().map(|parent| parent.run)).await {
        Ok(purse) => purse,
        Err(reason) => {
            exit.phase.send_modify(|phase| phase.accepted = Some(Err(Refusal::Storage(reason))));
            return;
        }
    };
    let (workflow, bundle) = (plan.name.to_string(), plan.digest);
    let first = Entry::RunAccepted { workflow, bundle, trigger, event, inputs, vars, turn, parent, at };
    let book = Book::new(shared.clone(), id, root.clone(), first, Offer { identity, file });
    let book = Arc::new(book);
    previous.into_iter().for_each(|previous| book.note(Entry::PreviousRead { previous }));
    reuse.into_entries(at).for_each(|entry| book.note(entry));
    match admission {
        // What it does comes later: nothing but its id is held until then.
        Admission::Wait(place) => match book.flush().await {
            Ok(()) => place.take(Parcel { cancel, exit }),
            Err(closed) => exit.phase.send_modify(|phase| phase.accepted = closed.into()),
        },
        Admission::Start(seat) => {
            cancel.open(&book);
            let (taken, waits) = (Taken::default(), exit.waits.clone());
            Run { shared, id, plan, book, purse, waits, root, depth, taken, cancel, exit }
                .live(scope, failure)
                .await;
            drop(seat);
        }
    }
}

/// Takes up a run that an earlier process left.
pub(super) async fn resume(shared: Arc<Shared>, id: RunId, cancel: Cancel, exit: Exit) {
    let (state, mut given) = match load(&shared, id).await {
        Ok(loaded) => loaded,
        Err(reason) => {
            tracing::error!(run = %id, reason, "the run cannot be taken up again");
            return;
        }
    };
    let narrowed = super::reuse::narrowed(&state);
    let digest = state.bundle;
    let (asked, response) = (state.cancel.is_some(), state.response.clone());
    let depth = state.parent.as_ref().map_or(0, |parent| parent.depth);
    let root = RunRoot::new(&shared, id, &state.workflow, &state.trigger, state.accepted, state.cost);
    let book = Arc::new(Book::reopen(shared.clone(), root.clone(), state));
    let plan = async {
        let plan = shared.definitions.definition(digest).await?;
        // What limits its callers is read too, from theirs.
        Ok((narrowed(plan), shared.purse(id).await?))
    };
    let (plan, purse) = match plan.await {
        Ok(found) => found,
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
    if plan.reads.state {
        match StateView::open(&shared, &plan.name).await {
            Ok(view) => given.state = Some(view),
            Err(error) => {
                tracing::error!(run = %id, %error, "the run cannot be taken up again");
                return;
            }
        }
    }
    let scope = scope(&plan, &root, given);
    let (taken, waits) = (Taken::default(), exit.waits.clone());
    Run { shared, id, plan, book, purse, waits, root, depth, taken, cancel, exit }.live(scope, None).await;
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
    let previous = match &state.previous {
        Some(previous) => Some(fetch(previous).await?),
        None => None,
    };
    let (event, inputs) = (fetch(&state.event).await?, fetch(&state.inputs).await?);
    let given = Roots { event, inputs, vars, previous, state: None };
    Ok((state, given))
}

/// The roots that a run begins with.
fn scope(plan: &Plan, root: &RunRoot, given: Roots) -> Scope {
    let scope = plan.settings.with("event", given.event).with("inputs", given.inputs);
    let scope = scope.with("run", root.view());
    let Roots { vars, previous, state, .. } = given;
    let scope = vars.into_iter().fold(scope, |scope, vars| scope.with("vars", vars));
    let scope = previous.into_iter().fold(scope, |scope, previous| scope.with("previous", previous));
    state.into_iter().fold(scope, |scope, state| scope.with("state", state.now()))
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
