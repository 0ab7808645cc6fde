//! Addresses that runs give away: where a wait is answered from outside.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::event::Awaited;

/// Where webhooks arrive when nobody says otherwise.
const DEFAULT_BASE: &str = "http://127.0.0.1:7879";

/// What addresses begin with.
pub(super) struct Links {
    base: ArcSwap<String>,
}

impl Default for Links {
    fn default() -> Self {
        Self { base: ArcSwap::from_pointee(DEFAULT_BASE.to_owned()) }
    }
}

impl Links {
    /// From now on addresses begin with this; a slash at its end does not matter.
    pub fn set_base(&self, base: &str) {
        self.base.store(Arc::new(base.trim_end_matches('/').to_owned()));
    }

    /// Where a wait with this token is answered.
    pub fn wait(&self, awaited: &Awaited, token: &str) -> String {
        let route = match awaited {
            Awaited::Approval { .. } => "approve",
            Awaited::Event | Awaited::Time => "resume",
        };
        format!("{}/hooks/-/{route}/{token}", self.base.load())
    }
}
