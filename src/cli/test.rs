//! `howdah test`: the tests of workflows, made on the real engine without touching anything.
//!
//! What a test is and how it is made is decided in [`trial`]; here files are chosen, tests
//! started beside each other, and results shown in the order of the files.

pub mod load;
mod show;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen::ColorWhen;
use crate::cli::signals::Signals;
use crate::cli::{block_on, place, prepare};
use crate::clock::SystemClock;
use crate::diagnostic::{Diagnostic, FileId, did_you_mean};
use crate::simulator::{self, Simulator};
use crate::syntax::sources::SourceKind;
use crate::trial::{self, Ground, Models, Test, Verdict};

use load::{Found, Loaded};

/// What `howdah test` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah test                              every test of the workspace
  howdah test triage                       those of one workflow
  howdah test workflows/triage.test.yaml   those of one file
  howdah test -k outage                    those with `outage` in their name
  howdah test --junit report.xml           for build servers
  howdah test --record                     ask the models again where a recording is missing or stale

Exit codes: 0 all passed, or there are none; 1 a test failed; 2 tests, workflows or the configuration
have errors; 130 interrupted.
")]
pub struct TestArgs {
    /// Files of tests, workflows or folders, or names of workflows; all when none is named.
    #[arg(value_name = "PATH|NAME")]
    chosen: Vec<String>,
    /// Only tests whose name, or whose workflow's name, contains this text.
    #[arg(short = 'k', value_name = "TEXT")]
    filter: Option<String>,
    /// Print one JSON document with all results.
    #[arg(long)]
    json: bool,
    /// Write the results as JUnit XML too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Ask the models really where a test's recording is missing or stale, and write it.
    #[arg(long)]
    record: bool,
    /// Let the built-in simulator answer for models where nothing else does.
    #[arg(long)]
    simulate: bool,
    /// Lay `howdah.NAME.yaml` over `howdah.yaml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorWhen,
}

/// A test that is to be made.
struct Job {
    /// The file of tests.
    file: PathBuf,
    workflow: Arc<str>,
    test: Arc<Test>,
}

/// A test that was made.
struct Done {
    job: Job,
    verdict: Verdict,
    took: Duration,
}

/// Makes the tests, and shows how they went.
///
/// # Errors
/// When there is nothing that could be tested, or results cannot be written.
pub fn run(args: &TestArgs) -> Result<Exit, Problem> {
    args.color.apply();
    let root = place::workspace(args.dir.as_deref())?.root;
    let Loaded { sources, diagnostics, mut ground, files } = load::load(&root, args.profile.as_deref())?;
    let chosen = choose(&args.chosen, &root, &files, &ground)?;
    let mut errors: Vec<Diagnostic> = Vec::new();
    let mut jobs = Vec::new();
    for found in chosen {
        let mut own = of_file(&diagnostics.clone().sorted(), found.tests.file);
        if own.is_empty() && found.workflow.is_none() {
            // The workflow's own errors are why nothing can be tested.
            let broken = sources.files(SourceKind::Workflow).find(|(_, source)| {
                let stem = found.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                source.path.file_stem().and_then(|stem| stem.to_str()) == stem.strip_suffix(".test")
            });
            own.extend(broken.iter().flat_map(|(file, _)| of_file(&diagnostics.clone().sorted(), *file)));
        }
        if let (true, Some(workflow)) = (own.is_empty(), &found.workflow) {
            jobs.extend(found.tests.tests.iter().map(|test| Job {
                file: found.path.clone(),
                workflow: workflow.clone(),
                test: test.clone(),
            }));
        }
        errors.extend(own);
    }
    for (file, _) in sources.unreadable(SourceKind::Test) {
        errors.extend(of_file(&diagnostics.clone().sorted(), file));
    }
    if let Some(text) = &args.filter {
        jobs.retain(|job| job.test.name.value.contains(&**text) || job.workflow.contains(&**text));
    }
    let models = match (args.record, args.simulate) {
        (true, _) => Models::Recorded,
        (false, true) => Models::Simulated,
        (false, false) => Models::Never,
    };
    let started = Instant::now();
    let mut show = show::Show::new(sources.map(), args.json);
    let interrupted = block_on(async {
        let simulator = simulator(args.simulate, &mut ground).await?;
        let interrupted = make(Arc::new(ground), jobs, models, &mut show).await?;
        if let Some(simulator) = simulator {
            simulator.stop().await;
        }
        Ok(interrupted)
    })?;
    if let Some(exit) = interrupted {
        return Ok(exit);
    }
    if !errors.is_empty() && !args.json {
        prepare::show(&errors, sources.map());
    }
    let passed = show.conclude(&errors, started.elapsed())?;
    if let Some(path) = &args.junit {
        show.junit(path)?;
    }
    Ok(match (errors.is_empty(), passed) {
        (false, _) => Exit::Invalid,
        (true, true) => Exit::Done,
        (true, false) => Exit::Failed,
    })
}

