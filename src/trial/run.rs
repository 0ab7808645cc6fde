//! One test: from what it starts with to what is to be said of it.
//!
//! Codes: `unexpected-result`, `missing-recording`, `test-error`, and those of the stage.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::check::Workflow;
use crate::clock::{Clock as _, StandingClock, SystemClock};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::engine::{Reuse, Submission};
use crate::event::TriggerId;
use crate::money::Cost;
use crate::value::{Failure, Json, SharedJson, VALUE_LIMIT};

use super::drive::{drive, outcome, remember};
use super::expect::Outcome;
use super::ground::{Bench, Ground, Reach};
use super::mock::Mock;
use super::outline::{Form, outline};
use super::pattern::Mismatch;
use super::read::Test;
use super::recording::{Recorded, Recording};
use super::request::in_order;
use super::scratch::Scratch;
use super::stage::{Script, Source, Stage, Trouble};

/// Whether models may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Models {
    /// By nobody: answers come from mocks and recordings.
    Never,
    /// Where nothing stands in for them: the simulator.
    Simulated,
    /// Where a recording is missing or stale, which is then written anew.
    Recorded,
}

/// What is to be said of a test.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Why it failed; nothing when it did not.
    pub findings: Vec<Finding>,
    /// The recording that was written.
    pub recorded: Option<PathBuf>,
    /// What its model calls cost: now, or when they were recorded.
    pub cost: Cost,
}

/// One reason why a test failed.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What is wrong, at its place in the file of tests.
    pub diagnostic: Diagnostic,
    /// What was expected, where that is it.
    pub mismatch: Option<Mismatch>,
    /// Two texts whose difference tells more.
    pub texts: Option<(String, String)>,
}

impl Finding {
    fn new(code: &'static str, span: Span, message: String) -> Self {
        Self { diagnostic: Diagnostic::error(code, span, message), mismatch: None, texts: None }
    }

    fn with_help(mut self, help: &str) -> Self {
        self.diagnostic.help = Some(help.to_owned());
        self
    }

    fn trouble(trouble: Trouble, test: &Test) -> Self {
        let at = match (&test.replay, trouble.code) {
            (Some(replay), "stale-recording") => replay.span,
            _ => test.name.span,
        };
        let diagnostic = Diagnostic::error(trouble.code, at, trouble.message).with_help_if(trouble.help);
        Self { diagnostic, mismatch: None, texts: trouble.texts }
    }

    fn mismatch(mismatch: Mismatch) -> Self {
        let message = format!("`{}` is not {}", mismatch.path, mismatch.wanted);
        let found = mismatch.found.split_whitespace().collect::<Vec<_>>().join(" ");
        let diagnostic = Diagnostic::error("unexpected-result", mismatch.span, message);
        let diagnostic = diagnostic.with_label(format!("found {found}"));
        Self { diagnostic, texts: mismatch.texts.clone(), mismatch: Some(mismatch) }
    }
}

/// What one run came to.
struct Trial {
    outcome: Outcome,
    troubles: Vec<Trouble>,
    recorded: Vec<Recorded>,
}

/// Makes a test of this workflow.
pub async fn run(ground: &Arc<Ground>, workflow: &Arc<str>, test: &Arc<Test>, models: Models) -> Verdict {
    match make(ground, workflow, test, models).await {
        Ok(verdict) => verdict,
        Err(finding) => Verdict { findings: vec![*finding], ..Verdict::default() },
    }
}

