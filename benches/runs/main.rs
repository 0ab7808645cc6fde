//! What howdah does on this machine, each figure beside a control taken in the same run:
//! `cargo bench --bench runs`, or `cargo bench --bench runs -- start jobs` for some of the parts.
//!
//! The daemon is the real program in a process of its own, on a workspace on the disk of the target
//! folder; requests come over loopback from one thread of this process, which shares the machine with
//! it. How to read the tables is told in `benches/README.md`.
//!
//! What must stay true: nothing here fails because a machine is slow. A wrong answer ends the bench.

mod bare;
mod compile;
mod disk;
mod files;
mod jobs;
mod load;
mod place;
mod process;
mod show;
mod start;
mod waiting;

use std::error::Error;
use std::process::ExitCode;

/// What everything here gives.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// A part of the bench: its name on the command line, and what it does.
type Part = (&'static str, fn() -> Outcome);

/// All parts, in the order in which they run.
const PARTS: [Part; 5] = [
    ("start", start::run),
    ("jobs", jobs::run),
    ("waiting", waiting::run),
    ("files", files::run),
    ("compile", compile::run),
];

fn main() -> ExitCode {
    // `cargo bench` adds options of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let outcome = match words.split_first() {
        Some((word, rest)) if word == bare::WORD => bare::serve(rest),
        _ => run(&words),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the bench ended: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the parts that are named, or all.
fn run(names: &[String]) -> Outcome {
    if let Some(unknown) = names.iter().find(|name| PARTS.iter().all(|(part, _)| part != name)) {
        let known: Vec<_> = PARTS.iter().map(|(part, _)| *part).collect();
        return Err(format!("`{unknown}` is no part; the parts are {}", known.join(", ")).into());
    }
    show::machine()?;
    for (name, part) in PARTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            part()?;
        }
    }
    Ok(())
}

/// What a part waits and sends on: one thread, so that the rest of the machine is the daemon's.
fn runtime() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
