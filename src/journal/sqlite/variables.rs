//! The values that outlive runs, in the database: a row each.

use rusqlite::{Connection, params};

use crate::journal::store::StoreError;
use crate::journal::variables::{StateChange, StateOwner, StateValues};

/// What stands for an owner in its rows. No workflow has an empty name.
fn key(owner: &StateOwner) -> &str {
    match owner {
        StateOwner::Workflow(name) => name,
        StateOwner::Workspace => "",
    }
}

/// Makes these changes, in order.
pub(super) fn apply(connection: &Connection, changes: &[StateChange]) -> Result<(), StoreError> {
    for change in changes {
        let owner = key(&change.owner);
        let mut delete = connection.prepare_cached("DELETE FROM state WHERE workflow = ?1 AND name = ?2")?;
        for name in &change.delete {
            delete.execute(params![owner, name])?;
        }
        let mut set = connection.prepare_cached(
            "INSERT INTO state (workflow, name, value) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        for (name, value) in &change.set {
            set.execute(params![owner, name, value.to_string()])?;
        }
    }
    Ok(())
}

/// All values of an owner, in the order of their names.
pub(super) fn read(connection: &Connection, owner: &StateOwner) -> Result<StateValues, StoreError> {
    if !is_there(connection)? {
        return Ok(StateValues::new());
    }
    let mut select =
        connection.prepare_cached("SELECT name, value FROM state WHERE workflow = ?1 ORDER BY name")?;
    let rows =
        select.query_map([key(owner)], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut values = StateValues::new();
    for row in rows {
        let (name, value) = row?;
        let value = serde_json::from_str(&value)
            .map_err(|error| StoreError::Unreadable(format!("the state `{name}` is not JSON: {error}")))?;
        values.insert(name, value);
    }
    Ok(values)
}

/// Those who keep something, the workspace first.
pub(super) fn owners(connection: &Connection) -> Result<Vec<StateOwner>, StoreError> {
    if !is_there(connection)? {
        return Ok(Vec::new());
    }
    let mut select = connection.prepare_cached("SELECT DISTINCT workflow FROM state ORDER BY workflow")?;
    let names = select.query_map([], |row| row.get::<_, String>(0))?;
    let owner = |name: String| match name.is_empty() {
        true => StateOwner::Workspace,
        false => StateOwner::Workflow(name),
    };
    Ok(names.map(|name| name.map(owner)).collect::<Result<_, _>>()?)
}

/// Whether the file has room for values: one that only an earlier program wrote does not, and whoever
/// only reads leaves it so.
fn is_there(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.table_exists(None, "state")?)
}
