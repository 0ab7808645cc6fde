//! What the engine does for an action of a test, but that nobody waits: time is over at once, and
//! people answer as the test says.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::ready;

use crate::clock::SharedClock;
use crate::component::{
    Ask, Context, Decision, Delta, ReserveFuture, Response, Resumed, StateEdit, StateFuture, StepError, Wait,
    WaitFuture,
};
use crate::engine::{Engine, Given, SignalError, Which};
use crate::event::Awaited;
use crate::ids::{RunId, StepPath};
use crate::value::Failure;

use super::read::Approval;
use super::stage::Stage;

/// The context of one attempt, on a stage.
pub(super) struct Attended<'a> {
    pub inner: &'a dyn Context,
    pub stage: &'a Arc<Stage>,
    /// The run and the step.
    pub run: &'a str,
    pub path: &'a str,
    /// What a person answers to this step, where the test says it.
    pub approval: Option<&'a Approval>,
}

impl Context for Attended<'_> {
    fn key(&self) -> &str {
        self.inner.key()
    }

    fn attempt(&self) -> u32 {
        self.inner.attempt()
    }

    fn clock(&self) -> &SharedClock {
        self.inner.clock()
    }

    fn reserve(&self, ask: Ask) -> ReserveFuture<'_> {
        self.inner.reserve(ask)
    }

    fn emit(&self, delta: Delta) {
        self.inner.emit(delta);
    }

    fn respond(&self, response: Response) {
        self.inner.respond(response);
    }

    fn wait(&self, wait: Wait) -> WaitFuture<'_> {
        match (&wait.awaited, self.approval, self.stage.engine()) {
            (Awaited::Time, ..) => ready(Ok(Resumed::Due)).boxed(),
            (Awaited::Approval { .. }, Some(approval), Some(engine)) => {
                Box::pin(self.answered(wait, approval, engine))
            }
            _ => ready(Err(self.stage.unanswered(self.path, &wait.awaited))).boxed(),
        }
    }

    fn edit_state(&self, edit: StateEdit) -> StateFuture<'_> {
        self.inner.edit_state(edit)
    }
}

impl Attended<'_> {
    /// The wait, which tells people as ever, and the answer as soon as it stands.
    async fn answered(&self, wait: Wait, approval: &Approval, engine: Engine) -> Result<Resumed, StepError> {
        let answer = async {
            let run: RunId = self.run.parse().map_err(|_| SignalError::Unknown)?;
            loop {
                let decision = Decision {
                    approved: approval.approved,
                    comment: approval.comment.as_deref().map(str::to_owned),
                    fields: approval.fields.clone(),
                };
                let which = Which::Step(StepPath::from(self.path));
                match engine.signal(run, which, &approval.by, Given::Decision(decision)).await {
                    // It is about to stand.
                    Err(SignalError::Unknown | SignalError::NotYet) => tokio::task::yield_now().await,
                    Ok(_) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        };
        let (mut waiting, mut answer) = (std::pin::pin!(self.inner.wait(wait)), std::pin::pin!(answer));
        tokio::select! {
            resumed = &mut waiting => return resumed,
            answered = &mut answer => if let Err(error) = answered {
                return Err(Failure::new("wrong_value", format!("the approval of the test: {error}")).into());
            },
        }
        waiting.await
    }
}
