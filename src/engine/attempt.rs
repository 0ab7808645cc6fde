//! One step's attempts: the only retry loop there is.
//!
//! Before an attempt with an effect its start is on stable storage. Whether a failed attempt is made
//! again depends on three things: what the action says of the failure, whether the step is
//! idempotent, and how many attempts are left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{SharedClock, Timestamp, elapsed};
use crate::component::{
    Ask, Attempt, Context, Delta, Effect, Rendered, ReserveFuture, Response, Retry, StateEdit, StateFuture,
    StepError, Wait, WaitFuture,
};
use crate::ids::StepPath;
use crate::journal::{AfterFailure, Entry, StepEnd, StepStatus};
use crate::plan::Bound;
use crate::plan::flow::{Settings, StepList};
use crate::units::format_duration;
use crate::value::{Failure, Output};

use super::frame::{Ended, Frame};
use super::purse::Account;
use super::run::{Halt, Run};
use super::state::Edit;
use super::{Happened, Progress, Shared, lock};

/// The wait before the second attempt, where the step does not say.
const DELAY: Duration = Duration::from_millis(500);

/// How much longer each wait is than the one before, where the step does not say.
const FACTOR: f64 = 2.0;

/// The longest wait, where the step does not say.
const MAX_DELAY: Duration = Duration::from_secs(8);

/// The longest wait that another server may ask for; beyond it the step fails at once.
const ASKED_LIMIT: Duration = Duration::from_secs(120);

/// What the engine does for an action during one attempt.
struct AttemptContext<'a> {
    shared: &'a Shared,
    run: &'a Run,
    path: &'a StepPath,
    key: String,
    number: u32,
    frame: &'a Frame,
    /// What tells people of a wait.
    notify: Option<&'a StepList<Bound>>,
    account: &'a Account,
    response: Mutex<Option<Response>>,
    edit: Mutex<Option<Edit>>,
    /// Why the attempt is to end without an outcome, once told by `halted`.
    halt: Mutex<Option<Halt>>,
    halted: CancellationToken,
}

impl AttemptContext<'_> {
    /// Ends when the attempt is to end without an outcome.
    async fn halt(&self) -> Halt {
        self.halted.cancelled().await;
        lock(&self.halt).take().unwrap_or(Halt::Cancelled)
    }
}

impl Context for AttemptContext<'_> {
    fn key(&self) -> &str {
        &self.key
    }

    fn attempt(&self) -> u32 {
        self.number
    }

    fn clock(&self) -> &SharedClock {
        &self.shared.clock
    }

    fn reserve(&self, ask: Ask) -> ReserveFuture<'_> {
        Box::pin(async move { self.shared.budget.reserve(self.account, &ask).await })
    }

    fn emit(&self, delta: Delta) {
        // Nobody watching is the usual case.
        let _ = self
            .shared
            .progress
            .send(Progress { run: self.run.id, what: Happened::Delta(self.path.clone(), delta) });
    }

    fn respond(&self, response: Response) {
        lock(&self.response).get_or_insert(response);
    }

    fn wait(&self, wait: Wait) -> WaitFuture<'_> {
        Box::pin(async move {
            match self.run.suspend(self.path, self.frame, self.notify, wait).await {
                Ok(resumed) => Ok(resumed),
                Err(Halt::Failed { failure, .. }) => Err(StepError::fatal(failure)),
                Err(halt) => {
                    *lock(&self.halt) = Some(halt);
                    self.halted.cancel();
                    std::future::pending().await
                }
            }
        })
    }

    fn edit_state(&self, edit: StateEdit) -> StateFuture<'_> {
        Box::pin(async move {
            let (edit, new) = self.run.edit_state(edit).await?;
            lock(&self.edit).get_or_insert(edit);
            Ok(new)
        })
    }
}

/// What an action leaves beside its output.
struct Left {
    response: Option<Response>,
    edit: Option<Edit>,
}

/// What a step's attempts are made with.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub settings: &'a Settings,
    pub bound: &'a Bound,
    /// What tells people before the step waits.
    pub notify: Option<&'a StepList<Bound>>,
}

/// Where a step stands among its attempts.
struct Standing {
    /// The number of the next attempt, from 1, counted over restarts.
    number: u32,
    /// How many attempts the present alternative has had.
    tries: u32,
    /// Which of the alternatives is tried.
    alternative: usize,
    /// When the first attempt began.
    started: Option<Timestamp>,
}

/// What comes after a failed attempt.
enum Next {
    /// Another one, after this wait.
    Again(Duration),
    /// The next alternative, at once.
    Alternative,
    /// Nothing.
    GiveUp,
}

impl Run {
    /// Makes attempts until one succeeds or none is left.
    pub async fn action(&self, work: Work<'_>, path: &StepPath, frame: &Frame) -> Result<Ended, Halt> {
        let attempts = async {
            match self.attempts(work, path, frame).await {
                Err(Halt::Cancelled) => Err(self.stopped(path, frame)),
                other => other,
            }
        };
        let Some(limit) = work.settings.timeout else {
            return attempts.await;
        };
        let left = limit.saturating_sub(self.waited(path));
        tokio::select! {
            ended = attempts => ended,
            () = self.shared.clock.sleep(left) => {
                let message = format!("the step took longer than its `timeout` of {}", format_duration(limit));
                Ok(self.record_failure(path, Failure::new("timeout", message)))
            }
        }
    }

