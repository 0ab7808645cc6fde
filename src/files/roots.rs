//! Which paths workflows may touch, and the one door to them.
//!
//! A path is relative to the workspace, or absolute below a root that howdah.yaml declares. The
//! rules are lexical ([`Roots::locate`]); as no symbolic link is ever followed on the way, they hold
//! for the file that is opened too.

use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::beneath::Resolver;
use super::failure;
use crate::value::Failure;

/// Folders (or single files) that may be touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Declared {
    /// The workspace, as when howdah.yaml says nothing.
    #[default]
    Workspace,
    /// These, relative to the workspace or absolute.
    Only(Vec<PathBuf>),
}

/// `files` of howdah.yaml.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootSettings {
    /// Where files are read, listed and watched.
    pub read: Declared,
    /// Where files are written, moved and removed. What steers the daemon (`workflows`, `prompts`,
    /// `plugins`, `howdah.yaml`) stays closed unless it is named here itself.
    pub write: Declared,
}

/// What a path is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reading, listing, watching.
    Read,
    /// Making, changing, removing.
    Write,
}

impl Purpose {
    /// For "cannot … `path`".
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// For "files are … only in".
    fn participle(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "written",
        }
    }

    /// The key of howdah.yaml that declares the roots.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Read => "files.read",
            Self::Write => "files.write",
        }
    }
}

/// The longest path that is looked at, in bytes.
const PATH_LIMIT: usize = 4096;

/// The state folder and the file of secrets: never open to workflows, whatever is declared.
const CLOSED: [&str; 2] = [".howdah", ".env"];

/// The files that workflows may touch. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Roots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    workspace: PathBuf,
    handle: OwnedFd,
    resolver: Resolver,
    settings: RootSettings,
}

/// An allowed path: a root, and the way down from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// An absolute root of its own; none: the workspace.
    root: Option<PathBuf>,
    /// Below the root; empty: the root itself.
    pub(super) below: PathBuf,
}

/// A root that is open.
pub(super) enum Handle<'a> {
    Workspace(&'a OwnedFd),
    Other(OwnedFd),
}

impl Handle<'_> {
    pub(super) fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match self {
            Self::Workspace(handle) => handle.as_fd(),
            Self::Other(handle) => handle.as_fd(),
        }
    }
}

impl Roots {
    /// Opens the workspace, an existing folder. Declared roots need not exist yet. Blocking.
    ///
    /// # Errors
    /// `file_missing` or `file_io` when the workspace cannot be opened, `file_denied` when a
    /// declared root holds `..`.
    pub fn open(workspace: &Path, settings: RootSettings) -> Result<Self, Failure> {
        Self::open_with(workspace, settings, None)
    }

    pub(super) fn open_with(
        workspace: &Path,
        settings: RootSettings,
        resolver: Option<Resolver>,
    ) -> Result<Self, Failure> {
        let shown = workspace.display().to_string();
        let fail = |error: std::io::Error| failure::from_io(&shown, Purpose::Read, &error);
        let workspace = workspace.canonicalize().map_err(fail)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(&workspace, flags, Mode::empty()).map_err(|e| fail(e.into()))?;
        let resolver = resolver.unwrap_or_else(|| Resolver::detect(handle.as_fd()));
        let settings = RootSettings {
            read: tidy(&workspace, settings.read, Purpose::Read)?,
            write: tidy(&workspace, settings.write, Purpose::Write)?,
        };
        Ok(Self { inner: Arc::new(Inner { workspace, handle, resolver, settings }) })
    }

    /// The workspace's own path, absolute and free of symbolic links.
    pub fn workspace(&self) -> &Path {
        &self.inner.workspace
    }

    /// How paths are opened here.
    pub(super) fn resolver(&self) -> Resolver {
        self.inner.resolver
    }

