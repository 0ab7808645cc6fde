//! One run for people: where it stands, what it did in which order, what that gave and cost.

use crate::cli::progress::{awaits, facts};
use crate::cli::screen::{BAD, BOLD, DIM, GOOD, WAIT, count, excerpt, tame};
use crate::cli::time::{ago, took};
use crate::clock::{Timestamp, elapsed};
use crate::ids::StepPath;
use crate::journal::{Attempt, RunState, RunStatus, StepState, StepStatus};
use crate::money::Money;
use crate::value::{Json, Value};

/// The longest excerpt of a value, in characters.
const EXCERPT: usize = 160;

/// How many steps are drawn; of a loop over thousands the rest is in `--json`.
const STEPS: usize = 500;

/// Draws a run.
pub fn draw(state: &RunState, now: Timestamp) -> String {
    let style = match state.status {
        RunStatus::Succeeded => GOOD,
        RunStatus::Failed => BAD,
        _ => WAIT,
    };
    let mut text =
        format!("{BOLD}{}{BOLD:#}  {style}{}{style:#}\n", excerpt(&state.workflow, 100), state.status);
    let mut fact = |name: &str, value: &str| text.push_str(&format!("{DIM}{name:<9}{DIM:#} {value}\n"));
    fact("run", &state.run.to_string());
    fact("trigger", &excerpt(&state.trigger.to_string(), 60));
    if let Some(parent) = &state.parent {
        fact("called by", &format!("{} at {}", parent.run, excerpt(parent.step.as_str(), 80)));
    }
    fact("accepted", &format!("{} ({})", state.accepted, ago(now, state.accepted)));
    if let Some(ended) = state.ended {
        fact("took", &took(elapsed(state.accepted, ended)));
    }
    let usage = &state.usage;
    if usage.input_tokens + usage.output_tokens > 0 {
        fact("tokens", &format!("{} in, {} out", usage.input_tokens, usage.output_tokens));
        fact("cost", &state.cost.to_string());
    }
    if state.calls_cost.amount > Money::ZERO {
        fact("in all", &format!("{} with the runs it called", state.cost_with_calls()));
    }
    let recoveries = usize::try_from(state.recoveries).unwrap_or(usize::MAX);
    if recoveries > 0 {
        fact("taken up", &format!("{}, after a restart", count(recoveries, "time")));
    }
    if let Some(only) = &state.only {
        fact("only", &excerpt(only.as_str(), 80));
    }
    fact("inputs", &shown(&state.inputs));
    if let Some(cancel) = &state.cancel {
        fact("cancelled", &format!("by {}", excerpt(&cancel.by, 60)));
    }
    if let Some(attention) = &state.attention {
        fact("attention", &excerpt(&attention.reason, 300));
    }
    if !state.steps.is_empty() {
        text.push_str(&format!("\n{BOLD}steps{BOLD:#}\n"));
    }
    for (path, step) in state.steps.iter().take(STEPS) {
        push_step(&mut text, path, step);
    }
    if let Some(more) = state.steps.len().checked_sub(STEPS).filter(|more| *more > 0) {
        text.push_str(&format!("{DIM}  … and {more} more, in `--json`{DIM:#}\n"));
    }
    if let Some(failure) = &state.failure {
        let place = state.failed_step.as_ref().map(|step| format!(" at `{step}`")).unwrap_or_default();
        text.push_str(&format!("\n{BAD}failed{BAD:#}{place} ({})\n", failure.code));
        failure.message.lines().for_each(|line| text.push_str(&format!("  {}\n", tame(line))));
    }
    if let Some(output) = &state.output {
        text.push_str(&format!("\n{BOLD}output{BOLD:#}\n{}\n", whole(output)));
    }
    text
}

