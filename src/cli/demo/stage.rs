//! What the demo looks like: scenes, what was typed, what happened and how long it took.
//!
//! Colours and pauses are for terminals; into a file or a pipe goes plain text, as fast as it comes.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use crate::cli::problem::Problem;
use crate::cli::screen::{self, BAD, BOLD, DIM, GOOD};
use crate::cli::time;
use crate::clock::{Clock as _, SystemClock};

/// The columns that quoted prose may take.
const WIDTH: usize = 88;

/// How fast things are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// So that a person can follow.
    Calm,
    /// As fast as they happen.
    Fast,
}

/// Where the demo is shown: standard output.
pub(super) struct Stage {
    pace: Pace,
}

impl Stage {
    /// Calm on a terminal.
    pub fn of_stdout() -> Self {
        Self { pace: if io::stdout().is_terminal() { Pace::Calm } else { Pace::Fast } }
    }

    /// The first lines.
    pub async fn opening(&self, folder: &Path) -> Result<(), Problem> {
        self.print(&format!("{BOLD}howdah demo{BOLD:#}"))?;
        self.print(&format!(
            "{DIM}a workspace in {}, a real daemon on it, simulated models{DIM:#}\n",
            folder.display()
        ))?;
        self.pause().await;
        Ok(())
    }

    /// Something new begins.
    pub async fn scene(&self, title: &str) -> Result<(), Problem> {
        self.pause().await;
        self.print(&format!("\n{BOLD}{title}{BOLD:#}"))
    }

    /// What a person would type.
    pub fn command(&self, command: &str) -> Result<(), Problem> {
        self.print(&format!("  {DIM}${DIM:#} {command}"))
    }

    /// What happened.
    pub fn done(&self, what: &str, took: Duration) -> Result<(), Problem> {
        self.print(&format!("  {GOOD}✓{GOOD:#} {what}  {DIM}{}{DIM:#}", time::took(took)))
    }

    /// Something worth knowing about what happened.
    pub fn note(&self, text: &str) -> Result<(), Problem> {
        self.print(&format!("    {DIM}{text}{DIM:#}"))
    }

    /// A plain line.
    pub fn line(&self, text: &str) -> Result<(), Problem> {
        self.print(&format!("  {text}"))
    }

    /// What stands in a file or an answer, folded.
    pub fn quote(&self, text: &str) -> Result<(), Problem> {
        screen::tame(text).lines().flat_map(|line| folded(line, WIDTH)).try_for_each(|line| self.note(&line))
    }

    /// What was drawn for people, as it is.
    pub fn drawing(&self, text: &str) -> Result<(), Problem> {
        screen::tame(text.trim_end()).lines().try_for_each(|line| self.print(&format!("    {line}")))
    }

    /// A line of a file before and after an edit.
    pub fn diff(&self, old: &str, new: &str) -> Result<(), Problem> {
        self.print(&format!("    {BAD}- {}{BAD:#}", old.trim()))?;
        self.print(&format!("    {GOOD}+ {}{GOOD:#}", new.trim()))
    }

    /// Things and what they are, in two columns.
    pub fn list(&self, rows: &[(String, String)]) -> Result<(), Problem> {
        let width = rows.iter().map(|(thing, _)| thing.chars().count()).max().unwrap_or_default();
        rows.iter()
            .try_for_each(|(thing, what)| self.print(&format!("    {thing:width$}  {DIM}{what}{DIM:#}")))
    }

    async fn pause(&self) {
        if self.pace == Pace::Calm {
            SystemClock.sleep(Duration::from_millis(700)).await;
        }
    }

    fn print(&self, line: &str) -> Result<(), Problem> {
        screen::print(&format!("{line}\n"))
    }
}

/// Shows the end of a log on standard error.
pub(super) fn show_log(lines: &[String]) {
    let lines: String = lines.iter().map(|line| format!("  {}\n", screen::tame(line))).collect();
    screen::note(&format!("{DIM}the end of the daemon's log:{DIM:#}\n{lines}"));
}

/// A line as lines of at most so many characters, broken at spaces.
fn folded(line: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for word in line.split(' ') {
        if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    lines.push(current);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_at_spaces() {
        assert_eq!(folded("one two three four", 9), ["one two", "three", "four"]);
        assert_eq!(folded("", 9), [""]);
        assert_eq!(folded("extraordinarily long", 9), ["extraordinarily", "long"]);
    }
}