    async fn attempts(&self, work: Work<'_>, path: &StepPath, frame: &Frame) -> Result<Ended, Halt> {
        let Work { settings, bound, .. } = work;
        let values = match bound.arguments.render(&frame.scope()) {
            Ok(values) => values,
            Err(failure) => return Ok(self.record_failure(path, failure)),
        };
        let alternatives = bound.action.alternatives(&values).max(1);
        let most = settings.retry.attempts.unwrap_or_else(|| bound.action.default_attempts()).max(1);
        let account = Account::of(self, settings, path);
        let mut standing = self.standing(path, bound.effect, alternatives, frame).await?;
        loop {
            standing.started.get_or_insert_with(|| self.shared.clock.now());
            let outcome = self.attempt(work, path, frame, values.clone(), &account, &standing).await?;
            let at = self.shared.clock.now();
            let error = match outcome {
                Ok((output, left)) => match self.succeeded(path, output, left, &standing).await? {
                    Ok(ended) => return Ok(ended),
                    Err(failure) => StepError::fatal(failure),
                },
                Err(error) => error,
            };
            let next = next(&error, settings, bound.effect, most, alternatives, &standing);
            let failure = self.redacted(explain(error.failure, error.retry));
            self.book.note(Entry::StepFailed {
                path: path.clone(),
                attempt: standing.number,
                failure: failure.clone(),
                model: error.model.map(|model| *model),
                then: if matches!(next, Next::GiveUp) { AfterFailure::GiveUp } else { AfterFailure::Retry },
                at,
            });
            let wait = match next {
                Next::GiveUp => {
                    return Ok(Ended {
                        failure: Some(failure),
                        attempts: standing.number,
                        started: standing.started,
                        ..Ended::without_output(StepStatus::Failed, at)
                    });
                }
                Next::Alternative => {
                    standing.alternative += 1;
                    standing.tries = 0;
                    Duration::ZERO
                }
                Next::Again(wait) => {
                    standing.tries += 1;
                    wait
                }
            };
            standing.number += 1;
            self.pause(path, &standing, wait, failure.message, frame).await?;
        }
    }

    /// One attempt, from its entry to its outcome.
    async fn attempt(
        &self,
        work: Work<'_>,
        path: &StepPath,
        frame: &Frame,
        values: Rendered,
        account: &Account,
        standing: &Standing,
    ) -> Result<Result<(Output, Left), StepError>, Halt> {
        let Work { bound, notify, .. } = work;
        if bound.effect > Effect::None {
            self.book.note(Entry::StepStarted {
                path: path.clone(),
                attempt: standing.number,
                at: self.shared.clock.now(),
            });
            self.flush().await?;
        }
        let context = AttemptContext {
            shared: &self.shared,
            run: self,
            path,
            key: format!("{}/{path}", self.id),
            number: standing.number,
            frame,
            notify,
            account,
            response: Mutex::default(),
            edit: Mutex::default(),
            halt: Mutex::default(),
            halted: CancellationToken::new(),
        };
        let work = bound.action.run(Attempt {
            values,
            arguments: &bound.arguments,
            alternative: standing.alternative,
            context: &context,
        });
        let outcome = tokio::select! {
            biased;
            () = frame.cancel.cancelled() => return Err(Halt::Cancelled),
            halt = context.halt() => return Err(halt),
            outcome = work => outcome,
        };
        let response = lock(&context.response).take();
        let edit = lock(&context.edit).take();
        Ok(outcome.map(|output| (output, Left { response, edit })))
    }

    async fn succeeded(
        &self,
        path: &StepPath,
        output: Output,
        Left { response, edit }: Left,
        standing: &Standing,
    ) -> Result<Result<Ended, Failure>, Halt> {
        let (value, json) = match self.keep_output(output.value).await {
            Ok(kept) => kept,
            Err(failure) => return Ok(Err(failure)),
        };
        let at = self.shared.clock.now();
        self.book.note(Entry::StepFinished {
            path: path.clone(),
            status: StepEnd::Succeeded,
            output: value,
            model: output.model.clone(),
            at,
        });
        if let Some(edit) = edit {
            self.commit_edit(path, edit).await?;
        }
        if let Some(response) = response {
            // What is answered is on stable storage first, so that a repeat is answered alike.
            let (body, _) = match self.keep_output(Arc::new(response.body.clone())).await {
                Ok(kept) => kept,
                Err(failure) => return Ok(Err(failure)),
            };
            let kept = crate::journal::entry::Answer {
                status: response.status,
                headers: response.headers.clone(),
                body,
            };
            self.book.note(Entry::Responded { response: kept, at });
            self.flush().await?;
            self.answer(response);
        }
        Ok(Ok(Ended {
            output: json,
            status: StepStatus::Succeeded,
            failure: None,
            attempts: standing.number,
            started: standing.started,
            ended: at,
            model: output.model,
        }))
    }

