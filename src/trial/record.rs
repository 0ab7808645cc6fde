//! A real run that becomes a test: its recording, and the text of the test that replays it.
//!
//! The run does everything that it does; only that it is written down is new. It is not in the history.

use std::sync::Arc;

use serde_json::json;

use crate::clock::SystemClock;
use crate::engine::{Reuse, Submission};
use crate::event::TriggerId;
use crate::money::Cost;
use crate::value::{Failure, Json};

use super::drive::{drive, outcome};
use super::expect::{Ended, Outcome};
use super::ground::{Ground, Reach};
use super::pattern::OPERATORS;
use super::recording::Recording;
use super::stage::{Script, Source, Stage};

/// A run that is to be recorded.
pub struct Order {
    /// The workflow's name.
    pub workflow: Arc<str>,
    /// What the test is called.
    pub name: String,
    /// Where its recording will lie, below the workspace.
    pub replay: String,
    /// What the run is given.
    pub inputs: serde_json::Map<String, Json>,
    /// What `event` is, where there is one.
    pub event: Option<Json>,
}

/// What became of it.
pub struct Made {
    /// How the run ended.
    pub ended: Ended,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What it gave.
    pub output: Arc<Json>,
    /// What it cost.
    pub cost: Cost,
    /// How many answers are in the recording.
    pub answers: usize,
    /// The text of the recording.
    pub recording: String,
    /// The test, as an item of a list of tests that is not indented.
    pub test: String,
}

/// Runs a workflow, really, and makes a test of it.
///
/// # Errors
/// When there was no run: a sentence.
pub async fn record(ground: &Arc<Ground>, order: Order) -> Result<Made, String> {
    let Order { workflow, name, replay, inputs, event } = order;
    let definition = ground.definition(&workflow);
    let definition = definition.ok_or_else(|| format!("there is no workflow `{workflow}` without errors"))?;
    let script = Script {
        mocks: Default::default(),
        approvals: Default::default(),
        source: Source::World,
        scratch: None,
    };
    let stage = Stage::new(script);
    let bench = {
        let (ground, workflow, stage) = (ground.clone(), workflow.clone(), stage.clone());
        tokio::task::spawn_blocking(move || {
            ground.bench(&workflow, &stage, None, &SystemClock::shared(), Reach::World)
        })
    };
    let bench = bench.await.map_err(|error| error.to_string())??;
    let submission = Submission {
        plan: bench.plan.clone(),
        trigger: TriggerId::manual(),
        event: Arc::new(event.clone().unwrap_or(Json::Null)),
        inputs: Arc::new(bench.plan.inputs(inputs.clone()).map_err(|error| error.to_string())?),
        identity: None,
        file: None,
        parent: None,
        refused: None,
        reuse: Reuse::default(),
    };
    let state = drive(&bench, &stage, submission, Reach::World).await?;
    let came = outcome(&bench, &state, &definition.workflow).await?;
    let mut recorded = std::mem::take(&mut stage.ledger().recorded);
    for call in &mut recorded {
        call.output.iter_mut().for_each(|output| ground.secrets.redact_json(output));
        ground.secrets.redact_json(&mut call.request);
    }
    let answers = recorded.len();
    let recording = Recording::new(&workflow, state.accepted, recorded).write(&name)?;
    let run = state.run.to_string();
    let mut expect = json!({ "status": came.ended.as_str() });
    match came.ended {
        Ended::Succeeded => expect["output"] = wanted(&came.output, &run),
        _ => {
            if let Some(failure) = &came.failure {
                expect["error"] = json!({ "code": failure.code });
            }
        }
    }
    let mut given = json!({ "inputs": inputs, "event": event });
    ground.secrets.redact_json(&mut given);
    let mut test = format!("- name: {}\n", Json::from(&*name));
    test.push_str(&format!("  inputs: {}\n", given["inputs"]));
    if event.is_some() {
        test.push_str(&format!("  event: {}\n", given["event"]));
    }
    test.push_str(&format!("  now: \"{}\"\n  replay: {}\n", state.accepted, Json::from(&*replay)));
    test.push_str("  expect:\n");
    for (key, value) in expect.as_object().into_iter().flatten() {
        test.push_str(&format!("    {key}: {value}\n"));
    }
    let Outcome { ended, failure, output, cost, .. } = came;
    Ok(Made { ended, failure, output, cost, answers, recording, test })
}

/// What a test wants of a value that was like this once.
fn wanted(value: &Json, run: &str) -> Json {
    match value {
        // Another run has another id.
        Json::String(text) if text.contains(run) => json!({ "any": true }),
        Json::Array(items) => items.iter().map(|item| wanted(item, run)).collect(),
        Json::Object(fields)
            if !fields.is_empty() && fields.keys().all(|key| OPERATORS.contains(&&**key)) =>
        {
            json!({ "equals": value })
        }
        Json::Object(fields) => {
            Json::Object(fields.iter().map(|(key, field)| (key.clone(), wanted(field, run))).collect())
        }
        other => other.clone(),
    }
}
