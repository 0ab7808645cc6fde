//! From the start of the program to `GET /readyz` 200, and what it has in memory when nothing happens.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use crate::bare::Bare;
use crate::load::{Connection, get};
use crate::place::Place;
use crate::process::{LOOK, Memory, Process, howdah};
use crate::{Outcome, runtime, show};

/// How often each start is measured.
const STARTS: usize = 9;

/// The workflows of a workspace that is well used.
const MANY: usize = 100;

/// How long a daemon is left alone before its memory is read.
const REST: Duration = Duration::from_secs(1);

/// Measures and prints.
pub fn run() -> Outcome {
    runtime()?.block_on(async {
        let mut rows = Vec::new();
        for count in [1, MANY] {
            let place = Place::full(count)?;
            let (first, memory) = start(&place).await?;
            let mut times = Vec::new();
            for _ in 0..STARTS {
                times.push(start(&place).await?.0);
            }
            rows.push([
                format!("howdah serve, {count} workflows"),
                show::millis(show::median(times)),
                show::millis(first),
                show::megabytes(memory.resident),
            ]);
        }
        let mut times = Vec::new();
        for _ in 0..STARTS {
            let begun = Instant::now();
            Process::start(&mut howdah(&["--version"]))?.wait()?;
            times.push(begun.elapsed());
        }
        let none = || "-".to_owned();
        rows.push([
            "control: howdah --version".to_owned(),
            show::millis(show::median(times)),
            none(),
            none(),
        ]);
        let mut times = Vec::new();
        for _ in 0..STARTS {
            let begun = Instant::now();
            let bare = Bare::start(200, "{}", None)?;
            Connection::open(bare.addr).await?.exchange(&get("/")).await?.expect(200)?;
            times.push(begun.elapsed());
        }
        let bare = Bare::start(200, "{}", None)?;
        tokio::time::sleep(REST).await;
        rows.push([
            "control: bare hyper".to_owned(),
            show::millis(show::median(times)),
            none(),
            show::megabytes(bare.process.memory()?.resident),
        ]);
        let title = "Start to the first 200, and memory at rest (goals: 50 ms, 25 MB)";
        show::table(title, ["", "start", "first start", "resident"], &rows);
        Ok(())
    })
}

/// How long a daemon takes to be ready, and its memory a while later.
async fn start(place: &Place) -> Outcome<(Duration, Memory)> {
    let (listen, hooks) = (free()?, free()?);
    let begun = Instant::now();
    let mut command = howdah(&["serve", "--listen", &listen.to_string(), "--hooks", &hooks.to_string()]);
    let process = Process::start(command.arg(place.path()))?;
    let ready = get("/readyz");
    let mut connection = loop {
        match Connection::open(listen).await {
            Ok(connection) => break connection,
            Err(_) => tokio::time::sleep(LOOK / 2).await,
        }
    };
    while connection.exchange(&ready).await?.status != 200 {
        tokio::time::sleep(LOOK / 2).await;
    }
    let time = begun.elapsed();
    tokio::time::sleep(REST).await;
    let memory = process.memory()?;
    process.stop()?;
    Ok((time, memory))
}

/// An address that nobody listens on.
fn free() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
