//! The one place that knows every kind by name.

mod bind;

use std::collections::HashMap;
use std::sync::Arc;

use crate::actions;
use crate::component::{Action, Kinds, Trigger};
use crate::{plan, triggers};

pub use bind::{Services, bind, secret_names, secrets_of_providers};

/// The declarations of all kinds: enough to check a workflow on any machine.
pub fn kinds() -> Kinds {
    Kinds::new(
        actions::TABLE.iter().map(|kind| kind.declaration),
        triggers::TABLE.iter().map(|kind| kind.declaration),
    )
}

/// All kinds, bound to the services of this machine.
pub struct Registry {
    actions: HashMap<&'static str, Arc<dyn Action>>,
    triggers: HashMap<&'static str, Arc<dyn Trigger>>,
}

impl Registry {
    /// Binds every kind.
    pub fn new(actions: &actions::Services, triggers: &triggers::Services) -> Self {
        Self {
            actions: actions::TABLE
                .iter()
                .map(|kind| (kind.declaration.name, (kind.build)(actions)))
                .collect(),
            triggers: triggers::TABLE
                .iter()
                .map(|kind| (kind.declaration.name, (kind.build)(triggers)))
                .collect(),
        }
    }
}

impl plan::Kinds for Registry {
    fn action(&self, kind: &str) -> Option<Arc<dyn Action>> {
        self.actions.get(kind).cloned()
    }

    fn trigger(&self, kind: &str) -> Option<Arc<dyn Trigger>> {
        self.triggers.get(kind).cloned()
    }
}
