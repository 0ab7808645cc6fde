//! Why a command could not do what was asked, as it is told to people: one `error:` line and, where
//! something is known, `help:` lines. Never a backtrace.

use std::fmt;

use crate::cli::exit::Exit;
use crate::cli::screen;

/// What went wrong, what to do, and with which code the process ends.
#[derive(Debug)]
pub struct Problem {
    exit: Exit,
    message: String,
    help: Vec<String>,
}

impl Problem {
    /// It was tried and did not succeed.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Failed, message: message.to_string(), help: Vec::new() }
    }

    /// It was not tried, as something that was given is not right.
    pub fn invalid(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Invalid, ..Self::failed(message) }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// What to do about it.
    #[cfg(test)]
    pub fn help(&self) -> &[String] {
        &self.help
    }

    /// With which code the process ends.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells it on standard error.
    pub fn print(&self) {
        let (bad, good) = (screen::BAD.bold(), screen::NAME);
        let mut text = format!("{bad}error{bad:#}: {}\n", screen::tame(&self.message));
        for help in &self.help {
            text.push_str(&format!("{good}help{good:#}: {}\n", screen::tame(help)));
        }
        screen::note(&text);
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
