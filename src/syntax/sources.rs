//! The files of a workspace as they were at one moment: what is compiled is this snapshot.
//!
//! Nothing is read here: whoever reads the files adds what came of it. A file that cannot be used is
//! kept by its name with a diagnostic, so that it is told about, and leaves the others alone.
//!
//! Code raised here: `unreadable-file`.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::FILE_LIMIT;
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceFile, SourceMap, Span};

/// What a file of a workspace is, told by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// `workflows/**/*.yaml` or `.yml`.
    Workflow,
    /// `howdah.yaml`, or `howdah.NAME.yaml` of the profile `NAME`.
    Config,
    /// `*.prompt`.
    Prompt,
    /// `workflows/**/*.test.yaml` or `.yml`.
    Test,
}

impl SourceKind {
    /// What the file at this path is; `path` is relative to the workspace. Hidden files, and files in
    /// hidden folders, are nothing.
    pub fn of(path: &Path) -> Option<Self> {
        let mut folders = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => folders.push(name.to_str()?),
                Component::CurDir => {}
                _ => return None,
            }
        }
        let name = folders.pop()?;
        if name.starts_with('.') || folders.iter().any(|folder| folder.starts_with('.')) {
            return None;
        }
        let (stem, extension) = name.rsplit_once('.')?;
        let at_root = folders.is_empty();
        match extension {
            "prompt" if !stem.is_empty() => Some(Self::Prompt),
            "yaml" if at_root && stem == "howdah" => Some(Self::Config),
            "yaml" if at_root && profile(stem).is_some() => Some(Self::Config),
            "yaml" | "yml" if folders.first() == Some(&"workflows") => Some(match stem.ends_with(".test") {
                true => Self::Test,
                false => Self::Workflow,
            }),
            _ => None,
        }
    }
}

/// The profile of a `howdah.NAME.yaml`; none for `howdah.yaml` itself.
pub fn profile_of(path: &Path) -> Option<&str> {
    path.file_stem().and_then(OsStr::to_str).and_then(profile)
}

fn profile(stem: &str) -> Option<&str> {
    stem.strip_prefix("howdah.").filter(|name| !name.is_empty() && !name.contains('.'))
}

/// A snapshot of a workspace's files.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    map: SourceMap,
    entries: Vec<Entry>,
    diagnostics: Diagnostics,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    file: FileId,
    kind: SourceKind,
    readable: bool,
}

impl Sources {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file by its path relative to the workspace, with its bytes or the reason why they could
    /// not be read. Each path is added once. Returns none for a file that is not a source.
    pub fn add(&mut self, path: impl Into<PathBuf>, content: Result<Vec<u8>, String>) -> Option<FileId> {
        let path = path.into();
        let kind = SourceKind::of(&path)?;
        Some(self.keep(path, kind, content))
    }

    /// Adds a file that somebody says is a workflow, wherever it lies.
    pub fn add_workflow(&mut self, path: impl Into<PathBuf>, content: Result<Vec<u8>, String>) -> FileId {
        self.keep(path.into(), SourceKind::Workflow, content)
    }

    /// Lets this content stand for the file at a path, whether it was added before or not: what an
    /// editor holds and has not saved. What is no other source counts as a workflow.
    pub fn replace(&mut self, path: impl Into<PathBuf>, content: Result<Vec<u8>, String>) -> FileId {
        let path = path.into();
        let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition(|entry| self.map.file(entry.file).path == path);
        self.entries = kept;
        let is_gone = |one: &Diagnostic| gone.iter().any(|entry| entry.file == one.primary.span.file);
        let told = std::mem::take(&mut self.diagnostics);
        self.diagnostics.extend(told.into_iter().filter(|one| !is_gone(one)));
        let kind = SourceKind::of(&path).unwrap_or(SourceKind::Workflow);
        self.keep(path, kind, content)
    }

    fn keep(&mut self, path: PathBuf, kind: SourceKind, content: Result<Vec<u8>, String>) -> FileId {
        let text =
            content.map_err(|reason| (format!("the file cannot be read: {reason}"), None)).and_then(text_of);
        let readable = text.is_ok();
        let (text, problem) = match text {
            Ok(text) => (text, None),
            Err(problem) => (String::new(), Some(problem)),
        };
        let file = self.map.add(SourceFile::new(path, text));
        if let Some((message, help)) = problem {
            let found = Diagnostic::error("unreadable-file", Span::new(file, 0, 0), message);
            self.diagnostics.push(found.with_help_if(help));
        }
        self.entries.push(Entry { file, kind, readable });
        file
    }

    /// The texts, for spans and drawing. A file that cannot be used is there with an empty text.
    pub fn map(&self) -> &SourceMap {
        &self.map
    }

