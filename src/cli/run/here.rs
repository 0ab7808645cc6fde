//! A run in this process, which owns the state folder meanwhile.
//!
//! Everything is as in a daemon, but no trigger is armed, nothing listens, and the runs that other
//! processes left unfinished stay as they are.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::ask::{self, Questions};
use super::{Ending, Order, skipped};
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::progress::Progress;
use crate::cli::signals::Signals;
use crate::daemon::{Daemon, Options, PATIENCE, PartError, StartError};
use crate::engine::{Capacity, Engine, Happened, Kept, Ticket};
use crate::ids::RunId;
use crate::journal::lock::StateLock;
use crate::journal::sqlite::SqliteStore;
use crate::journal::{RunState, StoreError};
use crate::server::views::{self, Blobs};
use crate::simulator::{self, Simulator};
use crate::value::Json;

/// Makes the run and follows it.
pub async fn run(order: &Order, lock: StateLock, signals: &mut Signals) -> Result<Ending, Problem> {
    let shutdown = CancellationToken::new();
    let simulator = match order.simulate {
        false => None,
        true => {
            let options = simulator::Options::new(order.clock.clone());
            Some(Simulator::start(options, shutdown).await.map_err(Problem::failed)?)
        }
    };
    let clock = order.clock.clone();
    let store = tokio::task::spawn_blocking(move || SqliteStore::open(lock, clock)).await;
    let store = store.map_err(Problem::failed)?.map_err(Problem::failed)?;
    let daemon = Daemon::new(Options {
        workspace: order.workspace.root.clone(),
        profile: order.profile.clone(),
        store: Arc::new(store),
        clock: order.clock.clone(),
        simulator: simulator.as_ref().map(Simulator::base_url),
        capacity: Capacity::default(),
    });
    let ending = match daemon.load().await {
        Ok(_) => follow(&daemon, order, signals).await,
        Err(error) => Err(Problem::failed(error)),
    };
    daemon.stop(PATIENCE).await;
    if let Some(simulator) = simulator {
        simulator.stop().await;
    }
    ending
}

async fn follow(daemon: &Daemon, order: &Order, signals: &mut Signals) -> Result<Ending, Problem> {
    let engine = daemon.engine();
    let mut happenings = engine.watch();
    let (inputs, event) = (order.inputs.clone(), order.event.clone());
    let started = match &order.part {
        Some(part) => daemon.start_part(&order.workflow, part, inputs, event, None).await,
        None => daemon.start_run(&order.workflow, inputs, event, None).await,
    };
    let mut ticket = started.map_err(not_started)?;
    let mut progress = Progress::default();
    let mut questions = Questions::default();
    let mut stopped = None;
    let mut deadline = std::pin::pin!(async {
        match order.timeout {
            Some(timeout) => order.clock.sleep(timeout).await,
            None => pending().await,
        }
    });
    let mut is_late = false;
    loop {
        tokio::select! {
            // What happened comes before that it ended.
            biased;
            happening = happenings.recv() => match happening {
                Ok(happening) if happening.run == ticket.run => {
                    progress.show(&happening.what);
                    if let Happened::Recorded(entries) = &happening.what {
                        questions.notice(ticket.run, entries);
                    }
                }
                // Of a run that goes faster than the terminal some lines are lost, nothing else.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            _ = ticket.finished() => break,
            answer = questions.answer() => ask::give(engine, ticket.run, answer).await,
            exit = signals.end() => match stopped.replace(exit) {
                Some(_) => exit.at_once(),
                None => ask_to_end(engine, ticket.run, by(exit)),
            },
            () = &mut deadline, if !is_late => {
                is_late = true;
                ask_to_end(engine, ticket.run, "--timeout");
            }
        }
    }
    while let Ok(happening) = happenings.try_recv() {
        if happening.run == ticket.run {
            progress.show(&happening.what);
        }
    }
    ticket_end(daemon, &mut ticket, stopped).await
}

/// The run as it is kept, which is what counts.
async fn ticket_end(daemon: &Daemon, ticket: &mut Ticket, stopped: Option<Exit>) -> Result<Ending, Problem> {
    if ticket.accepted().await.map_err(Problem::failed)? == Kept::Skipped {
        return Err(skipped());
    }
    let unread = |error: StoreError| Problem::failed(error);
    let state = state(daemon, ticket.run).await?;
    let output = match &state.output {
        Some(output) => daemon.store().fetch(output.clone()).await.map_err(unread)?,
        None => Arc::new(Json::Null),
    };
    let blobs = Blobs::fetch(&**daemon.store(), &state).await;
    let mut outcome = views::outcome(&state, &blobs);
    // Whoever asked for the run gets its output, however large.
    outcome["output"] = Json::clone(&output);
    Ok(Ending { state, output, outcome, stopped })
}

async fn state(daemon: &Daemon, run: RunId) -> Result<RunState, Problem> {
    let entries = daemon.store().load(run).await.map_err(Problem::failed)?;
    RunState::fold(run, &entries.unwrap_or_default()).map_err(Problem::failed)
}

fn by(exit: Exit) -> &'static str {
    match exit {
        Exit::Interrupted => "Ctrl-C",
        _ => "SIGTERM",
    }
}

/// Asks a run to end, without waiting for that: a second Ctrl-C is heard in the meantime.
fn ask_to_end(engine: &Engine, run: RunId, by: &'static str) {
    let engine = engine.clone();
    tokio::spawn(async move {
        if let Err(error) = engine.cancel(run, by).await {
            tracing::warn!(%run, %error, "the run could not be asked to end");
        }
    });
}

fn not_started(error: StartError) -> Problem {
    match error {
        StartError::Refused(_) | StartError::Part(PartError::Store(_)) => Problem::failed(error),
        StartError::Part(_) => Problem::invalid(error),
        StartError::Broken { name, error } => {
            Problem::invalid(format!("the workflow `{name}` cannot be run here:\n{error}"))
        }
        StartError::NeedsEvent => Problem::invalid(error).with_help("give one with `--event FILE`"),
        StartError::UnknownWorkflow { .. } | StartError::Inputs(_) => {
            Problem::invalid(error).with_help("`-i NAME=VALUE` gives an input, `--inputs FILE` all of them")
        }
    }
}
