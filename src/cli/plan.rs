//! `howdah plan`: what a run would do and cost.
//!
//! What that is, is decided in [`forecast`]; here the workflow is found and bound to this
//! machine, and the forecast printed. `howdah run --dry-run` is the same with answers that are made up.
//! Nothing is written, nothing is sent, and the state folder is not touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::run::choice::{self, Choice};
use crate::cli::run::inputs;
use crate::cli::{block_on, prepare, screen};
use crate::clock::SystemClock;
use crate::config::environment::Environment;
use crate::daemon::{self, Place, load};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::forecast::{self, Answers, Forecast, Given, Setting};
use crate::plan::Plan;
use crate::registry;
use crate::secret::Secrets;

/// What `howdah plan` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah plan triage -i ticket='It is down'    each prompt as it would be sent, what it costs
  howdah plan triage                           without inputs: what they decide is left open
  howdah plan daily-brief --json | jq .totals

What a step reads and computes is done, as it has no effect. What a model or a server would answer is
not known: it is written like ‹steps.label.output›, and what depends on it is shown as possible. Tokens
are estimated; at most means the dearest model of the chain with the longest answers, each answered at
its first attempt.

Exit codes: 0 done; 2 there is no such workflow, it has errors, or the inputs are not right.
")]
pub struct PlanArgs {
    /// The workflow: its name, or the path of its file.
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    /// An input. One that is not given is not known.
    #[arg(short, long = "input", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    input: Vec<(String, String)>,
    /// A JSON or YAML file with inputs as a map; `-` reads standard input. `-i` goes over it.
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// A JSON or YAML file with what `event` is; `-` reads standard input. Without it, it is not known.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Lay `howdah.NAME.yaml` over `howdah.yaml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Shows what a run would do.
///
/// # Errors
/// When the workflow or what is given is not right.
pub fn run(args: &PlanArgs) -> Result<Exit, Problem> {
    let choice = choice::find(&args.workflow, args.dir.as_deref(), args.profile.as_deref())?;
    let given = inputs::gather(&choice.workflow.inputs, args.inputs.as_deref(), &args.input)?;
    let event = args.event.as_deref().map(inputs::document).transpose()?;
    let bound = Bound::of(choice)?;
    let inputs = bound.plan.known_inputs(given).map_err(|errors| {
        Problem::invalid(errors).with_help("`-i NAME=VALUE` gives an input, `--inputs FILE` several")
    })?;
    let given = Given { inputs, event: event.map(Arc::new) };
    let forecast = bound.forecast(given, Answers::Unknown)?;
    bound.print(&forecast, if args.json { Form::Json } else { Form::Text })?;
    Ok(Exit::Done)
}

/// How a forecast is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// A workflow that is bound to this machine, with those that it may call.
pub struct Bound {
    /// What it does.
    pub plan: Arc<Plan>,
    workflows: BTreeMap<Arc<str>, Arc<Plan>>,
    secrets: Secrets,
    /// The secrets of the providers.
    credentials: Vec<String>,
}

impl Bound {
    /// Binds all workflows without errors, and takes the one that was chosen. Blocking.
    ///
    /// # Errors
    /// When this machine lacks something for it; that is drawn first.
    pub fn of(choice: Choice) -> Result<Self, Problem> {
        let Choice { workspace, workflow, sources, compiled, configured } = choice;
        let (environment, _) = Environment::read(&workspace.root);
        let clock = SystemClock::shared();
        let place =
            Place { workspace: &workspace.root, clock: &clock, simulator: None, environment: &environment };
        let checked: Vec<_> =
            compiled.iter().filter_map(|one| Some((one.workflow.as_ref()?, one.digest))).collect();
        let needed: BTreeSet<_> =
            checked.iter().flat_map(|(one, _)| &one.secrets).map(|(name, _)| name.to_string()).collect();
        let credentials = registry::secret_names(&configured.config);
        let mut diagnostics = Diagnostics::new();
        let assembled = daemon::assemble(configured, &needed, &place, &mut diagnostics);
        let mut workflows = BTreeMap::new();
        if let Some(assembled) = &assembled {
            let binding = assembled.binding();
            for (one, digest) in checked {
                // What another workflow lacks is told when it is asked about.
                let mut own = Diagnostics::new();
                if let Some(planned) = load::plan(one, digest, &binding, &mut own) {
                    workflows.insert(one.name.clone(), planned.plan);
                }
                if one.name == workflow.name {
                    diagnostics.extend(own);
                }
            }
        }
        match (workflows.get(&workflow.name).cloned(), assembled) {
            (Some(plan), Some(assembled)) => {
                Ok(Self { plan, workflows, secrets: assembled.secrets.clone(), credentials })
            }
            _ => {
                let errors: Vec<_> = diagnostics.sorted().into_iter().filter(Diagnostic::is_error).collect();
                prepare::show(&errors, sources.map());
                Err(Problem::invalid(format!("`{}` cannot be run here", workflow.name)))
            }
        }
    }

    /// What a run would do.
    ///
    /// # Errors
    /// When threads cannot be started.
    pub fn forecast(&self, given: Given, answers: Answers) -> Result<Forecast, Problem> {
        let kinds = registry::kinds();
        let setting =
            Setting { clock: SystemClock::shared(), kinds: &kinds, workflows: &self.workflows, answers };
        block_on(async { Ok(forecast::forecast(&self.plan, given, &setting).await) })
    }

    /// Prints a forecast, without anything that must not be shown.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, forecast: &Forecast, form: Form) -> Result<(), Problem> {
        let asks_models = forecast.sums.calls.most != Some(0);
        let own = self.plan.secrets.iter().map(|name| &**name);
        let credentials = self.credentials.iter().map(String::as_str).filter(|_| asks_models);
        let names: BTreeSet<_> = own.chain(credentials).collect();
        let secrets = names.into_iter().map(|name| (name, self.secrets.get(name).is_some()));
        match form {
            Form::Json => {
                let mut json = forecast::json(forecast);
                let secrets = secrets.map(|(name, is_set)| json!({ "name": name, "set": is_set }));
                json["totals"]["secrets"] = secrets.collect::<Vec<_>>().into();
                self.secrets.redact_json(&mut json);
                screen::print_json(&json)
            }
            Form::Text => {
                let mut text = forecast::text(forecast);
                for (name, is_set) in secrets {
                    let is_set = if is_set { "set" } else { "not set" };
                    text.push_str(&format!("  secret   {name}, {is_set}\n"));
                }
                screen::print(&screen::tame(&self.secrets.redact(&text)))
            }
        }
    }
}
