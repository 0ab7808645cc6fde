//! What tests run on: the checked workflows of a workspace, an engine that forgets, and kinds that are
//! on a stage.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};

use crate::check::Workflow;
use crate::clock::SharedClock;
use crate::component::{Action, Arguments, Attempt, Effect, Kinds, StepFuture};
use crate::config::Config;
use crate::diagnostic::Diagnostics;
use crate::engine::{self, Capacity, Definitions, Engine};
use crate::ids::Digest;
use crate::journal::SharedStore;
use crate::journal::memory::MemoryStore;
use crate::plan::flow::{Body, OnError, StepList};
use crate::plan::{self, Binding, Bound, Plan};
use crate::registry;
use crate::secret::{Known, Secrets};
use crate::template::Scope;

use super::mock::Mock;
use super::outline::called;
use super::scratch::{Scratch, confined};
use super::stage::{Stage, StagedKinds};

/// Where models are that nobody may ask.
const NOWHERE: &str = "http://127.0.0.1:9/v1";

/// A workflow that can be tested.
pub struct Definition {
    /// What it is.
    pub workflow: Workflow,
    /// Of its bundle.
    pub digest: Digest,
    /// Its files, as they are pinned.
    pub bundle: Vec<u8>,
}

/// What tests run on.
pub struct Ground {
    /// The workspace's folder.
    pub workspace: PathBuf,
    /// What `howdah.yaml` says.
    pub config: Config,
    /// What `vars` of the workspace hold.
    pub settings: Scope,
    /// The declarations of all kinds.
    pub kinds: Kinds,
    /// The workflows without errors.
    pub definitions: Vec<Definition>,
    /// The secrets that are set: used only where models are asked.
    pub secrets: Secrets,
    /// A simulator's base URL, in place of every provider's own.
    pub simulator: Option<String>,
}

/// Whether models and servers can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// They cannot: there is no secret, and no model has an address.
    Nothing,
    /// They can.
    World,
}

/// An engine that is ready for one run.
pub(super) struct Bench {
    pub engine: Engine,
    pub store: SharedStore,
    pub plan: Arc<Plan>,
    /// What has to be kept before the run.
    pub bundles: Vec<(Digest, Vec<u8>)>,
}

impl Ground {
    /// The workflow of this name.
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        self.definitions.iter().find(|one| *one.workflow.name == *name)
    }

    /// Makes everything ready for a run of this workflow. Blocking.
    ///
    /// # Errors
    /// When something cannot be bound: a sentence.
    pub(super) fn bench(
        &self,
        name: &str,
        stage: &Arc<Stage>,
        scratch: Option<&Scratch>,
        clock: &SharedClock,
        reach: Reach,
    ) -> Result<Bench, String> {
        let mut found = Diagnostics::new();
        let secrets = match reach {
            Reach::Nothing => Secrets::default(),
            Reach::World => self.secrets.clone(),
        };
        let config = match scratch {
            Some(_) => confined(&self.config, &self.workspace),
            None => self.config.clone(),
        };
        let services = registry::Services {
            config: &config,
            settings: &self.settings,
            secrets: secrets.clone(),
            workspace: scratch.map_or(&*self.workspace, Scratch::path),
            clock: clock.clone(),
            simulator: match reach {
                Reach::Nothing => Some(NOWHERE),
                Reach::World => self.simulator.as_deref(),
            },
        };
        let registry = registry::bind(&services, &mut found).ok_or_else(|| first(&found))?;
        let mut plans = Plans::default();
        let mut bundles = Vec::new();
        let mut wanted: Vec<Arc<str>> = vec![name.into()];
        while let Some(name) = wanted.pop() {
            let Some(definition) = self.definition(&name).filter(|_| !plans.by_name.contains_key(&name))
            else {
                continue;
            };
            let kinds = StagedKinds { real: &registry, kinds: &self.kinds, stage, workflow: &name };
            let binding = Binding { kinds: &kinds, settings: &self.settings, secrets: &secrets };
            let plan = plan::plan(&definition.workflow, definition.digest, &binding, &mut found);
            let mut plan = plan.ok_or_else(|| first(&found))?;
            for list in [&mut plan.steps, &mut plan.on_failure, &mut plan.finally] {
                stand_in(list, &name, stage);
            }
            let plan = Arc::new(plan);
            plans.by_name.insert(name, plan.clone());
            plans.by_digest.insert(definition.digest, plan);
            bundles.push((definition.digest, definition.bundle.clone()));
            wanted.extend(called(&definition.workflow));
        }
        let plan = plans.current(name)?;
        let store: SharedStore = Arc::new(MemoryStore::new());
        let known = Arc::<Known>::default();
        known.learn(&secrets);
        let engine = Engine::new(engine::Options {
            store: store.clone(),
            clock: clock.clone(),
            secrets: known,
            definitions: Arc::new(plans),
            capacity: Capacity::default(),
        });
        Ok(Bench { engine, store, plan, bundles })
    }
}

