//! What is written for people and scripts: standard output, standard error, colours, a spinner.
//!
//! Styled text is built with its escape sequences, and the stream takes them out again where it is
//! no terminal or `NO_COLOR` is set. Text that comes from files, models and servers is tamed before
//! it gets here, so that it cannot move the cursor or pretend to be ours.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;

use crate::cli::problem::Problem;
use crate::diagnostic::render::Color;

/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What went wrong.
pub const BAD: Style = AnsiColor::Red.on_default();
/// What waits, or wants a look.
pub const WAIT: Style = AnsiColor::Yellow.on_default();
/// Names, and what to type.
pub const NAME: Style = AnsiColor::Cyan.on_default();
/// What matters less.
pub const DIM: Style = Style::new().dimmed();
/// Headings.
pub const BOLD: Style = Style::new().bold();

/// How long work goes on in silence.
const PATIENCE: Duration = Duration::from_secs(1);

/// How wide diagnostics are drawn.
pub const WIDTH: usize = 100;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Also into a file or a pipe.
    Always,
    /// Nowhere.
    Never,
}

impl ColorWhen {
    /// Makes this the rule for both streams.
    pub fn apply(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// Writes to standard output. A reader that has left, as `head` does, is no error.
///
/// # Errors
/// When it cannot be written: the disk is full, say.
pub fn print(text: &str) -> Result<(), Problem> {
    let mut stream = anstream::stdout().lock();
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a JSON document to standard output.
///
/// # Errors
/// When it cannot be written.
pub fn print_json(json: &serde_json::Value) -> Result<(), Problem> {
    print(&format!("{json:#}\n"))
}

/// Writes to standard error, where progress and errors go. Whether anybody reads it changes nothing.
pub fn note(text: &str) {
    let mut stream = anstream::stderr().lock();
    drop(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
}

/// Whether somebody watches standard error.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Whether drawings on standard output get colours.
pub fn color_of_output() -> Color {
    match AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Color::Off,
        _ => Color::On,
    }
}

/// A text without the characters that move a cursor, colour, or turn the direction of writing;
/// line ends and tabs stay.
pub fn tame(text: &str) -> String {
    let harmless = |char: char| match char {
        '\n' | '\t' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => false,
        char => !char.is_control(),
    };
    text.chars().map(|char| if harmless(char) { char } else { '\u{fffd}' }).collect()
}

/// [`tame`] on one line of at most so many characters.
pub fn excerpt(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = tame(&line);
    match line.char_indices().nth(most) {
        Some(_) => line.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => line,
    }
}

/// `1 file`, `3 files`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A sign of life for work of more than a second, on a terminal only. It ends when it is dropped.
pub struct Spinner {
    done: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Spinner {
    /// Begins to count the second.
    pub fn start(message: &'static str) -> Self {
        if !is_watched() {
            return Self { done: None, thread: None };
        }
        let (done, ended) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let bar = ProgressBar::new_spinner().with_message(message);
                bar.enable_steady_tick(Duration::from_millis(100));
                // It ends with the sender.
                let _ended = ended.recv();
                bar.finish_and_clear();
            }
        });
        Self { done: Some(done), thread: Some(thread) }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        drop(self.done.take());
        // A spinner that failed has nothing more to clear.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_drive_the_terminal() {
        assert_eq!(tame("a\u{1b}[2Jb\tc\nd\u{202e}"), "a\u{fffd}[2Jb\tc\nd\u{fffd}");
    }

    #[test]
    fn an_excerpt_is_one_line_of_bounded_length() {
        assert_eq!(excerpt("one\n  two", 20), "one two");
        assert_eq!(excerpt("äöüßäöüß", 5), "äöüß…");
        assert_eq!(excerpt("12345", 5), "12345");
    }
}
