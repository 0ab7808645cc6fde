//! What outsiders read of runs: the same JSON in the API, in `run --json` and in `runs show`.
//!
//! This is version 1. A field may be added; none changes its meaning or goes away within a version.
//! Amounts are text like `$0.00018` beside `cost_exact`, which is false where a price is unknown and
//! the amount is what is known of it, null where that is nothing; instants are RFC 3339 in UTC.
//!
//! Pure, apart from [`Blobs::fetch`]. Nothing is read but what the journal holds.

use std::collections::HashMap;

use serde_json::{Map, json};

use crate::clock::Timestamp;
use crate::engine::Asked;
use crate::event::Awaited;
use crate::ids::{Digest, StepPath};
use crate::journal::row::RunRow;
use crate::journal::state::{Attempt, StepState};
use crate::journal::{RunState, Store, WaitState};
use crate::money::{Cost, Money};
use crate::value::{Failure, Json, ModelFacts, SharedJson, Usage, Value};

/// The largest value that a view holds itself, in bytes of JSON text.
pub const SHOWN_LIMIT: u64 = 1 << 20;

/// All large values of a view together, in bytes of JSON text.
pub const FETCH_LIMIT: u64 = 16 << 20;

/// The large values of a run that its view shows.
#[derive(Debug, Default)]
pub struct Blobs(HashMap<Digest, SharedJson>);

impl Blobs {
    /// Reads the run's large values, each up to [`SHOWN_LIMIT`] and up to [`FETCH_LIMIT`] in all, its
    /// output first. What is larger, or cannot be read, is shown by its digest.
    pub async fn fetch(store: &dyn Store, state: &RunState) -> Self {
        let mut blobs = HashMap::new();
        let mut left = FETCH_LIMIT;
        let steps = state.steps.values().filter_map(|step| step.output.as_ref());
        for value in state.output.iter().chain(steps) {
            let Value::Blob { digest, size } = value else { continue };
            if *size > SHOWN_LIMIT.min(left) || blobs.contains_key(digest) {
                continue;
            }
            if let Ok(json) = store.fetch(value.clone()).await {
                blobs.insert(*digest, json);
                left -= size;
            }
        }
        Self(blobs)
    }

    /// A value, or `{"blob": DIGEST, "size": BYTES}` for one that is too large.
    fn show(&self, value: &Value) -> Json {
        match value {
            Value::Inline(json) => Json::clone(json),
            Value::Blob { digest, size } => match self.0.get(digest) {
                Some(json) => Json::clone(json),
                None => json!({ "blob": digest, "size": size }),
            },
        }
    }
}

/// A run in a list: `{id, workflow, status, reason, trigger, accepted, started, ended, cost, cost_exact}`.
pub fn row(row: &RunRow) -> Json {
    json!({
        "id": row.run.to_string(),
        "workflow": row.workflow,
        "status": row.status,
        "reason": row.reason,
        "trigger": row.trigger.to_string(),
        "accepted": instant(row.accepted),
        "started": row.started.map(instant),
        "ended": row.ended.map(instant),
        "cost": amount(row.cost),
        "cost_exact": row.cost.exact,
    })
}

/// A run with its steps and their attempts. `version` counts what was recorded: ask for what comes
/// after it.
pub fn run(state: &RunState, blobs: &Blobs) -> Json {
    json!({
        "id": state.run.to_string(),
        "version": state.version.0,
        "workflow": state.workflow,
        "digest": state.bundle,
        "status": state.status,
        "trigger": state.trigger.to_string(),
        "parent": state.parent.as_ref().map(|parent| json!({ "run": parent.run.to_string(), "step": parent.step })),
        "accepted": instant(state.accepted),
        "started": state.started.map(instant),
        "ended": state.ended.map(instant),
        "recoveries": state.recoveries,
        "only": state.only,
        "cancel": state.cancel.as_ref().map(|cancel| json!({ "by": cancel.by, "at": instant(cancel.at) })),
        "error": run_error(state),
        "output": output(state, blobs),
        "cost": amount(state.cost),
        "cost_exact": state.cost.exact,
        "cost_with_calls": amount(state.cost_with_calls()),
        "usage": state.usage,
        "steps": steps(state, blobs),
    })
}

