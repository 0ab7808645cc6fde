//! The values that outlive runs: read as they are now, changed one after the other, and decisions on
//! them kept.
//!
//! This process is the only one that writes them, so what is in memory is what is stored. Whoever
//! changes an owner's values holds its turn from the look at the old value to the flush of the new
//! one, so that no change is lost.
//!
//! What must stay true: nobody reads a value before it is on stable storage.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;

use crate::component::{Reach, StateEdit, StepError};
use crate::ids::StepPath;
use crate::journal::{Entry, StateChange, StateOwner, StateValues, StoreError};
use crate::template::{Branch, Reference, Segment};
use crate::value::{Failure, Json};

use super::book::{Book, Closed};
use super::flow::failed;
use super::run::{Halt, Run};
use super::{Engine, Shared, lock};

/// What is known of all owners.
#[derive(Default)]
pub(super) struct States {
    owners: Mutex<HashMap<StateOwner, Arc<Keep>>>,
}

/// The values of one owner.
#[derive(Default)]
struct Keep {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// As they are stored; nothing before somebody looked.
    values: Mutex<Option<Arc<Values>>>,
}

/// Values, and how texts see them.
#[derive(Default)]
struct Values {
    values: StateValues,
    branch: Branch,
}

impl From<StateValues> for Values {
    fn from(values: StateValues) -> Self {
        let mut branch = Branch::new();
        for (name, value) in &values {
            branch.insert(name.as_str(), value.clone());
        }
        Self { values, branch }
    }
}

/// A change that waits for the commit of its step.
pub(super) struct Edit {
    change: StateChange,
    keep: Arc<Keep>,
    turn: OwnedMutexGuard<()>,
}

/// What the texts of one workflow read under `state`.
#[derive(Clone)]
pub(super) struct StateView {
    shared: Arc<Shared>,
    workflow: Arc<str>,
}

impl States {
    fn keep(&self, owner: &StateOwner) -> Arc<Keep> {
        lock(&self.owners).entry(owner.clone()).or_default().clone()
    }
}

impl Keep {
    fn known(&self) -> Option<Arc<Values>> {
        lock(&self.values).clone()
    }

    /// The values as they are stored, for who has the turn.
    async fn load(&self, shared: &Shared, owner: &StateOwner) -> Result<Arc<Values>, StoreError> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let values = Arc::new(Values::from(shared.store.state(owner.clone()).await?));
        *lock(&self.values) = Some(values.clone());
        Ok(values)
    }

    /// Shows a change that is stored.
    fn apply(&self, change: &StateChange) {
        let mut values = lock(&self.values);
        let mut changed = values.as_ref().map(|values| values.values.clone()).unwrap_or_default();
        change.apply(&mut changed);
        *values = Some(Arc::new(changed.into()));
    }

    /// Looks again, after a write of which nobody knows whether it was made.
    async fn refresh(&self, shared: &Shared, owner: &StateOwner) {
        match shared.store.state(owner.clone()).await {
            Ok(values) => *lock(&self.values) = Some(Arc::new(values.into())),
            Err(error) => tracing::warn!(%error, "the state cannot be read"),
        }
    }
}

impl StateView {
    /// The view of this workflow, with all values at hand.
    pub async fn open(shared: &Arc<Shared>, workflow: &Arc<str>) -> Result<Self, StoreError> {
        let own = StateOwner::Workflow(workflow.to_string());
        for owner in [own, StateOwner::Workspace] {
            let keep = shared.states.keep(&owner);
            if keep.known().is_none() {
                let _turn = keep.turn.lock().await;
                keep.load(shared, &owner).await?;
            }
        }
        Ok(Self { shared: shared.clone(), workflow: workflow.clone() })
    }

    /// The view of a run whose values are at hand.
    pub fn of(run: &Run) -> Option<Self> {
        let view = || Self { shared: run.shared.clone(), workflow: run.plan.name.clone() };
        run.plan.reads.state.then(view)
    }

