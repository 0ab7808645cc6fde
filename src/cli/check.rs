//! `howdah check`: everything that can be known to be wrong before anything runs.
//!
//! The compiler does the work, as for the daemon; here files are chosen and findings shown. Nothing
//! is written, nothing is started, and the state folder is not touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::place;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, ColorWhen, GOOD, Spinner, WAIT};
use crate::clock::SystemClock;
use crate::config::environment::Environment;
use crate::daemon::{self, Place, load};
use crate::diagnostic::render::{self, Style};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::registry;
use crate::syntax::FILE_LIMIT;
use crate::syntax::sources::{SourceKind, Sources};
use crate::value::Json;

/// What `howdah check` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah check                             the workspace around this folder
  howdah check workflows/triage.yaml       one workflow
  howdah check --json | jq .diagnostics    for editors and scripts

Exit codes: 0 nothing wrong, or warnings only; 2 errors.
")]
pub struct CheckArgs {
    /// Workspaces, folders in them, or single files; this workspace when none is named.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print one JSON document with all findings.
    #[arg(long)]
    json: bool,
    /// Lay `howdah.NAME.yaml` over `howdah.yaml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorWhen,
}

/// Checks, and shows what was found.
///
/// # Errors
/// When there is nothing that could be checked.
pub fn run(args: &CheckArgs) -> Result<Exit, Problem> {
    args.color.apply();
    let targets = targets(&args.paths)?;
    let spinner = Spinner::start("checking");
    let checked = targets
        .iter()
        .map(|(root, chosen)| check(root, chosen, args.profile.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    drop(spinner);
    let failed = checked.iter().flat_map(|one| &one.findings).any(Diagnostic::is_error);
    if args.json {
        let all = checked.iter().flat_map(Checked::json).collect::<Vec<_>>();
        screen::print_json(&json!({ "diagnostics": all }))?;
    } else {
        let style = Style { color: screen::color_of_output(), width: screen::WIDTH };
        let drawn: Vec<_> = checked.iter().map(|one| one.drawn(style)).collect();
        screen::print(&drawn.join("\n"))?;
    }
    Ok(if failed { Exit::Invalid } else { Exit::Done })
}

/// What of a workspace is asked about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Chosen {
    /// Files and folders below the root; an empty path stands for all of it.
    inside: BTreeSet<PathBuf>,
    /// Workflow files that do not lie where the workspace's own do.
    elsewhere: BTreeSet<PathBuf>,
}

impl Chosen {
    fn includes(&self, file: &Path) -> bool {
        self.elsewhere.contains(file) || self.inside.iter().any(|chosen| file.starts_with(chosen))
    }
}

/// The workspaces that these paths are in, with what is asked about each.
fn targets(paths: &[PathBuf]) -> Result<BTreeMap<PathBuf, Chosen>, Problem> {
    let mut targets: BTreeMap<PathBuf, Chosen> = BTreeMap::new();
    if paths.is_empty() {
        let root = place::workspace(None)?.root;
        targets.entry(root).or_default().inside.insert(PathBuf::new());
    }
    for path in paths {
        let real = path.canonicalize().map_err(|error| {
            Problem::invalid(format!("cannot read `{}`: {error}", path.display()))
                .with_help("name a workspace, a folder in one, or a workflow file")
        })?;
        let folder = if real.is_dir() { &real } else { real.parent().unwrap_or(&real) };
        // Without a workspace around it the folder itself is one.
        let root = place::around(folder).map_or_else(|_| folder.to_owned(), |found| found.root);
        let relative = real.strip_prefix(&root).unwrap_or(&real).to_owned();
        let chosen = targets.entry(root).or_default();
        match SourceKind::of(&relative) {
            _ if real.is_dir() => chosen.inside.insert(relative),
            Some(SourceKind::Workflow | SourceKind::Config) => chosen.inside.insert(relative),
            None if is_yaml(&real) => chosen.elsewhere.insert(relative),
            _ => {
                let found = format!("`{}` is no workflow", path.display());
                return Err(
                    Problem::invalid(found).with_help("a workflow is a file that ends in `.yaml` or `.yml`")
                );
            }
        };
    }
    Ok(targets)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// A workspace with what was found in it.
struct Checked {
    sources: Sources,
    findings: Vec<Diagnostic>,
    workflows: usize,
}

fn check(root: &Path, chosen: &Chosen, profile: Option<&str>) -> Result<Checked, Problem> {
    let mut sources = load::snapshot(root).map_err(Problem::invalid)?;
    for path in &chosen.elsewhere {
        sources.add_workflow(path, read(&root.join(path)));
    }
    let mut diagnostics = Diagnostics::new();
    let configured = daemon::configure(&sources, profile, &mut diagnostics).map_err(Problem::invalid)?;
    let configuration_is_right = !diagnostics.has_errors();
    let compiled = load::check(&sources, &registry::kinds(), &configured.names, &mut diagnostics);
    let needed = compiled.iter().filter_map(|one| one.workflow.as_ref()).flat_map(|found| &found.secrets);
    let needed = needed.map(|(name, _)| name.to_string()).collect();
    let (environment, unreadable) = Environment::read(root);
    for problem in unreadable {
        screen::note(&format!("warning: {problem}\n"));
    }
    let clock = SystemClock::shared();
    let place = Place { workspace: root, clock: &clock, simulator: None, environment: &environment };
    // What this machine lacks can be told only once the configuration is understood.
    let assembled = configuration_is_right
        .then(|| daemon::assemble(configured, &needed, &place, &mut diagnostics))
        .flatten();
    if let Some(assembled) = &assembled {
        load::plan_all(&compiled, &assembled.binding(), &mut diagnostics);
    }
    let asked = |path: &Path| chosen.includes(path);
    let workflows = sources.files(SourceKind::Workflow).chain(sources.unreadable(SourceKind::Workflow));
    let workflows = workflows.filter(|(_, file)| asked(&file.path)).count();
    let mut findings = diagnostics.sorted();
    findings.retain(|found| {
        let path = &sources.map().file(found.primary.span.file).path;
        // With a wrong configuration nothing else can be told to be right.
        asked(path) || (found.is_error() && SourceKind::of(path) == Some(SourceKind::Config))
    });
    Ok(Checked { sources, findings, workflows })
}

/// At most one byte more than a file may have.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let read = || {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(FILE_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| error.to_string())
}

impl Checked {
    fn json(&self) -> Vec<Json> {
        match render::json(&self.findings, self.sources.map())["diagnostics"].take() {
            Json::Array(findings) => findings,
            _ => Vec::new(),
        }
    }

    fn drawn(&self, style: Style) -> String {
        let mut text = render::human(&self.findings, self.sources.map(), style);
        let files = screen::count(self.workflows, "workflow");
        match render::summary(&self.findings, style) {
            Some(summary) => text.push_str(&format!("\n{summary} ({files} checked)\n")),
            None if self.workflows == 0 => {
                text.push_str(&format!("{WAIT}nothing to check{WAIT:#}: no workflow is there\n"));
            }
            None => text.push_str(&format!("{GOOD}ok{GOOD:#}: {files} checked, nothing to complain about\n")),
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        // A hidden folder, as the default is, would be nobody's workspace.
        let folder = tempfile::Builder::new().prefix("workspace").tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    const RIGHT: &str = "steps:\n  - id: a\n    set: { x: 1 }\n";
    const WRONG: &str = "steps:\n  - id: a\n    sett: { x: 1 }\n";

    fn findings(paths: &[PathBuf]) -> Vec<(PathBuf, &'static str)> {
        let mut found = Vec::new();
        for (root, chosen) in targets(paths).unwrap() {
            let checked = check(&root, &chosen, None).unwrap();
            found.extend(checked.findings.iter().map(|finding| {
                (
                    checked.sources.map().file(finding.primary.span.file).path.clone(),
                    finding.severity.as_str(),
                )
            }));
        }
        found
    }

    #[test]
    fn only_what_was_named_is_told_about() {
        let folder =
            folder(&[("workflows/a.yaml", WRONG), ("workflows/b.yaml", WRONG), ("workflows/c.yaml", RIGHT)]);
        let at = |path: &str| vec![folder.path().join(path)];
        let wrong = |path: &str| (PathBuf::from(path), "error");
        assert_eq!(findings(&at("")), [wrong("workflows/a.yaml"), wrong("workflows/b.yaml")]);
        assert_eq!(findings(&at("workflows/b.yaml")), [wrong("workflows/b.yaml")]);
        assert_eq!(findings(&at("workflows/c.yaml")), []);
        assert_eq!(findings(&at("workflows")).len(), 2);
    }

    #[test]
    fn a_file_outside_of_any_workspace_is_checked_too() {
        let folder = folder(&[("x.yaml", WRONG), ("y.yml", RIGHT)]);
        let found = findings(&[folder.path().join("x.yaml"), folder.path().join("y.yml")]);
        assert_eq!(found, [(PathBuf::from("x.yaml"), "error")]);
    }

    #[test]
    fn a_wrong_configuration_is_told_with_every_choice() {
        let folder = folder(&[("howdah.yaml", "providrs: {}\n"), ("workflows/c.yaml", RIGHT)]);
        let found = findings(&[folder.path().join("workflows/c.yaml")]);
        assert_eq!(found, [(PathBuf::from("howdah.yaml"), "error")]);
    }

    #[test]
    fn what_is_no_workflow_is_refused() {
        let folder = folder(&[("notes.txt", "")]);
        let refused = targets(&[folder.path().join("notes.txt")]).unwrap_err();
        assert!(refused.to_string().ends_with("is no workflow"), "{refused}");
        assert!(targets(&[folder.path().join("none.yaml")]).is_err());
    }
}
