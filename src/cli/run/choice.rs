//! Which workflow is meant, and what it asks for: found in the files, as they are now.

use std::path::{Path, PathBuf};

use crate::check::Workflow;
use crate::cli::problem::Problem;
use crate::cli::{place, prepare};
use crate::config::workspace::Workspace;
use crate::daemon::Configured;
use crate::daemon::load::{self, Compiled};
use crate::diagnostic::{Diagnostics, did_you_mean};
use crate::registry;
use crate::syntax::sources::{SourceKind, Sources};

/// A workflow that has no errors.
pub struct Choice {
    /// Where it lies.
    pub workspace: Workspace,
    /// What it is.
    pub workflow: Workflow,
    /// Every file of the workspace as it is now.
    pub sources: Sources,
    /// All workflows, those with errors included.
    pub compiled: Vec<Compiled>,
    /// What they are bound with.
    pub configured: Configured,
}

/// Finds the workflow of this name, or in this file. Blocking.
///
/// # Errors
/// When there is none, or it has errors; these are drawn first.
pub fn find(wanted: &str, dir: Option<&Path>, profile: Option<&str>) -> Result<Choice, Problem> {
    let file = is_path(wanted).then(|| real(wanted)).transpose()?;
    let workspace = match (&file, dir) {
        (Some(file), None) => {
            place::around(file.parent().unwrap_or(file)).map_err(|_| not_in_workspace(wanted))?
        }
        _ => place::workspace(dir)?,
    };
    let relative = file.as_deref().map(|file| file.strip_prefix(&workspace.root).unwrap_or(file));
    if relative.is_some_and(|path| SourceKind::of(path) != Some(SourceKind::Workflow)) {
        return Err(not_in_workspace(wanted));
    }
    let (sources, configured) = prepare::configuration(&workspace.root, profile)?;
    let mut diagnostics = Diagnostics::new();
    let compiled = load::check(&sources, &registry::kinds(), &configured.names, &mut diagnostics);
    let checked = compiled.iter().filter_map(|one| Some((one, one.workflow.as_ref()?)));
    let found = checked.clone().find(|(one, workflow)| match relative {
        Some(path) => one.path == path,
        None => *workflow.name == *wanted,
    });
    if let Some((_, workflow)) = found {
        return Ok(Choice { workflow: workflow.clone(), workspace, sources, compiled, configured });
    }
    // A file with errors is known by its path, and else by its stem.
    let files = sources.files(SourceKind::Workflow).chain(sources.unreadable(SourceKind::Workflow));
    let broken = files.into_iter().find(|(_, file)| match relative {
        Some(path) => file.path == path,
        None => file.path.file_stem().is_some_and(|stem| stem == wanted),
    });
    match broken {
        Some((file, _)) => {
            let uses = compiled.iter().find(|one| one.file == file).map_or(&[][..], |one| &one.uses);
            let own = diagnostics
                .sorted()
                .into_iter()
                .filter(|found| found.primary.span.file == file || uses.contains(&found.primary.span.file))
                .collect::<Vec<_>>();
            prepare::show(&own, sources.map());
            Err(Problem::invalid(format!("`{wanted}` cannot be run, as it has errors")))
        }
        None => {
            let names: Vec<_> = checked.map(|(_, workflow)| &*workflow.name).collect();
            let help = match (did_you_mean(wanted, names.iter().copied()), names.is_empty()) {
                (Some(help), _) => help,
                (None, true) => "the workspace has no workflows: make `workflows/NAME.yaml`".to_owned(),
                (None, false) => format!("there are `{}`", names.join("`, `")),
            };
            Err(Problem::invalid(format!("there is no workflow `{wanted}`")).with_help(help))
        }
    }
}

/// Whether a path is meant, and not a name.
fn is_path(wanted: &str) -> bool {
    wanted.contains('/') || wanted.ends_with(".yaml") || wanted.ends_with(".yml")
}

fn real(wanted: &str) -> Result<PathBuf, Problem> {
    Path::new(wanted)
        .canonicalize()
        .map_err(|error| Problem::invalid(format!("cannot read `{wanted}`: {error}")))
}

fn not_in_workspace(wanted: &str) -> Problem {
    Problem::invalid(format!("`{wanted}` does not lie in the `workflows` folder of a workspace")).with_help(
        "move it there, or make a workspace with `howdah init`; `howdah check` takes it where it is",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    fn workspace() -> tempfile::TempDir {
        // A hidden folder, as the default is, would be nobody's workspace.
        let folder = tempfile::Builder::new().prefix("workspace").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("workflows")).unwrap();
        let step = "steps:\n  - id: a\n    set: { x: 1 }\n";
        std::fs::write(folder.path().join("workflows/a.yaml"), format!("name: alpha\n{step}")).unwrap();
        std::fs::write(folder.path().join("workflows/b.yaml"), "steps: 3\n").unwrap();
        std::fs::write(folder.path().join("outside.yaml"), step).unwrap();
        folder
    }

    #[test]
    fn a_workflow_is_found_by_name_and_by_file() {
        let folder = workspace();
        let file = folder.path().join("workflows/a.yaml");
        assert_eq!(&*find("alpha", Some(folder.path()), None).unwrap().workflow.name, "alpha");
        assert_eq!(&*find(file.to_str().unwrap(), None, None).unwrap().workflow.name, "alpha");
    }

    #[test]
    fn what_cannot_be_run_is_refused() {
        let folder = workspace();
        let refused = |wanted: &str, words: &str| {
            let refused = find(wanted, Some(folder.path()), None).err().unwrap();
            assert_eq!(refused.exit(), Exit::Invalid);
            assert!(refused.to_string().contains(words), "{refused}");
        };
        refused("alpa", "there is no workflow `alpa`");
        refused("b", "`b` cannot be run, as it has errors");
        refused(
            folder.path().join("outside.yaml").to_str().unwrap(),
            "does not lie in the `workflows` folder",
        );
        refused("none.yaml", "cannot read `none.yaml`");
    }
}