    /// Where `path` leads, if it may be touched.
    pub(super) fn locate(&self, path: &str, purpose: Purpose) -> Result<Place, Failure> {
        if path.is_empty() {
            return Err(Failure::new("file_denied", "the path is empty: name a file"));
        }
        if path.len() > PATH_LIMIT || path.contains('\0') {
            let start: String = path.chars().take(40).filter(|c| !c.is_control()).collect();
            return Err(failure::denied(&start, "a path has at most 4,096 bytes and no NUL"));
        }
        let Some(clean) = clean(Path::new(path)) else {
            return Err(failure::denied(path, "`..` is not allowed in a path: write it from the workspace"));
        };
        let declared = match purpose {
            Purpose::Read => &self.inner.settings.read,
            Purpose::Write => &self.inner.settings.write,
        };
        match clean.strip_prefix(&self.inner.workspace) {
            Ok(below) => self.in_workspace(path, below.to_owned(), declared, purpose),
            Err(_) if clean.is_absolute() => {
                let root = declared
                    .roots()
                    .filter(|root| root.is_absolute() && clean.starts_with(root))
                    .max_by_key(|root| {
                        // The innermost, so that nothing between two roots is walked twice.
                        root.as_os_str().len()
                    });
                let root = root.ok_or_else(|| outside(path, declared, purpose))?;
                let below = clean.strip_prefix(root).unwrap_or(Path::new("")).to_owned();
                Ok(Place { root: Some(root.clone()), below })
            }
            Err(_) => self.in_workspace(path, clean, declared, purpose),
        }
    }

    fn in_workspace(
        &self,
        path: &str,
        below: PathBuf,
        declared: &Declared,
        purpose: Purpose,
    ) -> Result<Place, Failure> {
        if CLOSED.iter().any(|name| below.starts_with(name)) {
            return Err(failure::denied(path, "the state and the secrets of howdah are closed to workflows"));
        }
        let allowed = match declared {
            Declared::Workspace => true,
            // A root may be absolute and hold the workspace.
            Declared::Only(roots) => {
                let whole = self.inner.workspace.join(&below);
                roots.iter().any(|root| whole.starts_with(self.inner.workspace.join(root)))
            }
        };
        if !allowed {
            return Err(outside(path, declared, purpose));
        }
        let steering = purpose == Purpose::Write && steers(&below);
        let named = |root: &PathBuf| steers(root) && below.starts_with(root);
        if steering && !declared.roots().any(named) {
            return Err(failure::denied(
                path,
                "it steers howdah itself, and is written only when `files.write` of howdah.yaml names it",
            ));
        }
        Ok(Place { root: None, below })
    }

    /// The open root of a place.
    pub(super) fn handle(&self, place: &Place) -> rustix::io::Result<Handle<'_>> {
        match &place.root {
            None => Ok(Handle::Workspace(&self.inner.handle)),
            // The author wrote this root: links that lead to it are his word, those in it are not.
            Some(root) => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                rustix::fs::open(root, flags, Mode::empty()).map(Handle::Other)
            }
        }
    }

    /// The absolute path of a place, for the operating system's watches only.
    pub(super) fn absolute(&self, place: &Place) -> PathBuf {
        place.root.as_ref().unwrap_or(&self.inner.workspace).join(&place.below)
    }

    /// Opens a regular file for reading.
    pub(super) fn open_file(&self, path: &str) -> Result<File, Failure> {
        let place = self.locate(path, Purpose::Read)?;
        let fail = |error| failure::from_os(path, Purpose::Read, error);
        let handle = self.handle(&place).map_err(fail)?;
        let file = self
            .resolver()
            .open(handle.as_fd(), &place.below, OFlags::RDONLY, Mode::empty())
            .map_err(fail)?;
        regular(path, file)
    }
}

impl Declared {
    /// The declared paths, none for the whole workspace.
    fn roots(&self) -> impl Iterator<Item = &PathBuf> {
        match self {
            Self::Workspace => [].iter(),
            Self::Only(roots) => roots.iter(),
        }
    }
}

/// The file, if it is a regular one.
pub(super) fn regular(path: &str, file: OwnedFd) -> Result<File, Failure> {
    let file = File::from(file);
    let kind = file.metadata().map_err(|error| failure::from_io(path, Purpose::Read, &error))?.file_type();
    if kind.is_file() {
        Ok(file)
    } else if kind.is_dir() {
        Err(failure::not_a_file(path, "a folder"))
    } else {
        Err(failure::not_a_file(path, "a FIFO, a socket or a device"))
    }
}

/// The path without `.` and doubled slashes; none when it holds `..`.
fn clean(path: &Path) -> Option<PathBuf> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| (part != Component::ParentDir).then_some(part))
        .collect()
}

