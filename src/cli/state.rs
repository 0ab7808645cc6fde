//! `howdah state`: values that outlive runs, looked at and changed by hand.
//!
//! They are read from the journal. A change goes through the daemon where one runs, so that its runs
//! see it at once; else this process takes the state folder for a moment.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::addresses::Addresses;
use crate::cli::api::{ApiError, Reply};
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, BOLD, DIM, excerpt};
use crate::cli::{block_on, place};
use crate::clock::SystemClock;
use crate::config::workspace::Workspace;
use crate::journal::lock::StateLock;
use crate::journal::sqlite::{Reader, SqliteStore};
use crate::journal::{StateChange, StateOwner, StateValues, Store as _};
use crate::value::Json;

/// How much of a value is shown in a list, in characters.
const EXCERPT: usize = 120;

/// What `howdah state` is told.
#[derive(Args, Debug)]
pub struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Subcommand, Debug)]
enum StateCommand {
    /// List the values of the workspace and of every workflow, or of one.
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Print one value.
    Get(NameArgs),
    /// Set one value.
    Set(SetArgs),
    /// Take one value away.
    Delete(NameArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah state list
  howdah state list --workflow triage --json
")]
struct ListArgs {
    /// Only the values of this workflow.
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
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
  howdah state get seen --workflow triage
  howdah state get greeting                 a value of the workspace
  howdah state delete seen --workflow triage

Exit codes: 0 done; 1 there is no such value.
")]
struct NameArgs {
    /// The value's name.
    #[arg(value_name = "KEY")]
    key: String,
    /// Whose value; the workspace's when no workflow is named.
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Print the value as JSON, also when it is text.
    #[arg(long)]
    json: bool,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah state set seen 0 --workflow triage
  howdah state set greeting '\"hello\"'       JSON; what is none is text: hello is the same
")]
struct SetArgs {
    /// The value's name.
    #[arg(value_name = "KEY")]
    key: String,
    /// The value: JSON, or text where it is none.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
    /// Whose value; the workspace's when no workflow is named.
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Lists, prints or changes.
///
/// # Errors
/// When the journal cannot be read or written, or there is no such value.
pub fn run(args: &StateArgs) -> Result<Exit, Problem> {
    match &args.command {
        StateCommand::List(args) => list(args),
        StateCommand::Get(args) => get(args),
        StateCommand::Set(args) => {
            let value = serde_json::from_str(&args.value).unwrap_or_else(|_| args.value.as_str().into());
            let set = StateValues::from_iter([(args.key.clone(), value)]);
            let owner = owner(args.workflow.as_deref());
            change(&place::workspace(args.dir.as_deref())?, StateChange { owner, set, delete: Vec::new() })
        }
        StateCommand::Delete(args) => {
            let workspace = place::workspace(args.dir.as_deref())?;
            let owner = owner(args.workflow.as_deref());
            if !values(&workspace, &owner)?.contains_key(&args.key) {
                return Err(unknown(args));
            }
            let delete = vec![args.key.clone()];
            change(&workspace, StateChange { owner, set: StateValues::new(), delete })
        }
    }
}

fn owner(workflow: Option<&str>) -> StateOwner {
    workflow.map_or(StateOwner::Workspace, |workflow| StateOwner::Workflow(workflow.to_owned()))
}

fn list(args: &ListArgs) -> Result<Exit, Problem> {
    let workspace = place::workspace(args.dir.as_deref())?;
    let owners = match (&args.workflow, place::history(&workspace)?) {
        (Some(workflow), _) => vec![StateOwner::Workflow(workflow.clone())],
        (None, Some(reader)) => block_on(async { reader.state_owners().await.map_err(Problem::failed) })?,
        (None, None) => Vec::new(),
    };
    let mut all = Vec::new();
    for owner in owners {
        let values = values(&workspace, &owner)?;
        all.push((owner, values));
    }
    if args.json {
        let mut shared = Json::Object(StateValues::new());
        let mut workflows = serde_json::Map::new();
        for (owner, values) in all {
            match owner {
                StateOwner::Workspace => shared = Json::Object(values),
                StateOwner::Workflow(name) => drop(workflows.insert(name, Json::Object(values))),
            }
        }
        screen::print_json(&json!({ "workspace": shared, "workflows": workflows }))?;
    } else if all.iter().all(|(_, values)| values.is_empty()) {
        screen::note("nothing is kept\n");
    } else {
        screen::print(&all.iter().map(|(owner, values)| draw(owner, values)).collect::<String>())?;
    }
    Ok(Exit::Done)
}

fn draw(owner: &StateOwner, values: &StateValues) -> String {
    let name = match owner {
        StateOwner::Workspace => "the workspace".to_owned(),
        StateOwner::Workflow(name) => excerpt(name, 80),
    };
    let line = |(name, value): (&String, &Json)| {
        format!("  {} {DIM}={DIM:#} {}\n", excerpt(name, 80), excerpt(&value.to_string(), EXCERPT))
    };
    format!("{BOLD}{name}{BOLD:#}\n{}", values.iter().map(line).collect::<String>())
}

fn get(args: &NameArgs) -> Result<Exit, Problem> {
    let values = values(&place::workspace(args.dir.as_deref())?, &owner(args.workflow.as_deref()))?;
    match values.get(&args.key).ok_or_else(|| unknown(args))? {
        Json::String(text) if !args.json => screen::print(&format!("{text}\n"))?,
        value => screen::print_json(value)?,
    }
    Ok(Exit::Done)
}

fn unknown(args: &NameArgs) -> Problem {
    let whose = args.workflow.as_ref().map_or_else(
        || "the state of the workspace".to_owned(),
        |workflow| format!("the state of `{workflow}`"),
    );
    let problem = Problem::failed(format!("there is no `{}` in {whose}", args.key));
    match args.workflow {
        Some(_) => problem.with_help("`howdah state list` shows what there is"),
        None => problem.with_help("`--workflow NAME` means a value of that workflow"),
    }
}

fn values(workspace: &Workspace, owner: &StateOwner) -> Result<StateValues, Problem> {
    match place::history(workspace)? {
        Some(reader) => block_on(read(&reader, owner)),
        None => Ok(StateValues::new()),
    }
}

async fn read(reader: &Reader, owner: &StateOwner) -> Result<StateValues, Problem> {
    reader.state(owner.clone()).await.map_err(Problem::failed)
}

/// Makes a change: through the daemon, or in the state folder itself.
fn change(workspace: &Workspace, change: StateChange) -> Result<Exit, Problem> {
    if let Some(addresses) = Addresses::read(&workspace.state_dir) {
        let api = place::api(workspace, &addresses, SystemClock::shared());
        let workflow = match &change.owner {
            StateOwner::Workflow(workflow) => Some(workflow),
            StateOwner::Workspace => None,
        };
        let body = json!({ "workflow": workflow, "set": change.set, "delete": change.delete });
        let reply = block_on(async { Ok(api.post("/api/v1/state", &body).await) })?;
        match reply.and_then(Reply::granted) {
            Ok(_) => return Ok(Exit::Done),
            // One that a lost process left behind.
            Err(ApiError::Unreachable(..)) => {}
            Err(error) => return Err(Problem::failed(error)),
        }
    }
    let lock = StateLock::acquire(&workspace.state_dir).map_err(Problem::failed)?;
    let store = SqliteStore::open(lock, SystemClock::shared()).map_err(Problem::failed)?;
    block_on(async {
        let values = store.state(change.owner.clone()).await.map_err(Problem::failed)?;
        change.check(&values).map_err(Problem::failed)?;
        store.change_state(change).await.map_err(Problem::failed)?;
        store.close().await;
        Ok(Exit::Done)
    })
}
