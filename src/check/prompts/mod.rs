//! The prompt files of a workspace: each read and compiled once, for all workflows that use it.
//!
//! A file whose name begins with `_` is a partial. Its name is its path below `prompts`, so that
//! `prompts/mail/_tone.prompt` is `mail/tone` everywhere; in the folder it lies in it is also `tone`.
//!
//! What is wrong in a file is told once, at its place there, whether anybody uses it or not. A
//! workflow that uses a file with errors cannot run, and is not told of them again.

mod call;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::component::Kinds;
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceFile, Span, did_you_mean};
use crate::syntax::prompt;
use crate::template::prompt::Prompt;
use crate::template::{Partials, TemplateError};

use file::Compiled;

/// The folder in which prompts are found by their names alone.
const FOLDER: &str = "prompts";

/// What a prompt file's name ends in.
const EXTENSION: &str = "prompt";

/// All prompt files that workflows can use.
#[derive(Debug, Default)]
pub struct Prompts {
    /// By path relative to the workspace.
    files: BTreeMap<PathBuf, Entry>,
    /// What can be included from anywhere.
    everywhere: Shelf,
    /// What can be included from a folder, where that is more.
    beside: BTreeMap<PathBuf, Shelf>,
}

#[derive(Debug)]
struct Entry {
    file: FileId,
    /// With errors, the files that those stand in.
    compiled: Result<Arc<Compiled>, Vec<FileId>>,
}

/// The partials that a text can include.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    /// Their texts.
    pub partials: Partials,
    files: BTreeMap<Arc<str>, FileId>,
}

impl Shelf {
    /// The files of these partials.
    pub fn files_of<'s>(&'s self, names: &'s [Arc<str>]) -> impl Iterator<Item = FileId> + 's {
        names.iter().filter_map(|name| self.files.get(name)).copied()
    }

    /// What is wrong with a text, at its place: in the partial where it is there, else at the place of
    /// these bytes of the text.
    pub fn diagnostic(
        &self,
        error: TemplateError,
        locate: impl FnOnce(std::ops::Range<usize>) -> Span,
    ) -> Diagnostic {
        let TemplateError { code, message, range, help, partial } = error;
        let here = locate(range);
        let inside = partial.and_then(|partial| Some((*self.files.get(&partial.name)?, partial.range)));
        let found = match inside {
            Some((file, range)) => {
                let span = Span::new(file, range.start, range.end);
                Diagnostic::error(code, span, message).with_related(here, "included here")
            }
            None => Diagnostic::error(code, here, message),
        };
        found.with_help_if(help)
    }

    fn insert(&mut self, name: &str, file: FileId, text: &Arc<str>) {
        let name: Arc<str> = name.into();
        self.partials.insert(name.clone(), text.clone());
        self.files.insert(name, file);
    }
}

