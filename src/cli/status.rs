//! `howdah status`: what the daemon of a workspace says of itself.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::addresses::Addresses;
use crate::cli::api::Reply;
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, BAD, BOLD, DIM, GOOD, NAME, WAIT, excerpt, tame};
use crate::cli::time::ago;
use crate::cli::{block_on, place};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::value::Json;

/// What `howdah status` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah status
  howdah status --json | jq -r '.workflows[] | select(.error) | .file'

Exit codes: 0 a daemon answered; 1 none runs on this workspace.
")]
pub struct StatusArgs {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Asks and shows.
///
/// # Errors
/// When no daemon runs here, or it does not answer.
pub fn run(args: &StatusArgs) -> Result<Exit, Problem> {
    let workspace = place::workspace(args.dir.as_deref())?;
    let none = || {
        Problem::failed(format!("no daemon runs on `{}`", workspace.root.display()))
            .with_help("start one with `howdah serve`")
    };
    let addresses = Addresses::read(&workspace.state_dir).ok_or_else(none)?;
    let api = place::api(&workspace, &addresses, SystemClock::shared());
    let status = block_on(async {
        let reply = api.get("/api/v1/status", Duration::ZERO).await;
        let status = reply.and_then(Reply::granted);
        status.map_err(|error| Problem::failed(error).with_help("`howdah serve` starts a daemon"))
    })?;
    match args.json {
        true => screen::print_json(&status)?,
        false => screen::print(&draw(&status, &addresses, SystemClock.now()))?,
    }
    Ok(Exit::Done)
}

fn draw(status: &Json, addresses: &Addresses, now: Timestamp) -> String {
    let text_at = |json: &Json, pointer: &str| {
        json.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    let state = text_at(status, "/readiness/state");
    let style = if state == "ready" { GOOD } else { WAIT };
    let awaiting = text_at(status, "/readiness/awaiting");
    let awaiting = if awaiting.is_empty() { awaiting } else { format!(", waiting for {awaiting}") };
    let mut text = format!(
        "{BOLD}{}{BOLD:#}  {style}{state}{style:#}{awaiting}\n",
        excerpt(&text_at(status, "/workspace"), 200)
    );
    let mut fact = |name: &str, value: String| text.push_str(&format!("{DIM}{name:<15}{DIM:#} {value}\n"));
    fact("process", format!("{}, started {}", addresses.pid, ago(now, addresses.started)));
    fact("version", excerpt(&text_at(status, "/version"), 40));
    fact("administration", format!("http://{}", addresses.admin));
    fact("webhooks", format!("http://{}", addresses.hooks));
    fact("runs under way", status["active_runs"].to_string());
    fact("runs waiting", status["queued_runs"].to_string());
    fact("generation", status["generation"].to_string());
    let workflows = status["workflows"].as_array().map(Vec::as_slice).unwrap_or_default();
    text.push_str(&format!("\n{BOLD}{}{BOLD:#}\n", screen::count(workflows.len(), "workflow")));
    for workflow in workflows {
        let error = text_at(workflow, "/error");
        let (mark, style) = if error.is_empty() { ('✓', GOOD) } else { ('✗', BAD) };
        let triggers: Vec<_> =
            workflow["triggers"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let triggers = if triggers.is_empty() { "by hand".to_owned() } else { triggers.join(", ") };
        let digest: String = text_at(workflow, "/digest").chars().take(12).collect();
        let loaded = text_at(workflow, "/loaded_at").parse().map(|then| ago(now, then)).unwrap_or_default();
        text.push_str(&format!(
            "  {style}{mark}{style:#} {NAME}{}{NAME:#}  {}  {DIM}{}  {digest}  loaded {loaded}{DIM:#}\n",
            excerpt(&text_at(workflow, "/name"), 60),
            excerpt(&triggers, 80),
            excerpt(&text_at(workflow, "/file"), 100),
        ));
        if !error.is_empty() {
            let goes_on =
                if digest.is_empty() { "nothing of it runs" } else { "its last good version goes on" };
            text.push_str(&format!("    {BAD}the file has errors{BAD:#}; {goes_on}\n"));
            error.lines().for_each(|line| text.push_str(&format!("    {}\n", tame(line))));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_loaded_and_what_is_broken_shows() {
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        let addresses = Addresses {
            pid: 7,
            admin: "127.0.0.1:7878".parse().unwrap(),
            hooks: "127.0.0.1:7879".parse().unwrap(),
            started: at(0),
        };
        let status = json!({
            "version": "0.1.0",
            "workspace": "/home/ada/automations",
            "readiness": { "state": "ready" },
            "generation": 3,
            "active_runs": 2,
            "queued_runs": 0,
            "workflows": [
                { "name": "hello", "file": "workflows/hello.yaml", "digest": "0123456789abcdef", "error": null,
                  "loaded_at": at(0).to_string(), "triggers": [] },
                { "name": "triage", "file": "workflows/triage.yaml", "digest": null, "error": "error: odd\n --> x",
                  "loaded_at": at(0).to_string(), "triggers": ["webhook", "file"] },
            ],
        });
        let wanted = "\
/home/ada/automations  ready
process         7, started 1 min ago
version         0.1.0
administration  http://127.0.0.1:7878
webhooks        http://127.0.0.1:7879
runs under way  2
runs waiting    0
generation      3

2 workflows
  ✓ hello  by hand  workflows/hello.yaml  0123456789ab  loaded 1 min ago
  ✗ triage  webhook, file  workflows/triage.yaml    loaded 1 min ago
    the file has errors; nothing of it runs
    error: odd
     --> x
";
        assert_eq!(strip_str(&draw(&status, &addresses, at(60))).to_string(), wanted);
    }
}
