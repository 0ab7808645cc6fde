//! The routes about steps that wait: what is waited for, a person's decision, an event.
//!
//! An answer is on stable storage before it is acknowledged, and the same answer given again is
//! acknowledged again. Who may answer here is the administration's question; without its token a
//! person answers through the address of the wait, in [`super::links`].

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::component::Decision;
use crate::engine::{Asked, Given, SignalError, Told, Which};
use crate::event::Awaited;
use crate::ids::StepPath;
use crate::value::{Json, fits_depth};

use super::answer::{Problem, json, read};
use super::api::{Api, DEPTH_LIMIT, named};
use super::{runs, views};

/// The longest name of who answers, in characters.
const NAME_LIMIT: usize = 200;

/// `{step, by, approved, comment, fields}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    step: Option<StepPath>,
    by: Option<String>,
    approved: bool,
    comment: Option<String>,
    #[serde(default)]
    fields: Json,
}

/// `{step, by, data}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {
    step: Option<StepPath>,
    by: Option<String>,
    #[serde(default)]
    data: Json,
}

/// `GET /api/v1/waits`: every step that waits for a person or an event, the oldest first.
pub(super) async fn list(State(api): State<Api>) -> Response {
    let engine = api.daemon.engine();
    let shown = |asked: &Asked| views::asked(asked, engine.wait_url(&asked.wait));
    let waits: Vec<_> = engine.waits().iter().map(shown).collect();
    json(StatusCode::OK, &json!({ "waits": waits }))
}

/// `POST /api/v1/runs/ID/approve`: a person's decision.
pub(super) async fn approve(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let Approve { step, by, approved, comment, fields } = parse(body, api.body_limit).await?;
    let given = Given::Decision(Decision { approved, comment, fields });
    signal(&api, named(path)?, step, by, given).await
}

/// `POST /api/v1/runs/ID/resume`: an event.
pub(super) async fn resume(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let Resume { step, by, data } = parse(body, api.body_limit).await?;
    let given = Given::Event(json!({ "body": data, "headers": {}, "query": {} }));
    signal(&api, named(path)?, step, by, given).await
}

async fn signal(
    api: &Api,
    run: String,
    step: Option<StepPath>,
    by: Option<String>,
    given: Given,
) -> Result<Response, Problem> {
    let run = runs::find(api, run).await?;
    let which = step.map_or(Which::Only, Which::Step);
    let by = by.map(|by| person(&by)).filter(|by| !by.is_empty());
    let told = api.daemon.engine().signal(run, which, by.as_deref().unwrap_or("the API"), given).await;
    told.map(|told| acknowledged(&told)).map_err(refused)
}

/// Who answers, as it is written down: one short line.
pub(super) fn person(by: &str) -> String {
    let line: String = by.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_LIMIT).collect();
    line.trim().to_owned()
}

/// The answer to an answer that is kept.
pub(super) fn acknowledged(told: &Told) -> Response {
    json(StatusCode::OK, &json!({ "run": told.run.to_string(), "step": told.step }))
}

/// Why an answer was not taken.
pub(super) fn refused(error: SignalError) -> Problem {
    let message = error.to_string();
    match error {
        SignalError::Unknown => Problem::not_found(message),
        SignalError::Several(paths) => {
            let paths: Vec<_> = paths.iter().map(|path| Json::from(path.as_str())).collect();
            Problem::new(StatusCode::BAD_REQUEST, "ambiguous", message).with("candidates", paths)
        }
        SignalError::OtherKind(..) => Problem::new(StatusCode::CONFLICT, "other_kind", message),
        SignalError::Unfit(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "fields", message),
        SignalError::Answered(_) => Problem::new(StatusCode::CONFLICT, "answered", message),
        SignalError::Over => Problem::new(StatusCode::GONE, "over", message),
        SignalError::NotYet => Problem::unavailable("starting", message, 1),
        SignalError::Storage(_) => Problem::unavailable("storage", message, 5),
    }
}

/// A body of JSON, read strictly.
pub(super) async fn parse<T: DeserializeOwned>(body: Body, limit: usize) -> Result<T, Problem> {
    let bytes = read(body, limit).await?;
    let unread = |error: serde_json::Error| Problem::bad_request(format!("the body cannot be read: {error}"));
    let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
    let json: Json = serde_json::from_slice(bytes).map_err(unread)?;
    if !fits_depth(&json, DEPTH_LIMIT) {
        let message = format!("the body is nested more than {DEPTH_LIMIT} levels deep");
        return Err(Problem::bad_request(message));
    }
    serde_json::from_value(json).map_err(unread)
}

/// Whether a wait is for a person.
pub(super) fn is_approval(asked: &Asked) -> bool {
    matches!(asked.wait.awaited, Awaited::Approval { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_decision_is_read_strictly() {
        let parsed = async |text: &str| parse::<Approve>(Body::from(text.to_owned()), 1 << 10).await;
        assert!(parsed(r#"{"approved":true,"by":"ada"}"#).await.is_ok());
        for wrong in ["", "{}", r#"{"approved":"yes"}"#, r#"{"approved":true,"colour":1}"#] {
            assert!(parsed(wrong).await.is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(person(" ada\nlovelace "), "ada lovelace");
        assert_eq!(person(&"x".repeat(1_000)).len(), NAME_LIMIT);
    }
}
