//! Small values that outlive runs: `state` in the language. A workflow has its own, and the workspace
//! has some that all workflows share.
//!
//! A change is part of a run's entry or of a person's command; the store applies it in the
//! transaction that records it, so that it happens exactly once. Not here: how a new value is made
//! from an old one, and that nobody else changes it meanwhile, which is the engine's.

use serde::{Deserialize, Serialize};

use crate::value::Json;

/// The largest value, in bytes of JSON text.
pub const STATE_VALUE_LIMIT: usize = 64 * 1024;

/// The most names that one owner may have.
pub const STATE_KEY_LIMIT: usize = 1_000;

/// The longest name, in bytes.
const NAME_LIMIT: usize = 256;

/// Values by name, in the order of their names.
pub type StateValues = serde_json::Map<String, Json>;

/// Whose values they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateOwner {
    /// Those of the workflow of this name.
    Workflow(String),
    /// Everybody's.
    Workspace,
}

/// A change of some values of one owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateChange {
    /// Whose values.
    pub owner: StateOwner,
    /// The new value of each name.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub set: StateValues,
    /// The names that are taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<String>,
}

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateLimit {
    /// A name that cannot be one.
    #[error("`{0}` cannot be a name in the state; expected 1 to {NAME_LIMIT} bytes{1}")]
    Name(String, &'static str),
    /// A value over the limit; its size in bytes.
    #[error(
        "the value of `{0}` has {1} bytes of JSON, and a value in the state may have {STATE_VALUE_LIMIT}"
    )]
    Value(String, usize),
    /// Too many names; how many there would be.
    #[error("the state would have {0} names, and the limit is {STATE_KEY_LIMIT}; delete some first")]
    Names(usize),
}

impl StateChange {
    /// Whether the change may be made to these values.
    ///
    /// # Errors
    /// When a limit would be passed.
    pub fn check(&self, values: &StateValues) -> Result<(), StateLimit> {
        for (name, value) in &self.set {
            let short = || name.chars().take(40).collect();
            if name.is_empty() || name.len() > NAME_LIMIT {
                return Err(StateLimit::Name(short(), ""));
            }
            // It would hide what everybody shares.
            if matches!(self.owner, StateOwner::Workflow(_)) && name == "workspace" {
                return Err(StateLimit::Name(short(), ", and not this one, which is the workspace's state"));
            }
            let size = value.to_string().len();
            if size > STATE_VALUE_LIMIT {
                return Err(StateLimit::Value(short(), size));
            }
        }
        let new = self.set.keys().filter(|name| !values.contains_key(*name)).count();
        let gone = self.delete.iter().filter(|name| values.contains_key(*name)).count();
        match (values.len() + new).saturating_sub(gone) {
            names if names > STATE_KEY_LIMIT && new > gone => Err(StateLimit::Names(names)),
            _ => Ok(()),
        }
    }

    /// Makes the change.
    pub fn apply(&self, values: &mut StateValues) {
        for name in &self.delete {
            values.shift_remove(name);
        }
        for (name, value) in &self.set {
            values.insert(name.clone(), value.clone());
        }
        values.sort_keys();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(set: Json, delete: &[&str]) -> StateChange {
        let set = set.as_object().cloned().unwrap_or_default();
        let delete = delete.iter().map(|name| (*name).to_owned()).collect();
        StateChange { owner: StateOwner::Workflow("w".to_owned()), set, delete }
    }

    #[test]
    fn a_change_sets_and_deletes() {
        let mut values = StateValues::new();
        change(json!({ "b": 1, "a": { "x": null } }), &[]).apply(&mut values);
        change(json!({ "c": true }), &["b", "absent"]).apply(&mut values);
        assert_eq!(Json::Object(values), json!({ "a": { "x": null }, "c": true }));
    }

    #[test]
    fn limits_are_named() {
        let none = StateValues::new();
        let fits = change(json!({ "a": "x".repeat(STATE_VALUE_LIMIT - 2) }), &[]);
        assert_eq!(fits.check(&none), Ok(()));
        let large = change(json!({ "a": "x".repeat(STATE_VALUE_LIMIT - 1) }), &[]);
        let error = large.check(&none).unwrap_err().to_string();
        assert!(error.contains("the value of `a` has 65537 bytes") && error.contains("65536"), "{error}");
        assert!(change(json!({ "": 1 }), &[]).check(&none).is_err());
        assert!(change(json!({ "workspace": 1 }), &[]).check(&none).is_err());
        let full: StateValues = (0..STATE_KEY_LIMIT).map(|n| (n.to_string(), json!(n))).collect();
        assert_eq!(change(json!({ "0": 1 }), &[]).check(&full), Ok(()));
        assert_eq!(change(json!({ "more": 1 }), &[]).check(&full), Err(StateLimit::Names(1_001)));
        assert_eq!(change(json!({ "more": 1 }), &["0"]).check(&full), Ok(()));
    }

    #[test]
    fn the_written_form_stays_as_it_is() {
        let own = serde_json::to_string(&change(json!({ "a": 1 }), &["b"])).unwrap();
        assert_eq!(own, r#"{"owner":{"workflow":"w"},"set":{"a":1},"delete":["b"]}"#);
        let shared = StateChange { owner: StateOwner::Workspace, ..change(json!({}), &["b"]) };
        assert_eq!(serde_json::to_string(&shared).unwrap(), r#"{"owner":"workspace","delete":["b"]}"#);
    }
}
