//! The routes about the state: values that outlive runs.

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use crate::engine::EditError;
use crate::journal::{StateChange, StateOwner, StateValues};
use crate::value::Json;

use super::answer::{Problem, json};
use super::api::Api;
use super::runs::query;
use super::waits::parse;

/// `?workflow=`; without it the workspace's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    workflow: Option<String>,
}

/// `{workflow, set, delete}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    workflow: Option<String>,
    #[serde(default)]
    set: StateValues,
    #[serde(default)]
    delete: Vec<String>,
}

fn owner(workflow: Option<String>) -> StateOwner {
    let workflow = workflow.filter(|workflow| !workflow.is_empty());
    workflow.map_or(StateOwner::Workspace, StateOwner::Workflow)
}

/// `GET /api/v1/state`: all values of an owner.
pub(super) async fn show(State(api): State<Api>, uri: Uri) -> Result<Response, Problem> {
    let Query { workflow } = query(&uri)?;
    let values = api.daemon.engine().state(&owner(workflow)).await?;
    Ok(json(StatusCode::OK, &json!({ "values": Json::Object(values) })))
}

/// `POST /api/v1/state`: sets and deletes values.
pub(super) async fn change(State(api): State<Api>, body: Body) -> Result<Response, Problem> {
    let Change { workflow, set, delete } = parse(body, api.body_limit).await?;
    let change = StateChange { owner: owner(workflow), set, delete };
    api.daemon.engine().change_state(change).await.map_err(|error| match error {
        EditError::Limit(limit) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "state_limit", limit.to_string())
        }
        EditError::Store(error) => error.into(),
    })?;
    Ok(json(StatusCode::OK, &json!({})))
}