impl Prompts {
    /// Reads these files, of which the second ones could not be read.
    pub fn read<'s>(
        readable: impl IntoIterator<Item = (FileId, &'s SourceFile)>,
        unreadable: impl IntoIterator<Item = (FileId, &'s SourceFile)>,
        kinds: &Kinds,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut prompts = Self::default();
        let (partials, files): (Vec<_>, Vec<_>) =
            readable.into_iter().partition(|(_, source)| partial_name(&source.path).is_some());
        prompts.shelve(&partials);
        for (file, source) in partials {
            prompts.check_partial(file, source, diagnostics);
        }
        for (file, source) in files {
            let shelf = prompts.shelf(&source.path);
            let compiled = file::compile(file, source, shelf, kinds, diagnostics).map(Arc::new);
            prompts.files.insert(source.path.clone(), Entry { file, compiled });
        }
        for (file, source) in unreadable {
            prompts.files.insert(source.path.clone(), Entry { file, compiled: Err(vec![file]) });
        }
        prompts
    }

    /// What the file at this path can include.
    pub(super) fn shelf(&self, includer: &Path) -> &Shelf {
        let folder = includer.parent().unwrap_or(Path::new(""));
        self.beside.get(folder).unwrap_or(&self.everywhere)
    }

    fn shelve(&mut self, partials: &[(FileId, &SourceFile)]) {
        for (file, source) in partials {
            let Some(name) = partial_name(&source.path) else { continue };
            let folder = source.path.parent().and_then(|folder| folder.strip_prefix(FOLDER).ok());
            let Some(folder) = folder.and_then(Path::to_str) else { continue };
            let name = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            self.everywhere.insert(&name, *file, &source.text);
        }
        for (file, source) in partials {
            let (Some(name), Some(folder)) = (partial_name(&source.path), source.path.parent()) else {
                continue;
            };
            let shelf = self.beside.entry(folder.to_owned()).or_insert_with(|| self.everywhere.clone());
            shelf.insert(name, *file, &source.text);
        }
    }

    /// What is wrong with a partial wherever it is included.
    fn check_partial(&self, file: FileId, source: &SourceFile, diagnostics: &mut Diagnostics) {
        let shelf = self.shelf(&source.path);
        for error in Prompt::check_partial(&source.text, &shelf.partials) {
            diagnostics.push(shelf.diagnostic(error, |range| Span::new(file, range.start, range.end)));
        }
        if prompt::has_front_matter(&source.text) {
            let at = source.text.find("---").unwrap_or_default();
            let message = "a partial has no front matter; these lines are a part of its text";
            let found = Diagnostic::warning("front-matter", Span::new(file, at, at + 3), message);
            diagnostics.push(found.with_help("remove them; a comment is written `{{!-- … --}}`"));
        }
    }

    /// The file that is meant by what is written under `file`, relative to the workspace or to
    /// `prompts`, with or without its ending.
    fn find(&self, written: &str) -> Result<&Entry, NotFound> {
        let mut path = PathBuf::from(written.strip_prefix("./").unwrap_or(written));
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            path.as_mut_os_string().push(".prompt");
        }
        if partial_name(&path).is_some() {
            return Err(NotFound::Partial);
        }
        let found = self.files.get(&path).or_else(|| self.files.get(&Path::new(FOLDER).join(&path)));
        found.ok_or_else(|| {
            let paths = self.files.keys().filter_map(|path| path.to_str());
            let names = self.files.keys().filter_map(|path| path.strip_prefix(FOLDER).ok()?.to_str());
            let names: Vec<_> = names.filter_map(|name| name.strip_suffix(".prompt")).collect();
            NotFound::Unknown(did_you_mean(written, paths.chain(names)))
        })
    }
}

/// Why no prompt file is meant.
enum NotFound {
    /// It is one to be included.
    Partial,
    /// There is none, but maybe one with such a name.
    Unknown(Option<String>),
}

/// The name of a partial in its folder; none for what is no partial.
fn partial_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.strip_prefix('_')?.strip_suffix(".prompt").filter(|name| !name.is_empty())
}

/// What a workflow uses of the prompt files.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// The files, partials included.
    pub files: BTreeSet<FileId>,
    /// Those of them that have errors; nobody knows what they would say.
    pub broken: BTreeSet<FileId>,
}

/// The prompt files as a workflow sees them.
pub(super) struct Loan<'p> {
    prompts: &'p Prompts,
    /// What its own texts can include.
    pub shelf: &'p Shelf,
    used: &'p mut Used,
}

impl<'p> Loan<'p> {
    /// The prompt files for the workflow at this path.
    pub fn new(prompts: &'p Prompts, workflow: &Path, used: &'p mut Used) -> Self {
        Self { prompts, shelf: prompts.shelf(workflow), used }
    }

    /// Notes that a text of the workflow includes these partials.
    pub fn include(&mut self, names: &[Arc<str>]) {
        self.used.files.extend(self.shelf.files_of(names));
    }
}
