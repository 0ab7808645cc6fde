//! Webhooks: answered from a template, answered by a model, and accepted to be done later.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::bare::Bare;
use crate::disk::{self, Commits};
use crate::load::{Load, Measured, ask, post};
use crate::place::Place;
use crate::process::{Daemon, models};
use crate::{Outcome, runtime, show};

/// How long each load lasts, howdah's and a control's.
const LENGTH: Duration = Duration::from_secs(1);

/// How often howdah and its controls take turns: a disk has better and worse seconds.
const ROUNDS: u32 = 3;

const CLIENTS: [usize; 3] = [1, 16, 64];

/// What is measured.
struct Job {
    title: &'static str,
    status: u16,
    workflow: &'static str,
}

const JOBS: [Job; 3] = [
    Job {
        title: "J1: webhook, a templated answer",
        status: 200,
        workflow: "\
inputs: { ticket: string, language: { type: string, default: en } }
on:
  webhook: { path: /bench, auth: none, respond: result, with: { ticket: \"{{event.body.text}}\" } }
steps:
  - id: line
    set: { text: \"Ticket ({{inputs.language}}): {{inputs.ticket}}\" }
output: { line: \"{{steps.line.output.text}}\" }
",
    },
    Job {
        title: "J2: webhook, a model's answer",
        status: 200,
        workflow: "\
inputs: { ticket: string }
on:
  webhook: { path: /bench, auth: none, respond: result, with: { ticket: \"{{event.body.text}}\" } }
steps:
  - id: label
    chat: { model: local/m, prompt: \"sim: say \\\"outage\\\"\\n{{inputs.ticket}}\" }
output: { queue: \"{{steps.label.output}}\" }
",
    },
    Job {
        title: "J3: webhook, 202 and the run afterwards",
        status: 202,
        workflow: "\
inputs: { ticket: string, language: { type: string, default: en } }
on:
  webhook: { path: /bench, auth: none, with: { ticket: \"{{event.body.text}}\" } }
steps:
  - id: line
    set: { text: \"Ticket ({{inputs.language}}): {{inputs.ticket}}\" }
output: { line: \"{{steps.line.output.text}}\" }
",
    },
];

/// What is sent.
const BODY: &str = r#"{"id":"T-1042","text":"Since this morning nobody in the Lyon office can open the customer portal. The page loads for a minute and then shows error 504. We have tried two browsers and a phone."}"#;

/// Measures and prints.
pub fn run() -> Outcome {
    let (_simulator, model) = models("0s")?;
    for job in JOBS {
        measure(&job, model)?;
    }
    Ok(())
}

/// What was measured with so many clients, summed over the rounds.
#[derive(Default)]
struct Row {
    howdah: Measured,
    /// How long the runs took that were still under way when the load ended.
    late: Duration,
    bare: Measured,
    store: f64,
    sqlite: f64,
}

fn measure(job: &Job, model: SocketAddr) -> Outcome {
    let place = Place::of(job.workflow)?.with_models(model)?;
    let request = post("/hooks/bench", BODY);
    let calls = job.workflow.contains("chat").then_some(model);
    let http = runtime()?;
    let (mut daemon, bare) = http.block_on(async {
        let mut daemon = Daemon::serve(place.path()).await?;
        let answer = ask(daemon.hooks, &request, job.status).await?;
        daemon.idle().await?;
        Outcome::Ok((daemon, Bare::start(job.status, &answer, calls)?))
    })?;
    let commits = Commits::of_last_run(&place.journal())?;
    let before = http.block_on(daemon.writes())?;
    let mut rows: [Row; CLIENTS.len()] = Default::default();
    for _ in 0..ROUNDS {
        for (row, clients) in rows.iter_mut().zip(CLIENTS) {
            http.block_on(async {
                let load = Load {
                    addr: daemon.hooks,
                    request: &request,
                    status: job.status,
                    clients,
                    length: LENGTH,
                };
                row.howdah.add(load.run().await?);
                let late = Instant::now();
                daemon.idle().await?;
                row.late += late.elapsed();
                row.bare.add(Load { addr: bare.addr, ..load }.run().await?);
                Outcome::Ok(())
            })?;
            row.store += disk::store(&commits, clients, LENGTH)? / f64::from(ROUNDS);
            row.sqlite += disk::sqlite(&commits, clients, LENGTH)? / f64::from(ROUNDS);
        }
    }
    let answers: usize = rows.iter().map(|row| row.howdah.all).sum();
    let writes = (http.block_on(daemon.writes())? - before) as f64 / answers as f64;
    let peak = daemon.memory()?.peak;
    daemon.stop()?;
    let shown: Vec<_> = CLIENTS.iter().zip(&rows).map(|(clients, row)| row.show(*clients)).collect();
    let title = format!(
        "{}; a run is {} commits and {} bytes of entries, {writes:.2} writes were counted, {} at most in memory\n\
         (goal: at 64 clients half of the store alone)",
        job.title,
        commits.count(),
        commits.bytes()?,
        show::megabytes(peak)
    );
    let header =
        ["clients", "howdah/s", "p50", "p99", "store/s", "share", "SQLite/s", "bare hyper/s", "bare p99"];
    show::table(&title, header, &shown);
    Ok(())
}

impl Row {
    fn show(&self, clients: usize) -> [String; 9] {
        // A run that is accepted and not yet done counts once it is.
        let rate = self.howdah.taken.len() as f64 / (self.howdah.elapsed + self.late).as_secs_f64();
        [
            clients.to_string(),
            show::rate(rate),
            show::millis(self.howdah.percentile(50)),
            show::millis(self.howdah.percentile(99)),
            show::rate(self.store),
            show::share(rate, self.store),
            show::rate(self.sqlite),
            show::rate(self.bare.rate()),
            show::millis(self.bare.percentile(99)),
        ]
    }
}
