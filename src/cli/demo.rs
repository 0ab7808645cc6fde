//! `howdah demo`: the main job on a real daemon, line by line, with models that are simulated.
//!
//! The daemon is a child process of the same program, started as anybody would start it; what is
//! shown comes from its files, its answers and its API, and nothing is staged. It must stay true that
//! the demo succeeds only when everything it tells has happened, that every wait ends, and that the
//! child ends with the demo unless it is to be kept.

mod child;
mod client;
mod receiver;
mod stage;
mod workspace;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use crate::cli::block_on;
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::signals::{Asked, Signals};
use crate::clock::{Clock as _, SystemClock};
use crate::money::Money;
use crate::value::Json;

use child::Child;
use client::Client;
use receiver::Receiver;
use stage::Stage;
use workspace::{Files, Place};

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(5);

/// How much of the daemon's log is shown when something went wrong, in lines.
const TAIL: usize = 15;

/// The runs that the story starts.
const RUNS: usize = 4;

/// What `howdah demo` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah demo                  in a temporary folder
  howdah demo play             in this folder, which must be empty or not exist yet
  howdah demo play --keep      and leave the daemon running, to play with it

No key is needed, and nothing leaves this machine.

Exit codes: 0 all of it happened; 1 something did not; 2 the folder cannot be used.
")]
pub struct DemoArgs {
    /// Where to make the workspace; a temporary folder when it is not named.
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Leave the daemon running.
    #[arg(long)]
    keep: bool,
}

/// Shows all of it. What was waited for and did not come is an error, told with the end of the
/// daemon's log.
///
/// # Errors
/// When the folder cannot be used, or something did not happen.
pub fn run(args: &DemoArgs) -> Result<Exit, Problem> {
    let afterwards = if args.keep { Afterwards::Keep } else { Afterwards::Stop };
    let place = Place::choose(args.dir.as_deref())?;
    block_on(play(&place, afterwards))
}

/// What becomes of the daemon after the demo.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    Stop,
    Keep,
}

/// Everything around the story: the workspace, the daemon, and the end of both.
async fn play(place: &Place, afterwards: Afterwards) -> Result<Exit, Problem> {
    let mut signals = Signals::listen_as_daemon()?;
    let stage = Stage::of_stdout();
    let receiver = Receiver::start().await?;
    let files = Files::write(place.folder(), &receiver.url())?;
    stage.opening(place.folder()).await?;
    let mut child = Child::start(place.folder())?;
    let told = tokio::select! {
        biased;
        exit = end(&mut signals) => Err(exit),
        told = tell(&stage, &files, &mut child, receiver, afterwards) => Ok(told),
    };
    if let (Ok(Ok(())), Afterwards::Keep) = (&told, afterwards) {
        child.leave();
        return Ok(Exit::Done);
    }
    let told = told.map(|told| {
        told.map_err(|problem| {
            stage::show_log(&child.log(TAIL));
            // That nobody answers follows from this.
            child.check().err().unwrap_or(problem)
        })
    });
    tokio::select! {
        () = child.stop() => {}
        // The second one that asks for an end gets it at once.
        exit = end(&mut signals) => return Ok(exit),
    }
    match told {
        Ok(Ok(())) => Ok(Exit::Done),
        Ok(Err(problem)) => {
            Err(problem.with_help(format!("everything lies in `{}`", place.folder().display())))
        }
        Err(exit) => {
            place.discard();
            Ok(exit)
        }
    }
}

/// What happens, in order.
async fn tell(
    stage: &Stage,
    files: &Files,
    child: &mut Child,
    mut receiver: Receiver,
    afterwards: Afterwards,
) -> Result<(), Problem> {
    let daemon = ready(stage, child).await?;
    letter(stage, files).await?;
    ticket(stage, &daemon, &mut receiver).await?;
    edit(stage, files, &daemon).await?;
    mistake(stage, files, &daemon).await?;
    child.check()?;
    closing(stage, files, child, &daemon, afterwards).await
}