    /// `state` as it is now.
    pub fn now(&self) -> Branch {
        let known = |owner| self.shared.states.keep(&owner).known().unwrap_or_default();
        let own = known(StateOwner::Workflow(self.workflow.to_string()));
        own.branch.with("workspace", known(StateOwner::Workspace).branch.clone())
    }
}

impl Run {
    /// Makes the new values that an action asks for, and holds the turn for its commit.
    pub async fn edit_state(
        &self,
        mut edit: StateEdit,
    ) -> Result<(Edit, serde_json::Map<String, Json>), StepError> {
        let secrets = self.shared.secrets.load();
        edit.set.values_mut().for_each(|value| secrets.redact_json(value));
        let owner = match edit.reach {
            Reach::Workflow => StateOwner::Workflow(self.plan.name.to_string()),
            Reach::Workspace => StateOwner::Workspace,
        };
        let keep = self.shared.states.keep(&owner);
        let turn = keep.turn.clone().lock_owned().await;
        let unread = |error: StoreError| {
            Failure::new("state_unreadable", format!("the state cannot be read: {error}"))
        };
        let current = keep.load(&self.shared, &owner).await.map_err(unread)?;
        let change = change(owner, edit, &current.values)?;
        let limit = |error: crate::journal::StateLimit| Failure::new("state_limit", error.to_string());
        change.check(&current.values).map_err(limit)?;
        let new = change.set.clone();
        Ok((Edit { change, keep, turn }, new))
    }

    /// Writes all that is noted and this change with it.
    pub async fn commit_edit(&self, path: &StepPath, edit: Edit) -> Result<(), Halt> {
        let at = self.shared.clock.now();
        self.book.note(Entry::StateChanged { path: path.clone(), change: edit.change.clone(), at });
        let book = self.book.clone();
        // The step may be stopped meanwhile; the turn is given back when it is known what is stored.
        let task = self.shared.tasks.spawn(edit.write(self.shared.clone(), book));
        task.await.unwrap_or(Err(Closed::Lost))?;
        self.accepted();
        Ok(())
    }

    /// What an expression gives that decides where the run goes on. What it reads may be something else
    /// when the run is taken up again, and then the decision is kept.
    pub async fn decide<'r>(
        &self,
        on: &StepPath,
        mut reads: impl Iterator<Item = &'r Reference>,
        evaluate: impl FnOnce() -> Result<Json, Failure>,
    ) -> Result<Result<Json, Failure>, Halt> {
        if !reads.any(may_change) {
            return Ok(evaluate());
        }
        let unread = |error: StoreError| {
            let message = format!("a recorded decision cannot be read or kept: {error}");
            failed(Failure::new("journal_unreadable", message), on)
        };
        if let Some(kept) = self.book.read(|state| state?.decisions.get(on).cloned()) {
            return self.shared.store.fetch(kept).await.map(|json| Ok(Json::clone(&json))).map_err(unread);
        }
        let value = match evaluate() {
            Ok(value) => value,
            Err(failure) => return Ok(Err(failure)),
        };
        let kept = self.shared.store.keep(Arc::new(value.clone())).await.map_err(unread)?;
        self.book.note(Entry::DecisionTaken { path: on.clone(), value: kept });
        Ok(Ok(value))
    }
}

impl Edit {
    async fn write(self, shared: Arc<Shared>, book: Arc<Book>) -> Result<(), Closed> {
        let Self { change, keep, turn } = self;
        let written = book.flush().await;
        match &written {
            Ok(()) => keep.apply(&change),
            Err(_) => keep.refresh(&shared, &change.owner).await,
        }
        drop(turn);
        written
    }
}