    /// The files of one kind that can be used, in the order added.
    pub fn files(&self, kind: SourceKind) -> impl Iterator<Item = (FileId, &SourceFile)> {
        let wanted = self.entries.iter().filter(move |entry| entry.kind == kind && entry.readable);
        wanted.map(|entry| (entry.file, self.map.file(entry.file)))
    }

    /// The files of one kind that cannot be used.
    pub fn unreadable(&self, kind: SourceKind) -> impl Iterator<Item = (FileId, &SourceFile)> {
        let wanted = self.entries.iter().filter(move |entry| entry.kind == kind && !entry.readable);
        wanted.map(|entry| (entry.file, self.map.file(entry.file)))
    }

    /// Why files cannot be used.
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }
}

/// The text of a file, or what is wrong with its bytes and what to do.
fn text_of(bytes: Vec<u8>) -> Result<String, (String, Option<String>)> {
    if bytes.len() > FILE_LIMIT {
        let message = format!("the file has {} bytes; at most {FILE_LIMIT} (1 MiB) are read", bytes.len());
        return Err((message, Some("split it, or move data to a file that a step reads".to_owned())));
    }
    let encoding = match bytes.as_slice() {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "the file is UTF-16 text, not UTF-8",
        _ => "the file is not UTF-8 text",
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let message = format!("{encoding} (byte {})", error.utf8_error().valid_up_to() + 1);
        (message, Some("save it as UTF-8".to_owned()))
    })?;
    // A byte order mark is no part of the text, and would count as a column.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_saved_yet_stands_for_the_file() {
        let mut sources = Sources::new();
        sources.add("workflows/a.yaml", Ok(vec![0xFF]));
        sources.add("workflows/b.yaml", Ok(b"b".to_vec()));
        let file = sources.replace("workflows/a.yaml", Ok(b"a".to_vec()));
        assert!(sources.diagnostics().is_empty());
        let texts: Vec<_> =
            sources.files(SourceKind::Workflow).map(|(id, found)| (id, &*found.text)).collect();
        assert_eq!((texts.len(), texts[1]), (2, (file, "a")));
    }

    #[test]
    fn a_path_tells_the_kind() {
        for (path, kind) in [
            ("workflows/a.yaml", Some(SourceKind::Workflow)),
            ("./workflows/deep/er/a.yml", Some(SourceKind::Workflow)),
            ("workflows/howdah.yaml", Some(SourceKind::Workflow)),
            ("workflows/a.test.yaml", Some(SourceKind::Test)),
            ("workflows/a.test.yml", Some(SourceKind::Test)),
            ("howdah.yaml", Some(SourceKind::Config)),
            ("howdah.prod.yaml", Some(SourceKind::Config)),
            ("prompts/a.prompt", Some(SourceKind::Prompt)),
            ("workflows/_part.prompt", Some(SourceKind::Prompt)),
            ("howdah..yaml", None),
            ("other.yaml", None),
            ("elsewhere/a.yaml", None),
            ("workflows/a.yaml~", None),
            ("workflows/.#a.yaml", None),
            (".howdah/workflows/a.yaml", None),
            ("workflows/.git/a.yaml", None),
            ("../workflows/a.yaml", None),
            ("/workflows/a.yaml", None),
            ("", None),
        ] {
            assert_eq!(SourceKind::of(Path::new(path)), kind, "{path}");
        }
        assert_eq!(profile_of(Path::new("howdah.prod.yaml")), Some("prod"));
        assert_eq!(profile_of(Path::new("howdah.yaml")), None);
    }

    #[test]
    fn a_file_that_cannot_be_used_leaves_the_others_alone() {
        let mut sources = Sources::new();
        sources.add("workflows/good.yaml", Ok("\u{feff}name: good".into()));
        sources.add("workflows/latin.yaml", Ok(b"name: caf\xe9".to_vec()));
        sources.add("workflows/wide.yaml", Ok(b"\xff\xfen\0".to_vec()));
        sources.add("workflows/huge.yaml", Ok(vec![b' '; FILE_LIMIT + 1]));
        sources.add("workflows/secret.yaml", Err("permission denied".into()));
        assert_eq!(sources.add("notes.txt", Ok(Vec::new())), None);

        let good: Vec<_> = sources.files(SourceKind::Workflow).map(|(_, file)| &*file.text).collect();
        assert_eq!(good, ["name: good"]);
        assert_eq!(sources.unreadable(SourceKind::Workflow).count(), 4);
        let told: Vec<_> = sources.diagnostics().iter().map(|found| &*found.message).collect();
        assert_eq!(
            told,
            [
                "the file is not UTF-8 text (byte 10)",
                "the file is UTF-16 text, not UTF-8 (byte 1)",
                "the file has 1048577 bytes; at most 1048576 (1 MiB) are read",
                "the file cannot be read: permission denied",
            ]
        );
    }
}