/// The daemon gets ready.
async fn ready(stage: &Stage, child: &mut Child) -> Result<Client, Problem> {
    stage.command("howdah serve --simulate")?;
    let addresses = until("the daemon's addresses", async || {
        child.check()?;
        Ok(child.addresses())
    })
    .await?;
    let daemon = Client::new(&addresses);
    until("the daemon to be ready", async || {
        child.check()?;
        Ok(daemon.is_ready().await.then_some(()))
    })
    .await?;
    stage.done("the daemon is ready", child.started().elapsed())?;
    let (admin, hooks) = (addresses.admin, addresses.hooks);
    stage.note(&format!("administration http://{admin}, webhooks http://{hooks}"))?;
    Ok(daemon)
}

/// A file that is dropped becomes a summary.
async fn letter(stage: &Stage, files: &Files) -> Result<(), Problem> {
    stage.scene("A file becomes a summary").await?;
    let (summary, took) = drop_letter(stage, files, "bakery").await?;
    stage.done("out/bakery.summary.md", took)?;
    stage.quote(&body(&summary))
}

/// A webhook is classified, and what it is about delivered to somebody else.
async fn ticket(stage: &Stage, daemon: &Client, receiver: &mut Receiver) -> Result<(), Problem> {
    stage.scene("A webhook is classified and delivered").await?;
    let text = workspace::TICKET;
    let sent = json!({ "text": text });
    stage.command(&format!("curl {}/hooks/tickets --json '{sent}'", daemon.hooks()))?;
    let started = Instant::now();
    let answer = bounded("the answer of the webhook", daemon.hook("/hooks/tickets", &sent)).await??;
    let took = started.elapsed();
    if answer.get("queue").and_then(Json::as_str) != Some("outage") {
        return Err(wrong("the label of the ticket", &answer.to_string()));
    }
    stage.done(&format!("answered {answer}"), took)?;
    let delivery = bounded("the delivery to the receiver", receiver.next()).await?;
    let delivery = delivery.ok_or_else(|| Problem::failed("the receiver has ended"))?;
    if delivery.body.get("text").and_then(Json::as_str) != Some(text) {
        return Err(wrong("what was delivered", &delivery.body.to_string()));
    }
    stage.done(&format!("delivered to {} with its idempotency key", receiver.url()), started.elapsed())?;
    stage.quote(&format!("{}\n{}", delivery.key, delivery.body))
}

/// An edit counts from the very next event.
async fn edit(stage: &Stage, files: &Files, daemon: &Client) -> Result<(), Problem> {
    stage.scene("A workflow is edited, and the next event uses the new text").await?;
    let before = daemon.workflow("letters").await?;
    let (old, new) = files.edit()?;
    let started = Instant::now();
    stage.diff(old, new)?;
    until("the edited workflow to be loaded", async || {
        let now = daemon.workflow("letters").await?;
        Ok((now.digest != before.digest && now.error.is_none()).then_some(()))
    })
    .await?;
    stage.done("reloaded", started.elapsed())?;
    let (summary, took) = drop_letter(stage, files, "library").await?;
    must_be_a_list(&summary)?;
    stage.done("out/library.summary.md", took)?;
    stage.quote(&body(&summary))
}

/// A broken edit is reported with its caret, and the last good version goes on.
async fn mistake(stage: &Stage, files: &Files, daemon: &Client) -> Result<(), Problem> {
    stage.scene("A broken edit is reported, and the last good version goes on").await?;
    let before = daemon.workflow("letters").await?;
    let (old, new) = files.break_it()?;
    let started = Instant::now();
    stage.diff(old, new)?;
    let (now, error) = until("the mistake to be reported", async || {
        let now = daemon.workflow("letters").await?;
        Ok(now.error.clone().map(|error| (now, error)))
    })
    .await?;
    stage.done("reported, in the log and by `howdah status`", started.elapsed())?;
    if !error.contains('^') || !error.contains(workspace::MISTAKE) {
        return Err(wrong("the report of the mistake", &error));
    }
    stage.drawing(&error)?;
    if now.digest != before.digest {
        return Err(wrong("the version in force", "the broken one took its place"));
    }
    let (summary, took) = drop_letter(stage, files, "museum").await?;
    must_be_a_list(&summary)?;
    stage.done("out/museum.summary.md, from the last good version", took)
}

