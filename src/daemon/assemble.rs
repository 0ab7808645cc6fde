//! What everything of one generation is bound with: the configuration, the secrets, the kinds.

use std::collections::BTreeSet;
use std::path::Path;

use crate::check::{self, Setting};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::diagnostic::Diagnostics;
use crate::plan::Binding;
use crate::registry::{self, Registry};
use crate::secret::Secrets;
use crate::syntax::sources::Sources;
use crate::template::Scope;

/// The configuration as it was read, before anything of it is bound.
pub struct Configured {
    /// What `howdah.yaml` says.
    pub config: Config,
    /// The names under `vars`.
    pub names: Vec<Setting>,
    /// `vars` of the workspace.
    pub settings: Scope,
}

/// Reads the configuration of a snapshot.
///
/// # Errors
/// When the profile has no file: a sentence.
pub fn configure(
    sources: &Sources,
    profile: Option<&str>,
    diagnostics: &mut Diagnostics,
) -> Result<Configured, String> {
    let config = Config::read(sources, profile, diagnostics).map_err(|error| error.to_string())?;
    let vars = config.vars.iter().map(|(name, node)| (name, &node.value));
    let (names, settings) = check::settings(vars, diagnostics);
    Ok(Configured { config, names, settings })
}

/// Everything that workflows of one generation are bound with.
pub struct Assembled {
    /// What `howdah.yaml` says.
    pub config: Config,
    /// The names under `vars`.
    pub names: Vec<Setting>,
    /// `vars` of the workspace.
    pub settings: Scope,
    /// The secrets that are read and set.
    pub secrets: Secrets,
    /// The kinds.
    pub registry: Registry,
}

/// Where a workspace is bound.
pub struct Place<'a> {
    /// The workspace's folder.
    pub workspace: &'a Path,
    /// The clock for all waiting.
    pub clock: &'a SharedClock,
    /// A simulator's base URL, instead of every provider's own.
    pub simulator: Option<&'a str>,
    /// Where secrets come from.
    pub environment: &'a Environment,
}

/// Binds the kinds to this machine; `needed` are the secrets that workflows read.
pub fn assemble(
    configured: Configured,
    needed: &BTreeSet<String>,
    place: &Place<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Assembled> {
    let Configured { config, names, settings } = configured;
    let own = registry::secret_names(&config);
    let secrets = place.environment.secrets_for(needed.iter().chain(&own).map(String::as_str));
    let services = registry::Services {
        config: &config,
        settings: &settings,
        secrets: secrets.clone(),
        workspace: place.workspace,
        clock: place.clock.clone(),
        simulator: place.simulator,
    };
    let registry = registry::bind(&services, diagnostics)?;
    Some(Assembled { config, names, settings, secrets, registry })
}

impl Assembled {
    /// What a workflow is planned with.
    pub fn binding(&self) -> Binding<'_> {
        Binding { kinds: &self.registry, settings: &self.settings, secrets: &self.secrets }
    }
}
