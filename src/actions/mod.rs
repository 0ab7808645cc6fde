//! The built-in actions: a file each, and a row in one table.

mod approve;
mod chat;
mod fail;
mod http;
mod list;
mod parse;
mod read;
mod relocate;
mod respond;
mod state;
mod values;
mod wait;
mod webhook;
mod write;

use std::sync::Arc;

use crate::component::{Action, ActionDeclaration};
use crate::files::Roots;
use crate::llm::Directory;
use crate::net;
use jiff::tz::TimeZone;

/// What actions work with.
#[derive(Clone)]
pub struct Services {
    /// The one way to other servers.
    pub net: net::Client,
    /// The models that can be called.
    pub models: Arc<Directory>,
    /// The files that may be read and written.
    pub files: Roots,
    /// In which times without an offset are meant.
    pub timezone: TimeZone,
}

/// An action, and how it gets its services.
pub struct Kind {
    /// What it is.
    pub declaration: ActionDeclaration,
    /// Binds it to its services.
    pub build: fn(&Services) -> Arc<dyn Action>,
}

/// All built-in actions, in the order in which people see them.
pub const TABLE: [Kind; 15] = [
    Kind {
        declaration: chat::DECLARATION,
        build: |services| Arc::new(chat::Chat::new(services.models.clone())),
    },
    Kind {
        declaration: http::DECLARATION,
        build: |services| Arc::new(http::Http::new(services.net.clone(), services.files.clone())),
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
        declaration: list::DECLARATION,
        build: |services| Arc::new(list::List::new(services.files.clone())),
    },
    Kind {
        declaration: write::DECLARATION,
        build: |services| Arc::new(write::Write::new(services.files.clone())),
    },
    Kind {
        declaration: relocate::MOVE,
        build: |services| Arc::new(relocate::Move::new(services.files.clone())),
    },
    Kind {
        declaration: relocate::REMOVE,
        build: |services| Arc::new(relocate::Remove::new(services.files.clone())),
    },
    Kind { declaration: values::SET, build: |_| Arc::new(values::Values) },
    Kind { declaration: values::COMPUTE, build: |_| Arc::new(values::Values) },
    Kind { declaration: state::DECLARATION, build: |_| Arc::new(state::State) },
    Kind {
        declaration: wait::DECLARATION,
        build: |services| Arc::new(wait::Wait::new(services.timezone.clone())),
    },
    Kind { declaration: approve::DECLARATION, build: |_| Arc::new(approve::Approve) },
    Kind { declaration: respond::DECLARATION, build: |_| Arc::new(respond::Respond) },
    Kind { declaration: fail::DECLARATION, build: |_| Arc::new(fail::Fail) },
];
