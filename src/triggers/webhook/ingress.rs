//! An armed webhook: what it makes of a request.

use std::sync::Arc;

use serde_json::json;

use crate::clock::SharedClock;
use crate::component::{Incoming, Ingress, Received, Rejection, RespondMode};
use crate::template::{Schema, Violation};
use crate::value::Json;

use super::auth::Verifier;
use super::body;
use super::identity::Dedupe;

/// How much is told of what does not fit a schema, in characters.
const TOLD: usize = 1_000;

/// One webhook of a workflow.
pub(super) struct Door {
    pub(super) verifier: Verifier,
    pub(super) dedupe: Dedupe,
    pub(super) schema: Option<Arc<Schema>>,
    pub(super) respond: RespondMode,
    pub(super) clock: SharedClock,
}

impl Ingress for Door {
    fn receive(&self, request: &Incoming) -> Result<Received, Rejection> {
        self.verifier.verify(request, self.clock.now())?;
        let (raw, body) = body::read(request)?;
        if let Some(Err(violations)) = self.schema.as_ref().map(|schema| schema.validate(&body)) {
            return Err(misfit(&violations));
        }
        let event = Arc::new(json!({
            "body": body,
            "raw": raw,
            "headers": self.headers(request),
            "params": request.params,
            "query": body::pairs(request.query.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            "method": request.method,
        }));
        let identity = self.dedupe.identity(&self.verifier, request, &event)?;
        Ok(Received { data: Arc::unwrap_or_clone(event), identity })
    }

    fn respond(&self) -> &RespondMode {
        &self.respond
    }
}

impl Door {
    /// The headers that an event may show; one that comes several times is a list in one text.
    fn headers(&self, request: &Incoming) -> Json {
        let mut shown = serde_json::Map::new();
        for (name, value) in request.headers.iter().filter(|(name, _)| !self.verifier.hides(name)) {
            match shown.get_mut(name) {
                Some(Json::String(values)) => {
                    values.push_str(", ");
                    values.push_str(value);
                }
                _ => drop(shown.insert(name.clone(), value.as_str().into())),
            }
        }
        Json::Object(shown)
    }
}

fn misfit(violations: &[Violation]) -> Rejection {
    let told = violations.iter().map(|Violation { pointer, message }| match pointer.as_str() {
        "" => message.clone(),
        pointer => format!("`{pointer}`: {message}"),
    });
    let told: String = told.collect::<Vec<_>>().join("; ").chars().take(TOLD).collect();
    Rejection {
        status: 422,
        code: "body_schema",
        message: format!("the body does not fit the schema: {told}"),
    }
}
