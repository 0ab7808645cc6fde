//! `howdah fmt`: files laid out the same way everywhere.
//!
//! How a text is laid out is decided in [`format`](crate::syntax::format); here files are chosen, read and
//! written. A file is replaced in one move, or left as it was: also when it has errors, which are told.

pub(super) mod diff;

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, ColorWhen, GOOD, WAIT};
use crate::cli::{place, prepare};
use crate::daemon::load;
use crate::diagnostic::{Diagnostics, FileId};
use crate::syntax::FILE_LIMIT;
use crate::syntax::format::{Language, format};
use crate::syntax::sources::{SourceKind, Sources};

/// What `howdah fmt` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah fmt                            the workspace around this folder
  howdah fmt workflows/triage.yaml      one file
  howdah fmt --check                    which files are not formatted, for scripts
  howdah fmt --diff                     what would change
  howdah fmt - < draft.yaml             from standard input to standard output, for editors

Exit codes: 0 done; 1 with --check or --diff, files are not formatted; 2 files have errors, and were
left as they are.
")]
pub struct FmtArgs {
    /// Workspaces, folders in them, or single files; `-` is standard input; this workspace when none is named.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write nothing; list the files that are not formatted.
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change.
    #[arg(long)]
    diff: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorWhen,
}

/// Formats, and lists what changed.
///
/// # Errors
/// When there is nothing that could be formatted, or a file cannot be written.
pub fn run(args: &FmtArgs) -> Result<Exit, Problem> {
    args.color.apply();
    let mut found = Found::default();
    if args.paths.iter().any(|path| path.as_os_str() == "-") {
        if args.paths.len() > 1 {
            let problem = Problem::invalid("standard input cannot be formatted together with files");
            return Err(problem.with_help("name `-` alone, or only files"));
        }
        let mut bytes = Vec::new();
        let read = io::stdin().take(FILE_LIMIT as u64 + 1).read_to_end(&mut bytes).map(|_| bytes);
        let text = found.text(Path::new("<stdin>"), Language::Yaml, read);
        found.show();
        return match text {
            Some(text) if args.check || args.diff => {
                report(args, "<stdin>", &text)?;
                Ok(if text.is_formatted() { Exit::Done } else { Exit::Failed })
            }
            Some(text) => print_bare(&text.formatted).map(|()| Exit::Done),
            None => Ok(Exit::Invalid),
        };
    }
    let files = files(&args.paths)?;
    let mut changed = 0;
    for (real, file) in &files {
        let Some(text) = found.text(&file.shown, file.language, load::read(real)) else { continue };
        if text.is_formatted() {
            continue;
        }
        changed += 1;
        if !args.check && !args.diff {
            replace(real, text.formatted.as_bytes()).map_err(|error| {
                Problem::failed(format!("cannot write `{}`: {error}", file.shown.display()))
            })?;
        }
        report(args, &file.shown.display().to_string(), &text)?;
    }
    found.show();
    screen::note(&summary(args, files.len(), changed, found.refused));
    Ok(match (found.refused, changed) {
        (1.., _) => Exit::Invalid,
        (_, 1..) if args.check || args.diff => Exit::Failed,
        _ => Exit::Done,
    })
}

/// A file that is to be formatted.
struct File {
    /// As people call it.
    shown: PathBuf,
    language: Language,
}

/// A text before and after.
struct Text {
    bytes: Vec<u8>,
    formatted: String,
}

impl Text {
    fn is_formatted(&self) -> bool {
        self.bytes == self.formatted.as_bytes()
    }
}

/// What was read, and what is wrong with it.
#[derive(Default)]
struct Found {
    sources: Sources,
    diagnostics: Diagnostics,
    refused: usize,
}

impl Found {
    /// Formats what was read; none when it has errors.
    fn text(&mut self, path: &Path, language: Language, read: io::Result<Vec<u8>>) -> Option<Text> {
        let file =
            self.sources.add_workflow(path, read.as_ref().map(Vec::clone).map_err(ToString::to_string));
        let formatted = self.format(file, language);
        match (read, formatted) {
            (Ok(bytes), Some(formatted)) => Some(Text { bytes, formatted }),
            _ => {
                self.refused += 1;
                None
            }
        }
    }

    fn format(&mut self, file: FileId, language: Language) -> Option<String> {
        let is_readable = !self.sources.diagnostics().iter().any(|found| found.primary.span.file == file);
        let source = self.sources.map().file(file);
        is_readable.then(|| format(file, &source.text, language, &mut self.diagnostics)).flatten()
    }

