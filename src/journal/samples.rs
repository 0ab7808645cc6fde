//! Entries, runs and stores for the tests of this room.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::clock::{Clock, SharedClock, Timestamp};
use crate::event::TriggerId;
use crate::ids::{Digest, RunId};
use crate::journal::entry::{AfterFailure, Entry, StepEnd};
use crate::journal::lock::StateLock;
use crate::journal::sqlite::SqliteStore;
use crate::journal::state::RunState;
use crate::journal::status::RunEnd;
use crate::journal::store::{Acceptance, Accepted, Store};
use crate::money::{Cost, Money};
use crate::value::{Failure, Json, ModelFacts, Usage, Value};

/// The definition of every run in the tests.
pub(super) const BUNDLE: &[u8] = b"steps: []";

pub(super) fn bundle() -> Digest {
    Digest::of(BUNDLE)
}

pub(super) fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

pub(super) fn inline(json: Json) -> Value {
    Value::Inline(Arc::new(json))
}

/// Two cents.
fn model() -> Option<ModelFacts> {
    let usage = Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() };
    let cost = Cost::exactly("$0.02".parse().unwrap());
    Some(ModelFacts { model: "local/tiny".to_owned(), usage, cost, ..ModelFacts::default() })
}

pub(super) fn accepted(workflow: &str) -> Entry {
    Entry::RunAccepted {
        workflow: workflow.to_owned(),
        bundle: bundle(),
        trigger: TriggerId { kind: "webhook".to_owned(), index: 1 },
        event: inline(Json::Null),
        inputs: inline(serde_json::json!({ "ticket": "help" })),
        vars: None,
        turn: None,
        parent: None,
        at: instant(1_000),
    }
}

pub(super) fn started(path: &str, attempt: u32) -> Entry {
    Entry::StepStarted { path: path.into(), attempt, at: instant(2_000) }
}

/// A step that cost two cents.
pub(super) fn finished(path: &str, output: i64) -> Entry {
    Entry::StepFinished {
        path: path.into(),
        status: StepEnd::Succeeded,
        output: inline(output.into()),
        model: model(),
        at: instant(3_000),
    }
}

/// An attempt that cost a cent, and nothing came of it.
pub(super) fn failed(path: &str, attempt: u32, then: AfterFailure) -> Entry {
    let half = model().map(|model| ModelFacts {
        cost: Cost::exactly(Money::from_pico(model.cost.amount.pico() / 2)),
        ..model
    });
    Entry::StepFailed {
        path: path.into(),
        attempt,
        failure: Failure::new("http_status", "the server answered 503").with_status(503),
        model: half,
        then,
        at: instant(3_000),
    }
}

pub(super) fn ended(status: RunEnd) -> Entry {
    Entry::RunFinished { status, output: None, failure: None, step: None, at: instant(4_000) }
}

/// Puts the bundle, and accepts a new run of this workflow.
pub(super) async fn new_run(store: &dyn Store, workflow: &str) -> RunState {
    store.put_bundle(bundle(), BUNDLE.to_vec()).await.unwrap();
    let (state, commit) = RunState::accept(RunId::new(), vec![accepted(workflow)]).unwrap();
    assert_eq!(store.accept(Acceptance::of(commit)).await, Ok(Accepted::New));
    state
}

/// A clock that stands still.
#[derive(Debug)]
pub(super) struct Still(pub(super) Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

pub(super) fn still() -> SharedClock {
    Arc::new(Still(instant(10_000)))
}

/// The durable store of this folder.
pub(super) fn sqlite(folder: &std::path::Path) -> SqliteStore {
    SqliteStore::open(StateLock::acquire(folder).unwrap(), still()).unwrap()
}
