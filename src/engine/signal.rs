//! Answers to runs that wait: whether what is given is what is asked for, and what an answer meets
//! that comes late.
//!
//! What must stay true: an answer is on stable storage before it is acknowledged, and the same one
//! given again is acknowledged again, whether or not its run is still under way.

use std::sync::Arc;

use serde_json::json;

use crate::component::{Decision, Signal};
use crate::event::Awaited;
use crate::ids::{RunId, StepPath};
use crate::journal::{Entry, RunState, StoreError, WaitState};
use crate::template::{Schema, Violation};
use crate::value::Json;

use super::wait::{is_token, run_of};
use super::{Engine, lock};

/// How much is told of fields that do not fit, in characters.
const TOLD: usize = 1_000;

/// Which wait somebody means.
#[derive(Clone, Debug)]
pub enum Which {
    /// The one with this token.
    Token(String),
    /// That of this step.
    Step(StepPath),
    /// The only one of the run.
    Only,
}

/// What somebody gives to a wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// A person's decision.
    Decision(Decision),
    /// An event: `{body, headers, query}`.
    Event(Json),
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The run.
    pub run: RunId,
    /// The step that goes on.
    pub step: StepPath,
}

/// Why an answer was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// There is no such run, step or token.
    #[error("nothing waits here")]
    Unknown,
    /// Several steps of the run wait; which.
    #[error("several steps of the run wait; name one of `{}`", .0.iter().map(StepPath::as_str).collect::<Vec<_>>().join("`, `"))]
    Several(Vec<StepPath>),
    /// The step waits for something else.
    #[error("the step waits for {0}, not for {1}")]
    OtherKind(&'static str, &'static str),
    /// What was given does not fit what was asked for.
    #[error("the fields do not fit: {0}")]
    Unfit(String),
    /// Somebody gave another answer before.
    #[error("it was answered before, by {0}")]
    Answered(String),
    /// Its time is over, or its run has ended.
    #[error("it waits no more")]
    Over,
    /// The run is not under way in this process yet.
    #[error("the run is not under way here yet; try again soon")]
    NotYet,
    /// The answer could not be kept.
    #[error("the answer could not be kept: {0}")]
    Storage(String),
}

impl From<StoreError> for SignalError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.to_string())
    }
}

/// A step that waits, as people see it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The run.
    pub run: RunId,
    /// Its workflow.
    pub workflow: String,
    /// The step.
    pub step: StepPath,
    /// What it waits for, and since when.
    pub wait: WaitState,
    /// Whether it waits still.
    pub stands: Stands,
}

/// Whether a wait can still be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It can.
    Open,
    /// It was answered.
    Answered,
    /// Its time is over, or its run has ended.
    Over,
}

impl Engine {
    /// Gives a run what a step of it waits for. It is on stable storage when this answers with
    /// success; the same answer given again is a success too, and changes nothing.
    ///
    /// # Errors
    /// When nothing waits there any more, what is given does not fit, or it cannot be kept.
    pub async fn signal(
        &self,
        run: RunId,
        which: Which,
        by: &str,
        given: Given,
    ) -> Result<Told, SignalError> {
        let secrets = self.shared.secrets.load();
        let by = secrets.redact(by);
        let mut data = given.data();
        secrets.redact_json(&mut data);
        let (kind, data) = (given.kind(), Arc::new(data));
        let live = lock(&self.shared.live).get(&run).cloned();
        let open = match &live {
            Some(live) => live.waits.find(&which, kind)?,
            None => None,
        };
        let Some(open) = open else {
            return self.late(run, &which, kind, &data).await;
        };
        fits(&open.wait.awaited, open.fields.as_deref(), &given)?;
        let told = Told { run, step: open.path.clone() };
        let shared = self.shared.clone();
        // Whoever asked may leave; what was begun comes to its end.
        let task = self.shared.tasks.spawn(async move { open.answer(&shared, by, data).await });
        task.await.map_err(|error| SignalError::Storage(error.to_string()))??;
        Ok(told)
    }