async fn make(
    ground: &Arc<Ground>,
    workflow: &Arc<str>,
    test: &Arc<Test>,
    models: Models,
) -> Result<Verdict, Box<Finding>> {
    let recording = recording(ground, test, models).await?;
    let source = match (&recording, models) {
        (Some(recording), _) => Source::Replay(recording.clone()),
        (None, Models::Simulated) => Source::Models(None),
        (None, Models::Recorded) if test.replay.is_some() => Source::Models(None),
        (None, _) => Source::Nobody,
    };
    let is_new = test.replay.is_some() && recording.is_none();
    let mut trial = self::trial(ground, workflow, test, source).await?;
    let is_stale = trial.troubles.iter().any(|trouble| trouble.code == "stale-recording");
    if is_stale && models == Models::Recorded {
        trial = self::trial(ground, workflow, test, Source::Models(recording)).await?;
    }
    let Trial { outcome, troubles, recorded } = trial;
    let mut verdict = Verdict { cost: outcome.cost, ..Verdict::default() };
    if !troubles.is_empty() {
        verdict.findings = troubles.into_iter().map(|trouble| Finding::trouble(trouble, test)).collect();
        return Ok(verdict);
    }
    if let Some(replay) = test.replay.as_ref().filter(|_| models == Models::Recorded && (is_new || is_stale))
    {
        let path = PathBuf::from(&*replay.value);
        let recording = Recording::new(workflow, SystemClock.now(), recorded);
        let text = recording.write(&test.name.value);
        let written = text
            .and_then(|text| write(&ground.workspace.join(&path), &text).map_err(|error| error.to_string()));
        if let Err(reason) = written {
            let message = format!("the recording `{}` cannot be written: {reason}", replay.value);
            verdict.findings.push(Finding::new("missing-recording", replay.span, message));
        }
        verdict.recorded = Some(path);
    }
    verdict.findings.extend(test.expect.compare(&outcome).into_iter().map(Finding::mismatch));
    Ok(verdict)
}

/// The recording of a test; none where it has none, or where a new one is made.
async fn recording(
    ground: &Arc<Ground>,
    test: &Test,
    models: Models,
) -> Result<Option<Arc<Recording>>, Box<Finding>> {
    let Some(replay) = &test.replay else { return Ok(None) };
    let path = ground.workspace.join(&*replay.value);
    let read = tokio::task::spawn_blocking(move || {
        let bytes = fs::metadata(&path).and_then(|found| match found.len() > VALUE_LIMIT as u64 {
            true => Err(std::io::Error::other("it has more than 16 MiB")),
            false => fs::read_to_string(&path),
        });
        bytes.map_err(|error| (error.kind() == std::io::ErrorKind::NotFound, error.to_string()))
    });
    let read = read.await.unwrap_or_else(|error| Err((false, error.to_string())));
    let told = |message: String| {
        let finding = Finding::new("missing-recording", replay.span, message);
        Box::new(finding.with_help("`howdah test --record` asks the models once and writes it"))
    };
    match read {
        Ok(text) => match Recording::read(&text) {
            Ok(recording) => Ok(Some(Arc::new(recording))),
            Err(_) if models == Models::Recorded => Ok(None),
            Err(reason) => Err(told(format!("`{}` cannot be read as a recording: {reason}", replay.value))),
        },
        Err((true, _)) if models == Models::Recorded => Ok(None),
        Err((true, _)) => Err(told(format!("the recording `{}` is not there", replay.value))),
        Err((false, reason)) => {
            Err(told(format!("the recording `{}` cannot be read: {reason}", replay.value)))
        }
    }
}

/// Writes a file and the folders to it: all of it, or nothing.
pub(super) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

