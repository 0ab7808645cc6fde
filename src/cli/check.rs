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

use crate::check::without_allowed;
use crate::cli::exit::Exit;
use crate::cli::place;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, ColorWhen, GOOD, Spinner, WAIT};
use crate::cli::test::load as trials;
use crate::clock::SystemClock;
use crate::config::environment::Environment;
use crate::daemon::{self, Place, load};
use crate::diagnostic::render::{self, Style};
use crate::diagnostic::{Diagnostic, Diagnostics, sarif};
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
  howdah check --format sarif              for code hosts; `github` for GitHub Actions
  howdah check - --stdin-path workflows/triage.yaml < unsaved.yaml

Exit codes: 0 nothing wrong, or warnings only; 2 errors.
")]
pub struct CheckArgs {
    /// Workspaces, folders in them, or single files; this workspace when none is named; `-` for one
    /// workflow on standard input.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The file that standard input stands for, when it is `-`.
    #[arg(long, value_name = "PATH")]
    stdin_path: Option<PathBuf>,
    /// How findings are printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    /// Print one JSON document with all findings, as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Lay `howdah.NAME.yaml` over `howdah.yaml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorWhen,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// With the line and a caret.
    Human,
    /// One document with all findings.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

/// Checks, and shows what was found.
///
/// # Errors
/// When there is nothing that could be checked.
pub fn run(args: &CheckArgs) -> Result<Exit, Problem> {
    args.color.apply();
    let targets = match args.paths.iter().any(|path| path.as_os_str() == "-") {
        true => standard_input(args)?,
        false if args.stdin_path.is_some() => {
            return Err(Problem::invalid("`--stdin-path` is for standard input").with_help("add `-`"));
        }
        false => targets(&args.paths)?,
    };
    let spinner = Spinner::start("checking");
    let checked = targets
        .iter()
        .map(|(root, chosen)| check(root, chosen, args.profile.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    drop(spinner);
    let all = || checked.iter().flat_map(|one| one.findings.iter().map(|found| (found, one.sources.map())));
    let failed = all().any(|(found, _)| found.is_error());
    match if args.json { Format::Json } else { args.format } {
        Format::Json => {
            let all = checked.iter().flat_map(Checked::json).collect::<Vec<_>>();
            screen::print_json(&json!({ "diagnostics": all }))?;
        }
        Format::Sarif => screen::print_json(&sarif::sarif(all()))?,
        Format::Github => {
            let lines: String = all().map(|(found, sources)| sarif::github(found, sources)).collect();
            screen::print(&lines)?;
        }
        Format::Human => {
            let style = Style { color: screen::color_of_output(), width: screen::WIDTH };
            let drawn: Vec<_> = checked.iter().map(|one| one.drawn(style)).collect();
            screen::print(&drawn.join("\n"))?;
        }
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
    /// A file that is not read from the disk, with what stands for it.
    given: Option<(PathBuf, Vec<u8>)>,
}

impl Chosen {
    fn includes(&self, file: &Path) -> bool {
        self.elsewhere.contains(file)
            || self.given.as_ref().is_some_and(|(given, _)| given == file)
            || self.inside.iter().any(|chosen| file.starts_with(chosen))
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
            Some(SourceKind::Workflow | SourceKind::Test | SourceKind::Config | SourceKind::Prompt) => {
                chosen.inside.insert(relative)
            }
            None if is_yaml(&real) => chosen.elsewhere.insert(relative),
            _ => {
                let found = format!("`{}` is no workflow", path.display());
                return Err(
                    Problem::invalid(found).with_help(
                        "a workflow is a file that ends in `.yaml` or `.yml`, a prompt one that ends in `.prompt`",
                    )
                );
            }
        };
    }
    Ok(targets)
}

/// Standard input, as the file that it stands for.
fn standard_input(args: &CheckArgs) -> Result<BTreeMap<PathBuf, Chosen>, Problem> {
    if args.paths.len() > 1 {
        return Err(Problem::invalid("`-` stands alone").with_help("check the other files by themselves"));
    }
    let path = args.stdin_path.as_deref().unwrap_or(Path::new("stdin.yaml"));
    let unusable = |reason: &str| {
        Problem::invalid(format!("`{}` cannot stand for standard input: {reason}", path.display()))
            .with_help("name a file in a folder that is there")
    };
    let name = path.file_name().ok_or_else(|| unusable("it has no file name"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(|error| unusable(&error.to_string()))?;
    let root = place::around(&folder).map_or_else(|_| folder.clone(), |found| found.root);
    let file = folder.strip_prefix(&root).unwrap_or(&folder).join(name);
    let mut text = Vec::new();
    let read = std::io::stdin().lock().take(FILE_LIMIT as u64 + 1).read_to_end(&mut text);
    read.map_err(|error| Problem::failed(format!("cannot read standard input: {error}")))?;
    Ok(BTreeMap::from([(root, Chosen { given: Some((file, text)), ..Chosen::default() })]))
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// A workspace with what was found in it.
struct Checked {
    sources: Sources,
    findings: Vec<Diagnostic>,
    workflows: usize,
    prompts: usize,
}

fn check(root: &Path, chosen: &Chosen, profile: Option<&str>) -> Result<Checked, Problem> {
    let mut sources = load::snapshot(root).map_err(Problem::invalid)?;
    for path in &chosen.elsewhere {
        sources.add_workflow(path, read(&root.join(path)));
    }
    if let Some((path, text)) = &chosen.given {
        sources.replace(path, Ok(text.clone()));
    }
    let mut diagnostics = Diagnostics::new();
    let configured = daemon::configure(&sources, profile, &mut diagnostics).map_err(Problem::invalid)?;
    let configuration_is_right = !diagnostics.has_errors();
    let compiled = load::check(&sources, &registry::kinds(), &configured.names, &mut diagnostics);
    trials::check(&sources, &compiled, &mut diagnostics);
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
    let count = |kind| {
        let files = sources.files(kind).chain(sources.unreadable(kind));
        files.filter(|(_, file)| asked(&file.path)).count()
    };
    let (workflows, prompts) = (count(SourceKind::Workflow), count(SourceKind::Prompt));
    let mut findings = without_allowed(diagnostics, sources.map()).sorted();
    // A workflow is right only if the prompts are that it uses.
    let used: BTreeSet<_> =
        compiled.iter().filter(|one| asked(&one.path)).flat_map(|one| one.uses.iter().copied()).collect();
    findings.retain(|found| {
        let file = found.primary.span.file;
        let path = &sources.map().file(file).path;
        // With a wrong configuration nothing else can be told to be right.
        asked(path)
            || used.contains(&file)
            || (found.is_error() && SourceKind::of(path) == Some(SourceKind::Config))
    });
    Ok(Checked { sources, findings, workflows, prompts })
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
        let files = match (self.workflows, self.prompts) {
            (workflows, 0) => screen::count(workflows, "workflow"),
            (0, prompts) => screen::count(prompts, "prompt file"),
            (workflows, prompts) => {
                let workflows = screen::count(workflows, "workflow");
                format!("{workflows} and {}", screen::count(prompts, "prompt file"))
            }
        };
        match render::summary(&self.findings, style) {
            Some(summary) => text.push_str(&format!("\n{summary} ({files} checked)\n")),
            None if self.workflows + self.prompts == 0 => {
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
    fn a_workflow_is_told_about_with_the_prompts_that_it_uses() {
        let uses = "steps:\n  - chat: { model: gpt-4.1-mini, prompt: { file: p } }\n";
        let folder = folder(&[
            ("workflows/a.yaml", uses),
            ("prompts/p.prompt", "{{#if}}"),
            ("prompts/q.prompt", "{{#if}}"),
        ]);
        let at = |path: &str| vec![folder.path().join(path)];
        let wrong = |path: &str| (PathBuf::from(path), "error");
        assert_eq!(findings(&at("workflows/a.yaml")), [wrong("prompts/p.prompt")]);
        assert_eq!(findings(&at("prompts/q.prompt")), [wrong("prompts/q.prompt")]);
        assert_eq!(findings(&at("prompts")).len(), 2);
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
