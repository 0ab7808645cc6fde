//! What the terminal and the operating system ask for.

use std::future::pending;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::Exit;
use crate::cli::problem::Problem;

/// The signals that end a command, and the one that reloads a daemon.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None: it ends the process, as it does by default.
    hangup: Option<Signal>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An end, with this code if it is not a clean one.
    End(Exit),
    /// To load everything anew.
    Reload,
}

impl Signals {
    /// From now on SIGINT and SIGTERM are only noted. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn listen() -> Result<Self, Problem> {
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: None,
        })
    }

    /// The same with SIGHUP, by which a daemon is asked to reload.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn listen_as_daemon() -> Result<Self, Problem> {
        Ok(Self { hangup: Some(on(SignalKind::hangup())?), ..Self::listen()? })
    }

    /// The next thing that is asked for.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::End(Exit::Interrupted),
            _ = self.terminate.recv() => Asked::End(Exit::Terminated),
            () = hung_up(&mut self.hangup) => Asked::Reload,
        }
    }

    /// Waits until an end is asked for, whatever else is.
    pub async fn end(&mut self) -> Exit {
        loop {
            if let Asked::End(exit) = self.next().await {
                return exit;
            }
        }
    }
}

fn on(kind: SignalKind) -> Result<Signal, Problem> {
    signal(kind).map_err(|error| Problem::failed(format!("cannot wait for signals: {error}")))
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(signal) => drop(signal.recv().await),
        None => pending().await,
    }
}
