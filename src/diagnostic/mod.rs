//! What is wrong with a text: where, why, and what to write instead.
//!
//! A [`Diagnostic`] knows its place as byte offsets into a file of a [`SourceMap`]; drawing it as
//! rustc draws it, or as JSON, is the business of [`render`]. Nothing here decides what is wrong.
//! A file tells at most [`FILE_LIMIT`] errors and as many warnings, so that no file can make a
//! report without end.
//!
//! Code raised here: `too-many-errors`.

pub mod codes;
pub mod render;
pub mod sarif;
mod suggest;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

pub use suggest::{did_you_mean, nearest};

/// One file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

impl FileId {
    /// The configuration that nobody wrote: where built-in values and missing files have their place.
    pub const NOT_WRITTEN: Self = Self(u32::MAX);
}

/// What [`FileId::NOT_WRITTEN`] stands for.
static NOT_WRITTEN: LazyLock<SourceFile> = LazyLock::new(|| SourceFile::new("howdah.yaml", ""));

/// A range of bytes in a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The bytes `start..end` of a file.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let fit = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { file, start: fit(start), end: fit(end.max(start)) }
    }

    /// From the start of this span to the end of that one.
    pub fn to(self, end: Self) -> Self {
        Self { end: end.end.max(self.start), ..self }
    }

    /// The empty span at this one's start.
    pub fn at_start(self) -> Self {
        Self { end: self.start, ..self }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}..{}", self.file.0, self.start, self.end)
    }
}

/// A value and the place where it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value written at this place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with what `f` makes of the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: f(self.value), span: self.span }
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A file's path (as people know it, relative to the workspace) and its text.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Relative to the workspace root where it lies below it.
    pub path: PathBuf,
    /// The whole text.
    pub text: Arc<str>,
    /// The byte at which each line begins.
    lines: Arc<[u32]>,
}

/// Line and column of a byte, both counted from 1; a column is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

impl SourceFile {
    /// A file of this text.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let lines = starts.map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect();
        Self { path: path.into(), text, lines }
    }

    /// A line's text without its end; lines count from 1, and one that is not there is empty.
    pub fn line(&self, number: usize) -> &str {
        let end = self.lines.get(number).map_or(self.text.len(), |end| *end as usize);
        let line = self.text.get(self.line_start(number)..end).unwrap_or_default();
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// The first byte of a line; lines count from 1, and one that is not there begins at the end.
    pub fn line_start(&self, number: usize) -> usize {
        let index = number.saturating_sub(1);
        self.lines.get(index).map_or(self.text.len(), |start| *start as usize)
    }

    /// Where a byte stands; one past the end stands at the end, one inside a character before it.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1] as usize;
        let mut end = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let column = self.text[start..end.max(start)].chars().count() + 1;
        Position { line, column }
    }
}

/// The files that spans point into.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a file.
    pub fn add(&mut self, file: SourceFile) -> FileId {
        self.files.push(file);
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// The file of this id; an empty one for an id that this map did not give out.
    pub fn file(&self, id: FileId) -> &SourceFile {
        self.files.get(id.0 as usize).unwrap_or(&NOT_WRITTEN)
    }

    /// All files with their ids.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files
            .iter()
            .enumerate()
            .map(|(index, file)| (FileId(u32::try_from(index).unwrap_or(u32::MAX)), file))
    }

    /// The id of the file at this path.
    pub fn find(&self, path: &Path) -> Option<FileId> {
        self.files().find(|(_, file)| file.path == path).map(|(id, _)| id)
    }

    /// The text that a span covers.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The workflow cannot run.
    Error,
    /// It can, and probably does not do what its author means.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in a text and what it has to do with the matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words; may be empty.
    pub text: String,
}

/// One thing that is wrong.
///
/// Build it with [`Diagnostic::error`] or [`Diagnostic::warning`] and the `with_` methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable word in kebab case: `unknown-key`, `unknown-step`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// A lower-case sentence with names in backticks: what was found.
    pub message: String,
    /// Where; the caret stands here.
    pub primary: Label,
    /// Other places that matter: where the first of two stands, where an alias leads.
    pub related: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Something that must be mended before the workflow can run.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Label { span, text: String::new() },
            related: Vec::new(),
            help: None,
        }
    }

    /// Something that is probably not meant.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// Words beside the caret.
    #[must_use]
    pub fn with_label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// A second place.
    #[must_use]
    pub fn with_related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label { span, text: text.into() });
        self
    }

    /// What to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What to write instead, if something is known.
    #[must_use]
    pub fn with_help_if(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// True for an error, false for a warning.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// How many errors, and how many warnings, are kept of one file.
pub const FILE_LIMIT: usize = 100;

/// Everything found so far; the stages of the compiler add to it and go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// Which of the list stand at a place.
    places: HashMap<Span, Vec<usize>>,
    counts: HashMap<(FileId, Severity), usize>,
}

