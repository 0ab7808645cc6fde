//! The files of a test: a folder of its own, into which each file of the workspace is copied when a
//! step first asks for it. What a test writes, moves and removes is there, and nowhere else.
//!
//! Not here: folders outside of the workspace; a test cannot touch them.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::component::{Field, FieldType};
use crate::config::Config;
use crate::engine::lock;
use crate::files::{Declared, RootSettings, Roots};
use crate::units::ByteSize;
use crate::value::{Failure, Json};

/// How much a test may take from the workspace, in bytes.
const TAKEN_LIMIT: u64 = 256 << 20;

/// The folder of one test; it is removed with the last clone.
#[derive(Clone)]
pub(super) struct Scratch {
    inner: Arc<Inner>,
}

struct Inner {
    folder: tempfile::TempDir,
    workspace: Roots,
    seen: Mutex<Seen>,
}

/// What was looked for in the workspace, whether it was there or not.
#[derive(Default)]
struct Seen {
    paths: HashSet<PathBuf>,
    bytes: u64,
}

impl Scratch {
    /// A folder with these files, before a workspace of this configuration. Blocking.
    ///
    /// # Errors
    /// When a folder or a file cannot be made.
    pub fn make<'f>(
        workspace: &Path,
        config: &Config,
        files: impl IntoIterator<Item = (&'f str, &'f str)>,
    ) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("howdah-test-").tempdir();
        let folder = folder.map_err(|error| failed("a folder for the test", &error))?;
        let read = match &config.files.read {
            None => Declared::Workspace,
            Some(roots) => Declared::Only(roots.iter().map(|root| root.value.clone()).collect()),
        };
        let workspace = Roots::open(workspace, RootSettings { read, write: Declared::default() })?;
        let inner = Inner { folder, workspace, seen: Mutex::default() };
        let scratch = Self { inner: Arc::new(inner) };
        for (path, text) in files {
            scratch.put(Path::new(path), text.as_bytes())?;
        }
        Ok(scratch)
    }

    /// The folder, which stands for the workspace.
    pub fn path(&self) -> &Path {
        self.inner.folder.path()
    }

    /// The text of a file that is there now. Blocking.
    pub fn text(&self, path: &str) -> Option<String> {
        let bytes = fs::read(self.path().join(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Copies what these fields of a step name from the workspace, once each. Blocking.
    ///
    /// # Errors
    /// When it is more than a test may take, or cannot be copied.
    pub fn bring(&self, fields: &[Field], values: &serde_json::Map<String, Json>) -> Result<(), Failure> {
        for field in fields {
            if let Some(value) = values.get(field.name) {
                self.bring_value(&field.ty, value)?;
            }
        }
        Ok(())
    }

    fn bring_value(&self, ty: &FieldType, value: &Json) -> Result<(), Failure> {
        match (ty, value) {
            (FieldType::Path, Json::String(path)) => self.bring_file(Path::new(path)),
            (FieldType::Glob | FieldType::File, Json::String(glob)) => {
                // What cannot be listed is told by the step itself.
                for file in self.inner.workspace.blocking_list(glob).unwrap_or_default() {
                    self.bring_file(Path::new(&file.path))?;
                }
                self.bring_file(Path::new(glob))
            }
            (FieldType::List(of) | FieldType::OneOrMany(of), Json::Array(items)) => {
                items.iter().try_for_each(|item| self.bring_value(of, item))
            }
            (FieldType::OneOrMany(of) | FieldType::Either(of, _), one) => self.bring_value(of, one),
            (FieldType::Map(of), Json::Object(fields)) => {
                fields.values().try_for_each(|field| self.bring_value(of, field))
            }
            (FieldType::Record(fields), Json::Object(values)) => self.bring(fields, values),
            _ => Ok(()),
        }
    }

    fn bring_file(&self, path: &Path) -> Result<(), Failure> {
        let inside = path.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
        let is_inside = inside.components().all(|part| matches!(part, Component::Normal(_)));
        let mut seen = lock(&self.inner.seen);
        if !is_inside || !seen.paths.insert(inside.clone()) || self.path().join(&inside).exists() {
            return Ok(());
        }
        let Some(name) = inside.to_str() else { return Ok(()) };
        let Ok(bytes) = self.inner.workspace.blocking_read(name, TAKEN_LIMIT) else { return Ok(()) };
        seen.bytes = seen.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if seen.bytes > TAKEN_LIMIT {
            let message = format!(
                "the test takes more than {} from the workspace: give it files of its own with `files`",
                ByteSize(TAKEN_LIMIT)
            );
            return Err(Failure::new("file_too_large", message));
        }
        self.put(&inside, &bytes)
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let target = self.path().join(path);
        let write = || {
            fs::create_dir_all(target.parent().unwrap_or(self.path()))?;
            File::create(&target)?.write_all(bytes)
        };
        write().map_err(|error: std::io::Error| failed(&format!("`{}`", path.display()), &error))
    }
}

/// A configuration under which nothing outside of the workspace is touched.
pub(super) fn confined(config: &Config, workspace: &Path) -> Config {
    let mut confined = config.clone();
    for roots in [&mut confined.files.read, &mut confined.files.write].into_iter().flatten() {
        for root in roots.iter_mut() {
            if let Ok(inside) = root.value.strip_prefix(workspace) {
                root.value = inside.to_owned();
            }
        }
        roots.retain(|root| root.value.is_relative());
    }
    confined
}

fn failed(what: &str, error: &std::io::Error) -> Failure {
    Failure::new("file_io", format!("cannot write {what}: {error}"))
}
