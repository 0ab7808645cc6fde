//! A run as it goes on, a line for each thing that happens, for somebody who watches.
//!
//! Fed with what the journal records, so that following a daemon's run and an own one look the same.

use std::collections::HashMap;
use std::time::Duration;

use crate::cli::screen::{self, BAD, BOLD, DIM, GOOD, WAIT};
use crate::cli::time::took;
use crate::clock::{Timestamp, elapsed};
use crate::component::Delta;
use crate::engine::Happened;
use crate::event::Awaited;
use crate::ids::StepPath;
use crate::journal::{AfterFailure, Entry, StepEnd};
use crate::value::ModelFacts;

/// The longest message of a failure on one line, in characters.
const MESSAGE: usize = 300;

/// The same, where the message comes once more.
const BRIEF: usize = 80;

/// What has been shown of a run so far.
#[derive(Debug, Default)]
pub struct Progress {
    /// When the attempt under way of each step began.
    began: HashMap<StepPath, Timestamp>,
    /// The one step whose text streams by; of several at once one is enough to read.
    streaming: Option<StepPath>,
    /// Whether the line being written has no end yet.
    is_open: bool,
}

impl Progress {
    /// Shows something that happened.
    pub fn show(&mut self, happened: &Happened) {
        let text = match happened {
            Happened::Recorded(entries) => entries.iter().filter_map(|entry| self.line(entry)).collect(),
            Happened::Delta(path, delta) if screen::is_watched() => self.delta(path, delta),
            Happened::Delta(..) => String::new(),
        };
        screen::note(&text);
    }

    /// The line of an entry, if it has one.
    pub fn line(&mut self, entry: &Entry) -> Option<String> {
        let line = match entry {
            Entry::StepStarted { path, attempt, at } => {
                self.began.insert(path.clone(), *at);
                let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                format!("{DIM}  ▸ {}{again}{DIM:#}", name(path))
            }
            Entry::StepFinished { path, status: StepEnd::Skipped, .. } => {
                format!("{DIM}  – {}  skipped{DIM:#}", name(path))
            }
            Entry::StepFinished { path, status: StepEnd::Succeeded, model, at, .. } => {
                let took = self.end(path, *at).map(took).unwrap_or_default();
                let facts = model.as_ref().map(facts).unwrap_or_default();
                let more: Vec<_> = [took, facts].into_iter().filter(|part| !part.is_empty()).collect();
                let gap = if more.is_empty() { "" } else { "  " };
                format!("  {GOOD}✓{GOOD:#} {}{gap}{DIM}{}{DIM:#}", name(path), more.join("  "))
            }
            Entry::StepFailed { path, attempt, failure, then, at, .. } => {
                let took = self.end(path, *at).map(took).unwrap_or_default();
                // The last failure is told in full at the end, if nothing catches it.
                let (mark, style, most) = match then {
                    AfterFailure::Retry => ('!', WAIT, MESSAGE),
                    AfterFailure::GiveUp => ('✗', BAD, BRIEF),
                };
                let message = screen::excerpt(&failure.message, most);
                let which = match (then, attempt) {
                    (AfterFailure::GiveUp, 1) => String::new(),
                    _ => format!("attempt {attempt}: "),
                };
                format!("  {style}{mark}{style:#} {}  {which}{message}  {DIM}{took}{DIM:#}", name(path))
            }
            Entry::RetryScheduled { path, due, .. } => {
                let wait = self.began.get(path).map(|failed| took(elapsed(*failed, *due)));
                format!(
                    "{DIM}    {} again in {}{DIM:#}",
                    name(path),
                    wait.unwrap_or_else(|| "a moment".to_owned())
                )
            }
            Entry::WaitBegun { path, awaited, due, .. } => {
                format!("  {WAIT}…{WAIT:#} {}  {}", name(path), awaits(awaited, *due))
            }
            Entry::WaitSignalled { path, by, .. } => {
                format!("{DIM}    {} goes on, by {}{DIM:#}", name(path), screen::excerpt(by, 60))
            }
            Entry::ChildCalled { path, run, at } => {
                self.began.insert(path.clone(), *at);
                format!("{DIM}  ▸ {}  run {run}{DIM:#}", name(path))
            }
            Entry::AttentionNeeded { path, reason, .. } => {
                let place = path.as_ref().map(name).unwrap_or_default();
                format!("  {WAIT}?{WAIT:#} {place} {}", screen::excerpt(reason, MESSAGE))
            }
            Entry::CancelRequested { by, .. } => {
                format!("{DIM}  cancelled by {}{DIM:#}", screen::excerpt(by, 60))
            }
            Entry::RunAccepted { workflow, .. } => {
                format!("{BOLD}{}{BOLD:#}", screen::excerpt(workflow, 100))
            }
            Entry::StepReused { path, from, .. } => {
                format!("{DIM}  = {}  reused from {from}{DIM:#}", name(path))
            }
            Entry::RunRecovered { .. }
            | Entry::RunNarrowed { .. }
            | Entry::StateChanged { .. }
            | Entry::PreviousRead { .. }
            | Entry::DecisionTaken { .. }
            | Entry::Responded { .. }
            | Entry::ChildEnded { .. }
            | Entry::ItemDone { .. }
            | Entry::FailureSettled { .. }
            | Entry::RunFinished { .. } => return None,
        };
        Some(format!("{}{line}\n", self.close()))
    }