/// What was made, what it cost, and what to do next.
async fn closing(
    stage: &Stage,
    files: &Files,
    child: &Child,
    daemon: &Client,
    afterwards: Afterwards,
) -> Result<(), Problem> {
    // The files are there a moment before their runs have ended.
    let runs = until("all runs to succeed", async || {
        let runs = daemon.runs().await?;
        Ok((runs.iter().filter(|run| run.status == "succeeded").count() >= RUNS).then_some(runs))
    })
    .await?;
    let cost: Money = runs.iter().map(|run| run.cost).sum();
    stage.scene("That was it").await?;
    stage
        .line(&format!("{} runs succeeded, {cost} at list prices; the models were simulated", runs.len()))?;
    stage.line(&format!("everything lies in {}:", files.folder().display()))?;
    stage.list(&files.made())?;
    if afterwards == Afterwards::Keep {
        stage.scene("The daemon goes on").await?;
        stage.list(&[
            (format!("kill {}", child.id()), "stops it".to_owned()),
            (format!("howdah status --dir {}", files.folder().display()), "shows what is loaded".to_owned()),
            (format!("tail -f {}", child.log_path().display()), "shows its log".to_owned()),
        ])?;
        stage.line("the receiver ends now: `PAGER_URL` in `.env` may name another one")?;
    }
    stage.scene("Next").await?;
    stage.list(&[
        ("howdah init my-automations".to_owned(), "makes a workspace of your own".to_owned()),
        (
            "export MAMMOUTH_API_KEY=…".to_owned(),
            "for real models; or a `base_url` in howdah.yaml".to_owned(),
        ),
        ("howdah serve my-automations".to_owned(), "starts the daemon on it".to_owned()),
    ])
}

/// Drops a letter into the inbox, and waits for its summary.
async fn drop_letter(stage: &Stage, files: &Files, name: &str) -> Result<(String, Duration), Problem> {
    stage.command(&format!("cp {name}.txt inbox/"))?;
    let started = Instant::now();
    files.drop_letter(name)?;
    let summary = until(&format!("the file `out/{name}.summary.md`"), async || files.summary(name)).await?;
    Ok((summary, started.elapsed()))
}

/// The text below the heading.
fn body(summary: &str) -> String {
    summary.lines().skip_while(|line| line.is_empty() || line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

fn wrong(what: &str, found: &str) -> Problem {
    Problem::failed(format!("{what} is not as it should be: {found}"))
}

fn must_be_a_list(summary: &str) -> Result<(), Problem> {
    if body(summary).starts_with("- ") {
        return Ok(());
    }
    Err(wrong("the summary after the edit", summary))
}

/// Looks again and again until there is something, or patience is over.
async fn until<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>, Problem>,
) -> Result<T, Problem> {
    let looking = async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            SystemClock.sleep(LOOK).await;
        }
    };
    bounded(what, looking).await?
}

async fn bounded<T>(what: &str, waiting: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::time::timeout(PATIENCE, waiting).await.map_err(|_| {
        Problem::failed(format!("waited {} s for {what}, and it did not come", PATIENCE.as_secs()))
    })
}

/// Waits until an end is asked for; that the terminal is gone is one.
async fn end(signals: &mut Signals) -> Exit {
    match signals.next().await {
        Asked::End(exit) => exit,
        Asked::Reload => Exit::Terminated,
    }
}
