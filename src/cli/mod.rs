//! The command line: one file a command, and what they share.
//!
//! Here arguments are read and outcomes shown; what happens in between is decided in other rooms.
//! `exit` holds the table of exit codes, `problem` how errors are told, `screen` everything
//! that is written.
//!
//! What must stay true: standard output holds what was asked for and nothing else, progress and
//! errors go to standard error; what files, models and servers say is tamed before it reaches a
//! terminal; Ctrl-C always ends cleanly, and a second one at once.

mod addresses;
mod api;
mod check;
mod completions;
mod demo;
mod exit;
mod explain;
mod fmt;
mod functions;
mod graph;
mod init;
mod logs;
mod place;
mod plan;
mod prepare;
mod problem;
mod progress;
mod record;
mod run;
mod runs;
mod schema;
mod screen;
mod secrets;
mod serve;
mod signals;
mod simulate;
mod state;
mod status;
mod test;
mod time;
mod waits;

use std::process::ExitCode;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

use exit::Exit;
use problem::Problem;

/// How long threads may take to come back when all is done.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// How help is coloured, where it is.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Runs automations written as YAML: prompts, chat models, files, webhooks.
#[derive(Parser, Debug)]
#[command(
    name = "howdah",
    version,
    styles = STYLES,
    max_term_width = 100,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  howdah init automations          make a workspace
  howdah run hello --simulate      run a workflow once, without a key
  howdah serve                     run the workspace: triggers, webhooks, reloads
  howdah runs list                 see what ran, and what it cost

Exit codes: 0 done; 1 the run failed; 2 the command line, a workflow or the configuration is not
right; 130 interrupted.
"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make a workspace, with two workflows that work.
    Init(init::InitArgs),
    /// Tell everything that is wrong with workflows, before they run.
    Check(check::CheckArgs),
    /// Tell what a code, an action, a trigger or a key means.
    Explain(explain::ExplainArgs),
    /// List what templates and expressions can call.
    Functions(functions::FunctionsArgs),
    /// List the secrets that are needed, by whom, and which are missing.
    Secrets(secrets::SecretsArgs),
    /// Print the JSON Schema of a file, for editors.
    Schema(schema::SchemaArgs),
    /// Lay out files the same way everywhere, without changing what they say.
    Fmt(fmt::FmtArgs),
    /// Draw a workflow: what starts it, its steps, and their order.
    Graph(graph::GraphArgs),
    /// Show what a run would do and cost, without doing it.
    Plan(plan::PlanArgs),
    /// Run one workflow and wait for it.
    Run(run::RunArgs),
    /// Make the tests of workflows, without sending or asking anything.
    Test(test::TestArgs),
    /// Run a workflow once, really, and make a test of it.
    Record(record::RecordArgs),
    /// Run a workspace: arm its triggers, answer webhooks, reload what is saved.
    Serve(serve::ServeArgs),
    /// See the main job done, with simulated models: a file, a webhook, an edit, a mistake.
    Demo(demo::DemoArgs),
    /// See what ran.
    Runs(runs::RunsArgs),
    /// See what runs wait for: approvals and events.
    Waits(waits::WaitsArgs),
    /// Say yes or no to a run that asks.
    Approve(waits::ApproveArgs),
    /// Give a run the event that it waits for.
    Resume(waits::ResumeArgs),
    /// See and change the values that outlive runs.
    State(state::StateArgs),
    /// See what the daemon of a workspace has loaded.
    Status(status::StatusArgs),
    /// Run the built-in model simulator as a server.
    Simulate(simulate::SimulateArgs),
    /// Print what a shell needs to complete commands.
    Completions(completions::CompletionsArgs),
    /// Print the manual, or write a page for each command.
    Man(completions::ManArgs),
}

/// Does what the command line says, and tells how that went.
pub fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Nobody is left to tell when even this cannot be written.
            drop(error.print());
            return if error.use_stderr() { Exit::Invalid.into() } else { Exit::Done.into() };
        }
    };
    let outcome = match &line.command {
        Command::Init(args) => init::run(args),
        Command::Check(args) => check::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Functions(args) => functions::run(args),
        Command::Secrets(args) => secrets::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Fmt(args) => fmt::run(args),
        Command::Graph(args) => graph::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Run(args) => run::run(args),
        Command::Test(args) => test::run(args),
        Command::Record(args) => record::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Runs(args) => runs::run(args),
        Command::Waits(args) => waits::list(args),
        Command::Approve(args) => waits::approve(args),
        Command::Resume(args) => waits::resume(args),
        Command::State(args) => state::run(args),
        Command::Status(args) => status::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Completions(args) => completions::completions(args),
        Command::Man(args) => completions::man(args),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(problem) => {
            problem.print();
            problem.exit().into()
        }
    }
}

/// Does asynchronous work to its end. Threads that are stuck in the operating system, on a file
/// system that hangs, say, do not keep the process from ending.
///
/// # Errors
/// Those of the work, or when threads cannot be started.
fn block_on<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::failed(format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_WAIT);
    outcome
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The help of a command and of all below it.
    fn helps(command: &mut clap::Command) -> Vec<String> {
        let mut texts = vec![command.render_long_help().to_string(), command.render_help().to_string()];
        texts.extend(command.get_subcommands_mut().flat_map(helps));
        texts
    }

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn help_fits_a_hundred_columns_and_shows_examples() {
        let mut command = CommandLine::command().term_width(100);
        for text in helps(&mut command) {
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{line}");
            }
        }
        for command in CommandLine::command().get_subcommands().filter(|command| !command.has_subcommands()) {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.starts_with("Examples:"), "`{}` has no examples", command.get_name());
        }
    }

    #[test]
    fn a_wrong_command_line_is_code_two_and_help_is_none() {
        let code =
            |line: &[&str]| CommandLine::try_parse_from(line).map(drop).map_err(|error| error.exit_code());
        assert_eq!(code(&["howdah", "runs", "list", "--status", "odd"]), Err(2));
        assert_eq!(code(&["howdah", "run", "x", "-i", "=1"]), Err(2));
        assert_eq!(code(&["howdah", "simulate", "--error", "429"]), Err(2));
        assert_eq!(code(&["howdah", "--version"]), Err(0));
        assert_eq!(code(&["howdah", "run", "x", "-i", "a=1", "--timeout", "5m", "--json"]), Ok(()));
    }
}