impl Engine {
    /// What an owner keeps in the state, as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn state(&self, owner: &StateOwner) -> Result<StateValues, StoreError> {
        let keep = self.shared.states.keep(owner);
        let _turn = keep.turn.lock().await;
        Ok(keep.load(&self.shared, owner).await?.values.clone())
    }

    /// Changes the state by a person's hand. It is on stable storage when this answers with success.
    ///
    /// # Errors
    /// When a limit would be passed, or it cannot be kept.
    pub async fn change_state(&self, change: StateChange) -> Result<(), EditError> {
        let keep = self.shared.states.keep(&change.owner);
        let shared = self.shared.clone();
        let task = self.shared.tasks.spawn(async move {
            let _turn = keep.turn.lock().await;
            let values = keep.load(&shared, &change.owner).await?;
            change.check(&values.values)?;
            let written = shared.store.change_state(change.clone()).await;
            match &written {
                Ok(()) => keep.apply(&change),
                Err(_) => keep.refresh(&shared, &change.owner).await,
            }
            Ok(written?)
        });
        task.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string()).into()))
    }
}

/// Why the state was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A limit would be passed.
    #[error(transparent)]
    Limit(#[from] crate::journal::StateLimit),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether this may give something else later in the same run: the state, and what the run has cost.
fn may_change(reference: &Reference) -> bool {
    match reference.path.as_slice() {
        [Segment::Key(root), ..] if &**root == "state" => true,
        [Segment::Key(root), Segment::Key(field), ..] => &**root == "run" && &**field == "cost",
        _ => false,
    }
}

/// The new value of each name.
fn change(owner: StateOwner, edit: StateEdit, current: &StateValues) -> Result<StateChange, Failure> {
    let StateEdit { mut set, add, delete, .. } = edit;
    for (name, more) in add {
        let before = set.get(&name).or_else(|| current.get(&name));
        let sum = sum(before, &more).map_err(|found| {
            Failure::new("wrong_value", format!("`add` to `{name}` needs a number, and {found}"))
        })?;
        set.insert(name, sum);
    }
    Ok(StateChange { owner, set, delete })
}

/// The sum of two numbers: a whole one of whole ones.
fn sum(before: Option<&Json>, more: &Json) -> Result<Json, String> {
    let zero = Json::from(0);
    let before = before.filter(|before| !before.is_null()).unwrap_or(&zero);
    if let (Some(before), Some(more)) = (before.as_i64(), more.as_i64()) {
        let sum = before.checked_add(more);
        return sum.map(Json::from).ok_or_else(|| "the sum has more than 64 bits".to_owned());
    }
    let kind = |value: &Json| value.to_string().chars().take(40).collect::<String>();
    let before = before.as_f64().ok_or_else(|| format!("its value is `{}`", kind(before)))?;
    let more = more.as_f64().ok_or_else(|| format!("`{}` is to be added", kind(more)))?;
    serde_json::Number::from_f64(before + more)
        .map(Json::Number)
        .ok_or_else(|| "the sum is too large for one".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_added_whole_where_they_can_be() {
        assert_eq!(sum(None, &json!(2)), Ok(json!(2)));
        assert_eq!(sum(Some(&json!(null)), &json!(2)), Ok(json!(2)));
        assert_eq!(sum(Some(&json!(40)), &json!(-2)), Ok(json!(38)));
        assert_eq!(sum(Some(&json!(1)), &json!(0.5)), Ok(json!(1.5)));
        assert!(sum(Some(&json!(i64::MAX)), &json!(1)).is_err());
        assert!(sum(Some(&json!(f64::MAX)), &json!(f64::MAX)).is_err());
        assert_eq!(sum(Some(&json!("x")), &json!(1)), Err("its value is `\"x\"`".to_owned()));
        assert!(sum(None, &json!("1")).is_err());
    }

    #[test]
    fn what_is_set_counts_before_what_is_added() {
        let edit = StateEdit {
            reach: Reach::Workflow,
            set: json!({ "n": 10 }).as_object().cloned().unwrap(),
            add: json!({ "n": 1, "m": 2 }).as_object().cloned().unwrap(),
            delete: vec!["gone".to_owned()],
        };
        let current = json!({ "n": 5, "m": 5 }).as_object().cloned().unwrap();
        let change = change(StateOwner::Workspace, edit, &current).unwrap();
        assert_eq!(Json::Object(change.set), json!({ "n": 11, "m": 7 }));
        assert_eq!(change.delete, ["gone"]);
    }
}
