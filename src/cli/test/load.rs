//! What can be tested: the workflows and the files of tests of a workspace, read and checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::prepare;
use crate::cli::problem::Problem;
use crate::config::environment::Environment;
use crate::daemon::load::{self, Compiled};
use crate::diagnostic::Diagnostics;
use crate::registry;
use crate::syntax::sources::{SourceKind, Sources};
use crate::trial::{self, Definition, Ground, TestFile, World};

/// The tests of a workspace.
pub struct Loaded {
    /// The files.
    pub sources: Sources,
    /// What is wrong with workflows and tests.
    pub diagnostics: Diagnostics,
    /// What tests run on.
    pub ground: Ground,
    /// The files of tests, in the order of their paths.
    pub files: Vec<Found>,
}

/// A file of tests.
pub struct Found {
    /// Where it lies, below the workspace.
    pub path: PathBuf,
    /// What is in it.
    pub tests: TestFile,
    /// The workflow under test; none when it has errors, or is not there.
    pub workflow: Option<Arc<str>>,
}

/// Reads and checks a workspace. Blocking.
///
/// # Errors
/// When it cannot be read, or its configuration has errors, which are drawn first.
pub fn load(root: &Path, profile: Option<&str>) -> Result<Loaded, Problem> {
    let (sources, configured) = prepare::configuration(root, profile)?;
    let kinds = registry::kinds();
    let mut diagnostics = Diagnostics::new();
    let compiled = load::check(&sources, &kinds, &configured.names, &mut diagnostics);
    let files = check(&sources, &compiled, &mut diagnostics);
    let definitions: Vec<_> = compiled
        .into_iter()
        .filter_map(|one| {
            Some(Definition { workflow: one.workflow?, digest: one.digest, bundle: one.bundle })
        })
        .collect();
    let needed = definitions.iter().flat_map(|one| &one.workflow.secrets).map(|(name, _)| name.to_string());
    let needed: Vec<_> = needed.chain(registry::secret_names(&configured.config)).collect();
    let (environment, _) = Environment::read(root);
    let ground = Ground {
        workspace: root.to_owned(),
        secrets: environment.secrets_for(needed.iter().map(String::as_str)),
        config: configured.config,
        settings: configured.settings,
        kinds,
        definitions,
        simulator: None,
    };
    Ok(Loaded { sources, diagnostics, ground, files })
}

/// Reads the files of tests and checks them against the workflows.
pub fn check(sources: &Sources, compiled: &[Compiled], diagnostics: &mut Diagnostics) -> Vec<Found> {
    let kinds = registry::kinds();
    let world = World {
        workflows: compiled.iter().filter_map(|one| one.workflow.as_ref()).collect(),
        files: sources.files(SourceKind::Workflow).map(|(_, source)| &*source.path).collect(),
        kinds: &kinds,
    };
    let mut found = Vec::new();
    for (file, source) in sources.files(SourceKind::Test) {
        let tests = trial::read(file, source, diagnostics);
        trial::check(&tests, &source.path, &world, diagnostics);
        let subject = world.subject(&tests, &source.path);
        found.push(Found {
            path: source.path.clone(),
            workflow: subject.map(|workflow| workflow.name.clone()),
            tests,
        });
    }
    found
}
