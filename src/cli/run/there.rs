//! A run of the daemon that is on the workspace: submitted and waited for through its API, shown
//! from its journal.
//!
//! What the daemon answers to a long poll is only a sign that there is news; the entries themselves
//! are read from the journal, so that both ways of running show and print the same.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::ask::hint;
use super::{Ending, Order, skipped};
use crate::cli::addresses::Addresses;
use crate::cli::api::{Api, ApiError, Reply};
use crate::cli::exit::Exit;
use crate::cli::place;
use crate::cli::problem::Problem;
use crate::cli::progress::Progress;
use crate::cli::screen::{self, DIM};
use crate::cli::signals::Signals;
use crate::clock::Timestamp;
use crate::daemon::Extent;
use crate::engine::Happened;
use crate::ids::RunId;
use crate::journal::sqlite::Reader;
use crate::journal::{Entry, RunState, RunStatus};
use crate::server::views::{self, Blobs};
use crate::value::{Json, Value};

/// How long one question waits for news.
const WAIT: Duration = Duration::from_secs(20);

/// How long to wait between two looks where the daemon does not wait by itself.
const PAUSE: Duration = Duration::from_millis(100);

/// Submits the run and follows it.
pub async fn run(order: &Order, addresses: &Addresses, signals: &mut Signals) -> Result<Ending, Problem> {
    let differs = [("--simulate", order.simulate), ("--profile", order.profile.is_some())];
    if let Some((flag, _)) = differs.into_iter().find(|(_, given)| *given) {
        let message = format!(
            "a daemon (process {}) runs this workspace as it was started, and `{flag}` asks for something else",
            addresses.pid
        );
        return Err(
            Problem::invalid(message).with_help(format!("leave `{flag}` out, or stop the daemon first"))
        );
    }
    let api = place::api(&order.workspace, addresses, order.clock.clone());
    let run = submit(&api, order).await?;
    let reader = Reader::open(&order.workspace.state_dir).map_err(Problem::failed)?;
    screen::note(&format!("{DIM}submitted to the daemon at {}: {run}{DIM:#}\n", api.address));
    let (state, stopped) = Following { api: &api, reader: &reader, run, order }.to_the_end(signals).await?;
    let outcome = outcome(&api, &state).await?;
    Ok(Ending { output: Arc::new(outcome["output"].clone()), outcome, state, stopped })
}

async fn submit(api: &Api, order: &Order) -> Result<RunId, Problem> {
    let mut body = json!({ "inputs": order.inputs });
    if let Some(event) = &order.event {
        body["event"] = event.clone();
    }
    if let Some(part) = &order.part {
        let extent = match part.extent {
            Extent::From => "from",
            Extent::Only => "only",
        };
        body[extent] = part.step.as_str().into();
        if let Some(using) = &part.using {
            body["using"] = using.as_str().into();
        }
    }
    let reply = api
        .post(&format!("/api/v1/workflows/{}/runs", order.workflow), &body)
        .await
        .map_err(Problem::failed)?;
    let accepted = reply.granted().map_err(|error| match &error {
        ApiError::Refused { status, .. } if status.is_client_error() && status.as_u16() != 429 => {
            Problem::invalid(error)
        }
        _ => Problem::failed(error),
    })?;
    if accepted["skipped"].is_string() {
        return Err(skipped());
    }
    let run = accepted["run"].as_str().and_then(|run| run.parse().ok());
    run.ok_or_else(|| Problem::failed("the daemon answered without the id of a run"))
}

struct Following<'a> {
    api: &'a Api,
    reader: &'a Reader,
    run: RunId,
    order: &'a Order,
}

impl Following<'_> {
    async fn to_the_end(&self, signals: &mut Signals) -> Result<(RunState, Option<Exit>), Problem> {
        let clock = &self.order.clock;
        let mut progress = Progress::default();
        let mut entries: Vec<Entry> = Vec::new();
        let mut stopped = None;
        let deadline =
            self.order.timeout.map(|timeout| clock.now().checked_add(timeout).unwrap_or(Timestamp::MAX));
        let mut is_late = false;
        loop {
            let seen = entries.len();
            entries = self.reader.load(self.run).await.map_err(Problem::failed)?.unwrap_or_default();
            if let Some(news) = entries.get(seen..).filter(|news| !news.is_empty()) {
                progress.show(&Happened::Recorded(news.into()));
                for entry in news {
                    if let Entry::WaitBegun { path, awaited, token: Some(_), .. } = entry {
                        screen::note(&hint(self.run, path, awaited));
                    }
                }
            }
            let state = RunState::fold(self.run, &entries).map_err(Problem::failed)?;
            if state.status.is_final() || state.status == RunStatus::NeedsAttention {
                return Ok((state, stopped));
            }
            let has_news = entries.len() > seen;
            if deadline.is_some_and(|deadline| clock.now() >= deadline) && !is_late {
                is_late = true;
                self.cancel().await?;
            }
            let until_late = deadline
                .filter(|_| !is_late)
                .map_or(WAIT, |deadline| crate::clock::elapsed(clock.now(), deadline).min(WAIT));
            tokio::select! {
                waited = self.wait_for_news(entries.len(), until_late) => waited?,
                exit = signals.end() => match stopped.replace(exit) {
                    Some(_) => exit.at_once(),
                    None => self.cancel().await?,
                },
            }
            if !has_news {
                clock.sleep(PAUSE).await;
            }
        }
    }

    async fn wait_for_news(&self, version: usize, wait: Duration) -> Result<(), Problem> {
        let path = format!("/api/v1/runs/{}?wait={}&after={version}", self.run, wait.as_secs());
        match self.api.get(&path, wait).await {
            Ok(_) => Ok(()),
            Err(ApiError::Refused { .. } | ApiError::Broken(..)) => {
                self.order.clock.sleep(PAUSE).await;
                Ok(())
            }
            Err(error @ ApiError::Unreachable(..)) => Err(Problem::failed(error)
                .with_help(format!("run `{}` goes on when a daemon runs on this workspace again", self.run))
                .with_help(format!("see where it stands with `howdah runs show {}`", self.run))),
        }
    }

    async fn cancel(&self) -> Result<(), Problem> {
        let path = format!("/api/v1/runs/{}/cancel", self.run);
        let reply = self.api.post(&path, &json!({})).await.map_err(Problem::failed)?;
        match reply.granted() {
            // It ended by itself meanwhile.
            Err(ApiError::Refused { status, .. }) if status.as_u16() == 409 => Ok(()),
            other => other.map(drop).map_err(Problem::failed),
        }
    }
}

/// All of the run; large values are asked for, as their blobs are the daemon's.
async fn outcome(api: &Api, state: &RunState) -> Result<Json, Problem> {
    let mut outcome = views::outcome(state, &Blobs::default());
    let steps = state.steps.values().filter_map(|step| step.output.as_ref());
    if state.output.iter().chain(steps).any(|value| matches!(value, Value::Blob { .. })) {
        let reply = api.get(&format!("/api/v1/runs/{}", state.run), Duration::ZERO).await;
        let mut run = reply.and_then(Reply::granted).map_err(Problem::failed)?;
        for part in ["output", "steps"] {
            outcome[part] = run[part].take();
        }
    }
    Ok(outcome)
}
