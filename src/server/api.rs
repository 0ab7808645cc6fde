//! The administration's routes: health, readiness, workflows, status; runs are in [`super::runs`].
//!
//! What must stay true: every answer is JSON; every error is `{"error": {"code", "message", …}}`.

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::daemon::{Daemon, Extent, Part, PartError, Readiness, StartError, listed_json};
use crate::engine::Kept;
use crate::event::Identity;
use crate::value::{Json, fits_depth};

use super::answer::{Problem, json, read};
use super::{reply, runs, state, waits};

/// How long a run is found again by its `Idempotency-Key`.
const KEY_KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// The longest `Idempotency-Key`, in bytes.
const KEY_LIMIT: usize = 256;

/// The deepest nesting of lists and maps in a request.
pub(super) const DEPTH_LIMIT: usize = 64;

/// What all routes share.
#[derive(Clone)]
pub(super) struct Api {
    /// What they are about.
    pub daemon: Daemon,
    /// Ends all waiting.
    pub stopping: CancellationToken,
    /// The largest body, in bytes.
    pub body_limit: usize,
}

/// All routes of the administration.
pub(super) fn router(api: Api) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/status", get(status))
        .route("/api/v1/workflows", get(workflows))
        .route("/api/v1/workflows/{name}/runs", post(start))
        .route("/api/v1/runs", get(runs::list))
        .route("/api/v1/runs/{id}", get(runs::show))
        .route("/api/v1/runs/{id}/cancel", post(runs::cancel))
        .route("/api/v1/runs/{id}/approve", post(waits::approve))
        .route("/api/v1/runs/{id}/resume", post(waits::resume))
        .route("/api/v1/waits", get(waits::list))
        .route("/api/v1/state", get(state::show).post(state::change))
        .fallback(nowhere)
        .method_not_allowed_fallback(not_allowed)
        .with_state(api)
}

/// Refuses what cannot be done yet, any more, or at the moment, and says why.
fn ready(daemon: &Daemon) -> Result<(), Problem> {
    match daemon.readiness() {
        Readiness::Ready => Ok(()),
        Readiness::Starting(awaited) => {
            Err(Problem::unavailable("starting", format!("howdah is starting: {awaited}"), 1))
        }
        Readiness::Stopping => Err(Problem::unavailable("stopping", "howdah is stopping", 5)),
        Readiness::StorageTrouble(reason) => {
            Err(Problem::unavailable("storage", format!("nothing can be kept now: {reason}"), 5))
        }
    }
}

/// What a path's parameter says.
pub(super) fn named(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    path.map(|Path(name)| name).map_err(|_| Problem::bad_request("the path is not UTF-8"))
}

async fn healthz() -> Response {
    json(StatusCode::OK, &json!({ "status": "ok" }))
}

async fn readyz(State(api): State<Api>) -> Result<Response, Problem> {
    ready(&api.daemon)?;
    Ok(json(StatusCode::OK, &json!({ "status": "ready" })))
}

async fn status(State(api): State<Api>) -> Response {
    json(StatusCode::OK, &api.daemon.status())
}

async fn workflows(State(api): State<Api>) -> Response {
    let catalog = api.daemon.catalog();
    let workflows: Vec<_> = catalog.workflows.iter().map(|listed| listed_json(listed)).collect();
    json(StatusCode::OK, &json!({ "workflows": workflows }))
}

/// What `POST /api/v1/workflows/NAME/runs` takes.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    #[serde(default)]
    inputs: serde_json::Map<String, Json>,
    event: Option<Json>,
    /// The step to start at, with what the run `using` did before it.
    from: Option<String>,
    /// The one step to do.
    only: Option<String>,
    /// The run that earlier steps are taken over from: an id, its beginning, or `last`.
    using: Option<String>,
}

impl Start {
    /// The part of the workflow that is asked for; none for all of it.
    fn part(&self) -> Result<Option<Part>, Problem> {
        let using = self.using.clone();
        match (&self.from, &self.only) {
            (Some(_), Some(_)) => Err(Problem::bad_request("`from` and `only` exclude each other")),
            (Some(step), None) => Ok(Some(Part { step: step.clone(), extent: Extent::From, using })),
            (None, Some(step)) => Ok(Some(Part { step: step.clone(), extent: Extent::Only, using })),
            (None, None) if using.is_some() => {
                Err(Problem::bad_request("`using` goes with `from` or `only`, which name a step"))
            }
            (None, None) => Ok(None),
        }
    }
}

