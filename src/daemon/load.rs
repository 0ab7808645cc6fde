//! Reading a workspace: a snapshot of its files, and what the compiler makes of each workflow.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::check::{self, Checked, Prompts, Workflow};
use crate::component::{Armed, Kinds};
use crate::diagnostic::render::{self, Color, Style};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap, Span};
use crate::ids::Digest;
use crate::plan::{self, Binding, Bundle, Plan, PlannedTrigger};
use crate::syntax::FILE_LIMIT;
use crate::syntax::sources::{SourceKind, Sources};

use super::claims::{self, Claim, Wish};

/// How deep folders below `workflows` are looked into.
const DEPTH: usize = 16;

/// The folders that hold what a workspace is made of.
pub const FOLDERS: [&str; 2] = ["workflows", "prompts"];

/// A folder of which nobody can say what is in it. That is not the same as an empty one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the folder `{}` cannot be read: {reason}", path.display())]
pub struct UnreadableFolder {
    /// The folder.
    pub path: PathBuf,
    /// What the system says.
    pub reason: String,
}

/// Takes a snapshot of all that a workspace's workflows are made of. Blocking.
///
/// # Errors
/// When a folder is there and cannot be read.
pub fn snapshot(root: &Path) -> Result<Sources, UnreadableFolder> {
    let mut sources = Sources::new();
    for path in files(root)? {
        let content = read(&root.join(&path));
        // A file that went away between listing and reading is not there.
        if !matches!(&content, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            sources.add(path, content.map_err(|error| error.to_string()));
        }
    }
    Ok(sources)
}

/// The files that a workspace's workflows are made of, by path relative to the root, in order. Blocking.
///
/// # Errors
/// When a folder is there and cannot be read.
pub fn files(root: &Path) -> Result<Vec<PathBuf>, UnreadableFolder> {
    let mut paths = entries(root)?;
    paths.retain(|path| SourceKind::of(path) == Some(SourceKind::Config));
    let mut visited = HashSet::new();
    for folder in FOLDERS {
        walk(root, Path::new(folder), DEPTH, &mut visited, &mut paths)?;
    }
    paths.sort();
    Ok(paths)
}

/// The names in a folder, in order; none when it is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, UnreadableFolder> {
    let names = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(PathBuf::from(entry?.file_name()))).collect());
    match names {
        Ok(names) => {
            let mut names: Vec<PathBuf> = names;
            names.sort();
            Ok(names)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unreadable(folder, &error)),
    }
}

fn unreadable(folder: &Path, error: &io::Error) -> UnreadableFolder {
    UnreadableFolder { path: folder.to_owned(), reason: error.to_string() }
}

/// Collects the files below a folder that mean something, by path relative to the root. A folder
/// that links lead to twice is looked into once.
fn walk(
    root: &Path,
    folder: &Path,
    depth: usize,
    visited: &mut HashSet<(u64, u64)>,
    found: &mut Vec<PathBuf>,
) -> Result<(), UnreadableFolder> {
    use std::os::unix::fs::MetadataExt as _;
    for name in entries(&root.join(folder))? {
        let path = folder.join(&name);
        // Through links: what the author links to is the author's.
        match std::fs::metadata(root.join(&path)) {
            Ok(_) if name.as_os_str().as_encoded_bytes().starts_with(b".") => {}
            Ok(kind) if kind.is_dir() => {
                if depth > 0 && visited.insert((kind.dev(), kind.ino())) {
                    walk(root, &path, depth - 1, visited, found)?;
                }
            }
            // Unreadable ones are told of, not passed over.
            _ if SourceKind::of(&path).is_some() => found.push(path),
            Ok(_) => {}
            Err(error) if leads_nowhere(&error) => {}
            // It may be a folder with workflows in it.
            Err(error) => return Err(unreadable(&root.join(&path), &error)),
        }
    }
    Ok(())
}