fn push_step(text: &mut String, path: &StepPath, step: &StepState) {
    let (mark, style) = match step.status {
        StepStatus::Succeeded => ('✓', GOOD),
        StepStatus::Failed => ('✗', BAD),
        StepStatus::Skipped | StepStatus::Cancelled | StepStatus::Pending => ('–', DIM),
        StepStatus::Running => ('▸', WAIT),
        StepStatus::Waiting => ('…', WAIT),
        StepStatus::InDoubt => ('?', WAIT),
    };
    let mut line = format!("  {style}{mark}{style:#} {}", excerpt(path.as_str(), 80));
    if !matches!(step.status, StepStatus::Succeeded | StepStatus::Failed) {
        line.push_str(&format!("  {}", step.status));
    }
    let last = step.attempts.last();
    let took = last.and_then(|last| Some(took(elapsed(last.started, last.ended?))));
    let facts = match step.reused {
        Some(run) => Some(format!("reused from {run}")),
        None => step.model.as_ref().map(facts),
    };
    for part in took.iter().chain(&facts) {
        line.push_str(&format!("  {DIM}{part}{DIM:#}"));
    }
    text.push_str(&format!("{line}\n"));
    if let Some(child) = step.child {
        text.push_str(&format!("      {DIM}run {child}{DIM:#}\n"));
    }
    for attempt in &step.attempts {
        push_failure(text, attempt);
    }
    if let Some(due) = step.retry_due {
        text.push_str(&format!("      {DIM}next attempt at {due}{DIM:#}\n"));
    }
    if let Some(wait) = step.wait.as_ref().filter(|_| step.status == StepStatus::Waiting) {
        text.push_str(&format!("      {}\n", awaits(&wait.awaited, wait.due)));
    }
    // A skipped step's output is null, and says nothing.
    let is_null = |output: &&Value| matches!(output, Value::Inline(json) if json.is_null());
    if let Some(output) = step.output.as_ref().filter(|output| !is_null(output)) {
        text.push_str(&format!("      {DIM}→ {}{DIM:#}\n", shown(output)));
    }
}

fn push_failure(text: &mut String, attempt: &Attempt) {
    let Some(failure) = &attempt.failure else { return };
    let (number, message) = (attempt.number, excerpt(&failure.message, 300));
    text.push_str(&format!("      {BAD}attempt {number}{BAD:#} {message} {DIM}({}){DIM:#}\n", failure.code));
}

/// A value on one line.
fn shown(value: &Value) -> String {
    match value {
        Value::Blob { size, .. } => format!("{size} bytes of JSON"),
        Value::Inline(json) => match &**json {
            Json::String(text) => excerpt(text, EXCERPT),
            json => excerpt(&json.to_string(), EXCERPT),
        },
    }
}

/// A value as it is.
fn whole(value: &Value) -> String {
    match value {
        Value::Inline(json) => match &**json {
            Json::String(text) => tame(text.trim_end()),
            json => tame(&format!("{json:#}")),
        },
        Value::Blob { .. } => shown(value),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use anstream::adapter::strip_str;
    use serde_json::json;

    use super::*;
    use crate::event::TriggerId;
    use crate::ids::{Digest, RunId};
    use crate::journal::{AfterFailure, Entry, RunEnd, StepEnd};
    use crate::value::Failure;

    #[test]
    fn a_run_is_told_step_by_step() {
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        let inline = |json: Json| Value::Inline(Arc::new(json));
        let run: RunId = "0197b2c4-1a2b-7000-8000-000000000001".parse().unwrap();
        let down = Failure::new("http_status", "the server\u{1b}[31m answered 500");
        let failed = |attempt, then, seconds| Entry::StepFailed {
            path: "send".into(),
            attempt,
            failure: down.clone(),
            model: None,
            then,
            at: at(seconds),
        };
        let entries = [
            Entry::RunAccepted {
                workflow: "triage".to_owned(),
                bundle: Digest::of(b""),
                trigger: TriggerId::manual(),
                event: inline(json!(null)),
                inputs: inline(json!({ "ticket": "down" })),
                vars: None,
                turn: None,
                parent: None,
                at: at(0),
            },
            Entry::StepFinished {
                path: "label".into(),
                status: StepEnd::Succeeded,
                output: inline(json!("outage")),
                model: None,
                at: at(0),
            },
            Entry::StepStarted { path: "send".into(), attempt: 1, at: at(0) },
            failed(1, AfterFailure::Retry, 1),
            Entry::StepStarted { path: "send".into(), attempt: 2, at: at(2) },
            failed(2, AfterFailure::GiveUp, 4),
            Entry::RunFinished {
                status: RunEnd::Failed,
                output: None,
                failure: Some(down.clone()),
                step: Some("send".into()),
                at: at(4),
            },
        ];
        let state = RunState::fold(run, &entries).unwrap();
        let wanted = "\
triage  failed
run       0197b2c4-1a2b-7000-8000-000000000001
trigger   manual
accepted  2023-11-14T22:13:20Z (1 min ago)
took      4.0s
inputs    {\"ticket\":\"down\"}

steps
  ✓ label
      → outage
  ✗ send  2.0s
      attempt 1 the server\u{fffd}[31m answered 500 (http_status)
      attempt 2 the server\u{fffd}[31m answered 500 (http_status)

failed at `send` (http_status)
  the server\u{fffd}[31m answered 500
";
        assert_eq!(strip_str(&draw(&state, at(60))).to_string(), wanted);
    }
}
