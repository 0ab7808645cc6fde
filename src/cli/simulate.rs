//! `howdah simulate`: the built-in model server on its own, for other programs and for load tests.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::cli::block_on;
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, DIM, GOOD, NAME};
use crate::cli::signals::Signals;
use crate::clock::SystemClock;
use crate::secret::Secret;
use crate::simulator::{Chance, ErrorRule, Options, Simulator};
use crate::units::parse_duration;

/// What `howdah simulate` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah simulate                                  answers at once, on 127.0.0.1:7880
  howdah simulate --latency 800ms --speed 60       as slow as a real model
  howdah simulate --error 429=0.1 --error 500=0.02 --hang 0.01

A line in a prompt that starts with `sim:` says what to answer: `sim: say \"yes\"`, `sim: json {\"a\": 1}`,
`sim: error 429 times 2`, `sim: hang`, `sim: cut`, `sim: tokens 500`.
")]
pub struct SimulateArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7880")]
    listen: SocketAddr,
    /// The wait before the first byte of an answer, like `800ms`.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    latency: Duration,
    /// Tokens a second; without it all at once.
    #[arg(long, value_name = "TOKENS")]
    speed: Option<NonZeroU32>,
    /// Answer a share of the requests with an error; may be given several times.
    #[arg(long, value_name = "STATUS=SHARE")]
    error: Vec<ErrorRule>,
    /// Never answer a share of the requests.
    #[arg(long, value_name = "SHARE", default_value = "0")]
    hang: Chance,
    /// Another seed gives other answers and other faults.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// The key that clients must send.
    #[arg(long, value_name = "KEY", env = "HOWDAH_SIMULATOR_KEY", hide_env_values = true)]
    key: Option<String>,
    /// A model to list; may be given several times. Requests may name any other.
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
}

/// Runs the simulator until it is interrupted.
///
/// # Errors
/// When the address cannot be listened on.
pub fn run(args: &SimulateArgs) -> Result<Exit, Problem> {
    block_on(async {
        let mut signals = Signals::listen()?;
        let simulator =
            Simulator::start(options(args), CancellationToken::new()).await.map_err(Problem::invalid)?;
        let url = simulator.base_url();
        let key = args.key.as_ref().map_or("", |_| ", api_key: \"{{secrets.SIMULATOR_KEY}}\"");
        screen::print(&format!(
            "{GOOD}the simulator answers{GOOD:#} at {NAME}{url}{NAME:#}\n\n\
             to use it, put this into howdah.yaml:\n\n  providers:\n    simulator: {{ base_url: \"{url}\"{key} }}\n\n\
             and name models as `simulator/ANY`. {DIM}Ctrl-C ends it.{DIM:#}\n"
        ))?;
        signals.end().await;
        let requests = simulator.requests();
        simulator.stop().await;
        screen::note(&format!("{DIM}it answered {} requests{DIM:#}\n", requests));
        Ok(Exit::Done)
    })
}

fn options(args: &SimulateArgs) -> Options {
    Options {
        listen: args.listen,
        models: args.model.clone(),
        key: args.key.clone().map(Secret::new),
        seed: args.seed,
        latency: args.latency,
        speed: args.speed,
        errors: args.error.clone(),
        hang: args.hang,
        ..Options::new(SystemClock::shared())
    }
}
