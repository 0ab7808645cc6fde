//! Where the engine finds plans: the definitions that runs were started with, planned again when a run
//! is taken up, and those in force.
//!
//! Such a definition may read secrets that no file names any more: it is bound with those too, and
//! they are made known for redaction before anything runs with them.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, ArcSwapOption};
use futures_util::future::BoxFuture;

use crate::check::{self, Prompts};
use crate::clock::SharedClock;
use crate::component::Kinds;
use crate::config::environment::Environment;
use crate::diagnostic::{Diagnostics, did_you_mean};
use crate::engine::{Definitions, lock};
use crate::ids::Digest;
use crate::journal::SharedStore;
use crate::plan::{self, Bundle, Plan};
use crate::secret::Known;
use crate::syntax::sources::SourceKind;

use super::assemble::{Assembled, Configured, Place, assemble};
use super::catalog::Catalog;

/// How many plans of older definitions are kept ready.
const KEPT: usize = 256;

/// Finds plans by the digest of their bundle.
pub(super) struct Pinned {
    store: SharedStore,
    known: Arc<Known>,
    bench: Bench,
    /// The generation in force.
    catalog: Arc<ArcSwap<Catalog>>,
    /// What the newest generation is bound with.
    assembled: ArcSwapOption<Assembled>,
    plans: Mutex<HashMap<Digest, Arc<Plan>>>,
    /// Held while a plan is made, so that none is made twice.
    widened: tokio::sync::Mutex<Option<Widened>>,
}

/// What plans are made with, beside what they are bound with.
#[derive(Clone)]
pub(super) struct Bench {
    /// What is known of the kinds.
    pub kinds: Kinds,
    /// The workspace's folder.
    pub workspace: PathBuf,
    /// The clock for all waiting.
    pub clock: SharedClock,
    /// A simulator's base URL, instead of every provider's own.
    pub simulator: Option<String>,
}

/// A generation's binding with more secrets than its files name.
#[derive(Clone)]
struct Widened {
    /// What it was made from.
    base: Arc<Assembled>,
    /// The secrets that were looked for besides, set or not.
    looked_for: BTreeSet<String>,
    assembled: Arc<Assembled>,
}

impl Pinned {
    pub fn new(store: SharedStore, known: Arc<Known>, bench: Bench, catalog: Arc<ArcSwap<Catalog>>) -> Self {
        Self {
            store,
            known,
            bench,
            catalog,
            assembled: ArcSwapOption::empty(),
            plans: Mutex::default(),
            widened: tokio::sync::Mutex::default(),
        }
    }

    /// Binds with this from now on.
    pub fn bind(&self, assembled: Arc<Assembled>) {
        let last = self.assembled.swap(Some(assembled.clone()));
        if last.is_none_or(|last| !Arc::ptr_eq(&last, &assembled)) {
            lock(&self.plans).clear();
        }
    }

    async fn find(&self, digest: Digest) -> Result<Arc<Plan>, String> {
        let mut widened = self.widened.lock().await;
        let known = lock(&self.plans).get(&digest).cloned();
        if let Some(plan) = known {
            return Ok(plan);
        }
        let bytes = self.store.bundle(digest).await.map_err(|error| error.to_string())?;
        let bytes = bytes.ok_or("the definition it started with is not in the journal")?;
        let base = self.assembled.load_full().ok_or("the configuration has errors")?;
        let current = widened.take().filter(|current| Arc::ptr_eq(&current.base, &base));
        let current = current.unwrap_or_else(|| Widened {
            base: base.clone(),
            looked_for: BTreeSet::new(),
            assembled: base,
        });
        let bench = self.bench.clone();
        let made = tokio::task::spawn_blocking(move || bench.compile(digest, &bytes, current)).await;
        let (plan, current) = made.map_err(|error| error.to_string())??;
        self.known.learn(&current.assembled.secrets);
        *widened = Some(current);
        let mut plans = lock(&self.plans);
        if plans.len() >= KEPT {
            plans.clear();
        }
        plans.insert(digest, plan.clone());
        Ok(plan)
    }
}

impl Bench {
    /// Plans a definition, and gives what it is bound with. Blocking.
    fn compile(&self, digest: Digest, bytes: &[u8], with: Widened) -> Result<(Arc<Plan>, Widened), String> {
        let bundle = Bundle::decode(bytes).map_err(|error| error.to_string())?;
        let (sources, file) = bundle.sources().map_err(|error| error.to_string())?;
        let mut diagnostics = Diagnostics::new();
        let prompts =
            sources.files().filter(|(_, file)| SourceKind::of(&file.path) == Some(SourceKind::Prompt));
        let prompts = Prompts::read(prompts, [], &self.kinds, &mut diagnostics);
        // Which workflows there are to call is looked up when one is called.
        let world = check::World {
            kinds: &self.kinds,
            settings: &with.base.names,
            prompts: &prompts,
            signatures: None,
        };
        let workflow = check::read(&sources, file, &self.kinds).check(&world, &mut diagnostics).workflow;
        let with = match &workflow {
            Some(workflow) => {
                let names = workflow.secrets.iter().map(|(name, _)| name.to_string()).collect();
                self.widen(with, names, &mut diagnostics)
            }
            None => with,
        };
        let binding = with.assembled.binding();
        let plan = workflow.and_then(|workflow| plan::plan(&workflow, digest, &binding, &mut diagnostics));
        match plan {
            Some(plan) => Ok((Arc::new(plan), with)),
            None => {
                let first = diagnostics.iter().find(|diagnostic| diagnostic.is_error());
                let why = first.map_or_else(String::new, |diagnostic| format!(": {}", diagnostic.message));
                Err(format!("the definition it started with can no longer be run here{why}"))
            }
        }
    }

    /// Binds anew where a secret is missing that was not looked for yet.
    fn widen(&self, with: Widened, names: BTreeSet<String>, diagnostics: &mut Diagnostics) -> Widened {
        let is_there =
            |name: &String| with.looked_for.contains(name) || with.assembled.secrets.get(name).is_some();
        if names.iter().all(is_there) {
            return with;
        }
        let (environment, _) = Environment::read(&self.workspace);
        let place = Place {
            workspace: &self.workspace,
            clock: &self.clock,
            simulator: self.simulator.as_deref(),
            environment: &environment,
        };
        let Widened { base, mut looked_for, assembled } = with;
        looked_for.extend(names);
        let own = base.secrets.names().map(str::to_owned);
        let needed = own.chain(looked_for.iter().cloned()).collect();
        let configured = Configured {
            config: base.config.clone(),
            names: base.names.clone(),
            settings: base.settings.clone(),
        };
        let wider = assemble(configured, &needed, &place, diagnostics);
        Widened { assembled: wider.map_or(assembled, Arc::new), base, looked_for }
    }
}

impl Definitions for Pinned {
    fn definition(&self, digest: Digest) -> BoxFuture<'_, Result<Arc<Plan>, String>> {
        Box::pin(self.find(digest))
    }

    fn current(&self, workflow: &str) -> Result<Arc<Plan>, String> {
        let catalog = self.catalog.load();
        match catalog.workflow(workflow).map(|listed| listed.plan.clone()) {
            Some(Some(plan)) => Ok(plan),
            Some(None) => Err(format!("the workflow `{workflow}` has errors; `howdah check` shows them")),
            None => {
                let names: Vec<_> = catalog.workflows.iter().map(|listed| &*listed.name).collect();
                let help = did_you_mean(workflow, names).map(|help| format!(" ({help})"));
                Err(format!("there is no workflow `{workflow}`{}", help.unwrap_or_default()))
            }
        }
    }
}
