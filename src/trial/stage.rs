//! Where a test's steps run: every action of the registry behind one that asks the test first.
//!
//! What is pure runs as it is; files are those of the scratch folder; what would leave the machine is
//! written down instead; a model is asked only where somebody said so. The engine and the workflow
//! notice nothing of it.
//!
//! Codes: `not-mocked`, `stale-recording`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Kinds, Rendered, Retry, StepError, StepFuture,
    Trigger,
};
use crate::engine::{Engine, lock};
use crate::event::Awaited;
use crate::plan;
use crate::value::{Failure, Json, Output};

use super::attend::Attended;
use super::mock::Mock;
use super::read::Approval;
use super::recording::{Recorded, Recording, Stale, digest, normalised};
use super::request::{named, request};
use super::scratch::Scratch;
use super::treatment::Treatment;

/// Who answers for models and servers where no mock does.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Nobody: such a step fails the test.
    Nobody,
    /// A recording.
    Replay(Arc<Recording>),
    /// The models that the registry is bound to, and for all else a recording.
    Models(Option<Arc<Recording>>),
    /// Everybody, really.
    World,
}

/// What a test brings for its steps.
pub(super) struct Script {
    /// By workflow and step id.
    pub mocks: HashMap<(Arc<str>, Arc<str>), Mock>,
    /// What people answer, by step id.
    pub approvals: HashMap<Arc<str>, Approval>,
    /// Who answers besides.
    pub source: Source,
    /// The test's files; none: the workspace itself.
    pub scratch: Option<Scratch>,
}

/// Something for which a test fails, whatever the run makes of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trouble {
    /// A stable word.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
    /// What to write.
    pub help: Option<String>,
    /// What was asked then and is asked now.
    pub texts: Option<(String, String)>,
}

/// What steps did.
#[derive(Default)]
pub(super) struct Ledger {
    /// Requests, in the order in which they were made.
    pub requests: Vec<Json>,
    /// How often a model was asked.
    pub calls: u64,
    /// Why the test fails.
    pub troubles: Vec<Trouble>,
    /// What was answered, for a recording.
    pub recorded: Vec<Recorded>,
}

impl Ledger {
    /// Writes an answer down; of a step's attempts the last is what counts.
    fn record(&mut self, recorded: Recorded) {
        self.recorded.retain(|other| (&other.workflow, &other.step) != (&recorded.workflow, &recorded.step));
        self.recorded.push(recorded);
    }
}

/// A test's stage.
pub(super) struct Stage {
    script: Script,
    ledger: Mutex<Ledger>,
    /// What the run is on, while it is under way: people answer through it.
    engine: Mutex<Option<Engine>>,
}

impl Stage {
    pub fn new(script: Script) -> Arc<Self> {
        Arc::new(Self { script, ledger: Mutex::default(), engine: Mutex::default() })
    }

    /// What happened so far.
    pub fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// Lets people answer through this engine, until there is none again.
    pub fn attend(&self, engine: Option<Engine>) {
        *lock(&self.engine) = engine;
    }

    /// What people answer through.
    pub(super) fn engine(&self) -> Option<Engine> {
        lock(&self.engine).clone()
    }

    /// A wait that nobody ends.
    pub(super) fn unanswered(&self, path: &str, awaited: &Awaited) -> StepError {
        let id = id_of(path);
        let (message, help) = match awaited {
            Awaited::Approval { .. } => (
                format!("the step `{path}` asks a person, and nobody says what they answer"),
                format!("say it with `approvals: {{ {id}: {{ approved: true }} }}`"),
            ),
            _ => (
                format!("the step `{path}` waits for an event, and none comes"),
                format!("say what it gives with `mock: {{ {id}: {{ resumed: event, body: … }} }}`"),
            ),
        };
        self.trouble("not-mocked", message, Some(help))
    }

    /// The mock of a step.
    pub fn mock(&self, workflow: &Arc<str>, id: &str) -> Option<&Mock> {
        self.script.mocks.get(&(workflow.clone(), id.into()))
    }

