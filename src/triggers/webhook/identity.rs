//! What makes a request the same event when it comes again.

use std::time::Duration;

use crate::component::{Incoming, Rejection};
use crate::event::Identity;
use crate::ids::Digest;
use crate::net::signature::TOLERANCE;
use crate::template::{Expr, Scope};
use crate::value::{Json, SharedJson};

use super::auth::{Naming, Verifier};

/// How long an identity is remembered when the author says nothing.
pub(super) const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the identity of a message that is signed with its time is remembered at least: for as
/// long as a copy of it could pass.
const KEEP_SIGNED: Duration = TOLERANCE.saturating_mul(2);

/// The longest key that is kept as it is, in bytes.
const LONG: usize = 200;

/// How a trigger names its events.
pub(super) struct Dedupe {
    /// Over `event`, in place of what the sender says.
    pub(super) key: Option<Expr>,
    /// How long a name is remembered.
    pub(super) keep: Duration,
}

impl Dedupe {
    /// The identity of an event, if it has one.
    ///
    /// # Errors
    /// `dedupe_key` when the author's key cannot be had from this event.
    pub(super) fn identity(
        &self,
        verifier: &Verifier,
        request: &Incoming,
        event: &SharedJson,
    ) -> Result<Option<Identity>, Rejection> {
        let written = match &self.key {
            Some(key) => self::written(key, event)?,
            None => None,
        };
        let keep = if verifier.is_timed() { self.keep.max(KEEP_SIGNED) } else { self.keep };
        let key = written.or_else(|| sent(verifier.naming(), request, &event["body"]));
        Ok(key.map(|key| Identity { key: short(key), keep: Some(keep) }))
    }
}

/// The author's key; null is none.
fn written(key: &Expr, event: &SharedJson) -> Result<Option<String>, Rejection> {
    let value = key.evaluate(&Scope::new().with("event", event.clone())).map_err(|failure| Rejection {
        status: 422,
        code: "dedupe_key",
        message: format!("the event has not what tells it from others: {failure}"),
    })?;
    Ok(match value {
        Json::Null => None,
        Json::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// What the sender calls the message.
fn sent(naming: Naming, request: &Incoming, body: &Json) -> Option<String> {
    match naming {
        Naming::Headers(names) => names
            .iter()
            .find_map(|name| request.header(name).filter(|value| !value.is_empty()))
            .map(str::to_owned),
        Naming::Body(field) => {
            let id = body.get(field).and_then(Json::as_str).filter(|id| !id.is_empty());
            Some(id.map_or_else(|| digest(&request.body), str::to_owned))
        }
    }
}

/// The key itself, or a digest of one that is too long to be kept.
fn short(key: String) -> String {
    if key.len() <= LONG { key } else { digest(key.as_bytes()) }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", Digest::of(bytes))
}
