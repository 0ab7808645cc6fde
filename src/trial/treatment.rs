//! What a test does with the actions of each kind: which run as they are, and which never do.

use crate::component::{ActionDeclaration, Effect};

/// What a test does with the actions of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// It does nothing that anybody could notice: it runs.
    Pure,
    /// It works on files: it runs in the scratch folder.
    Files,
    /// It asks a model.
    Model,
    /// It asks a server, and somebody has to say what that answers.
    Question,
    /// It tells a server something, which is taken to have arrived.
    Delivery,
    /// It does something else to the world: somebody has to stand in for it.
    Other,
}

impl Treatment {
    /// The treatment of this action. One that is not known here, and does something, is stood in for.
    pub fn of(declaration: &ActionDeclaration) -> Self {
        match declaration.name {
            "chat" | "embed" => Self::Model,
            "http" => Self::Question,
            "webhook" => Self::Delivery,
            "read" | "list" | "write" | "move" | "remove" => Self::Files,
            _ if declaration.effect == Effect::None => Self::Pure,
            _ => Self::Other,
        }
    }
}