    fn trouble(&self, code: &'static str, message: String, help: Option<String>) -> StepError {
        self.troubled(Trouble { code, message, help, texts: None })
    }

    fn troubled(&self, trouble: Trouble) -> StepError {
        let failure = Failure::new(trouble.code, trouble.message.clone());
        let mut ledger = self.ledger();
        // A model of a chain after the other, and a pass after the other, make it no better.
        if !ledger.troubles.contains(&trouble) {
            ledger.troubles.push(trouble);
        }
        StepError { failure, retry: Retry::Never, model: None }
    }
}

/// The kinds of one workflow on a stage.
pub(super) struct StagedKinds<'a> {
    /// The real ones.
    pub real: &'a dyn plan::Kinds,
    /// What is known of them.
    pub kinds: &'a Kinds,
    /// The stage.
    pub stage: &'a Arc<Stage>,
    /// The workflow whose steps they are.
    pub workflow: &'a Arc<str>,
}

impl plan::Kinds for StagedKinds<'_> {
    fn action(&self, kind: &str) -> Option<Arc<dyn Action>> {
        Some(Arc::new(Staged {
            declaration: *self.kinds.action(kind)?,
            real: self.real.action(kind)?,
            stage: self.stage.clone(),
            workflow: self.workflow.clone(),
        }))
    }

    fn trigger(&self, _: &str) -> Option<Arc<dyn Trigger>> {
        None
    }
}

/// An action on a stage.
struct Staged {
    declaration: ActionDeclaration,
    real: Arc<dyn Action>,
    stage: Arc<Stage>,
    workflow: Arc<str>,
}

/// The step that makes an attempt.
struct Step {
    run: String,
    path: String,
}

impl Step {
    fn of(attempt: &Attempt<'_>) -> Self {
        let key = attempt.context.key();
        let (run, path) = key.split_once('/').unwrap_or(("", key));
        Self { run: run.to_owned(), path: path.to_owned() }
    }

    fn id(&self) -> &str {
        id_of(&self.path)
    }
}

