//! One run on a bench: what it finds in the state, how it is brought to its end, what it came to.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::check::Workflow;
use crate::clock::{Clock as _, SystemClock};
use crate::engine::{Answer, Submission};
use crate::journal::{RunState, RunStatus, StateChange, StateOwner, StepStatus};
use crate::units::format_duration;
use crate::value::Json;

use super::expect::{Ended, Outcome};
use super::ground::{Bench, Reach};
use super::outline::outline;
use super::read::Test;
use super::request::passes;
use super::stage::{Stage, id_of};

/// How long a test may take in which nobody is asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one may take in which models are.
const LONG_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Brings a run to its end.
pub(super) async fn drive(
    bench: &Bench,
    stage: &Stage,
    submission: Submission,
    reach: Reach,
) -> Result<RunState, String> {
    for (digest, bytes) in &bench.bundles {
        bench.store.put_bundle(*digest, bytes.clone()).await.map_err(|error| error.to_string())?;
    }
    let mut ticket = bench.engine.submit(submission).map_err(|refusal| refusal.to_string())?;
    stage.attend(Some(bench.engine.clone()));
    let patience = match reach {
        Reach::Nothing => PATIENCE,
        Reach::World => LONG_PATIENCE,
    };
    let answer = tokio::select! {
        answer = ticket.finished() => Some(answer),
        () = SystemClock.sleep(patience) => None,
    };
    // The stage holds what the engine runs on.
    stage.attend(None);
    match answer {
        Some(Answer::Finished(_)) => {}
        Some(_) => return Err("the run stopped without an end".to_owned()),
        None => {
            let asked = bench.engine.cancel(ticket.run, "the test's time limit").await;
            asked.map_err(|error| error.to_string())?;
            return Err(format!("the run did not end within {}", format_duration(patience)));
        }
    }
    ticket.accepted().await.map_err(|refusal| refusal.to_string())?;
    let entries = bench.store.load(ticket.run).await.map_err(|error| error.to_string())?;
    RunState::fold(ticket.run, &entries.unwrap_or_default()).map_err(|error| error.to_string())
}

/// Puts what a test says of `state` where its run will find it.
pub(super) async fn remember(bench: &Bench, workflow: &Arc<str>, test: &Test) -> Result<(), String> {
    let (shared, own): (Vec<_>, Vec<_>) =
        test.state.iter().partition(|(name, _)| &*name.value == "workspace");
    let own = own.into_iter().map(|(name, node)| (name.value.to_string(), node.to_json())).collect();
    let shared = shared.into_iter().filter_map(|(_, node)| match node.to_json() {
        Json::Object(values) => Some(values),
        _ => None,
    });
    let shared = shared.flatten().collect();
    for (owner, set) in [(StateOwner::Workflow(workflow.to_string()), own), (StateOwner::Workspace, shared)] {
        let change = StateChange { owner, set, delete: Vec::new() };
        bench.engine.change_state(change).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// A step in one pass of the loops around it.
type Pass = (Vec<usize>, Json);

/// What a run came to.
pub(super) async fn outcome(bench: &Bench, state: &RunState, workflow: &Workflow) -> Result<Outcome, String> {
    let fetch = async |value: &Option<crate::value::Value>| match value {
        Some(value) => bench.store.fetch(value.clone()).await.map_err(|error| error.to_string()),
        None => Ok(Arc::new(Json::Null)),
    };
    let known = outline(workflow);
    let mut reached: Vec<(Arc<str>, Vec<Pass>)> = Vec::new();
    for (path, step) in &state.steps {
        let id = id_of(path.as_str());
        if !known.contains_key(id) {
            continue;
        }
        let has_run = matches!(step.status, StepStatus::Succeeded | StepStatus::Failed);
        let failure = step.attempts.last().and_then(|attempt| attempt.failure.as_ref());
        let failure = failure.filter(|_| step.status == StepStatus::Failed);
        let seen = json!({
            "status": step.status.as_str(),
            "output": &*fetch(&step.output).await?,
            "attempts": step.attempts.len().max(usize::from(has_run)),
            "error": failure.map(|failure| json!({ "code": failure.code, "message": failure.message })),
        });
        let pass = (passes(path.as_str()), seen);
        match reached.iter_mut().find(|(known, _)| **known == *id) {
            Some((_, seen)) => seen.push(pass),
            None => reached.push((id.into(), vec![pass])),
        }
    }
    let steps = reached.into_iter().map(|(id, mut seen)| {
        seen.sort_by(|(one, _), (other, _)| one.cmp(other));
        (id, seen.into_iter().map(|(_, seen)| seen).collect())
    });
    Ok(Outcome {
        ended: match state.status {
            RunStatus::Succeeded => Ended::Succeeded,
            RunStatus::Cancelled => Ended::Cancelled,
            RunStatus::NeedsAttention => Ended::NeedsAttention,
            _ => Ended::Failed,
        },
        failure: state.failure.clone(),
        step: state.failed_step.as_ref().map(ToString::to_string),
        output: fetch(&state.output).await?,
        steps: steps.collect(),
        requests: Vec::new(),
        files: Vec::new(),
        cost: state.cost,
        calls: 0,
    })
}
