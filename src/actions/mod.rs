//! The built-in actions: a file each, and a row in one table.

mod chat;
mod fail;
mod http;
mod parse;
mod read;
mod respond;
mod values;
mod webhook;
mod write;

use std::sync::Arc;

use crate::component::{Action, ActionDeclaration};
use crate::files::Roots;
use crate::llm::Directory;
use crate::net;

/// What actions work with.
#[derive(Clone)]
pub struct Services {
    /// The one way to other servers.
    pub net: net::Client,
    /// The models that can be called.
    pub models: Arc<Directory>,
    /// The files that may be read and written.
    pub files: Roots,
}

/// An action, and how it gets its services.
pub struct Kind {
    /// What it is.
    pub declaration: ActionDeclaration,
    /// Binds it to its services.
    pub build: fn(&Services) -> Arc<dyn Action>,
}

/// All built-in actions, in the order in which people see them.
pub const TABLE: [Kind; 9] = [
    Kind {
        declaration: chat::DECLARATION,
        build: |services| Arc::new(chat::Chat::new(services.models.clone())),
    },
    Kind {
        declaration: http::DECLARATION,
        build: |services| Arc::new(http::Http::new(services.net.clone())),
    },
    Kind {
        declaration: webhook::DECLARATION,
        build: |services| Arc::new(webhook::Webhook::new(services.net.clone())),
    },
    Kind {
        declaration: read::DECLARATION,
        build: |services| Arc::new(read::Read::new(services.files.clone())),
    },
    Kind {
        declaration: write::DECLARATION,
        build: |services| Arc::new(write::Write::new(services.files.clone())),
    },
    Kind { declaration: values::SET, build: |_| Arc::new(values::Values) },
    Kind { declaration: values::COMPUTE, build: |_| Arc::new(values::Values) },
    Kind { declaration: respond::DECLARATION, build: |_| Arc::new(respond::Respond) },
    Kind { declaration: fail::DECLARATION, build: |_| Arc::new(fail::Fail) },
];
