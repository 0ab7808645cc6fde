//! The programs that are measured, each in a process of its own that ends with the bench.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

use crate::Outcome;
use crate::load::{Connection, get};

/// The program.
const HOWDAH: &str = env!("CARGO_BIN_EXE_howdah");

/// How often something is looked at that is waited for.
pub const LOOK: Duration = Duration::from_millis(2);

/// A process; killed when it is dropped.
pub struct Process {
    child: Child,
}

/// What a process has in memory, in bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Now.
    pub resident: u64,
    /// At most since its start.
    pub peak: u64,
}

impl Process {
    /// Starts a program. Its log is thrown away.
    pub fn start(command: &mut Command) -> Outcome<Self> {
        let child = command
            .env_remove("MAMMOUTH_API_KEY")
            .env_remove("HOWDAH_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child })
    }

    /// Reads the addresses that the program prints: the words that begin like a URL or are one,
    /// until there are so many.
    pub fn addresses(&mut self, count: usize) -> Outcome<Vec<SocketAddr>> {
        let mut lines = BufReader::new(self.child.stdout.take().ok_or("its output was read before")?);
        let mut found = Vec::new();
        let mut line = String::new();
        while found.len() < count {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                return Err(format!("a program ended before it listened ({})", self.child.wait()?).into());
            }
            let words = line.split_whitespace().filter_map(|word| word.split("://").nth(1));
            found.extend(words.filter_map(|word| word.split('/').next()?.parse::<SocketAddr>().ok()));
        }
        // What it prints later must not fill the pipe.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        Ok(found)
    }

    /// What it has in memory.
    pub fn memory(&self) -> Outcome<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| -> Outcome<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such field")?;
            let kibibytes: u64 = line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").parse()?;
            Ok(kibibytes * 1024)
        };
        Ok(Memory { resident: field("VmRSS")?, peak: field("VmHWM")? })
    }

    /// Waits until it ends by itself; a failure of it is one of the bench.
    pub fn wait(mut self) -> Outcome {
        let mut output = String::new();
        if let Some(stdout) = &mut self.child.stdout {
            stdout.read_to_string(&mut output)?;
        }
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("a program ended with {status}: {output}").into()) }
    }

    /// Asks it to end and waits for that.
    pub fn stop(mut self) -> Outcome {
        let pid = Pid::from_raw(self.child.id().cast_signed()).ok_or("a process without a number")?;
        kill_process(pid, Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `howdah` with these arguments.
pub fn howdah(arguments: &[&str]) -> Command {
    let mut command = Command::new(HOWDAH);
    command.args(arguments);
    command
}

/// A model server: the simulator, with this wait before each answer.
pub fn models(latency: &str) -> Outcome<(Process, SocketAddr)> {
    let mut process =
        Process::start(&mut howdah(&["simulate", "--listen", "127.0.0.1:0", "--latency", latency]))?;
    let addr = *process.addresses(1)?.first().ok_or("no address")?;
    Ok((process, addr))
}

/// A daemon that is ready.
pub struct Daemon {
    process: Process,
    admin: Connection,
    /// Where webhooks arrive.
    pub hooks: SocketAddr,
}

impl Daemon {
    /// Starts a daemon on a workspace and waits until it is ready.
    pub async fn serve(workspace: &Path) -> Outcome<Self> {
        let mut command = howdah(&["serve", "--listen", "127.0.0.1:0", "--hooks", "127.0.0.1:0"]);
        let mut process = Process::start(command.arg(workspace))?;
        let [admin, hooks] = process.addresses(2)?[..] else { return Err("two addresses are needed".into()) };
        let mut daemon = Self { process, admin: Connection::open(admin).await?, hooks };
        daemon.admin.exchange(&get("/readyz")).await?.expect(200)?;
        Ok(daemon)
    }

    /// What it says of itself.
    pub async fn status(&mut self) -> Outcome<Json> {
        let text = self.admin.exchange(&get("/api/v1/status")).await?.expect(200)?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The writes that its journal has taken.
    pub async fn writes(&mut self) -> Outcome<u64> {
        self.status().await?["journal"]["writes"].as_u64().ok_or_else(|| "no count of writes".into())
    }

    /// Waits until no run is under way.
    pub async fn idle(&mut self) -> Outcome {
        while self.status().await?["active_runs"] != 0 {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// What it has in memory.
    pub fn memory(&self) -> Outcome<Memory> {
        self.process.memory()
    }

    /// Ends it in order.
    pub fn stop(self) -> Outcome {
        self.process.stop()
    }
}