/// The declared roots in one spelling: those in the workspace relative to it.
fn tidy(workspace: &Path, declared: Declared, purpose: Purpose) -> Result<Declared, Failure> {
    let Declared::Only(roots) = declared else { return Ok(declared) };
    let tidied = roots.into_iter().map(|root| {
        let clean = clean(&root).ok_or_else(|| {
            let why =
                format!("a root in `{}` of howdah.yaml holds no `..`: write it absolute", purpose.key());
            failure::denied(&root.display().to_string(), &why)
        })?;
        Ok(clean.strip_prefix(workspace).map(Path::to_owned).unwrap_or(clean))
    });
    Ok(Declared::Only(tidied.collect::<Result<_, Failure>>()?))
}

/// Whether a path of the workspace decides what the daemon does.
fn steers(below: &Path) -> bool {
    let Some(Component::Normal(first)) = below.components().next() else { return false };
    let Some(first) = first.to_str() else { return false };
    matches!(first, "workflows" | "prompts" | "plugins" | "howdah.yaml")
        || (first.starts_with("howdah.") && first.ends_with(".yaml"))
}

/// The refusal of a path beyond the roots.
fn outside(path: &str, declared: &Declared, purpose: Purpose) -> Failure {
    let roots: Vec<_> = declared.roots().map(|root| format!("`{}`", root.display())).collect();
    let place = if roots.is_empty() { "the workspace".to_owned() } else { roots.join(", ") };
    let (done, key) = (purpose.participle(), purpose.key());
    failure::denied(
        path,
        &format!("files are {done} only in {place}: add its folder to `{key}` in howdah.yaml"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(settings: RootSettings) -> (tempfile::TempDir, Roots) {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::open(folder.path(), settings).unwrap();
        (folder, roots)
    }

    fn refused(roots: &Roots, path: &str, purpose: Purpose) -> String {
        let failure = roots.locate(path, purpose).unwrap_err();
        assert_eq!(failure.code, "file_denied");
        failure.message
    }

    #[test]
    fn the_workspace_is_open_and_what_steers_it_is_not() {
        let (_folder, roots) = roots(RootSettings::default());
        for path in ["out/a.md", "./out//a.md", "workflows.md", "sub/workflows/x", "howdah.md"] {
            assert!(roots.locate(path, Purpose::Write).is_ok(), "{path}");
        }
        for path in ["workflows/a.yaml", "./prompts/x", "plugins/p.wasm", "howdah.yaml", "howdah.prod.yaml"] {
            assert!(refused(&roots, path, Purpose::Write).contains("files.write"), "{path}");
            assert!(roots.locate(path, Purpose::Read).is_ok(), "{path}");
        }
        for path in [".howdah/state.db", ".howdah", ".env"] {
            refused(&roots, path, Purpose::Read);
            refused(&roots, path, Purpose::Write);
        }
    }

    #[test]
    fn no_path_leads_out() {
        let (folder, roots) = roots(RootSettings::default());
        for path in ["../x", "a/../../x", "/etc/passwd", "", "a\0b", &"a/".repeat(3000)] {
            refused(&roots, path, Purpose::Read);
            refused(&roots, path, Purpose::Write);
        }
        let inside = folder.path().canonicalize().unwrap().join("a/b");
        let place = roots.locate(inside.to_str().unwrap(), Purpose::Read).unwrap();
        assert_eq!(place, Place { root: None, below: "a/b".into() });
    }

    #[test]
    fn declared_roots_replace_the_default() {
        let only = |roots: &[&str]| Declared::Only(roots.iter().map(PathBuf::from).collect());
        let (_folder, roots) =
            roots(RootSettings { read: only(&["./inbox", "/srv/drop"]), write: only(&[".", "prompts/new"]) });
        assert!(roots.locate("inbox/a", Purpose::Read).is_ok());
        assert!(roots.locate("/srv/drop/a", Purpose::Read).is_ok());
        let told = refused(&roots, "inboxes/a", Purpose::Read);
        assert_eq!(
            told,
            "`inboxes/a` is refused: files are read only in `inbox`, `/srv/drop`: add its folder to `files.read` in howdah.yaml"
        );
        assert!(roots.locate("prompts/new/x.prompt", Purpose::Write).is_ok());
        refused(&roots, "prompts/x.prompt", Purpose::Write);
        refused(&roots, "/srv/drop/a", Purpose::Write);
        let wrong = RootSettings { read: only(&["../x"]), ..RootSettings::default() };
        assert!(Roots::open(Path::new("."), wrong).is_err());
    }
}