/// The id in a step's path.
pub(super) fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Staged {
    async fn stage(&self, attempt: Attempt<'_>) -> Result<Output, StepError> {
        let step = Step::of(&attempt);
        let treatment = Treatment::of(&self.declaration);
        let asked = match treatment {
            Treatment::Pure | Treatment::Files => None,
            _ => Some(normalised(&step.run, &attempt.values.values)),
        };
        match treatment {
            Treatment::Model => self.stage.ledger().calls += 1,
            Treatment::Question | Treatment::Delivery => {
                let made = request(&step.path, &attempt.values.values);
                self.stage.ledger().requests.push(made);
            }
            _ => {}
        }
        if let Some(mock) = self.stage.mock(&self.workflow, step.id()) {
            return mock.answer(&step.path, attempt.context.attempt());
        }
        let Some(asked) = asked else { return self.local(treatment, &step, attempt).await };
        match &self.stage.script.source {
            Source::World => self.really(&step, asked, attempt).await,
            Source::Models(_) if treatment == Treatment::Model => self.really(&step, asked, attempt).await,
            Source::Replay(recording) | Source::Models(Some(recording)) => {
                match recording.answer(&self.workflow, &step.path, &asked) {
                    Ok(recorded) => {
                        self.stage.ledger().record(recorded.clone());
                        replayed(recorded)
                    }
                    Err(Stale::Unknown) if treatment == Treatment::Delivery => Ok(arrived()),
                    Err(stale) => Err(self.stale(&step, stale)),
                }
            }
            _ if treatment == Treatment::Delivery => Ok(arrived()),
            _ => Err(self.unanswered(treatment, &step)),
        }
    }

    /// Something that stays on this machine.
    async fn local(
        &self,
        treatment: Treatment,
        step: &Step,
        attempt: Attempt<'_>,
    ) -> Result<Output, StepError> {
        if let Some(scratch) = self.stage.script.scratch.clone()
            && treatment == Treatment::Files
        {
            let (fields, values) = (self.declaration.fields, attempt.values.values.clone());
            let bring = tokio::task::spawn_blocking(move || scratch.bring(fields, &values)).await;
            bring.map_err(|error| Failure::new("internal", error.to_string()))??;
        }
        if matches!(self.stage.script.source, Source::World) && self.declaration.name == "wait" {
            // A real run waits as long as it takes.
            return self.real.run(attempt).await;
        }
        let context = Attended {
            inner: attempt.context,
            stage: &self.stage,
            run: &step.run,
            path: &step.path,
            approval: self.stage.script.approvals.get(step.id()),
        };
        self.real.run(Attempt { context: &context, ..attempt }).await
    }

    /// Asks really, and writes down what was answered.
    async fn really(&self, step: &Step, asked: Json, attempt: Attempt<'_>) -> Result<Output, StepError> {
        let answer = self.real.run(attempt).await;
        let (output, error, model) = match &answer {
            Ok(output) => (Some(named(&output.value)), None, output.model.clone()),
            Err(error) => (None, Some(error.failure.clone()), error.model.as_deref().cloned()),
        };
        let recorded = Recorded {
            workflow: self.workflow.to_string(),
            step: step.path.clone(),
            action: self.declaration.name.to_owned(),
            digest: digest(&asked),
            request: asked,
            output,
            error,
            model,
        };
        self.stage.ledger().record(recorded);
        answer
    }

    fn unanswered(&self, treatment: Treatment, step: &Step) -> StepError {
        let (id, kind) = (step.id(), self.declaration.name);
        let message = match treatment {
            Treatment::Model => format!("the step `{}` asks a model, and a test asks none", step.path),
            Treatment::Question => format!("the step `{}` asks a server, and a test asks none", step.path),
            _ => format!("the step `{}` runs `{kind}`, which a test does not do", step.path),
        };
        let mock = match treatment {
            Treatment::Question => format!("`mock: {{ {id}: {{ status: 200, body: … }} }}`"),
            _ => format!("`mock: {{ {id}: … }}`"),
        };
        let help = match treatment {
            Treatment::Model => {
                format!(
                    "say what it answers with {mock}, or record it once: `howdah record {}`",
                    self.workflow
                )
            }
            _ => format!("say what it gives with {mock}"),
        };
        self.stage.trouble("not-mocked", message, Some(help))
    }

    fn stale(&self, step: &Step, stale: Stale) -> StepError {
        let help = Some("record it anew: `howdah test --record` asks the models again".to_owned());
        match stale {
            Stale::Unknown => {
                let message =
                    format!("the recording is stale: it has no answer for the step `{}`", step.path);
                self.stage.trouble("stale-recording", message, help)
            }
            Stale::Changed { before, now } => self.stage.troubled(Trouble {
                code: "stale-recording",
                message: format!("the recording is stale: the step `{}` asks something else now", step.path),
                help,
                texts: Some((before, now)),
            }),
        }
    }
}

/// What a delivery gives that arrived.
fn arrived() -> Output {
    Output::new(json!({ "status": 200, "body": null }))
}

fn replayed(recorded: &Recorded) -> Result<Output, StepError> {
    match &recorded.error {
        Some(failure) => Err(StepError {
            failure: failure.clone(),
            retry: Retry::Never,
            model: recorded.model.clone().map(Box::new),
        }),
        None => Ok(Output {
            value: Arc::new(recorded.output.clone().unwrap_or_default()),
            model: recorded.model.clone(),
        }),
    }
}

impl Action for Staged {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(self.stage(attempt))
    }

    fn effect(&self, arguments: &Arguments) -> Effect {
        self.real.effect(arguments)
    }

    fn alternatives(&self, values: &Rendered) -> usize {
        self.real.alternatives(values)
    }

    fn default_attempts(&self) -> u32 {
        self.real.default_attempts()
    }
}
