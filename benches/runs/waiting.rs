//! J5: a thousand runs that all wait for a slow model.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::bare::Bare;
use crate::load::{Connection, ask, post};
use crate::place::Place;
use crate::process::{Daemon, models};
use crate::{Outcome, runtime, show};

const RUNS: usize = 1_000;

/// How many connections start them.
const CLIENTS: usize = 50;

const WORKFLOW: &str = "\
on: { webhook: { path: /slow, auth: none } }
steps:
  - chat: { model: local/m, prompt: \"sim: say \\\"outage\\\"\\n{{event.body.text}}\" }
";

/// Measures and prints.
pub fn run() -> Outcome {
    runtime()?.block_on(async {
        let (_simulator, model) = models("2s")?;
        let place = Place::of(WORKFLOW)?.with_models(model)?;
        let mut daemon = Daemon::serve(place.path()).await?;
        let request = post("/hooks/slow", r#"{"text":"Is there anybody?"}"#);
        ask(daemon.hooks, &request, 202).await?;
        daemon.idle().await?;
        let begun = Instant::now();
        each(daemon.hooks, &request, 202, CLIENTS).await?;
        let accepted = begun.elapsed();
        daemon.idle().await?;
        let howdah = [
            "howdah".to_owned(),
            show::millis(begun.elapsed()),
            show::millis(accepted),
            show::megabytes(daemon.memory()?.peak),
        ];
        daemon.stop()?;

        let bare = Bare::start(200, "{}", Some(model))?;
        let begun = Instant::now();
        each(bare.addr, &request, 200, RUNS).await?;
        let control = [
            "control: bare hyper that calls".to_owned(),
            show::millis(begun.elapsed()),
            "-".to_owned(),
            show::megabytes(bare.process.memory()?.peak),
        ];
        let title = "J5: 1,000 runs that wait 2 s for a model (goals: 2.5 s, 100 MB)";
        show::table(title, ["", "all done", "all accepted", "peak memory"], &[howdah, control]);
        Ok(())
    })
}

/// Sends the request [`RUNS`] times, over so many connections.
async fn each(addr: SocketAddr, request: &[u8], status: u16, connections: usize) -> Outcome {
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let request = request.to_vec();
        clients.spawn(async move {
            let mut connection = Connection::open(addr).await?;
            for _ in 0..RUNS / connections {
                connection.exchange(&request).await?.expect(status)?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}