impl Diagnostics {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding, with two exceptions. An error of another kind than the first one at the same
    /// place is a consequence of it, and is dropped like an exact repetition of anything: one mistake,
    /// one message. What a file has beyond [`FILE_LIMIT`] is dropped too, and said so once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let span = diagnostic.primary.span;
        if self.is_told(&diagnostic) {
            return;
        }
        let count = self.counts.entry((span.file, diagnostic.severity)).or_default();
        *count += 1;
        if *count > FILE_LIMIT + 1 {
            return;
        }
        let beyond = *count > FILE_LIMIT;
        self.places.entry(span).or_default().push(self.list.len());
        self.list.push(if beyond { too_many(&diagnostic) } else { diagnostic });
    }

    /// Whether further errors of this file would be dropped, so that there is no use in looking for them.
    pub fn is_full(&self, file: FileId) -> bool {
        self.counts.get(&(file, Severity::Error)).is_some_and(|count| *count > FILE_LIMIT)
    }

    fn is_told(&self, diagnostic: &Diagnostic) -> bool {
        let here = self.places.get(&diagnostic.primary.span);
        here.into_iter()
            .flatten()
            .filter_map(|index| self.list.get(*index))
            .filter(|other| other.severity == diagnostic.severity)
            .any(|other| match other.code == diagnostic.code {
                true => other.message == diagnostic.message,
                false => diagnostic.is_error(),
            })
    }

    /// Adds all findings of another stage.
    pub fn extend(&mut self, others: impl IntoIterator<Item = Diagnostic>) {
        others.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// Whether a workflow with these findings cannot run.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The findings in order of file and place.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|diagnostic| (diagnostic.primary.span.file, diagnostic.primary.span.start));
        self.list
    }

    /// The findings in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

/// A name or value from a file as it may stand in a message: in backticks, on one line, cut after
/// sixty characters.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown = String::from("`");
    for (index, char) in text.chars().enumerate() {
        match char {
            _ if index == LONGEST => {
                shown.push('…');
                break;
            }
            '`' => shown.push('\''),
            char if char.is_control() => shown.extend(char.escape_debug()),
            char => shown.push(char),
        }
    }
    shown.push('`');
    shown
}

fn too_many(last: &Diagnostic) -> Diagnostic {
    let message =
        format!("more than {FILE_LIMIT} {}s in this file; the rest is left out", last.severity.as_str());
    Diagnostic { severity: last.severity, ..Diagnostic::error("too-many-errors", last.primary.span, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize) -> Span {
        Span::new(FileId(0), start, start + 1)
    }

    fn messages(found: &Diagnostics) -> Vec<&str> {
        found.iter().map(|diagnostic| &*diagnostic.message).collect()
    }

    #[test]
    fn what_nobody_wrote_has_a_place_too() {
        let nowhere = Span::new(FileId::NOT_WRITTEN, 0, 0);
        let map = SourceMap::default();
        assert_eq!((map.file(nowhere.file).path.to_str(), map.text(nowhere)), (Some("howdah.yaml"), ""));
    }

    #[test]
    fn one_mistake_has_one_message() {
        let mut found = Diagnostics::new();
        found.push(Diagnostic::error("missing-key", span(0), "no `path`"));
        found.push(Diagnostic::error("missing-key", span(0), "no `path`"));
        found.push(Diagnostic::error("missing-key", span(0), "no `auth`"));
        found.push(Diagnostic::error("wrong-type", span(0), "a consequence"));
        found.push(Diagnostic::warning("unused", span(0), "a warning"));
        assert_eq!(messages(&found), ["no `path`", "no `auth`", "a warning"]);
    }

    #[test]
    fn a_file_cannot_fill_the_list() {
        let mut found = Diagnostics::new();
        for index in 0..10_000 {
            found.push(Diagnostic::warning("unused", span(index), "unused"));
            found.push(Diagnostic::error("unknown-key", span(index), "unknown"));
        }
        found.push(Diagnostic::error("unknown-key", Span::new(FileId(1), 0, 1), "another file"));
        assert_eq!(found.iter().count(), 2 * (FILE_LIMIT + 1) + 1);
        assert!(found.is_full(FileId(0)) && !found.is_full(FileId(1)));
        let told: Vec<_> =
            messages(&found).into_iter().filter(|message| message.starts_with("more")).collect();
        assert_eq!(
            told,
            [
                "more than 100 warnings in this file; the rest is left out",
                "more than 100 errors in this file; the rest is left out"
            ]
        );
    }

    #[test]
    fn names_in_messages_are_short_and_tame() {
        assert_eq!(quoted("model"), "`model`");
        assert_eq!(quoted("a\u{1b}[31m\n`b"), "`a\\u{1b}[31m\\n'b`");
        assert_eq!(quoted(&"x".repeat(100)), format!("`{}…`", "x".repeat(60)));
    }
}