    fn show(&self) {
        let mut all = self.diagnostics.clone();
        all.extend(self.sources.diagnostics().iter().cloned());
        let mut errors = all.sorted();
        errors.retain(crate::diagnostic::Diagnostic::is_error);
        if !errors.is_empty() {
            prepare::show(&errors, self.sources.map());
        }
    }
}

/// The files that these paths stand for, each once, by the place where it really lies.
fn files(paths: &[PathBuf]) -> Result<BTreeMap<PathBuf, File>, Problem> {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    let shown = |path: &Path| path.strip_prefix(&here).unwrap_or(path).to_owned();
    let mut files = BTreeMap::new();
    let workspace =
        |folder: &Path| place::around(folder).map_or_else(|_| folder.to_owned(), |found| found.root);
    let mut folders = Vec::new();
    if paths.is_empty() {
        folders.push(place::workspace(None)?.root);
    }
    for path in paths {
        let real = real(path)?;
        if real.is_dir() {
            folders.push(real);
            continue;
        }
        let root = workspace(real.parent().unwrap_or(&real));
        let kind = SourceKind::of(real.strip_prefix(&root).unwrap_or(&real));
        let is = |extensions: &[&str]| {
            extensions.iter().any(|one| real.extension().is_some_and(|own| own == *one))
        };
        let language = match kind {
            Some(kind) => language(kind),
            None if is(&["yaml", "yml"]) => Language::Yaml,
            None if is(&["prompt"]) => Language::Prompt,
            None => {
                let problem = Problem::invalid(format!("`{}` is no file that is formatted", path.display()));
                return Err(problem.with_help("name files that end in `.yaml`, `.yml` or `.prompt`"));
            }
        };
        files.insert(real, File { shown: path.clone(), language });
    }
    for folder in folders {
        let folder = real(&folder)?;
        let root = workspace(&folder);
        for path in load::files(&root).map_err(Problem::invalid)? {
            let path = root.join(path);
            let kind = SourceKind::of(path.strip_prefix(&root).unwrap_or(&path));
            // A link that leads nowhere is reading's to tell.
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            if let (true, Some(kind)) = (path.starts_with(&folder), kind) {
                files.entry(real).or_insert_with(|| File { shown: shown(&path), language: language(kind) });
            }
        }
    }
    Ok(files)
}

fn real(path: &Path) -> Result<PathBuf, Problem> {
    path.canonicalize().map_err(|error| {
        Problem::invalid(format!("cannot read `{}`: {error}", path.display()))
            .with_help("name a workspace, a folder in one, or a file")
    })
}

fn language(kind: SourceKind) -> Language {
    match kind {
        SourceKind::Prompt => Language::Prompt,
        SourceKind::Workflow | SourceKind::Config | SourceKind::Test => Language::Yaml,
    }
}

/// Puts a new text in the place of a file in one move; its permissions stay.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".howdah-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(std::fs::metadata(path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Names a file that changed or would, or shows how.
fn report(args: &FmtArgs, name: &str, text: &Text) -> Result<(), Problem> {
    match args.diff {
        true => {
            let before = String::from_utf8_lossy(&text.bytes);
            screen::print(&diff::unified(
                &screen::tame(name),
                &screen::tame(&before),
                &screen::tame(&text.formatted),
            ))
        }
        false if text.is_formatted() => Ok(()),
        false => screen::print(&format!("{}\n", screen::tame(name))),
    }
}

fn summary(args: &FmtArgs, files: usize, changed: usize, refused: usize) -> String {
    let is_dry = args.check || args.diff;
    let refused = match refused {
        0 => String::new(),
        number => format!(", {} with errors left as they are", screen::count(number, "file")),
    };
    let files = screen::count(files, "file");
    match (changed, is_dry) {
        (0, _) if refused.is_empty() => format!("{GOOD}ok{GOOD:#}: {files} formatted already\n"),
        (_, true) => format!("{WAIT}{changed} of {files} not formatted{WAIT:#}{refused}\n"),
        (_, false) => format!("{GOOD}{changed} of {files} changed{GOOD:#}{refused}\n"),
    }
}

/// Writes to standard output exactly what is given.
fn print_bare(text: &str) -> Result<(), Problem> {
    let mut stream = io::stdout().lock();
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
