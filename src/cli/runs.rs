//! `howdah runs`: what ran, from the journal itself, so with or without a daemon.

mod timeline;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, DIM};
use crate::cli::time::{ago, took};
use crate::cli::{block_on, place};
use crate::clock::{Clock as _, SystemClock, Timestamp, elapsed};
use crate::ids::RunId;
use crate::journal::row::{Found, Page, RunFilter, RunRow};
use crate::journal::sqlite::Reader;
use crate::journal::{RunState, RunStatus};
use crate::server::views::{self, Blobs};

/// How much of a run's id is shown: its instant, which tells nearly all runs apart.
const SHORT: usize = 13;

/// The longest reason in a table, in characters.
const REASON: usize = 50;

/// What `howdah runs` is told.
#[derive(Args, Debug)]
pub struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Subcommand, Debug)]
enum RunsCommand {
    /// List runs, the newest first.
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show one run: its steps, attempts, costs, output.
    Show(ShowArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah runs list
  howdah runs list --workflow triage --status failed
  howdah runs list --limit 500 --json | jq -r '.runs[].id'
")]
struct ListArgs {
    /// Only runs of this workflow.
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Only runs in this status; may be given several times.
    #[arg(long, value_name = "STATUS")]
    status: Vec<RunStatus>,
    /// At most so many, up to 1000.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Only runs older than this one: the `next` of the page before.
    #[arg(long, value_name = "ID")]
    before: Option<RunId>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah runs show 0197b2c4-1a2b         the beginning of an id is enough
  howdah runs show 0197b2c4-1a2b --json | jq '.steps[].cost'
")]
struct ShowArgs {
    /// The run's id, or its beginning.
    #[arg(value_name = "ID")]
    id: String,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Lists or shows.
///
/// # Errors
/// When the journal cannot be read, or no such run is in it.
pub fn run(args: &RunsArgs) -> Result<Exit, Problem> {
    match &args.command {
        RunsCommand::List(args) => list(args),
        RunsCommand::Show(args) => show(args),
    }
}

fn list(args: &ListArgs) -> Result<Exit, Problem> {
    let reader = place::history(&place::workspace(args.dir.as_deref())?)?;
    let filter = RunFilter {
        workflow: args.workflow.clone(),
        statuses: args.status.clone(),
        before: args.before,
        limit: usize::from(args.limit),
    };
    let page = match reader {
        None => Page { rows: Vec::new(), next: None },
        Some(reader) => block_on(async { reader.list(filter).await.map_err(Problem::failed) })?,
    };
    if args.json {
        let rows: Vec<_> = page.rows.iter().map(views::row).collect();
        screen::print_json(&json!({ "runs": rows, "next": page.next.map(|run| run.to_string()) }))?;
    } else if page.rows.is_empty() {
        screen::note("no runs\n");
    } else {
        screen::print(&format!("{}\n", table(&page.rows, SystemClock.now())))?;
        if let Some(next) = page.next {
            screen::note(&format!("{DIM}older ones: --before {next}{DIM:#}\n"));
        }
    }
    Ok(Exit::Done)
}

fn show(args: &ShowArgs) -> Result<Exit, Problem> {
    let unknown = || {
        Problem::failed(format!("there is no run `{}` in this workspace", args.id))
            .with_help("`howdah runs list` lists them")
    };
    let reader = place::history(&place::workspace(args.dir.as_deref())?)?.ok_or_else(unknown)?;
    let state = block_on(async {
        let run = match reader.find(&args.id).await.map_err(Problem::failed)? {
            Found::One(run) => run,
            Found::None => return Err(unknown()),
            Found::Many(runs) => {
                let runs: Vec<_> = runs.iter().map(RunId::to_string).collect();
                let message = format!("several runs begin with `{}`: `{}`", args.id, runs.join("`, `"));
                return Err(Problem::failed(message).with_help("write more of the id"));
            }
        };
        state(&reader, run).await?.ok_or_else(unknown)
    })?;
    match args.json {
        true => screen::print_json(&views::run(&state, &Blobs::default()))?,
        false => screen::print(&timeline::draw(&state, SystemClock.now()))?,
    }
    Ok(Exit::Done)
}

async fn state(reader: &Reader, run: RunId) -> Result<Option<RunState>, Problem> {
    let entries = reader.load(run).await.map_err(Problem::failed)?;
    entries.map(|entries| RunState::fold(run, &entries).map_err(Problem::failed)).transpose()
}

/// Runs as lines in columns.
fn table(rows: &[RunRow], now: Timestamp) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["RUN", "WORKFLOW", "STATUS", "TRIGGER", "STARTED", "TOOK", "COST", "REASON"]);
    for row in rows {
        let run: String = row.run.to_string().chars().take(SHORT).collect();
        let started = row.started.unwrap_or(row.accepted);
        let took = row.ended.map(|ended| took(elapsed(started, ended)));
        table.add_row([
            run,
            screen::excerpt(&row.workflow, 40),
            row.status.to_string(),
            screen::excerpt(&row.trigger.to_string(), 20),
            ago(now, started),
            took.unwrap_or_default(),
            row.cost.to_string(),
            row.reason.as_deref().map(|reason| screen::excerpt(reason, REASON)).unwrap_or_default(),
        ]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        // What took long and cost much should catch the eye.
        if matches!(index, 5 | 6) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TriggerId;
    use crate::ids::Digest;
    use crate::journal::Version;
    use crate::money::Cost;

    #[test]
    fn a_table_has_a_line_for_each_run() {
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        let row = |run: &str, status, ended| RunRow {
            run: run.parse().unwrap(),
            workflow: "triage".to_owned(),
            bundle: Digest::of(b""),
            trigger: TriggerId { kind: "webhook".to_owned(), index: 1 },
            status,
            reason: (status == RunStatus::Failed).then(|| "the server\nanswered 500".to_owned()),
            accepted: at(0),
            started: Some(at(0)),
            ended,
            cost: Cost::exactly("$0.0018".parse().unwrap()),
            recoveries: 0,
            turn: None,
            version: Version(3),
        };
        let rows = [
            row("0197b2c4-1a2b-7000-8000-000000000001", RunStatus::Failed, Some(at(2))),
            row("0197b2c4-1a2c-7000-8000-000000000002", RunStatus::Running, None),
        ];
        let wanted = "\
RUN            WORKFLOW  STATUS   TRIGGER     STARTED   TOOK     COST  REASON
0197b2c4-1a2b  triage    failed   webhook[1]  10 s ago  2.0s  $0.0018  the server answered 500
0197b2c4-1a2c  triage    running  webhook[1]  10 s ago        $0.0018";
        assert_eq!(table(&rows, at(10)), wanted);
    }
}