async fn start(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    ready(&api.daemon)?;
    let workflow = named(path)?;
    let (parts, body) = request.into_parts();
    let identity = identity(&parts.headers)?;
    let start = parse(body, api.body_limit).await?;
    let part = start.part()?;
    let Start { inputs, event, .. } = start;
    let started = match part {
        Some(part) => api.daemon.start_part(&workflow, &part, inputs, event, identity).await,
        None => api.daemon.start_run(&workflow, inputs, event, identity).await,
    };
    let mut ticket = started.map_err(unstarted)?;
    let run = match ticket.accepted().await? {
        Kept::New => ticket.run,
        Kept::Repeat(first) => first,
        Kept::Skipped => return Ok(reply::unstarted()),
    };
    Ok(reply::accepted(run))
}

/// What makes a request the same when it comes again.
fn identity(headers: &HeaderMap) -> Result<Option<Identity>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    match key.to_str() {
        Ok(key) if (1..=KEY_LIMIT).contains(&key.len()) => {
            Ok(Some(Identity { key: key.to_owned(), keep: Some(KEY_KEPT) }))
        }
        _ => Err(Problem::bad_request(format!(
            "the `Idempotency-Key` is not 1 to {KEY_LIMIT} visible ASCII characters"
        ))),
    }
}

/// The body as JSON; nothing is the same as `{}`.
async fn parse(body: Body, limit: usize) -> Result<Start, Problem> {
    let bytes = read(body, limit).await?;
    if bytes.is_empty() {
        return Ok(Start::default());
    }
    let unread = |error: serde_json::Error| Problem::bad_request(format!("the body cannot be read: {error}"));
    let json: Json = serde_json::from_slice(&bytes).map_err(unread)?;
    if !fits_depth(&json, DEPTH_LIMIT) {
        let message = format!("the body is nested more than {DEPTH_LIMIT} levels deep");
        return Err(Problem::bad_request(message));
    }
    serde_json::from_value(json).map_err(unread)
}

fn unstarted(error: StartError) -> Problem {
    match error {
        StartError::UnknownWorkflow { .. } => Problem::not_found(error.to_string()),
        StartError::Broken { .. } => Problem::new(StatusCode::CONFLICT, "broken", error.to_string()),
        StartError::Inputs(errors) => {
            let each = errors.0.iter().map(|error| json!({ "input": error.input, "message": error.message }));
            let each: Vec<_> = each.collect();
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "inputs", errors.to_string()).with("inputs", each)
        }
        StartError::NeedsEvent => {
            let message = "the workflow reads `event`: send one as `event`, beside `inputs`";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "needs_event", message)
        }
        StartError::Part(PartError::Store(error)) => error.into(),
        StartError::Part(error) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "part", error.to_string()),
        StartError::Refused(refusal) => refusal.into(),
    }
}

async fn nowhere(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::not_found(format!("there is nothing at `{path}`"))
}

async fn not_allowed(method: Method) -> Problem {
    let message = format!("`{method}` is not allowed here; the header `Allow` says what is");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parsed(body: &str) -> String {
        match parse(Body::from(body.to_owned()), 1 << 10).await {
            Ok(start) => {
                format!("{} {:?}", Json::Object(start.inputs), start.event.map(|event| event.to_string()))
            }
            Err(problem) => format!("{problem:?}"),
        }
    }

    #[tokio::test]
    async fn a_start_is_read_strictly() {
        assert_eq!(parsed("").await, "{} None");
        assert_eq!(parsed(r#"{"inputs":{"a":1},"event":{}}"#).await, r#"{"a":1} Some("{}")"#);
        assert!(
            parsed(r#"{"input":{}}"#)
                .await
                .contains("unknown field `input`, expected one of `inputs`, `event`")
        );
        assert!(parsed("{").await.starts_with("400 bad_request: the body cannot be read"));
        let deep = format!(r#"{{"event":{}1{}}}"#, "[".repeat(64), "]".repeat(64));
        assert!(parsed(&deep).await.contains("more than 64 levels deep"));
        let deeper = format!(r#"{{"event":{}"#, "[".repeat(500));
        assert!(parsed(&deeper).await.starts_with("400"));
        assert!(parsed(&" ".repeat(1_025)).await.starts_with("413 too_large"));
    }

    #[test]
    fn an_idempotency_key_is_short_text() {
        let with = |key: &'static [u8]| {
            let value = axum::http::HeaderValue::from_bytes(key).unwrap();
            identity(&HeaderMap::from_iter([("idempotency-key".parse().unwrap(), value)]))
        };
        assert_eq!(with(b"order-7").unwrap().unwrap().key, "order-7");
        assert!(identity(&HeaderMap::new()).unwrap().is_none());
        assert!(with(b"").is_err() && with(b"\xff").is_err() && with(&[b'x'; 257]).is_err());
    }
}
