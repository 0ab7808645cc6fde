//! From something that happened to a run: the trigger's `if`, its `with`, the inputs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::json;

use crate::component::{Delivered, EventSink, Ledger, Refused};
use crate::engine::{Kept, Refusal, Reuse, Submission, Ticket};
use crate::event::{Event, Identity, SeenFile, TriggerId};
use crate::ids::Digest;
use crate::journal::{self, StoreError, TriggerKey};
use crate::plan::InputErrors;
use crate::value::{Failure, Json, SharedJson};

use super::catalog::LiveTrigger;
use super::{Daemon, PartError};

/// When a source may try again after it was refused.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What became of an event.
pub enum Offered {
    /// A run was started, or was before; wait for its acceptance.
    Started(Ticket),
    /// The trigger's `if` does not want it.
    Filtered,
}

/// Why an event cannot become a run.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OfferError {
    /// What `with` makes of it does not fit the inputs.
    #[error("{0}")]
    Inputs(InputErrors),
    /// The trigger's `if` or `with` cannot be evaluated for it.
    #[error("{0}")]
    Condition(Failure),
    /// No run can be started just now.
    #[error("{0}")]
    Refused(Refusal),
}

impl From<OfferError> for Failure {
    fn from(error: OfferError) -> Self {
        match error {
            OfferError::Condition(failure) => {
                let message = format!("the trigger's `if` or `with` cannot be evaluated: {failure}");
                Self { message, ..failure }
            }
            error => Self::new("inputs", error.to_string()),
        }
    }
}

/// Why a run cannot be started by hand.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such workflow, or none that can run.
    #[error("there is no workflow `{name}`{}", help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default())]
    UnknownWorkflow {
        /// What was asked for.
        name: String,
        /// What was probably meant.
        help: Option<String>,
    },
    /// Its file is broken and there was no good version yet.
    #[error("the workflow `{name}` has errors:\n{error}")]
    Broken {
        /// The workflow.
        name: String,
        /// What is wrong, drawn.
        error: String,
    },
    /// Its steps read `event`, and none was given.
    #[error("the workflow reads `event`, and none was given")]
    NeedsEvent,
    /// What was given does not fit.
    #[error("{0}")]
    Inputs(InputErrors),
    /// There is no such part of it to run.
    #[error(transparent)]
    Part(#[from] PartError),
    /// No run can be started just now.
    #[error("{0}")]
    Refused(Refusal),
}

impl Daemon {
    /// Starts a run by hand, with inputs, and with an event where steps read one.
    ///
    /// # Errors
    /// When the workflow or its inputs are not right, or no run can be started just now.
    pub async fn start_run(
        &self,
        workflow: &str,
        inputs: serde_json::Map<String, Json>,
        event: Option<Json>,
        identity: Option<Identity>,
    ) -> Result<Ticket, StartError> {
        let plan = self.plan_of(workflow)?;
        if plan.reads.event && event.is_none() {
            return Err(StartError::NeedsEvent);
        }
        let inputs = plan.inputs(inputs).map_err(StartError::Inputs)?;
        let submission = Submission {
            plan,
            trigger: TriggerId::manual(),
            event: Arc::new(event.unwrap_or(Json::Null)),
            inputs: Arc::new(inputs),
            identity,
            file: None,
            parent: None,
            reuse: Reuse::default(),
            refused: None,
        };
        self.engine().submit(submission).map_err(StartError::Refused)
    }

    /// Offers an event to the workflow of a trigger. Once the ticket says that it is accepted, the
    /// run is on stable storage.
    ///
    /// # Errors
    /// When it cannot become a run.
    pub async fn offer(
        &self,
        trigger: &LiveTrigger,
        data: Json,
        identity: Option<Identity>,
    ) -> Result<Offered, OfferError> {
        let event = Arc::new(data);
        let Some(inputs) = trigger.inputs(&event)? else { return Ok(Offered::Filtered) };
        let submission = trigger.submission(event, inputs, identity, None);
        self.engine().submit(submission).map(Offered::Started).map_err(OfferError::Refused)
    }
}

