//! The log, on standard error: for people, or as JSON lines for programs.

use std::fmt;
use std::path::Path;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::cli::problem::Problem;
use crate::clock::SharedClock;
use crate::config::environment::Environment;

/// The variable that says what is logged: `debug`, or `info,howdah::engine=trace`.
pub const VARIABLE: &str = "HOWDAH_LOG";

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line of text for each event.
    #[default]
    Human,
    /// A JSON object for each event.
    Json,
}

/// The time of a line, by the clock that all else goes by.
struct Time(SharedClock);

impl FormatTime for Time {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{:.3}", self.0.now())
    }
}

/// Logs from now on. What is logged says the variable, else `level`; blocking, as the environment
/// is read.
///
/// # Errors
/// When the variable cannot be understood.
pub fn start(workspace: &Path, format: LogFormat, level: &str, clock: SharedClock) -> Result<(), Problem> {
    let (environment, _) = Environment::read(workspace);
    let wanted = environment.variable(VARIABLE).filter(|wanted| !wanted.trim().is_empty());
    let filter = EnvFilter::try_new(wanted.unwrap_or(level)).map_err(|error| {
        Problem::invalid(format!("`{VARIABLE}` cannot be understood: {error}")).with_help(
            "write a level (`error`, `warn`, `info`, `debug`, `trace`), or `info,howdah::engine=debug`",
        )
    })?;
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .with_timer(Time(clock));
    let started = match format {
        LogFormat::Human => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_target(true).try_init(),
    };
    started.map_err(|error| Problem::failed(format!("cannot log: {error}")))
}
