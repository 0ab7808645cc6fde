//! `howdah waits`, `howdah approve` and `howdah resume`: what runs wait for, and how it is given to
//! them.
//!
//! What waits is told by the daemon, or from the journal where none runs. An answer needs the daemon,
//! as it goes on with the run.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::cli::addresses::Addresses;
use crate::cli::api::{Api, ApiError, Reply};
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::run::inputs::pair;
use crate::cli::screen::{self, BOLD, DIM, NAME, WAIT, excerpt};
use crate::cli::time::ago;
use crate::cli::{block_on, place};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::workspace::Workspace;
use crate::engine::{Asked, Stands};
use crate::journal::row::RunFilter;
use crate::journal::sqlite::Reader;
use crate::journal::{RunState, RunStatus};
use crate::server::views;
use crate::value::Json;

/// How many runs are looked at where no daemon tells what waits.
const RUNS: usize = 1_000;

/// What `howdah waits` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah waits
  howdah waits --json | jq -r '.waits[] | select(.kind == \"approval\") | .run'
")]
pub struct WaitsArgs {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What `howdah approve` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah approve 0197b2c4-1a2b                   the only approval that the run waits for
  howdah approve 0197b2c4-1a2b release --comment \"looks good\"
  howdah approve 0197b2c4-1a2b --field amount=250 --field note=paid
  howdah approve 0197b2c4-1a2b --reject

Exit codes: 0 the answer is kept; 1 it was not taken: answered before, too late, or its fields do
not fit; 2 the command line is not right.
")]
pub struct ApproveArgs {
    /// The run's id, or a beginning of it that no other has.
    #[arg(value_name = "RUN")]
    run: String,
    /// The step that waits; not needed when only one does.
    #[arg(value_name = "STEP")]
    step: Option<String>,
    /// Say no instead of yes.
    #[arg(long)]
    reject: bool,
    /// A word for the workflow and the history.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// One of the fields that are asked for: JSON, or text where it is none.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    field: Vec<(String, String)>,
    /// Who decides; the user of this terminal when nobody is named.
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: Option<String>,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What `howdah resume` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah resume 0197b2c4-1a2b
  howdah resume 0197b2c4-1a2b paid --data '{\"amount\": 250}'
")]
pub struct ResumeArgs {
    /// The run's id, or a beginning of it that no other has.
    #[arg(value_name = "RUN")]
    run: String,
    /// The step that waits for an event; not needed when only one does.
    #[arg(value_name = "STEP")]
    step: Option<String>,
    /// What the step's output holds as `body`.
    #[arg(long, value_name = "JSON", value_parser = json_text)]
    data: Option<Json>,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Lists what waits.
///
/// # Errors
/// When neither a daemon nor the journal tells.
pub fn list(args: &WaitsArgs) -> Result<Exit, Problem> {
    let workspace = place::workspace(args.dir.as_deref())?;
    let waits = match told(&workspace)? {
        Some(waits) => waits,
        None => recorded(&workspace)?,
    };
    if args.json {
        screen::print_json(&json!({ "waits": waits }))?;
    } else if waits.is_empty() {
        screen::note("nothing waits\n");
    } else {
        let now = SystemClock.now();
        screen::print(&waits.iter().map(|wait| draw(wait, now)).collect::<String>())?;
    }
    Ok(Exit::Done)
}

/// Gives a decision.
///
/// # Errors
/// When it is not taken.
pub fn approve(args: &ApproveArgs) -> Result<Exit, Problem> {
    let (workspace, api) = daemon(args.dir.as_deref())?;
    let told = block_on(async {
        let mut body = json!({ "approved": !args.reject, "comment": args.comment, "by": args.by });
        body["step"] = json!(args.step);
        if !args.field.is_empty() {
            body["fields"] = fields(&api, args).await?;
        }
        send(&api, &workspace, &format!("/api/v1/runs/{}/approve", args.run), &body).await
    })?;
    let word = if args.reject { "rejected" } else { "approved" };
    screen::note(&format!("{word}: step `{}` of run {}\n", text(&told["step"]), text(&told["run"])));
    Ok(Exit::Done)
}

/// Gives an event.
///
/// # Errors
/// When it is not taken.
pub fn resume(args: &ResumeArgs) -> Result<Exit, Problem> {
    let (workspace, api) = daemon(args.dir.as_deref())?;
    let body = json!({ "step": args.step, "data": args.data, "by": "the command line" });
    let path = format!("/api/v1/runs/{}/resume", args.run);
    let told = block_on(send(&api, &workspace, &path, &body))?;
    screen::note(&format!("resumed: step `{}` of run {}\n", text(&told["step"]), text(&told["run"])));
    Ok(Exit::Done)
}

fn json_text(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|error| format!("expected JSON, and {error}"))
}

/// The way to the daemon of a workspace.
fn daemon(dir: Option<&std::path::Path>) -> Result<(Workspace, Api), Problem> {
    let workspace = place::workspace(dir)?;
    let Some(addresses) = Addresses::read(&workspace.state_dir) else { return Err(nobody(&workspace)) };
    let api = place::api(&workspace, &addresses, SystemClock::shared());
    Ok((workspace, api))
}

fn nobody(workspace: &Workspace) -> Problem {
    Problem::failed(format!("no daemon runs on `{}` that could take the answer", workspace.root.display()))
        .with_help("start one with `howdah serve`; it goes on with every run that waits")
}

async fn send(api: &Api, workspace: &Workspace, path: &str, body: &Json) -> Result<Json, Problem> {
    match api.post(path, body).await.and_then(Reply::granted) {
        Ok(told) => Ok(told),
        Err(ApiError::Unreachable(..)) => Err(nobody(workspace)),
        Err(error) => Err(Problem::failed(error).with_help("`howdah waits` lists what waits")),
    }
}

/// The fields as they are asked for: text where text is, else JSON if it can be read as such.
async fn fields(api: &Api, args: &ApproveArgs) -> Result<Json, Problem> {
    let reply = api.get(&format!("/api/v1/runs/{}", args.run), Duration::ZERO).await;
    let run = reply.and_then(Reply::granted).map_err(Problem::failed)?;
    let steps = run["steps"].as_array().into_iter().flatten();
    let asked = steps
        .filter(|step| args.step.as_ref().is_none_or(|named| step["path"] == **named))
        .find_map(|step| step["wait"]["fields"].as_object());
    let is_text = |name: &str| {
        let ty = asked.and_then(|schema| schema.get("properties")?.get(name)?.get("type"));
        ty.is_some_and(|ty| *ty == "string" || ty.as_array().is_some_and(|ty| ty.contains(&json!("string"))))
    };
    let value = |(name, text): &(String, String)| {
        let value = match is_text(name) {
            true => text.as_str().into(),
            false => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        };
        (name.clone(), value)
    };
    Ok(Json::Object(args.field.iter().map(value).collect()))
}

/// What the daemon says that waits; nothing when there is none.
fn told(workspace: &Workspace) -> Result<Option<Vec<Json>>, Problem> {
    let Some(addresses) = Addresses::read(&workspace.state_dir) else { return Ok(None) };
    let api = place::api(workspace, &addresses, SystemClock::shared());
    let reply = block_on(async { Ok(api.get("/api/v1/waits", Duration::ZERO).await) })?;
    match reply.and_then(Reply::granted) {
        Ok(mut told) => Ok(Some(told["waits"].as_array_mut().map(std::mem::take).unwrap_or_default())),
        // One that a lost process left behind.
        Err(ApiError::Unreachable(..)) => Ok(None),
        Err(error) => Err(Problem::failed(error)),
    }
}

/// What the journal says that waits.
fn recorded(workspace: &Workspace) -> Result<Vec<Json>, Problem> {
    let Some(reader) = place::history(workspace)? else { return Ok(Vec::new()) };
    block_on(async {
        let statuses = vec![RunStatus::Waiting, RunStatus::Running, RunStatus::Queued];
        let filter = RunFilter { statuses, limit: RUNS, ..RunFilter::default() };
        let rows = reader.list(filter).await.map_err(Problem::failed)?.rows;
        let mut waits = Vec::new();
        for row in rows.iter().rev() {
            waits.extend(waits_of(&reader, row.run).await?);
        }
        Ok(waits)
    })
}

async fn waits_of(reader: &Reader, run: crate::ids::RunId) -> Result<Vec<Json>, Problem> {
    let entries = reader.load(run).await.map_err(Problem::failed)?.unwrap_or_default();
    let state = RunState::fold(run, &entries).map_err(Problem::failed)?;
    let waits = state.waits().filter(|(_, wait)| wait.token.is_some()).map(|(path, wait)| {
        let (workflow, step, wait) = (state.workflow.clone(), path.clone(), wait.clone());
        views::asked(&Asked { run, workflow, step, wait, stands: Stands::Open }, None)
    });
    Ok(waits.collect())
}

fn draw(wait: &Json, now: Timestamp) -> String {
    let run: String = text(&wait["run"]).chars().take(13).collect();
    let since = text(&wait["since"]).parse().map(|since| ago(now, since)).unwrap_or_default();
    let mut drawn = format!(
        "{WAIT}…{WAIT:#} {BOLD}{}{BOLD:#}  {}  {}  {DIM}since {since}{DIM:#}\n",
        excerpt(&text(&wait["workflow"]), 60),
        excerpt(&text(&wait["step"]), 80),
        text(&wait["kind"]),
    );
    let message = text(&wait["message"]);
    let whom: Vec<_> = wait["to"].as_array().into_iter().flatten().map(text).collect();
    let facts = [
        ("", message),
        ("asked ", whom.join(", ")),
        ("until ", text(&wait["due"])),
        ("", text(&wait["url"])),
    ];
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        drawn.push_str(&format!("    {DIM}{name}{DIM:#}{}\n", excerpt(fact, 300)));
    }
    let answer = if text(&wait["kind"]) == "approval" { "approve" } else { "resume" };
    drawn.push_str(&format!(
        "    {NAME}howdah {answer} {run} {}{NAME:#}\n",
        excerpt(&text(&wait["step"]), 80)
    ));
    drawn
}

fn text(value: &Json) -> String {
    value.as_str().map(screen::tame).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[test]
    fn a_wait_is_told_with_the_way_to_answer() {
        let wait = json!({
            "run": "0197b2c4-1a2b-7000-8000-000000000001", "workflow": "release", "step": "ask",
            "kind": "approval", "message": "publish\u{1b}[2J?", "to": ["ada", "grace"], "fields": null,
            "since": "2023-11-14T22:13:20Z", "due": null, "url": "http://127.0.0.1:7879/hooks/-/approve/x",
        });
        let now = "2023-11-14T22:14:20Z".parse().unwrap();
        let wanted = "… release  ask  approval  since 1 min ago\n    publish\u{fffd}[2J?\n    asked ada, grace\n    \
                      http://127.0.0.1:7879/hooks/-/approve/x\n    howdah approve 0197b2c4-1a2b ask\n";
        assert_eq!(strip_str(&draw(&wait, now)).to_string(), wanted);
    }
}