/// The errors of one file.
fn of_file(all: &[Diagnostic], file: FileId) -> Vec<Diagnostic> {
    all.iter().filter(|one| one.is_error() && one.primary.span.file == file).cloned().collect()
}

/// The simulator, where it is asked for.
pub async fn simulator(is_wanted: bool, ground: &mut Ground) -> Result<Option<Simulator>, Problem> {
    if !is_wanted {
        return Ok(None);
    }
    let options = simulator::Options::new(SystemClock::shared());
    let simulator = Simulator::start(options, CancellationToken::new()).await.map_err(Problem::failed)?;
    ground.simulator = Some(simulator.base_url());
    Ok(Some(simulator))
}

/// The files of tests that are meant.
fn choose<'f>(
    chosen: &[String],
    root: &std::path::Path,
    files: &'f [Found],
    ground: &Ground,
) -> Result<Vec<&'f Found>, Problem> {
    if chosen.is_empty() {
        return Ok(files.iter().collect());
    }
    let mut wanted = vec![false; files.len()];
    for text in chosen {
        let matches: Vec<usize> = match PathBuf::from(text).canonicalize() {
            Ok(path) if text.contains(['/', '.']) => {
                let inside = path.strip_prefix(root).unwrap_or(&path).to_owned();
                let is_meant = |found: &Found| {
                    let file = found.workflow.as_ref().and_then(|name| ground.definition(name));
                    found.path.starts_with(&inside) || file.is_some_and(|one| one.workflow.path == inside)
                };
                (0..files.len()).filter(|at| is_meant(&files[*at])).collect()
            }
            _ => {
                if ground.definition(text).is_none() {
                    let names: Vec<_> = ground.definitions.iter().map(|one| &*one.workflow.name).collect();
                    let problem = Problem::invalid(format!("there is no workflow and no file `{text}`"));
                    return Err(match did_you_mean(text, names) {
                        Some(help) => problem.with_help(help),
                        None => problem,
                    });
                }
                (0..files.len()).filter(|at| files[*at].workflow.as_deref() == Some(&**text)).collect()
            }
        };
        matches.into_iter().for_each(|at| wanted[at] = true);
    }
    Ok(files.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(found, _)| found).collect())
}

/// Makes the tests, as many beside each other as there are processors, and shows each in its turn.
async fn make(
    ground: Arc<Ground>,
    jobs: Vec<Job>,
    models: Models,
    show: &mut show::Show<'_>,
) -> Result<Option<Exit>, Problem> {
    let mut signals = Signals::listen()?;
    let beside = std::thread::available_parallelism().map_or(2, usize::from);
    let made = futures_util::stream::iter(jobs.into_iter().map(|job| {
        let ground = ground.clone();
        tokio::spawn(async move {
            let started = Instant::now();
            let verdict = trial::run(&ground, &job.workflow, &job.test, models).await;
            Done { job, verdict, took: started.elapsed() }
        })
    }));
    let mut made = made.buffered(beside);
    loop {
        tokio::select! {
            done = made.next() => match done {
                Some(done) => show.add(done.map_err(Problem::failed)?)?,
                None => return Ok(None),
            },
            exit = signals.end() => return Ok(Some(exit)),
        }
    }
}
