//! Waits that outlive the process: how a step waits, and how an answer reaches it. Who may answer what
//! is in [`super::signal`].
//!
//! That a step waits is on stable storage before anybody is told how to end the wait, and so is what
//! ended it before whoever ended it is answered. Between the two there is only a future that sleeps.
//! After a restart the step runs again from its start and finds its wait as it was.
//!
//! What must stay true: of an answer and the instant one wins, and the other learns that it came too
//! late. A wait's token is all that its address needs, so it is compared in constant time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::{Clock, Timestamp, elapsed};
use crate::component::{Resumed, Signal, Wait};
use crate::event::Awaited;
use crate::ids::{RunId, StepPath};
use crate::journal::{Entry, RunStatus, WaitState};
use crate::plan::Bound;
use crate::plan::flow::StepList;
use crate::template::{Node, Schema};
use crate::value::{Failure, SharedJson};

use super::book::{Book, Closed};
use super::flow::failed;
use super::frame::Frame;
use super::run::{Halt, Run};
use super::signal::{Asked, SignalError, Stands, Which, only, repeated};
use super::{Shared, lock};

/// How long a wait sleeps before it looks at the clock again, which somebody may have set.
const LOOK: Duration = Duration::from_secs(60);

/// The bytes of a token: the run's id and 244 bits that nobody can guess.
const TOKEN_BYTES: usize = 48;

/// The waits of one run that can be answered here and now.
#[derive(Clone, Default)]
pub(super) struct Waits(Arc<Mutex<HashMap<StepPath, Arc<Open>>>>);

/// A wait that can be answered.
pub(super) struct Open {
    pub path: StepPath,
    pub wait: WaitState,
    pub fields: Option<Arc<Schema>>,
    book: Arc<Book>,
    phase: watch::Sender<Phase>,
    /// Held while an answer is written, so that the next one sees it.
    turn: tokio::sync::Mutex<()>,
}

/// How far a wait has come.
#[derive(Clone)]
enum Phase {
    Open,
    /// An answer is being written; the instant comes too late.
    Answering,
    Answered(Signal),
    Over,
}

/// Takes a wait off the list when it is over, however that came.
struct Listed<'a>(&'a Waits, Arc<Open>);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.1.close();
        lock(&self.0.0).remove(&self.1.path);
    }
}

impl Waits {
    fn list(&self, open: Open) -> Listed<'_> {
        let open = Arc::new(open);
        lock(&self.0).insert(open.path.clone(), open.clone());
        Listed(self, open)
    }

    pub fn all(&self) -> Vec<Arc<Open>> {
        lock(&self.0).values().cloned().collect()
    }

    /// The wait that is meant; nothing when it is not open here.
    pub fn find(&self, which: &Which, kind: &str) -> Result<Option<Arc<Open>>, SignalError> {
        let mut all = self.all();
        match which {
            Which::Token(token) => Ok(all.into_iter().find(|open| is_token(&open.wait, token))),
            Which::Step(step) => Ok(lock(&self.0).get(step).cloned()),
            Which::Only => {
                all.retain(|open| open.wait.awaited.kind() == kind);
                only(all, |open| open.path.clone())
            }
        }
    }
}

impl Open {
    /// Ends the wait by its instant; false when an answer was first.
    pub fn close(&self) -> bool {
        self.phase.send_if_modified(|phase| {
            let is_open = matches!(phase, Phase::Open);
            if is_open {
                *phase = Phase::Over;
            }
            is_open
        })
    }