/// What `howdah run --json` prints: `{run, workflow, status, output, error, cost, cost_exact, cost_with_calls,
/// usage, steps}`.
pub fn outcome(state: &RunState, blobs: &Blobs) -> Json {
    json!({
        "run": state.run.to_string(),
        "workflow": state.workflow,
        "status": state.status,
        "output": output(state, blobs),
        "error": run_error(state),
        "cost": amount(state.cost),
        "cost_exact": state.cost.exact,
        "cost_with_calls": amount(state.cost_with_calls()),
        "usage": state.usage,
        "steps": steps(state, blobs),
    })
}

fn output(state: &RunState, blobs: &Blobs) -> Json {
    state.output.as_ref().map_or(Json::Null, |value| blobs.show(value))
}

fn steps(state: &RunState, blobs: &Blobs) -> Vec<Json> {
    state.steps.iter().map(|(path, step)| self::step(path, step, blobs)).collect()
}

fn step(path: &StepPath, step: &StepState, blobs: &Blobs) -> Json {
    let (cost, usage) = spent(step);
    json!({
        "path": path,
        "status": step.status,
        "started": step.attempts.first().map(|attempt| instant(attempt.started)),
        "ended": step.ended.map(instant),
        "retry_due": step.retry_due.map(instant),
        "wait": step.wait.as_ref().map(wait),
        "error": step.failure().map(error),
        "child": step.child.map(|run| run.to_string()),
        "model": step.model.as_ref().map(|model| &model.model),
        "reused_from": step.reused.map(|run| run.to_string()),
        "output": step.output.as_ref().map_or(Json::Null, |value| blobs.show(value)),
        "cost": amount(cost),
        "cost_exact": cost.exact,
        "usage": usage,
        "attempts": step.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
}

/// What a step waits or waited for: `{kind, since, due, answered: {by, at}}`, and for an approval
/// `{message, to, fields}` besides.
fn wait(wait: &WaitState) -> Json {
    let mut view = json!({
        "kind": wait.awaited.kind(),
        "since": instant(wait.since),
        "due": wait.due.map(instant),
        "answered": wait.signal.as_ref().map(|signal| json!({ "by": signal.by, "at": instant(signal.at) })),
    });
    if let (Awaited::Approval { message, to, fields }, Some(view)) = (&wait.awaited, view.as_object_mut()) {
        view.insert("message".to_owned(), json!(message));
        view.insert("to".to_owned(), json!(to));
        view.insert("fields".to_owned(), json!(fields));
    }
    view
}

/// A step that waits, in a list: what a step's `wait` holds, `{run, workflow, step}`, and the address
/// at which it is answered.
pub fn asked(asked: &Asked, url: Option<String>) -> Json {
    let mut view = json!({ "run": asked.run.to_string(), "workflow": asked.workflow, "step": asked.step });
    if let (Some(view), Json::Object(wait)) = (view.as_object_mut(), wait(&asked.wait)) {
        view.extend(wait);
        view.insert("url".to_owned(), json!(url));
    }
    view
}

/// What all attempts of a step cost and used; no usage for a step that asked no model.
fn spent(step: &StepState) -> (Cost, Option<Usage>) {
    let last = step.attempts.last().and_then(|attempt| attempt.model.as_ref());
    // What another run did, that run has paid for.
    if step.reused.is_some() {
        return (Cost::ZERO, None);
    }
    // A step that finished without having been started has its facts beside its attempts.
    let beside = step.model.as_ref().filter(|_| last.is_none());
    let attempts = step.attempts.iter().filter_map(|attempt| attempt.model.as_ref());
    attempts.chain(beside).fold((Cost::ZERO, None), |(cost, usage), model| {
        let mut sum = usage.unwrap_or_default();
        sum += model.usage;
        (cost + model.cost, Some(sum))
    })
}

fn attempt(attempt: &Attempt) -> Json {
    let mut view = Map::new();
    view.insert("attempt".to_owned(), json!(attempt.number));
    view.insert("started".to_owned(), json!(instant(attempt.started)));
    view.insert("ended".to_owned(), json!(attempt.ended.map(instant)));
    view.insert("error".to_owned(), json!(attempt.failure.as_ref().map(error)));
    if let Some(model) = &attempt.model {
        view.extend(model_facts(model));
    }
    Json::Object(view)
}

fn model_facts(model: &ModelFacts) -> Map<String, Json> {
    let pairs = [
        ("model", json!(model.model)),
        ("served_model", json!(model.served_model)),
        ("cost", json!(amount(model.cost))),
        ("cost_exact", json!(model.cost.exact)),
        ("usage", json!(model.usage)),
        ("finish_reason", json!(model.finish_reason)),
        ("truncated", json!(model.truncated)),
        ("reasoning", json!(model.reasoning)),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Why a run failed, or what keeps it from going on.
fn run_error(state: &RunState) -> Json {
    let (mut view, step) = match (&state.failure, &state.attention) {
        (Some(failure), _) => (error(failure), &state.failed_step),
        (None, Some(attention)) => {
            (json!({ "code": "in_doubt", "message": attention.reason }), &attention.path)
        }
        (None, None) => return Json::Null,
    };
    if let (Some(step), Some(fields)) = (step, view.as_object_mut()) {
        fields.insert("step".to_owned(), json!(step));
    }
    view
}

fn error(failure: &Failure) -> Json {
    json!(failure)
}

/// An amount; null where nothing of it is known, as that is not nothing.
fn amount(cost: Cost) -> Option<String> {
    (cost.exact || cost.amount > Money::ZERO).then(|| cost.amount.to_string())
}

fn instant(at: Timestamp) -> String {
    at.to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::TriggerId;
    use crate::ids::RunId;
    use crate::journal::{AfterFailure, Entry, RunEnd, StepEnd};

    const SECOND: i64 = 1_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + seconds * SECOND).unwrap()
    }

    fn model(cost: Cost) -> ModelFacts {
        let usage = Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() };
        ModelFacts {
            model: "local/tiny".into(),
            usage,
            cost,
            finish_reason: Some("stop".into()),
            ..ModelFacts::default()
        }
    }

    fn blob() -> Value {
        Value::Blob { digest: Digest::of(b"large"), size: 70_000 }
    }

    fn state(rest: Vec<Entry>) -> RunState {
        let first = Entry::RunAccepted {
            workflow: "triage".into(),
            bundle: Digest::of(b""),
            trigger: TriggerId { kind: "webhook".into(), index: 1 },
            event: Value::Inline(Arc::new(Json::Null)),
            inputs: Value::Inline(Arc::new(Json::Null)),
            vars: None,
            turn: None,
            parent: None,
            at: at(0),
        };
        let entries: Vec<_> = std::iter::once(first).chain(rest).collect();
        RunState::fold(RunId::new(), &entries).unwrap()
    }

    fn failed_attempt(cost: Cost) -> Vec<Entry> {
        let path = StepPath::from("label");
        let failure = Failure::new("http_status", "the server answered 503").with_status(503);
        vec![
            Entry::StepStarted { path: path.clone(), attempt: 1, at: at(1) },
            Entry::StepFailed {
                path,
                attempt: 1,
                failure,
                model: Some(model(cost)),
                then: AfterFailure::Retry,
                at: at(2),
            },
        ]
    }

    #[test]
    fn a_run_is_shown_with_every_attempt() {
        let mut entries = failed_attempt(Cost::exactly("$0.01".parse().unwrap()));
        entries.extend([
            Entry::StepStarted { path: "label".into(), attempt: 2, at: at(3) },
            Entry::StepFinished {
                path: "label".into(),
                status: StepEnd::Succeeded,
                output: Value::Inline(Arc::new(json!({ "queue": "outage" }))),
                model: Some(model(Cost::exactly("$0.00018".parse().unwrap()))),
                at: at(4),
            },
            Entry::RunFinished {
                status: RunEnd::Succeeded,
                output: Some(blob()),
                failure: None,
                step: None,
                at: at(4),
            },
        ]);
        let state = state(entries);
        let view = run(&state, &Blobs::default());
        let usage = |input: u64, output: u64| json!({ "input_tokens": input, "cached_tokens": 0, "output_tokens": output, "reasoning_tokens": 0, "estimated": false });
        let facts = |cost: &str| {
            json!({
                "model": "local/tiny", "served_model": null, "cost": cost, "cost_exact": true, "usage": usage(10, 2),
                "finish_reason": "stop", "truncated": false, "reasoning": null,
            })
        };
        let with = |mut first: Json, second: Json| {
            first.as_object_mut().unwrap().extend(second.as_object().unwrap().clone());
            first
        };
        let error = json!({ "code": "http_status", "message": "the server answered 503", "status": 503 });
        let step = json!({
            "path": "label",
            "status": "succeeded",
            "started": "2023-11-14T22:13:21Z",
            "ended": "2023-11-14T22:13:24Z",
            "retry_due": null,
            "wait": null,
            "error": null,
            "child": null,
            "model": "local/tiny",
            "reused_from": null,
            "output": { "queue": "outage" },
            "cost": "$0.01018",
            "cost_exact": true,
            "usage": usage(20, 4),
            "attempts": [
                with(
                    json!({ "attempt": 1, "started": "2023-11-14T22:13:21Z", "ended": "2023-11-14T22:13:22Z", "error": error }),
                    facts("$0.01"),
                ),
                with(
                    json!({ "attempt": 2, "started": "2023-11-14T22:13:23Z", "ended": "2023-11-14T22:13:24Z", "error": null }),
                    facts("$0.00018"),
                ),
            ],
        });
        let expected = json!({
            "id": state.run.to_string(),
            "version": 6,
            "workflow": "triage",
            "digest": Digest::of(b"").to_string(),
            "status": "succeeded",
            "trigger": "webhook[1]",
            "parent": null,
            "accepted": "2023-11-14T22:13:20Z",
            "started": "2023-11-14T22:13:21Z",
            "ended": "2023-11-14T22:13:24Z",
            "recoveries": 0,
            "only": null,
            "cancel": null,
            "error": null,
            "output": { "blob": Digest::of(b"large").to_string(), "size": 70_000 },
            "cost": "$0.01018",
            "cost_exact": true,
            "cost_with_calls": "$0.01018",
            "usage": usage(20, 4),
            "steps": [step],
        });
        assert_eq!(view, expected);
        let shown = Blobs(HashMap::from([(Digest::of(b"large"), Arc::new(json!("text")))]));
        assert_eq!(outcome(&state, &shown)["output"], "text");
        let keys: Vec<_> = outcome(&state, &shown).as_object().unwrap().keys().cloned().collect();
        let published = [
            "run",
            "workflow",
            "status",
            "output",
            "error",
            "cost",
            "cost_exact",
            "cost_with_calls",
            "usage",
            "steps",
        ];
        assert_eq!(keys, published);
    }

    #[test]
    fn an_unknown_price_is_never_shown_as_exact() {
        let state = state(failed_attempt(Cost::UNKNOWN));
        let view = run(&state, &Blobs::default());
        assert_eq!((&view["cost"], &view["cost_exact"]), (&Json::Null, &json!(false)));
        assert_eq!(view["steps"][0]["cost_exact"], false);
        assert_eq!(row(&state.summary())["cost_exact"], false);
    }

    #[test]
    fn a_run_in_doubt_says_what_about() {
        let doubt = Entry::AttentionNeeded {
            path: Some("pay".into()),
            reason: "it may have been sent".into(),
            at: at(1),
        };
        let view = run(&state(vec![doubt]), &Blobs::default());
        assert_eq!(view["status"], "needs_attention");
        assert_eq!(
            view["error"],
            json!({ "code": "in_doubt", "message": "it may have been sent", "step": "pay" })
        );
    }
}
