//! Waiting inside an action, and changing the state: what an action asks of the engine that outlives
//! its process.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::Awaited;
use crate::template::Schema;
use crate::value::{Json, SharedJson};

use super::StepError;

/// What an action waits for. The wait survives the process: after a restart the action runs again
/// from its start, asks for the same, and is given the same instant to wait for, or what came.
#[derive(Clone, Debug)]
pub struct Wait {
    /// What may end it, beside the instant.
    pub awaited: Awaited,
    /// When it ends in any case; none: never by itself.
    pub due: Option<Timestamp>,
    /// What the fields of an approval must fit.
    pub fields: Option<Arc<Schema>>,
}

/// What ended a wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Resumed {
    /// Its instant.
    Due,
    /// Somebody or something else.
    Signal(Signal),
}

/// What somebody gives to a run that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Who or what it is, in words.
    pub by: String,
    /// What it gives: for an approval a [`Decision`].
    pub data: SharedJson,
}

/// What a person says to an approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Yes or no.
    pub approved: bool,
    /// In the person's words.
    #[serde(default)]
    pub comment: Option<String>,
    /// What was asked for besides; null where nothing was given.
    #[serde(default)]
    pub fields: Json,
}

/// A change of the state that an action asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct StateEdit {
    /// Whose values.
    pub reach: Reach,
    /// New values.
    pub set: serde_json::Map<String, Json>,
    /// Numbers that are added to what is there; nothing there counts as 0.
    pub add: serde_json::Map<String, Json>,
    /// Names that are taken away.
    pub delete: Vec<String>,
}

/// Whose values in the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The workflow's own.
    #[default]
    Workflow,
    /// Everybody's in the workspace.
    Workspace,
}

/// The end of a wait.
pub type WaitFuture<'a> = BoxFuture<'a, Result<Resumed, StepError>>;

/// The new values of what was set and added to.
pub type StateFuture<'a> = BoxFuture<'a, Result<serde_json::Map<String, Json>, StepError>>;