impl LiveTrigger {
    /// What the inputs are for this event; none when the trigger's `if` does not want it.
    fn inputs(&self, event: &SharedJson) -> Result<Option<Json>, OfferError> {
        let scope = self.plan.settings.with("event", event.clone());
        if let Some(condition) = &self.condition
            && !condition.evaluate_bool(&scope).map_err(OfferError::Condition)?
        {
            return Ok(None);
        }
        let inputs = self
            .with
            .iter()
            .map(|(name, tree)| Ok((name.to_string(), tree.evaluate(&scope)?)))
            .collect::<Result<serde_json::Map<_, _>, Failure>>()
            .map_err(OfferError::Condition)?;
        self.plan.inputs(inputs).map(Some).map_err(OfferError::Inputs)
    }

    fn submission(
        &self,
        event: SharedJson,
        inputs: Json,
        identity: Option<Identity>,
        file: Option<SeenFile>,
    ) -> Submission {
        Submission {
            plan: self.plan.clone(),
            trigger: self.id.clone(),
            event,
            inputs: Arc::new(inputs),
            identity,
            file,
            parent: None,
            reuse: Reuse::default(),
            refused: None,
        }
    }
}

/// Where the events of one source go.
pub(super) struct Sink {
    pub daemon: Daemon,
    pub trigger: Arc<LiveTrigger>,
    /// Told once, when the source has looked around.
    pub ready: tokio::sync::watch::Sender<bool>,
}

impl Sink {
    fn key(&self) -> TriggerKey {
        TriggerKey { workflow: self.trigger.workflow.to_string(), trigger: self.trigger.id.clone() }
    }

    async fn take(&self, event: Event, file: Option<SeenFile>) -> Result<Delivered, Refused> {
        let Event { data, identity, .. } = event;
        let seen = file.clone();
        let submission = match self.trigger.inputs(&data) {
            Ok(Some(inputs)) => self.trigger.submission(data, inputs, identity, file),
            Ok(None) => {
                self.leave(file).await?;
                return Ok(Delivered::Filtered);
            }
            // Nobody waits for an answer, and the same event would fail the same way for ever: a run
            // that failed is where people look.
            Err(error) => {
                let failed = self.trigger.submission(data, json!({}), identity, file);
                Submission { refused: Some(error.into()), ..failed }
            }
        };
        let submitted = self.daemon.engine().submit(submission);
        let mut ticket = submitted.map_err(|refusal| refused(&refusal))?;
        match ticket.accepted().await {
            Ok(Kept::New) => Ok(Delivered::Started(ticket.run)),
            Ok(Kept::Repeat(first)) => Ok(Delivered::Repeat(first)),
            // The author wants no run for it, now or later.
            Ok(Kept::Skipped) => {
                self.leave(seen).await?;
                Ok(Delivered::Skipped)
            }
            Err(refusal) => Err(refused(&refusal)),
        }
    }

    async fn leave(&self, file: Option<SeenFile>) -> Result<(), Refused> {
        match file {
            Some(file) => self.note(vec![file]).await,
            None => Ok(()),
        }
    }
}

fn refused(refusal: &Refusal) -> Refused {
    Refused { reason: refusal.to_string(), retry_after: RETRY_AFTER }
}

fn unkept(error: StoreError) -> Refused {
    Refused { reason: error.to_string(), retry_after: RETRY_AFTER }
}

impl EventSink for Sink {
    fn deliver(&self, event: Event, file: Option<SeenFile>) -> BoxFuture<'_, Result<Delivered, Refused>> {
        Box::pin(self.take(event, file))
    }

    fn ledger(&self, settings: Digest) -> BoxFuture<'_, Result<Ledger, Refused>> {
        Box::pin(async move {
            let store = self.daemon.store();
            let arming = match store.arming(self.key(), settings).await.map_err(unkept)? {
                journal::Arming::First => crate::component::Arming::First,
                journal::Arming::Known => crate::component::Arming::Known,
            };
            Ok(Ledger { arming, files: store.files_seen(self.key()).await.map_err(unkept)? })
        })
    }

    fn arm(&self, settings: Digest, existing: Vec<SeenFile>) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move { self.daemon.store().arm(self.key(), settings, existing).await.map_err(unkept) })
    }

    fn note(&self, files: Vec<SeenFile>) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move { self.daemon.store().mark_seen(self.key(), files).await.map_err(unkept) })
    }

    fn ready(&self) {
        self.ready.send_replace(true);
    }
}