    /// Where a step goes on: at its first attempt, or after a restart where it was.
    async fn standing(
        &self,
        path: &StepPath,
        effect: Effect,
        alternatives: usize,
        frame: &Frame,
    ) -> Result<Standing, Halt> {
        let past = self.book.read(|state| {
            let step = state?.steps.get(path)?;
            let started = step.attempts.first().map(|attempt| attempt.started);
            let started = started.or(step.wait.as_ref().map(|wait| wait.since));
            Some((step.attempts.len(), step.was_interrupted(), started, step.retry_due, step.next))
        });
        let Some((count, interrupted, started, due, next)) = past else {
            return Ok(Standing { number: 1, tries: 0, alternative: 0, started: None });
        };
        if interrupted && effect == Effect::Once {
            let reason = format!(
                "howdah stopped while `{path}` was under way, and nobody knows whether it happened; it must not happen twice by itself"
            );
            return Err(Halt::Attention { step: Some(path.clone()), reason });
        }
        if let Some(due) = due {
            self.rest(elapsed(self.shared.clock.now(), due), frame).await?;
        }
        Ok(Standing {
            number: u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1),
            tries: next.tries,
            alternative: usize::try_from(next.alternative).unwrap_or_default().min(alternatives - 1),
            started,
        })
    }

    /// How long ago the step began to wait, which counts for its `timeout` over restarts too.
    fn waited(&self, path: &StepPath) -> Duration {
        let since = self.book.read(|state| Some(state?.steps.get(path)?.wait.as_ref()?.since));
        since.map_or(Duration::ZERO, |since| elapsed(since, self.shared.clock.now()))
    }

    /// Waits before the next attempt, with an entry that says so.
    async fn pause(
        &self,
        path: &StepPath,
        standing: &Standing,
        wait: Duration,
        reason: String,
        frame: &Frame,
    ) -> Result<(), Halt> {
        let due = self.shared.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
        // To the millisecond, as it is kept.
        let due = Timestamp::from_millisecond(due.as_millisecond()).unwrap_or(due);
        self.book.note(Entry::RetryScheduled {
            path: path.clone(),
            attempt: standing.number,
            due,
            reason,
            alternative: u32::try_from(standing.alternative).unwrap_or(u32::MAX),
            tries: standing.tries,
        });
        if wait.is_zero() {
            return Ok(());
        }
        self.flush().await?;
        self.rest(wait, frame).await
    }

    /// Lets this much time pass, if nothing asks the run to end meanwhile.
    pub async fn rest(&self, wait: Duration, frame: &Frame) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = frame.cancel.cancelled() => Err(Halt::Cancelled),
            () = self.shared.stopping.cancelled() => Err(Halt::Closed(super::book::Closed::Lost)),
            () = self.shared.clock.sleep(wait) => Ok(()),
        }
    }
}

/// What comes after a failed attempt.
fn next(
    error: &StepError,
    settings: &Settings,
    effect: Effect,
    most: u32,
    alternatives: usize,
    standing: &Standing,
) -> Next {
    let more = standing.alternative + 1 < alternatives;
    let after = match error.retry {
        Retry::Never => return Next::GiveUp,
        Retry::Alternative => return if more { Next::Alternative } else { Next::GiveUp },
        Retry::IfIdempotent { .. } if effect == Effect::Once => return Next::GiveUp,
        Retry::IfIdempotent { after } | Retry::Safe { after } => after,
    };
    if standing.tries + 1 >= most || after.is_some_and(|after| after > ASKED_LIMIT) {
        return if more { Next::Alternative } else { Next::GiveUp };
    }
    Next::Again(after.unwrap_or_else(|| backoff(settings, standing.tries)))
}

/// The wait after so many tries: growing, bounded, and up to a quarter shorter by chance, so that
/// many who failed together do not come back together.
fn backoff(settings: &Settings, tries: u32) -> Duration {
    let delay = settings.retry.delay.unwrap_or(DELAY).as_secs_f64();
    let factor = settings.retry.factor.unwrap_or(FACTOR);
    let most = settings.retry.max_delay.unwrap_or(MAX_DELAY.max(settings.retry.delay.unwrap_or_default()));
    let grown = delay * factor.powi(i32::try_from(tries).unwrap_or(i32::MAX));
    let wait = grown.min(most.as_secs_f64()) * (1.0 - 0.25 * fastrand::f64());
    Duration::try_from_secs_f64(wait).unwrap_or(most)
}

/// The failure, with a word on a wait that is too long to obey.
fn explain(failure: Failure, retry: Retry) -> Failure {
    match retry {
        Retry::IfIdempotent { after: Some(after) } | Retry::Safe { after: Some(after) }
            if after > ASKED_LIMIT =>
        {
            let message = format!(
                "{} (the server asks to wait {}, and howdah waits {} at most)",
                failure.message,
                format_duration(after),
                format_duration(ASKED_LIMIT)
            );
            Failure { message, ..failure }
        }
        _ => failure,
    }
}
