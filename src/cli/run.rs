//! `howdah run`: one run of one workflow, followed to its end.
//!
//! With a daemon on the workspace the run is the daemon's ([`there`]); without one this process owns
//! the state folder meanwhile ([`here`]). Either way the same lines go to standard error and the
//! outcome, and nothing else, to standard output.

mod ask;
pub(super) mod choice;
mod here;
pub mod inputs;
mod there;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::cli::addresses::Addresses;
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, BAD, BOLD, DIM, NAME};
use crate::cli::signals::Signals;
use crate::cli::time::took;
use crate::cli::{block_on, logs, plan};
use crate::clock::{SharedClock, SystemClock, elapsed};
use crate::config::workspace::Workspace;
use crate::daemon::{Extent, Part};
use crate::forecast::{self, Answers, Given};
use crate::journal::lock::{LockError, StateLock};
use crate::journal::{RunState, RunStatus};
use crate::simulator;
use crate::units::parse_duration;
use crate::value::{Json, SharedJson};

/// How long to wait before the state folder is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// What `howdah run` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah run hello -i name=Ada               a workflow by its name
  howdah run workflows/hello.yaml -i name=Ada
  howdah run triage --inputs ticket.json     all inputs from a file
  howdah run triage --event event.json       for steps that read `event`
  howdah run hello -i name=Ada --simulate    without a key: the built-in simulator is the model
  howdah run hello -i name=Ada --json | jq .output
  howdah run triage --from route --using last    goes on from a step with what is paid for
  howdah run triage --only label -i ticket=Hi    one step alone
  howdah run hello -i name=Ada --dry-run     what it would do: nothing is sent, written or kept

