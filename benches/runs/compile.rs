//! A thousand workflows: checking them all, and taking up the edit of one.

use std::time::{Duration, Instant};

use crate::load::{Connection, post};
use crate::place::{Place, answering};
use crate::process::{Daemon, LOOK, Process, howdah};
use crate::{Outcome, runtime, show};

const WORKFLOWS: usize = 1_000;

/// How often each is measured.
const TIMES: usize = 5;

/// The workflow that is edited.
const EDITED: usize = 500;

/// Measures and prints.
pub fn run() -> Outcome {
    let place = Place::full(WORKFLOWS)?;
    let mut checks = Vec::new();
    for _ in 0..TIMES {
        let begun = Instant::now();
        Process::start(howdah(&["check"]).current_dir(place.path()))?.wait()?;
        checks.push(begun.elapsed());
    }
    let (reloads, memory) = runtime()?.block_on(async {
        let daemon = Daemon::serve(place.path()).await?;
        let mut reloads = Vec::new();
        for time in 0..TIMES {
            reloads.push(reload(&place, &daemon, &format!("edit{time}")).await?);
        }
        let memory = daemon.memory()?;
        daemon.stop()?;
        Outcome::Ok((reloads, memory))
    })?;
    let none = || "-".to_owned();
    let rows = [
        ["howdah check".to_owned(), show::millis(show::median(checks)), none()],
        [
            "one edit, from the save to the new answer".to_owned(),
            show::millis(show::median(reloads)),
            show::megabytes(memory.resident),
        ],
    ];
    show::table("1,000 workflows (goals: check 1 s, edit 100 ms)", ["", "median", "resident"], &rows);
    Ok(())
}

/// From the save of a workflow to the first answer of the new text.
async fn reload(place: &Place, daemon: &Daemon, word: &str) -> Outcome<Duration> {
    let request = post(&format!("/hooks/w{EDITED}"), r#"{"text":"hello"}"#);
    let mut connection = Connection::open(daemon.hooks).await?;
    connection.exchange(&request).await?.expect(200)?;
    let begun = Instant::now();
    place.replace(&format!("workflows/w{EDITED}.yaml"), &answering(EDITED, word))?;
    while !connection.exchange(&request).await?.expect(200)?.contains(word) {
        tokio::time::sleep(LOOK).await;
    }
    Ok(begun.elapsed())
}
