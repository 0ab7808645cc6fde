//! The daemon as a child process of the same program.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::addresses::Addresses;
use crate::cli::problem::Problem;
use crate::clock::{Clock as _, SystemClock};

use super::LOOK;

/// The file that holds what the daemon says.
const LOG: &str = "daemon.log";

/// How long the daemon may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(15);

/// The end of the log that is read, in bytes.
const LOG_END: usize = 16 * 1024;

/// A running `howdah serve`. Dropping it ends the process at once.
pub(super) struct Child {
    /// None once it is left to itself.
    process: Option<std::process::Child>,
    id: u32,
    started: Instant,
    workspace: PathBuf,
}

impl Child {
    /// Starts the daemon on a workspace, on free ports.
    pub fn start(workspace: &Path) -> Result<Self, Problem> {
        let failed = |error: io::Error| Problem::failed(format!("cannot start the daemon: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let log = File::create(workspace.join(LOG)).map_err(failed)?;
        let started = Instant::now();
        let process = Command::new(program)
            .arg("serve")
            .arg(workspace)
            .args(["--simulate", "--listen", "127.0.0.1:0", "--hooks", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            // Ctrl-C is for the demo, which then ends the daemon in order.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        Ok(Self { id: process.id(), process: Some(process), started, workspace: workspace.to_owned() })
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Where its log is.
    pub fn log_path(&self) -> PathBuf {
        self.workspace.join(LOG)
    }

    /// That it is still there.
    ///
    /// # Errors
    /// When it has ended.
    pub fn check(&mut self) -> Result<(), Problem> {
        let Some(process) = &mut self.process else { return Ok(()) };
        match process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Problem::failed(format!("the daemon ended by itself ({status})"))),
            Err(error) => Err(Problem::failed(format!("cannot look after the daemon: {error}"))),
        }
    }

    /// Where it listens; none before it has said so. Blocking.
    pub fn addresses(&self) -> Option<Addresses> {
        Addresses::read(&self.workspace.join(".howdah")).filter(|addresses| addresses.pid == self.id)
    }

    /// The last lines of its log.
    pub fn log(&self, lines: usize) -> Vec<String> {
        let log = std::fs::read(self.log_path()).unwrap_or_default();
        let end = String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_END)..]).into_owned();
        let all: Vec<_> = end.lines().map(str::to_owned).collect();
        all[all.len().saturating_sub(lines)..].to_vec()
    }

    /// Leaves it running.
    pub fn leave(mut self) {
        self.process = None;
    }

    /// Ends it in order; at once when that takes too long.
    pub async fn stop(mut self) {
        let Some(process) = &mut self.process else { return };
        // It may have ended already; then there is nobody to tell.
        let _ = kill_process(Pid::from_child(process), Signal::TERM);
        let started = Instant::now();
        while started.elapsed() < FAREWELL {
            match process.try_wait() {
                Ok(None) => SystemClock.sleep(LOOK).await,
                Ok(Some(_)) | Err(_) => {
                    self.process = None;
                    return;
                }
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // The kill fails only when it has ended; waiting takes its entry from the system's table.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
