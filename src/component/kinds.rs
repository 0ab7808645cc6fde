//! All declarations that a workflow may use: what the checker needs to know of the kinds.

use indexmap::IndexMap;

use super::{ActionDeclaration, TriggerDeclaration};

/// The declarations of all actions and triggers, by name, in the order in which people see them.
#[derive(Clone, Default)]
pub struct Kinds {
    actions: IndexMap<&'static str, ActionDeclaration>,
    triggers: IndexMap<&'static str, TriggerDeclaration>,
}

impl Kinds {
    /// The kinds of these tables.
    pub fn new(
        actions: impl IntoIterator<Item = ActionDeclaration>,
        triggers: impl IntoIterator<Item = TriggerDeclaration>,
    ) -> Self {
        Self {
            actions: actions.into_iter().map(|kind| (kind.name, kind)).collect(),
            triggers: triggers.into_iter().map(|kind| (kind.name, kind)).collect(),
        }
    }

    /// The action of this name.
    pub fn action(&self, name: &str) -> Option<&ActionDeclaration> {
        self.actions.get(name)
    }

    /// The trigger of this name.
    pub fn trigger(&self, name: &str) -> Option<&TriggerDeclaration> {
        self.triggers.get(name)
    }

    /// All actions.
    pub fn actions(&self) -> impl Iterator<Item = &ActionDeclaration> {
        self.actions.values()
    }

    /// All triggers.
    pub fn triggers(&self) -> impl Iterator<Item = &TriggerDeclaration> {
        self.triggers.values()
    }
}