Exit codes: 0 the run succeeded; 1 it failed; 2 nothing was run, as the command line, the workflow
or the configuration is not right; 130 interrupted.
")]
pub struct RunArgs {
    /// The workflow: its name, or the path of its file.
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    /// An input. Its value is text where the workflow says so, and YAML where it does not.
    #[arg(short, long = "input", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    input: Vec<(String, String)>,
    /// A JSON or YAML file with all inputs as a map; `-` reads standard input. `-i` goes over it.
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// A JSON or YAML file with what `event` is; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Print one JSON object on standard output instead of the bare output.
    #[arg(long)]
    json: bool,
    /// Ask the built-in simulator instead of any model: no key is needed and nothing is spent; costs are
    /// shown as they would be.
    #[arg(long)]
    simulate: bool,
    /// Do nothing and show what would be done, with answers of models that are made up: no prompt is
    /// sent, no file written, and the run is not kept. `howdah plan` makes nothing up.
    #[arg(long, conflicts_with_all = ["simulate", "timeout"])]
    dry_run: bool,
    /// Start at this step, with what the run given with `--using` did before it: that is not paid for
    /// again. Inputs and event are those of that run.
    #[arg(long, value_name = "STEP", requires = "using", conflicts_with_all = ["only", "dry_run"])]
    from: Option<String>,
    /// Run this step alone, with what it contains, and print its output. What it reads of earlier steps
    /// is taken from the run given with `--using`.
    #[arg(long, value_name = "STEP", conflicts_with = "dry_run")]
    only: Option<String>,
    /// The run that earlier steps are taken from: its id, the beginning of it, or `last`.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["input", "inputs", "event", "dry_run"])]
    using: Option<String>,
    /// Lay `howdah.NAME.yaml` over `howdah.yaml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Cancel the run when it takes longer, like `90s` or `5m`.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

/// A run that is to be made.
struct Order {
    workspace: Workspace,
    workflow: Arc<str>,
    inputs: serde_json::Map<String, Json>,
    event: Option<Json>,
    /// The part of the workflow that is run; none for all of it.
    part: Option<Part>,
    profile: Option<String>,
    simulate: bool,
    timeout: Option<Duration>,
    clock: SharedClock,
}

/// How it ended.
struct Ending {
    state: RunState,
    /// What it gave.
    output: SharedJson,
    /// All of it, as `--json` prints it.
    outcome: Json,
    /// Whether somebody at the terminal ended it.
    stopped: Option<Exit>,
}

/// Makes the run, shows how it goes, and prints what it gave.
///
/// # Errors
/// When nothing could be run, or nobody knows how it ended.
pub fn run(args: &RunArgs) -> Result<Exit, Problem> {
    if args.dry_run {
        return rehearse(args);
    }
    let order = order(args)?;
    // What concerns the run is shown as its progress.
    logs::start(&order.workspace.root, logs::LogFormat::Human, "off", order.clock.clone())?;
    let ending = block_on(make(&order))?;
    conclude(&ending, args)
}

/// Shows what the run would do, and does none of it.
fn rehearse(args: &RunArgs) -> Result<Exit, Problem> {
    let choice = choice::find(&args.workflow, args.dir.as_deref(), args.profile.as_deref())?;
    let given = inputs::gather(&choice.workflow.inputs, args.inputs.as_deref(), &args.input)?;
    let event = args.event.as_deref().map(inputs::document).transpose()?;
    if choice.workflow.reads.event && event.is_none() {
        return Err(Problem::invalid("the workflow reads `event`, and none was given")
            .with_help("give one with `--event FILE`"));
    }
    let bound = plan::Bound::of(choice)?;
    let wrong = |errors| {
        Problem::invalid(errors).with_help("`-i NAME=VALUE` gives an input, `--inputs FILE` all of them")
    };
    bound.plan.inputs(given.clone()).map_err(wrong)?;
    let inputs = bound.plan.known_inputs(given).map_err(wrong)?;
    let given = Given { inputs, event: Some(Arc::new(event.unwrap_or_default())) };
    let forecast = bound.forecast(given, Answers::MadeUp(simulator::example))?;
    bound.print(&forecast, if args.json { plan::Form::Json } else { plan::Form::Text })?;
    screen::note(&format!("{DIM}nothing was done; what models would answer is made up{DIM:#}\n"));
    Ok(match forecast.end {
        forecast::End::Failed(..) => Exit::Failed,
        _ => Exit::Done,
    })
}

/// Reads all that was given, and checks the workflow.
fn order(args: &RunArgs) -> Result<Order, Problem> {
    let choice = choice::find(&args.workflow, args.dir.as_deref(), args.profile.as_deref())?;
    Ok(Order {
        inputs: inputs::gather(&choice.workflow.inputs, args.inputs.as_deref(), &args.input)?,
        event: args.event.as_deref().map(inputs::document).transpose()?,
        part: part(args)?,
        workspace: choice.workspace,
        workflow: choice.workflow.name,
        profile: args.profile.clone(),
        simulate: args.simulate,
        timeout: args.timeout,
        clock: SystemClock::shared(),
    })
}

/// The part of the workflow that is asked for.
fn part(args: &RunArgs) -> Result<Option<Part>, Problem> {
    let using = args.using.clone();
    match (&args.from, &args.only) {
        (Some(step), _) => Ok(Some(Part { step: step.clone(), extent: Extent::From, using })),
        (None, Some(step)) => Ok(Some(Part { step: step.clone(), extent: Extent::Only, using })),
        (None, None) if using.is_some() => {
            Err(Problem::invalid("`--using` goes with `--from` or `--only`, which name a step"))
        }
        (None, None) => Ok(None),
    }
}

/// Finds out whose run it is: this process's as soon as the state folder is free, or a daemon's.
async fn make(order: &Order) -> Result<Ending, Problem> {
    let mut signals = Signals::listen()?;
    let mut has_told = false;
    loop {
        let holder = match StateLock::acquire(&order.workspace.state_dir) {
            Ok(lock) => return here::run(order, lock, &mut signals).await,
            Err(LockError::Held { pid, .. }) => pid,
            Err(error) => return Err(Problem::failed(error)),
        };
        let addresses = Addresses::read(&order.workspace.state_dir);
        // Without a process id the holder is about to write it.
        match addresses.filter(|addresses| Some(addresses.pid) == holder) {
            Some(addresses) => return there::run(order, &addresses, &mut signals).await,
            None if !has_told => {
                has_told = true;
                let holder = holder.map_or_else(String::new, |pid| format!(" (process {pid})"));
                screen::note(&format!(
                    "{DIM}waiting for another howdah in this workspace{holder} to end{DIM:#}\n"
                ));
            }
            None => {}
        }
        tokio::select! {
            () = order.clock.sleep(PAUSE) => {}
            exit = signals.end() => exit.at_once(),
        }
    }
}

/// Prints the outcome: for scripts on standard output, for people on standard error.
fn conclude(ending: &Ending, args: &RunArgs) -> Result<Exit, Problem> {
    let Ending { state, output, outcome, stopped } = ending;
    let succeeded = state.status == RunStatus::Succeeded;
    screen::note(&match succeeded {
        true => good_end(state),
        false => bad_end(state),
    });
    if args.json {
        screen::print_json(outcome)?;
    } else if succeeded {
        screen::print(&bare(output))?;
    }
    Ok(match (succeeded, stopped) {
        (true, _) => Exit::Done,
        (false, Some(exit)) => *exit,
        (false, None) => Exit::Failed,
    })
}

/// There is no run: it would have been one too many.
fn skipped() -> Problem {
    Problem::failed("the run was skipped: as many as `concurrency.limit` allows are under way")
        .with_help("wait for them, or let runs wait with `overflow: queue`")
}

/// An output as it stands on standard output: text as it is, nothing for null, else JSON.
fn bare(output: &Json) -> String {
    match output {
        Json::Null => String::new(),
        Json::String(text) if text.ends_with('\n') => text.clone(),
        Json::String(text) => format!("{text}\n"),
        json => format!("{json:#}\n"),
    }
}

fn good_end(state: &RunState) -> String {
    let mut parts: Vec<_> =
        state.ended.map(|ended| took(elapsed(state.accepted, ended))).into_iter().collect();
    let usage = &state.usage;
    if usage.input_tokens + usage.output_tokens > 0 {
        parts.push(format!("{} + {} tokens", usage.input_tokens, usage.output_tokens));
        parts.push(state.cost.to_string());
    }
    format!("{DIM}done: {}  run {}{DIM:#}\n", parts.join("  "), state.run)
}

/// One block with everything that one needs to go on.
fn bad_end(state: &RunState) -> String {
    let workflow = screen::excerpt(&state.workflow, 100);
    let step = state.failed_step.as_ref().map(|step| format!(" at the step `{step}`")).unwrap_or_default();
    let (happened, why) = match (&state.failure, &state.attention) {
        _ if state.status == RunStatus::Cancelled => (
            format!("the run of `{workflow}` was cancelled"),
            state.cancel.as_ref().map(|by| format!("by {}", by.by)),
        ),
        (Some(failure), _) => (
            format!("the run of `{workflow}` failed{step}"),
            Some(format!("{} ({})", failure.message, failure.code)),
        ),
        (None, Some(attention)) => {
            let step =
                attention.path.as_ref().map(|step| format!(" at the step `{step}`")).unwrap_or_default();
            (format!("the run of `{workflow}` needs attention{step}"), Some(attention.reason.clone()))
        }
        (None, None) => (format!("the run of `{workflow}` is `{}`", state.status), None),
    };
    let bad = BAD.bold();
    let mut text = format!("\n{bad}error{bad:#}{BOLD}: {happened}{BOLD:#}\n");
    for line in why.iter().flat_map(|why| why.lines()) {
        text.push_str(&format!("  {}\n", screen::tame(line)));
    }
    text.push_str(&format!("  {DIM}run{DIM:#} {}\n", state.run));
    text.push_str(&format!("  {DIM}for more:{DIM:#} {NAME}howdah runs show {}{NAME:#}\n", state.run));
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_output_stands_bare_on_standard_output() {
        assert_eq!(bare(&json!("a")), "a\n");
        assert_eq!(bare(&json!("a\n")), "a\n");
        assert_eq!(bare(&json!(null)), "");
        assert_eq!(bare(&json!({ "a": 1 })), "{\n  \"a\": 1\n}\n");
    }
}