/// Whether a link leads to nothing, or back to itself.
fn leads_nowhere(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// Reads a regular file, at most one byte more than a file may have. Blocking, but never for long.
///
/// # Errors
/// When it cannot be read, or is something else.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    // Without waiting: opening a FIFO would wait for a writer.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A workflow file and what became of it.
pub struct Compiled {
    /// The file.
    pub file: FileId,
    /// Relative to the workspace.
    pub path: PathBuf,
    /// The bytes that are pinned.
    pub bundle: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// The checked workflow, if neither it nor a prompt that it uses has errors.
    pub workflow: Option<Workflow>,
    /// The prompt files and partials that it uses.
    pub uses: Vec<FileId>,
}

/// Checks every workflow of a snapshot. A file with errors harms no other; of two with one name the
/// first, in order of paths, has it.
pub fn check(
    sources: &Sources,
    kinds: &Kinds,
    settings: &[check::Setting],
    diagnostics: &mut Diagnostics,
) -> Vec<Compiled> {
    let mut compiled = compile(sources, kinds, settings, diagnostics);
    let wishes: Vec<_> = compiled.iter().map(|one| one.wish(None)).collect();
    for refused in claims::settle(&wishes, diagnostics) {
        compiled[refused].workflow = None;
    }
    compiled
}

/// Checks every workflow of a snapshot by itself.
pub(super) fn compile(
    sources: &Sources,
    kinds: &Kinds,
    settings: &[check::Setting],
    diagnostics: &mut Diagnostics,
) -> Vec<Compiled> {
    diagnostics.extend(sources.diagnostics().iter().cloned());
    let mut compiled = Vec::new();
    let files = sources.files(SourceKind::Workflow);
    let read: Vec<_> =
        files.map(|(file, source)| (check::read(sources.map(), file, kinds), source)).collect();
    let (read, files): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    let mut signatures = check::Signatures::of(&read);
    let prompts = sources.files(SourceKind::Prompt);
    let prompts = Prompts::read(prompts, sources.unreadable(SourceKind::Prompt), kinds, diagnostics);
    let mut checked: Vec<Option<Checked>> = read.iter().map(|_| None).collect();
    for at in check::callees_first(&read) {
        let world = check::World { kinds, settings, prompts: &prompts, signatures: Some(&signatures) };
        let one = read[at].check(&world, diagnostics);
        one.workflow.iter().for_each(|workflow| signatures.learn(workflow));
        checked[at] = Some(one);
    }
    for ((read, source), checked) in read.iter().zip(files).zip(checked) {
        let file = read.file();
        let Some(Checked { workflow, uses }) = checked else { continue };
        match Bundle::new(source, uses.iter().map(|file| sources.map().file(*file))).encode() {
            Ok(bundle) => {
                let digest = Bundle::digest(&bundle);
                compiled.push(Compiled { file, path: source.path.clone(), bundle, digest, workflow, uses });
            }
            Err(error) => {
                let at = Span::new(file, 0, 0);
                diagnostics.push(Diagnostic::error("unreadable-file", at, error.to_string()));
            }
        }
    }
    let mut found = Diagnostics::new();
    let workflows: Vec<_> = compiled.iter().filter_map(|one| one.workflow.as_ref()).collect();
    check::together(&workflows, kinds, &mut found);
    for one in &mut compiled {
        one.workflow
            .take_if(|_| found.iter().any(|found| found.is_error() && found.primary.span.file == one.file));
    }
    diagnostics.extend(found);
    compiled
}

impl Compiled {
    /// What its file asks for as a newcomer, with the paths of these triggers.
    fn wish(&self, planned: Option<&Planned>) -> Wish {
        let routes = planned.map(Planned::routes).unwrap_or_default();
        let wanted = self.workflow.as_ref().map(|workflow| {
            let name = (Claim::Name(workflow.name.clone()), workflow.span);
            std::iter::once(name).chain(routes).collect()
        });
        Wish { path: self.path.clone(), wanted, kept: Vec::new() }
    }
}

/// A workflow that can run here.
pub struct Planned {
    /// What runs.
    pub plan: Arc<Plan>,
    /// What starts it.
    pub triggers: Vec<PlannedTrigger>,
}

impl Planned {
    /// The webhook paths that it asks for.
    pub(super) fn routes(&self) -> Vec<(Claim, Span)> {
        let routes = self.triggers.iter().filter_map(|trigger| match &trigger.armed {
            Armed::Route(route, _) => Some(Claim::routes(route).map(|claim| (claim, trigger.span))),
            Armed::Source(_) => None,
        });
        routes.flatten().collect()
    }
}

/// Plans every workflow that has no errors, for what is to be said of them together.
pub fn plan_all(compiled: &[Compiled], binding: &Binding<'_>, diagnostics: &mut Diagnostics) {
    let wishes: Vec<_> = compiled
        .iter()
        .map(|one| {
            let workflow = one.workflow.as_ref();
            let planned = workflow.and_then(|workflow| plan(workflow, one.digest, binding, diagnostics));
            one.wish(planned.as_ref())
        })
        .collect();
    claims::settle(&wishes, diagnostics);
}

/// Binds a checked workflow to this machine. `None` when something is missing for it.
pub fn plan(
    workflow: &Workflow,
    digest: Digest,
    binding: &Binding<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Planned> {
    let mut own = Diagnostics::new();
    let plan = plan::plan(workflow, digest, binding, &mut own);
    let triggers = plan::arm(workflow, binding, &mut own);
    let failed = own.has_errors();
    diagnostics.extend(own);
    let plan = plan.filter(|_| !failed)?;
    Some(Planned { plan: Arc::new(plan), triggers })
}

/// The errors of these files, drawn without colour.
pub fn drawn(diagnostics: &Diagnostics, files: &[FileId], sources: &SourceMap) -> Option<String> {
    let own: Vec<_> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error() && files.contains(&diagnostic.primary.span.file))
        .cloned()
        .collect();
    (!own.is_empty()).then(|| render::human(&own, sources, Style { color: Color::Off, width: 100 }))
}