fn first(found: &Diagnostics) -> String {
    let first = found.iter().find(|one| one.is_error());
    first.map_or_else(|| "it cannot be bound".to_owned(), |one| one.message.clone())
}

/// The plans of one run.
#[derive(Default)]
struct Plans {
    by_name: HashMap<Arc<str>, Arc<Plan>>,
    by_digest: HashMap<Digest, Arc<Plan>>,
}

impl Definitions for Plans {
    fn definition(&self, digest: Digest) -> BoxFuture<'_, Result<Arc<Plan>, String>> {
        let plan = self.by_digest.get(&digest).cloned();
        Box::pin(ready(plan.ok_or_else(|| "the definition is not part of the test".to_owned())))
    }

    fn current(&self, workflow: &str) -> Result<Arc<Plan>, String> {
        let plan = self.by_name.get(workflow).cloned();
        plan.ok_or_else(|| format!("there is no workflow `{workflow}` without errors"))
    }
}

/// Puts what stands in for them in the place of steps that call other workflows.
fn stand_in(list: &mut StepList<Bound>, workflow: &Arc<str>, stage: &Arc<Stage>) {
    for step in &mut list.steps {
        let mock = step.settings.id.as_ref().and_then(|id| stage.mock(workflow, id)).cloned();
        match &mut step.body {
            Body::Call(_) => {
                if let Some(mock) = mock {
                    let (action, arguments) = (Arc::new(StandIn { mock }), Arguments::default());
                    step.body = Body::Action(Bound { kind: "call", action, arguments, effect: Effect::None });
                }
            }
            Body::Action(_) => {}
            Body::Approve { notify, .. } => stand_in(notify, workflow, stage),
            Body::Group { steps, otherwise } => {
                stand_in(steps, workflow, stage);
                otherwise.iter_mut().for_each(|list| stand_in(list, workflow, stage));
            }
            Body::Parallel(steps) => stand_in(steps, workflow, stage),
            Body::Foreach(each) => stand_in(&mut each.steps, workflow, stage),
            Body::Repeat(repeat) => stand_in(&mut repeat.steps, workflow, stage),
            Body::Switch { cases, default, .. } => {
                cases.iter_mut().for_each(|(_, list)| stand_in(list, workflow, stage));
                default.iter_mut().for_each(|list| stand_in(list, workflow, stage));
            }
        }
        if let OnError::Handle(list) = &mut step.on_error {
            stand_in(list, workflow, stage);
        }
    }
}

/// What a mock says, in place of a whole workflow.
struct StandIn {
    mock: Mock,
}

impl Action for StandIn {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let key = attempt.context.key();
            let path = key.split_once('/').map_or(key, |(_, path)| path);
            self.mock.answer(path, attempt.context.attempt())
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::None
    }
}
