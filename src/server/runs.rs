//! The routes about runs: lists, one run, its end.
//!
//! All that is told comes from the journal; a run that is under way adds only the moment at which
//! it is worth reading again.

use std::error::Error as _;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::engine::{Happened, Progress};
use crate::ids::RunId;
use crate::journal::row::{Found, RunFilter, RunRow};
use crate::journal::{RunState, RunStatus, StoreError, Version};
use crate::value::Json;

use super::answer::{Problem, json};
use super::api::{Api, named};
use super::views::{self, Blobs};

/// The longest wait for news of a run, in seconds.
const WAIT_LIMIT: u64 = 300;

/// `?workflow=&status=&limit=&before=`; what is empty is as if it were not there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    workflow: Option<String>,
    status: Option<String>,
    limit: Option<String>,
    before: Option<String>,
}

/// `?wait=&after=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShowQuery {
    wait: Option<String>,
    after: Option<String>,
}

/// `GET /api/v1/runs`: a page of runs, the newest first.
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Result<Response, Problem> {
    let page = api.daemon.store().list(filter(query(&uri)?)?).await?;
    let runs: Vec<_> = page.rows.iter().map(views::row).collect();
    let next = page.next.map(|run| run.to_string());
    Ok(json(StatusCode::OK, &json!({ "runs": runs, "next": next })))
}

/// `GET /api/v1/runs/ID`: one run, now or as soon as there is news.
pub(super) async fn show(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let query: ShowQuery = query(&uri)?;
    let wait = number("wait", query.wait, 0..=WAIT_LIMIT)?.map(Duration::from_secs);
    let after = number("after", query.after, 0..=u64::MAX)?.map(Version);
    let run = find(&api, named(path)?).await?;
    if let Some(wait) = wait {
        tokio::select! {
            news = news(&api, run, after) => news?,
            () = api.daemon.clock().sleep(wait) => {}
            () = api.stopping.cancelled() => {}
        }
    }
    let store = api.daemon.store();
    let entries = store.load(run).await?.ok_or_else(|| unknown(&run.to_string()))?;
    let state = RunState::fold(run, &entries).map_err(|error| StoreError::Unreadable(error.to_string()))?;
    drop(entries);
    let blobs = Blobs::fetch(&**store, &state).await;
    Ok(json(StatusCode::OK, &views::run(&state, &blobs)))
}

/// `POST /api/v1/runs/ID/cancel`: asks a run to end.
pub(super) async fn cancel(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let run = find(&api, named(path)?).await?;
    let conflict = |code, message: String| Problem::new(StatusCode::CONFLICT, code, message);
    if api.daemon.engine().cancel(run, "the API").await? {
        return Ok(json(StatusCode::ACCEPTED, &json!({ "run": run.to_string() })));
    }
    // It may have ended just now: what the journal says is what counts.
    Err(match row(&api, run).await?.status {
        ended if ended.is_final() => {
            conflict("ended", format!("the run has ended already: it {}", past(ended)))
        }
        status => {
            conflict("not_under_way", format!("the run is not under way here: its status is `{status}`"))
        }
    })
}

fn past(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Cancelled => "was cancelled",
        status => status.as_str(),
    }
}

/// Ends once the run is past this version, or cannot come further by itself.
async fn news(api: &Api, run: RunId, after: Option<Version>) -> Result<(), Problem> {
    // From before the look at the run, so that nothing can happen in between unseen.
    let mut happenings = api.daemon.engine().watch();
    loop {
        let row = row(api, run).await?;
        if !row.status.is_unfinished() || after.is_some_and(|after| row.version > after) {
            return Ok(());
        }
        recorded(&mut happenings, run).await;
    }
}

/// Ends when something may have been recorded of this run.
async fn recorded(happenings: &mut Receiver<Progress>, run: RunId) {
    loop {
        match happenings.recv().await {
            Ok(Progress { run: other, what: Happened::Recorded(_) }) if other == run => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            // The engine is gone; the caller's wait ends by the clock or the shutdown.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

async fn row(api: &Api, run: RunId) -> Result<RunRow, Problem> {
    api.daemon.store().row(run).await?.ok_or_else(|| unknown(&run.to_string()))
}

/// The run whose id begins with this text.
pub(super) async fn find(api: &Api, text: String) -> Result<RunId, Problem> {
    match api.daemon.store().find(text.clone()).await? {
        Found::One(run) => Ok(run),
        Found::None => Err(unknown(&text)),
        Found::Many(runs) => {
            let runs: Vec<_> = runs.iter().map(RunId::to_string).collect();
            let message = format!("several runs begin with `{text}`; write more of the id");
            let problem = Problem::new(StatusCode::BAD_REQUEST, "ambiguous", message);
            Err(problem.with("candidates", runs.into_iter().map(Json::String).collect::<Vec<_>>()))
        }
    }
}

fn unknown(text: &str) -> Problem {
    let text: String = text.chars().take(40).collect();
    Problem::not_found(format!("there is no run `{text}`"))
}

pub(super) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let query = Query::try_from_uri(uri);
    query.map(|Query(query)| query).map_err(|error| {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        Problem::bad_request(format!("the query cannot be read: {cause}"))
    })
}

fn filter(query: ListQuery) -> Result<RunFilter, Problem> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mut statuses = Vec::new();
    for word in given(query.status).iter().flat_map(|text| text.split(',')) {
        statuses.push(word.trim().parse().map_err(|error| Problem::bad_request(format!("{error}")))?);
    }
    let before = given(query.before).map(|text| {
        text.parse::<RunId>().map_err(|_| {
            Problem::bad_request("`before` is not the whole id of a run; use the `next` of the page before")
        })
    });
    let limit = number("limit", query.limit, 1..=RunFilter::MOST)?.unwrap_or(RunFilter::default().limit);
    Ok(RunFilter { workflow: given(query.workflow), statuses, before: before.transpose()?, limit })
}

/// A whole number of a query, in this range.
fn number<T>(
    name: &str,
    text: Option<String>,
    range: std::ops::RangeInclusive<T>,
) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ => {
            let text: String = text.chars().take(40).collect();
            let (first, last) = range.into_inner();
            Err(Problem::bad_request(format!(
                "`{name}` is `{text}`; expected a whole number from {first} to {last}"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(query_text: &str) -> Result<RunFilter, String> {
        let uri: Uri = format!("/api/v1/runs?{query_text}").parse().unwrap();
        query(&uri).and_then(filter).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn a_list_is_asked_for_in_the_query() {
        assert_eq!(listed("").unwrap(), RunFilter::default());
        assert_eq!(listed("workflow=&status=&limit=&before=").unwrap(), RunFilter::default());
        let run = RunId::new();
        let filter =
            listed(&format!("workflow=daily%20brief&status=failed,%20running&limit=3&before={run}")).unwrap();
        let statuses = vec![RunStatus::Failed, RunStatus::Running];
        let expected =
            RunFilter { workflow: Some("daily brief".into()), statuses, before: Some(run), limit: 3 };
        assert_eq!(filter, expected);
    }

    #[test]
    fn a_wrong_query_says_what_is_expected() {
        for (query, expected) in [
            ("state=failed", "unknown field `state`, expected one of `workflow`, `status`"),
            ("status=done", "`done` is not a status of a run; expected `queued`"),
            ("limit=0", "`limit` is `0`; expected a whole number from 1 to 1000"),
            ("limit=many", "`limit` is `many`"),
            ("before=0192", "`before` is not the whole id of a run"),
        ] {
            let error = listed(query).unwrap_err();
            assert!(error.starts_with("400 bad_request") && error.contains(expected), "{query}: {error}");
        }
    }
}
