//! The built-in triggers: a file or a folder each, and a row in one table.
//!
//! A trigger turns what happens outside into events; what becomes of an event is not its business.
//! Starting a workflow by hand needs no kind.

mod file;
mod webhook;

use std::sync::Arc;

use crate::clock::SharedClock;
use crate::component::{Trigger, TriggerDeclaration};
use crate::files::Roots;
use crate::net;

/// What triggers work with.
#[derive(Clone)]
pub struct Services {
    /// The files that may be watched.
    pub files: Roots,
    /// Holds the secrets by which senders are known.
    pub net: net::Client,
    /// The clock for timestamps and waits.
    pub clock: SharedClock,
}

/// A trigger, and how it gets its services.
pub struct Kind {
    /// What it is.
    pub declaration: TriggerDeclaration,
    /// Binds it to its services.
    pub build: fn(&Services) -> Arc<dyn Trigger>,
}

/// All built-in triggers, in the order in which people see them.
pub const TABLE: [Kind; 2] = [
    Kind {
        declaration: webhook::DECLARATION,
        build: |services| Arc::new(webhook::Webhook::new(services.net.clone(), services.clock.clone())),
    },
    Kind {
        declaration: file::DECLARATION,
        build: |services| Arc::new(file::File::new(services.files.clone(), services.clock.clone())),
    },
];