async fn trial(
    ground: &Arc<Ground>,
    name: &Arc<str>,
    test: &Arc<Test>,
    source: Source,
) -> Result<Trial, Box<Finding>> {
    let broken = |message: String| Box::new(Finding::new("test-error", test.name.span, message));
    let Some(definition) = ground.definition(name) else {
        return Err(broken(format!("there is no workflow `{name}` without errors")));
    };
    let reach = if matches!(source, Source::Models(_)) { Reach::World } else { Reach::Nothing };
    let clock = StandingClock::shared(test.now.unwrap_or_else(|| SystemClock.now()));
    let mocks = mocks(ground, &definition.workflow, test);
    let prepare = {
        let (ground, name, test, clock) = (ground.clone(), name.clone(), test.clone(), clock.clone());
        tokio::task::spawn_blocking(move || {
            let approvals = test.approvals.iter();
            let approvals = approvals.map(|(id, approval)| (id.value.clone(), approval.clone())).collect();
            let files = test.files.iter().map(|(path, text)| (&*path.value, &**text));
            let scratch =
                Scratch::make(&ground.workspace, &ground.config, files).map_err(|failure| failure.message)?;
            let stage = Stage::new(Script { mocks, approvals, source, scratch: Some(scratch.clone()) });
            let bench = ground.bench(&name, &stage, Some(&scratch), &clock, reach)?;
            Ok::<_, String>((bench, stage, scratch))
        })
    };
    let (bench, stage, scratch) =
        prepare.await.map_err(|error| broken(error.to_string()))?.map_err(broken)?;
    remember(&bench, name, test).await.map_err(broken)?;
    let state = match start(&bench, &definition.workflow, test) {
        Ok(Some(submission)) => Some(drive(&bench, &stage, submission, reach).await.map_err(broken)?),
        Ok(None) => None,
        Err(message) => return Err(broken(message)),
    };
    let mut outcome = match &state {
        Some(state) => outcome(&bench, state, &definition.workflow).await.map_err(broken)?,
        None => Outcome::filtered(),
    };
    let wanted: Vec<_> = test.expect.files.iter().map(|(path, _)| path.value.clone()).collect();
    let files = tokio::task::spawn_blocking(move || {
        wanted.into_iter().map(|path| (path.clone(), scratch.text(&path))).collect()
    });
    outcome.files = files.await.map_err(|error| broken(error.to_string()))?;
    let mut ledger = stage.ledger();
    outcome.requests = in_order(std::mem::take(&mut ledger.requests));
    outcome.calls = ledger.calls;
    let troubles = std::mem::take(&mut ledger.troubles);
    Ok(Trial { outcome, troubles, recorded: std::mem::take(&mut ledger.recorded) })
}

/// What stands in for steps, by workflow and id.
fn mocks(ground: &Ground, subject: &Workflow, test: &Test) -> HashMap<(Arc<str>, Arc<str>), Mock> {
    let mut mocks = HashMap::new();
    // What is wrong with them was told when the file was checked.
    let mut told = Diagnostics::new();
    for (id, node) in &test.mocks {
        let (workflow, id) = match id.value.split_once('/') {
            Some((name, id)) => (ground.definition(name).map(|one| &one.workflow), Arc::from(id)),
            None => (Some(subject), id.value.clone()),
        };
        let Some(workflow) = workflow else { continue };
        let known = outline(workflow);
        let Some(known) = known.get(&*id) else { continue };
        let mock = Mock::read(node, known.loops, &mut told);
        let mock = match known.form {
            Form::Action(call) if call.kind == "http" => mock.completed(),
            _ => mock,
        };
        mocks.insert((workflow.name.clone(), id), mock);
    }
    mocks
}

/// The run that a test starts; none when the trigger does not want its event.
fn start(bench: &Bench, workflow: &Workflow, test: &Test) -> Result<Option<Submission>, String> {
    let event: SharedJson = Arc::new(test.event.as_ref().map_or(Json::Null, |node| node.to_json()));
    let trigger = match (&test.inputs, &test.event, &test.trigger) {
        (None, Some(_), Some(named)) => {
            workflow.triggers.iter().find(|trigger| trigger.id.to_string() == *named.value)
        }
        (None, Some(_), None) => workflow.triggers.first(),
        _ => None,
    };
    let given = match trigger {
        None => {
            let inputs = test.inputs.iter().flatten();
            inputs.map(|(name, node)| (name.value.to_string(), node.to_json())).collect()
        }
        Some(trigger) => {
            let scope = bench.plan.settings.with("event", event.clone());
            if let Some(condition) = &trigger.condition
                && !condition.evaluate_bool(&scope).map_err(|failure| failure.message)?
            {
                return Ok(None);
            }
            let inputs = trigger.with.iter();
            inputs
                .map(|(name, tree)| Ok((name.to_string(), tree.evaluate(&scope)?)))
                .collect::<Result<serde_json::Map<_, _>, Failure>>()
                .map_err(|failure| failure.message)?
        }
    };
    let inputs = bench.plan.inputs(given).map_err(|error| error.to_string())?;
    Ok(Some(Submission {
        plan: bench.plan.clone(),
        trigger: trigger.map_or_else(TriggerId::manual, |trigger| trigger.id.clone()),
        event,
        inputs: Arc::new(inputs),
        identity: None,
        file: None,
        parent: None,
        refused: None,
        reuse: Reuse::default(),
    }))
}
