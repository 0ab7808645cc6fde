//! `howdah serve`: the daemon, from taking the state folder to leaving it in order.
//!
//! The order matters: the lock before anything is read, the listeners before the first load, so that
//! whoever asks early is told to wait, and the addresses only while there is somebody behind them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;

use crate::cli::addresses::Addresses;
use crate::cli::exit::Exit;
use crate::cli::logs::{self, LogFormat};
use crate::cli::problem::Problem;
use crate::cli::signals::{Asked, Signals};
use crate::cli::{block_on, place, prepare, screen};
use crate::clock::{SharedClock, SystemClock};
use crate::config::environment::Environment;
use crate::config::workspace::Workspace;
use crate::daemon::{self, Daemon, PATIENCE};
use crate::diagnostic::Spanned;
use crate::engine::Capacity;
use crate::journal::lock::{LockError, StateLock};
use crate::journal::sqlite::SqliteStore;
use crate::server::{self, Limits, Server};
use crate::simulator::{self, Simulator};

/// Where the administration listens when nobody says otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7878);

/// Where webhooks are taken when nobody says otherwise.
const HOOKS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7879);

/// What `howdah serve` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah serve                                   the workspace around this folder
  howdah serve automations --log-format json
  howdah serve --listen 127.0.0.1:0 --hooks 127.0.0.1:0   any free ports; the real ones are printed
  howdah serve --simulate                        without a key: the built-in simulator is the model
  HOWDAH_LOG=debug howdah serve                  with more in the log