    fn delta(&mut self, path: &StepPath, delta: &Delta) -> String {
        let streaming = self.streaming.get_or_insert_with(|| path.clone());
        match delta {
            Delta::Text(text) if streaming == path => {
                let lead = if self.is_open { "" } else { "    " };
                self.is_open = true;
                let text = screen::tame(text).replace('\n', "\n    ");
                format!("{lead}{DIM}{text}{DIM:#}")
            }
            Delta::Text(_) => String::new(),
            Delta::Note(note) => {
                format!(
                    "{}{DIM}    {}: {}{DIM:#}\n",
                    self.close(),
                    name(path),
                    screen::excerpt(note, MESSAGE)
                )
            }
        }
    }

    /// What ends a line that streams.
    fn close(&mut self) -> &'static str {
        if std::mem::take(&mut self.is_open) { "\n" } else { "" }
    }

    /// How long the attempt took that ends now. A wait after it counts from now.
    fn end(&mut self, path: &StepPath, at: Timestamp) -> Option<Duration> {
        self.streaming.take_if(|streaming| streaming == path);
        self.began.insert(path.clone(), at).map(|began| elapsed(began, at))
    }
}

/// `gpt-4.1-mini  310 + 42 tokens  $0.00018`.
pub fn facts(model: &ModelFacts) -> String {
    let usage = &model.usage;
    let about = if usage.estimated { "about " } else { "" };
    let name = screen::excerpt(&model.model, 60);
    format!("{name}  {about}{} + {} tokens  {}", usage.input_tokens, usage.output_tokens, model.cost)
}

/// What a step waits for, in a line.
pub fn awaits(awaited: &Awaited, due: Option<Timestamp>) -> String {
    let until = due.map(|due| format!("until {due}"));
    let by_then = due.map(|due| format!(" {DIM}(until {due}){DIM:#}")).unwrap_or_default();
    match awaited {
        Awaited::Time => format!("{DIM}waits {}{DIM:#}", until.unwrap_or_default()),
        Awaited::Event => format!("waits for an event{by_then}"),
        Awaited::Approval { message, to, .. } => {
            let whom = match to.is_empty() {
                true => "approval".to_owned(),
                false => format!("approval by {}", screen::excerpt(&to.join(", "), 80)),
            };
            format!("waits for {whom}: {}{by_then}", screen::excerpt(message, MESSAGE))
        }
    }
}

fn name(path: &StepPath) -> String {
    screen::excerpt(path.as_str(), 80)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use anstream::adapter::strip_str;
    use serde_json::json;

    use super::*;
    use crate::money::Cost;
    use crate::value::{Failure, Usage, Value};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn shown(entries: &[Entry]) -> String {
        let mut progress = Progress::default();
        let text: String = entries.iter().filter_map(|entry| progress.line(entry)).collect();
        strip_str(&text).to_string()
    }

    #[test]
    fn a_step_is_told_from_its_start_to_its_cost() {
        let path = StepPath::from("label");
        let failure = Failure::new("http_status", "the server\nanswered 429");
        let usage = Usage { input_tokens: 310, output_tokens: 42, ..Usage::default() };
        let cost = Cost::exactly("$0.00018".parse().unwrap());
        let model = ModelFacts { model: "mammouth/tiny".to_owned(), usage, cost, ..ModelFacts::default() };
        let text = shown(&[
            Entry::StepStarted { path: path.clone(), attempt: 1, at: at(0) },
            Entry::StepFailed {
                path: path.clone(),
                attempt: 1,
                failure,
                model: None,
                then: AfterFailure::Retry,
                at: at(200),
            },
            Entry::RetryScheduled {
                path: path.clone(),
                attempt: 2,
                due: at(700),
                reason: "429".into(),
                alternative: 0,
                tries: 1,
            },
            Entry::StepStarted { path: path.clone(), attempt: 2, at: at(700) },
            Entry::StepFinished {
                path,
                status: StepEnd::Succeeded,
                output: Value::Inline(Arc::new(json!("x"))),
                model: Some(model),
                at: at(1_900),
            },
        ]);
        let wanted = "  ▸ label\n  ! label  attempt 1: the server answered 429  200ms\n    label again in 500ms\n  \
                      ▸ label (attempt 2)\n  ✓ label  1.2s  mammouth/tiny  310 + 42 tokens  $0.00018\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn of_two_streams_one_is_shown_and_a_line_closes_it() {
        let mut progress = Progress::default();
        let (a, b) = (StepPath::from("a"), StepPath::from("b"));
        let text = |text: &str| Delta::Text(text.into());
        let mut shown = progress.delta(&a, &text("one\u{1b}[2J "));
        shown += &progress.delta(&b, &text("other"));
        shown += &progress.delta(&a, &text("two"));
        let skipped = Entry::StepFinished {
            path: b,
            status: StepEnd::Skipped,
            output: Value::Inline(Arc::new(json!(null))),
            model: None,
            at: at(0),
        };
        shown += &progress.line(&skipped).unwrap();
        assert_eq!(strip_str(&shown).to_string(), "    one\u{fffd}[2J two\n  – b  skipped\n");
    }
}