    /// Gives what this token is for what it waits for: see [`Engine::signal`].
    ///
    /// # Errors
    /// As there.
    pub async fn signal_token(&self, token: &str, by: &str, given: Given) -> Result<Told, SignalError> {
        let run = run_of(token).ok_or(SignalError::Unknown)?;
        self.signal(run, Which::Token(token.to_owned()), by, given).await
    }

    /// What this token is for; nothing when it is for nothing.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn asked(&self, token: &str) -> Result<Option<Asked>, StoreError> {
        let Some(run) = run_of(token) else { return Ok(None) };
        let live = lock(&self.shared.live).get(&run).cloned();
        let open =
            live.and_then(|live| live.waits.all().into_iter().find(|open| is_token(&open.wait, token)));
        if let Some(open) = open {
            return Ok(Some(open.asked(run)));
        }
        let Some(state) = self.recorded(run).await? else { return Ok(None) };
        let waits = state.steps.iter().filter_map(|(path, step)| Some((path, step.wait.as_ref()?)));
        Ok(waits.into_iter().find(|(_, wait)| is_token(wait, token)).map(|(path, wait)| Asked {
            run,
            workflow: state.workflow.clone(),
            step: path.clone(),
            wait: wait.clone(),
            stands: match &wait.signal {
                Some(_) => Stands::Answered,
                None if state.waits().any(|(open, _)| open == path) => Stands::Open,
                None => Stands::Over,
            },
        }))
    }

    /// All steps that wait here for a person or an event, the oldest wait first.
    pub fn waits(&self) -> Vec<Asked> {
        let live: Vec<_> =
            lock(&self.shared.live).iter().map(|(run, live)| (*run, live.waits.clone())).collect();
        let asked = live
            .into_iter()
            .flat_map(|(run, waits)| waits.all().into_iter().map(move |open| open.asked(run)))
            .filter(|asked| asked.wait.token.is_some() && asked.stands == Stands::Open);
        let mut asked: Vec<_> = asked.collect();
        asked.sort_by_key(|asked| (asked.wait.since, asked.run));
        asked
    }

    /// The address at which a wait is answered; nothing for one that only time ends.
    pub fn wait_url(&self, wait: &WaitState) -> Option<String> {
        Some(self.shared.links.wait(&wait.awaited, wait.token.as_ref()?))
    }

    /// What an answer meets whose wait is not open here.
    async fn late(
        &self,
        run: RunId,
        which: &Which,
        kind: &'static str,
        data: &Json,
    ) -> Result<Told, SignalError> {
        let state = self.recorded(run).await?.ok_or(SignalError::Unknown)?;
        let waits = state.steps.iter().filter_map(|(path, step)| Some((path, step.wait.as_ref()?)));
        let mut waits: Vec<_> = waits.collect();
        match which {
            Which::Token(token) => waits.retain(|(_, wait)| is_token(wait, token)),
            Which::Step(step) => waits.retain(|(path, _)| *path == step),
            Which::Only => waits.retain(|(_, wait)| wait.awaited.kind() == kind),
        }
        let Some((path, wait)) = only(waits, |(path, _)| (*path).clone())? else {
            return Err(SignalError::Unknown);
        };
        if wait.awaited.kind() != kind {
            return Err(SignalError::OtherKind(describe(wait.awaited.kind()), describe(kind)));
        }
        match &wait.signal {
            Some(first) => {
                let first =
                    Signal { by: first.by.clone(), data: self.shared.store.fetch(first.data.clone()).await? };
                repeated(&wait.awaited, &first, data)?;
                Ok(Told { run, step: path.clone() })
            }
            None if state.waits().any(|(open, _)| open == path) => Err(SignalError::NotYet),
            None => Err(SignalError::Over),
        }
    }

    async fn recorded(&self, run: RunId) -> Result<Option<RunState>, StoreError> {
        let entries = self.shared.store.load(run).await?;
        let fold = |entries: Vec<Entry>| RunState::fold(run, &entries);
        let state = entries.map(fold).transpose();
        state.map_err(|error| StoreError::Unreadable(error.to_string()))
    }
}