Signals: SIGTERM and Ctrl-C end it once the steps under way are done, a second one at once; SIGHUP
reloads. Addresses other than 127.0.0.1 need a token in the secret HOWDAH_TOKEN.
")]
pub struct ServeArgs {
    /// The workspace; the one around this folder when it is not named.
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where to listen for administration; port 0 takes a free one [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where to listen for webhooks; port 0 takes a free one [default: 127.0.0.1:7879]
    #[arg(long, value_name = "ADDRESS")]
    hooks: Option<SocketAddr>,
    /// Lay `howdah.NAME.yaml` over `howdah.yaml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Ask the built-in simulator instead of any model: no key is needed and nothing is spent; costs are
    /// shown as they would be.
    #[arg(long)]
    simulate: bool,
    /// How the log on standard error is written.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    log_format: LogFormat,
}

/// Serves until a signal ends it.
///
/// # Errors
/// When it cannot start.
pub fn run(args: &ServeArgs) -> Result<Exit, Problem> {
    let clock = SystemClock::shared();
    let workspace = place::workspace(args.dir.as_deref())?;
    logs::start(&workspace.root, args.log_format, "info", clock.clone())?;
    let lock = StateLock::acquire(&workspace.state_dir).map_err(|error| match error {
        LockError::Held { .. } => Problem::invalid(error),
        LockError::NotWritable { .. } => Problem::failed(error),
    })?;
    raise_descriptor_limit();
    let (_, configured) = prepare::configuration(&workspace.root, args.profile.as_deref())?;
    let set = |address: Option<Spanned<SocketAddr>>| address.map(|address| address.value);
    let (environment, _) = Environment::read(&workspace.root);
    let listeners = server::Options {
        listen: args.listen.or(set(configured.config.server.listen)).unwrap_or(LISTEN),
        hooks: args.hooks.or(set(configured.config.server.hooks)).unwrap_or(HOOKS),
        hosts: configured.config.server.url.iter().filter_map(|url| host(&url.value)).collect(),
        url: configured.config.server.url.as_ref().map(|url| url.value.to_string()),
        token: environment.secret(place::TOKEN).map(|(token, _)| token),
        limits: Limits::default(),
    };
    let store = SqliteStore::open(lock, clock.clone()).map_err(Problem::failed)?;
    block_on(async {
        let simulator = match args.simulate {
            false => None,
            true => Some(simulate(clock.clone()).await?),
        };
        let daemon = Daemon::new(daemon::Options {
            workspace: workspace.root.clone(),
            profile: args.profile.clone(),
            store: Arc::new(store),
            clock,
            simulator: simulator.as_ref().map(Simulator::base_url),
            capacity: Capacity::default(),
        });
        let exit = live(&workspace, &daemon, listeners).await;
        if let Some(simulator) = simulator {
            simulator.stop().await;
        }
        exit
    })
}

/// The host of an address.
fn host(url: &str) -> Option<String> {
    url.parse::<hyper::Uri>().ok()?.host().map(str::to_owned)
}

async fn simulate(clock: SharedClock) -> Result<Simulator, Problem> {
    let simulator = Simulator::start(simulator::Options::new(clock), CancellationToken::new()).await;
    let simulator = simulator.map_err(Problem::failed)?;
    tracing::info!(url = simulator.base_url(), "every model is the simulator");
    Ok(simulator)
}

/// From the first listener to the last.
async fn live(workspace: &Workspace, daemon: &Daemon, listeners: server::Options) -> Result<Exit, Problem> {
    let mut signals = Signals::listen_as_daemon()?;
    let closing = CancellationToken::new();
    let server = match Server::start(daemon.clone(), listeners, closing.clone()) {
        Ok(server) => server,
        Err(error) => {
            daemon.stop(PATIENCE).await;
            return Err(not_listening(error));
        }
    };
    let addresses = Addresses {
        pid: std::process::id(),
        admin: server.admin_addr,
        hooks: server.hooks_addr,
        started: daemon.clock().now(),
    };
    daemon.engine().set_admin_url(format!("http://{}", addresses.admin_from_here()));
    let published = addresses.publish(&workspace.state_dir).map_err(|error| not_published(workspace, &error));
    let outcome = match &published {
        Ok(_) => work(workspace, daemon, &addresses, &mut signals).await,
        Err(_) => Ok(()),
    };
    closing.cancel();
    let stopping = async {
        server.stopped().await;
        daemon.stop(PATIENCE).await
    };
    tokio::select! {
        is_done = stopping => match is_done {
            true => tracing::info!("stopped"),
            false => tracing::warn!("stopped with steps under way; the next start takes their runs up"),
        },
        exit = signals.end() => exit.at_once(),
    }
    drop(published?);
    outcome.map(|()| Exit::Done)
}

/// Starts the daemon and does what signals ask, until one asks for the end.
async fn work(
    workspace: &Workspace,
    daemon: &Daemon,
    addresses: &Addresses,
    signals: &mut Signals,
) -> Result<(), Problem> {
    tokio::select! {
        started = daemon.start() => drop(started.map_err(Problem::failed)?),
        _ = signals.end() => return Ok(()),
    }
    screen::print(&format!(
        "howdah is serving {}\nadministration http://{}\nwebhooks http://{}\n",
        workspace.root.display(),
        addresses.admin,
        addresses.hooks
    ))?;
    loop {
        match signals.next().await {
            Asked::End(_) => {
                tracing::info!("stopping, once the steps under way are done; a second signal stops at once");
                return Ok(());
            }
            Asked::Reload => {
                tracing::info!("reloading, as SIGHUP asks");
                if let Err(error) = daemon.reload().await {
                    tracing::error!("the workspace is not loaded and all stays as it was: {error}");
                }
            }
        }
    }
}

fn not_listening(error: server::StartError) -> Problem {
    let help = match &error {
        server::StartError::NoToken(_) | server::StartError::WeakToken => {
            Some(format!("set the secret `{}` in the environment or in `.env`", place::TOKEN))
        }
        server::StartError::InUse { .. } | server::StartError::Listen { .. } => None,
    };
    let problem = Problem::invalid(error);
    match help {
        Some(help) => problem.with_help(help),
        None => problem,
    }
}

fn not_published(workspace: &Workspace, error: &io::Error) -> Problem {
    Problem::failed(format!(
        "cannot write into the state folder `{}`: {error}",
        workspace.state_dir.display()
    ))
}

/// Takes as many descriptors as the system gives: each run that waits for a server holds one.
fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
}