    /// Writes an answer down, and wakes the step.
    pub async fn answer(&self, shared: &Shared, by: String, data: SharedJson) -> Result<(), SignalError> {
        let _turn = self.turn.lock().await;
        let taken = self.phase.send_if_modified(|phase| {
            let is_open = matches!(phase, Phase::Open);
            if is_open {
                *phase = Phase::Answering;
            }
            is_open
        });
        if !taken {
            return match &*self.phase.borrow() {
                Phase::Answered(first) => repeated(&self.wait.awaited, first, &data),
                _ => Err(SignalError::Over),
            };
        }
        let written = async {
            let kept = shared.store.keep(data.clone()).await?;
            let at = shared.clock.now();
            self.book.note(Entry::WaitSignalled { path: self.path.clone(), by: by.clone(), data: kept, at });
            self.book
                .flush()
                .await
                .map_err(|_: Closed| SignalError::Storage("the run has stopped here".into()))
        };
        let written = written.await;
        self.phase.send_replace(match &written {
            Ok(()) => Phase::Answered(Signal { by, data }),
            Err(_) => Phase::Open,
        });
        written
    }

    pub fn asked(&self, run: RunId) -> Asked {
        let stands = match &*self.phase.borrow() {
            Phase::Open => Stands::Open,
            Phase::Answering | Phase::Answered(_) => Stands::Answered,
            Phase::Over => Stands::Over,
        };
        let workflow = self.book.read(|state| state.map(|state| state.workflow.clone()).unwrap_or_default());
        Asked { run, workflow, step: self.path.clone(), wait: self.wait.clone(), stands }
    }
}

impl Run {
    /// Waits, with an entry that says so, and with steps that tell people of it first.
    pub async fn suspend(
        &self,
        path: &StepPath,
        frame: &Frame,
        notify: Option<&StepList<Bound>>,
        wait: Wait,
    ) -> Result<Resumed, Halt> {
        let Wait { awaited, due, fields } = wait;
        let past = self.book.read(|state| {
            let state = state?;
            Some((state.steps.get(path)?.wait.clone()?, state.status == RunStatus::Queued))
        });
        let wait = match past {
            Some((WaitState { signal: Some(signal), .. }, _)) => {
                let data = self.shared.store.fetch(signal.data).await.map_err(|error| {
                    let message = format!("what it waited for cannot be read: {error}");
                    failed(Failure::new("journal_unreadable", message), path)
                })?;
                return Ok(Resumed::Signal(Signal { by: signal.by, data }));
            }
            Some((wait, is_queued)) => {
                if is_queued {
                    self.note_wait(path, &wait);
                }
                wait
            }
            None => {
                let since = self.shared.clock.now();
                if awaited == Awaited::Time && due.is_some_and(|due| due <= since) {
                    return Ok(Resumed::Due);
                }
                // To the millisecond, as it is kept.
                let due = due.map(|due| Timestamp::from_millisecond(due.as_millisecond()).unwrap_or(due));
                let token = (awaited != Awaited::Time).then(|| new_token(self.id));
                let awaited = self.redacted_question(awaited);
                let wait = WaitState { awaited, due, token, since, signal: None };
                self.note_wait(path, &wait);
                wait
            }
        };
        self.flush().await?;
        let due = wait.due;
        let approval = wait.token.as_ref().map(|token| {
            let url = self.shared.links.wait(&wait.awaited, token);
            json!({ "id": format!("{}/{path}", self.id), "url": url })
        });
        let listed = self.waits.list(Open {
            path: path.clone(),
            wait,
            fields,
            book: self.book.clone(),
            phase: watch::channel(Phase::Open).0,
            turn: tokio::sync::Mutex::default(),
        });
        if let Some(notify) = notify.filter(|list| !list.steps.is_empty())
            && let Some(approval) = approval
        {
            let inside = frame.inside([("approval".into(), Node::from(approval))]);
            self.list(notify, path.branch("notify"), &inside).await?;
            // What was told stays told, however long the wait is.
            self.flush().await?;
        }
        let mut phase = listed.1.phase.subscribe();
        let came = async {
            let answered = phase.wait_for(|phase| matches!(phase, Phase::Answered(_))).await;
            match answered.ok().map(|phase| phase.clone()) {
                Some(Phase::Answered(signal)) => signal,
                _ => std::future::pending().await,
            }
        };
        let late = async {
            match due {
                Some(due) => until(&*self.shared.clock, due).await,
                None => std::future::pending().await,
            }
            if !listed.1.close() {
                // An answer was first, and is about to come.
                std::future::pending().await
            }
        };
        tokio::select! {
            biased;
            () = self.shared.stopping.cancelled() => Err(Halt::Closed(Closed::Lost)),
            signal = came => Ok(Resumed::Signal(signal)),
            () = late => Ok(Resumed::Due),
        }
    }