impl Given {
    fn kind(&self) -> &'static str {
        match self {
            Self::Decision(_) => "approval",
            Self::Event(_) => "event",
        }
    }

    fn data(&self) -> Json {
        match self {
            Self::Decision(decision) => json!(decision),
            Self::Event(event) => event.clone(),
        }
    }
}

/// Whether what is given is what is asked for.
fn fits(awaited: &Awaited, fields: Option<&Schema>, given: &Given) -> Result<(), SignalError> {
    if awaited.kind() != given.kind() {
        return Err(SignalError::OtherKind(describe(awaited.kind()), describe(given.kind())));
    }
    match (given, fields) {
        // A no needs no more than that.
        (Given::Decision(Decision { approved: true, fields, .. }), Some(schema)) => {
            let none = json!({});
            let fields = if fields.is_null() { &none } else { fields };
            schema.validate(fields).map_err(|violations| SignalError::Unfit(misfit(&violations)))
        }
        (Given::Decision(Decision { fields, .. }), None) if has_fields(fields) => {
            Err(SignalError::Unfit("no fields were asked for".to_owned()))
        }
        _ => Ok(()),
    }
}

fn has_fields(fields: &Json) -> bool {
    match fields {
        Json::Null => false,
        Json::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

fn misfit(violations: &[Violation]) -> String {
    let told = violations.iter().map(|Violation { pointer, message }| match pointer.as_str() {
        "" => message.clone(),
        pointer => format!("`{pointer}`: {message}"),
    });
    told.collect::<Vec<_>>().join("; ").chars().take(TOLD).collect()
}

/// What an answer is that comes after the first: the same, or another. Of an event the body counts;
/// headers differ each time.
pub(super) fn repeated(awaited: &Awaited, first: &Signal, data: &Json) -> Result<(), SignalError> {
    let is_same = match awaited {
        Awaited::Event => first.data.get("body") == data.get("body"),
        _ => *first.data == *data,
    };
    if is_same { Ok(()) } else { Err(SignalError::Answered(first.by.clone())) }
}

fn describe(kind: &'static str) -> &'static str {
    match kind {
        "approval" => "a decision",
        "event" => "an event",
        _ => "an instant",
    }
}

/// The only one of these, if there is any.
pub(super) fn only<T>(mut all: Vec<T>, path: impl Fn(&T) -> StepPath) -> Result<Option<T>, SignalError> {
    match all.len() {
        0 | 1 => Ok(all.pop()),
        _ => {
            let mut paths: Vec<_> = all.iter().map(path).collect();
            paths.sort();
            Err(SignalError::Several(paths))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_needs_its_fields_and_a_no_does_not() {
        let schema = Schema::parse(&json!({ "amount": "integer" })).unwrap();
        let awaited = Awaited::Approval { message: "?".into(), to: Vec::new(), fields: None };
        let given = |approved, fields| Given::Decision(Decision { approved, comment: None, fields });
        assert_eq!(fits(&awaited, Some(&schema), &given(true, json!({ "amount": 3 }))), Ok(()));
        assert_eq!(fits(&awaited, Some(&schema), &given(false, Json::Null)), Ok(()));
        let error = fits(&awaited, Some(&schema), &given(true, json!({ "amount": "x" }))).unwrap_err();
        assert!(error.to_string().starts_with("the fields do not fit: `/amount`"), "{error}");
        assert!(fits(&awaited, Some(&schema), &given(true, Json::Null)).is_err());
        assert!(fits(&awaited, None, &given(true, json!({ "x": 1 }))).is_err());
        let error = fits(&Awaited::Event, None, &given(true, Json::Null)).unwrap_err();
        assert_eq!(error.to_string(), "the step waits for an event, not for a decision");
    }
}
