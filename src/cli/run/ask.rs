//! Asking somebody at the terminal for a decision that the run waits for.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, IsTerminal as _};

use serde_json::json;
use tokio::sync::oneshot;

use crate::cli::screen::{self, BOLD, DIM, excerpt};
use crate::component::Decision;
use crate::engine::{Engine, Given, Which};
use crate::event::Awaited;
use crate::ids::{RunId, StepPath};
use crate::journal::Entry;

/// The questions of one run, one after the other.
#[derive(Default)]
pub struct Questions {
    open: VecDeque<(StepPath, String)>,
    /// The line that is being typed.
    line: Option<oneshot::Receiver<Option<String>>>,
}

impl Questions {
    /// Takes note of what a run waits for; tells what cannot be asked here.
    pub fn notice(&mut self, run: RunId, entries: &[Entry]) {
        for entry in entries {
            match entry {
                Entry::WaitBegun { path, awaited: Awaited::Approval { message, fields, .. }, .. }
                    if fields.is_none() && io::stdin().is_terminal() && screen::is_watched() =>
                {
                    self.open.push_back((path.clone(), message.clone()));
                }
                Entry::WaitBegun { path, token: Some(_), awaited, .. } => {
                    screen::note(&hint(run, path, awaited));
                    screen::note(&format!(
                        "{DIM}    which needs a daemon; end this run, and start it while `howdah serve` runs{DIM:#}\n"
                    ));
                }
                Entry::WaitSignalled { path, .. }
                | Entry::StepFinished { path, .. }
                | Entry::StepFailed { path, .. } => self.open.retain(|(asked, _)| asked != path),
                _ => {}
            }
        }
    }

    /// Waits for the answer to the first question; for ever when there is none.
    pub async fn answer(&mut self) -> (StepPath, Decision) {
        loop {
            let Some((path, message)) = self.open.front() else { return std::future::pending().await };
            let (path, message) = (path.clone(), message.clone());
            let line = self.line.get_or_insert_with(|| {
                screen::note(&format!("{BOLD}{}{BOLD:#} [y/n] ", excerpt(&message, 500)));
                read_line()
            });
            let typed = line.await;
            self.line = None;
            match typed.ok().flatten().as_deref().map(decision) {
                Some(Some(approved)) => {
                    self.open.pop_front();
                    return (path, Decision { approved, comment: None, fields: json!(null) });
                }
                Some(None) => screen::note(&format!("{DIM}    `y` approves, `n` rejects{DIM:#}\n")),
                // Nobody types any more.
                None => self.open.clear(),
            }
        }
    }
}

/// Gives the run a decision that was typed.
pub async fn give(engine: &Engine, run: RunId, (path, decision): (StepPath, Decision)) {
    let by = "the terminal";
    if let Err(error) = engine.signal(run, Which::Step(path), by, Given::Decision(decision)).await {
        screen::note(&format!("{DIM}    not taken: {error}{DIM:#}\n"));
    }
}

/// How a wait is answered from elsewhere.
pub fn hint(run: RunId, path: &StepPath, awaited: &Awaited) -> String {
    let command = if matches!(awaited, Awaited::Approval { .. }) { "approve" } else { "resume" };
    format!("{DIM}    answer with `howdah {command} {run} {}`{DIM:#}\n", excerpt(path.as_str(), 80))
}

/// Reads one line, on a thread of its own: a terminal cannot be waited for otherwise.
fn read_line() -> oneshot::Receiver<Option<String>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        // Whoever asked may be gone.
        let _ = sender.send(read.is_ok_and(|read| read > 0).then_some(line));
    });
    receiver
}

/// What a typed line says.
fn decision(line: &str) -> Option<bool> {
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_and_a_no_are_understood_and_nothing_else() {
        assert_eq!(decision(" Y\n"), Some(true));
        assert_eq!(decision("no\n"), Some(false));
        for other in ["", "\n", "maybe", "yn"] {
            assert_eq!(decision(other), None, "{other}");
        }
    }
}