    fn note_wait(&self, path: &StepPath, wait: &WaitState) {
        self.book.note(Entry::WaitBegun {
            path: path.clone(),
            awaited: wait.awaited.clone(),
            due: wait.due,
            token: wait.token.clone(),
            at: wait.since,
        });
    }

    /// What is asked, without anything that must not be written down.
    fn redacted_question(&self, awaited: Awaited) -> Awaited {
        let secrets = self.shared.secrets.load();
        match awaited {
            Awaited::Approval { message, to, fields } => Awaited::Approval {
                message: secrets.redact(&message),
                to: to.iter().map(|name| secrets.redact(name)).collect(),
                fields,
            },
            other => other,
        }
    }
}

/// Ends at this instant, also when the clock is set in between.
async fn until(clock: &dyn Clock, due: Timestamp) {
    loop {
        let left = elapsed(clock.now(), due);
        if left.is_zero() {
            return;
        }
        clock.sleep(left.min(LOOK)).await;
    }
}

/// What only those know who may end a wait of this run.
fn new_token(run: RunId) -> String {
    let mut bytes = Vec::with_capacity(TOKEN_BYTES);
    bytes.extend_from_slice(run.as_bytes());
    // Both from the system's source of randomness.
    bytes.extend_from_slice(Uuid::new_v4().as_bytes());
    bytes.extend_from_slice(Uuid::new_v4().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The run that a token would be for.
pub(super) fn run_of(token: &str) -> Option<RunId> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == TOKEN_BYTES)?;
    bytes.first_chunk().map(|run| RunId::from_bytes(*run))
}

/// Whether this is the token of a wait.
pub(super) fn is_token(wait: &WaitState, token: &str) -> bool {
    wait.token.as_ref().is_some_and(|own| own.as_bytes().ct_eq(token.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_run_and_cannot_be_guessed() {
        let run = RunId::new();
        let (one, other) = (new_token(run), new_token(run));
        assert_eq!((run_of(&one), one.len()), (Some(run), 64));
        assert_ne!(one[22..], other[22..]);
        for wrong in ["", "short", &one[1..], &format!("{one}AAAA"), "é"] {
            assert_eq!(run_of(wrong), None, "{wrong}");
        }
    }

    /// A clock that jumps at each sleep: to the end of it, or back by an hour the first time.
    #[derive(Debug)]
    struct Jumping(Mutex<(Timestamp, Vec<Duration>)>);

    impl Clock for Jumping {
        fn now(&self) -> Timestamp {
            lock(&self.0).0
        }

        fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            let mut inner = lock(&self.0);
            let is_first = inner.1.is_empty();
            inner.1.push(duration);
            inner.0 = match is_first {
                true => inner.0 - Duration::from_secs(3_600),
                false => inner.0 + duration,
            };
            Box::pin(std::future::ready(()))
        }
    }

    #[tokio::test]
    async fn a_wait_follows_a_clock_that_is_set() {
        let start: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let clock = Jumping(Mutex::new((start, Vec::new())));
        let due = start + Duration::from_secs(90);
        until(&clock, due).await;
        assert_eq!(clock.now(), due);
        let sleeps = lock(&clock.0).1.clone();
        assert!(sleeps.iter().all(|sleep| *sleep <= LOOK), "{sleeps:?}");
        assert_eq!(sleeps.len(), 1 + 62, "a minute each, over an hour more");
        until(&clock, start).await;
    }
}
