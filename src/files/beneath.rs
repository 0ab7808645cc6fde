//! Opening a path beneath a folder: no symbolic link is followed, no `..` is taken, the result lies
//! below the folder even while somebody renames things around it.
//!
//! Linux does this in one call (`openat2`). Where the kernel or a sandbox does not know that call,
//! the path is walked one name at a time, which refuses the same paths.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, Result};

/// How paths are resolved on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolver {
    /// The kernel confines the whole path.
    #[cfg(target_os = "linux")]
    Kernel,
    /// Each name is opened below the one before it.
    Walk,
}

/// How often a path is tried again when a rename went on at the same time.
#[cfg(target_os = "linux")]
const RACES: usize = 16;

impl Resolver {
    /// The better one that works here.
    pub(super) fn detect(folder: BorrowedFd<'_>) -> Self {
        #[cfg(target_os = "linux")]
        if by_kernel(folder, Path::new("."), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).is_ok() {
            return Self::Kernel;
        }
        let _ = folder;
        Self::Walk
    }

    /// Opens `path`, which is relative and holds no `..`, beneath `folder`.
    ///
    /// Fails with `LOOP` where a name on the way, the last included, is a symbolic link. Never
    /// waits for the other end of a FIFO. A file created gets `mode`.
    pub(super) fn open(
        self,
        folder: BorrowedFd<'_>,
        path: &Path,
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        match self {
            #[cfg(target_os = "linux")]
            Self::Kernel => by_kernel(folder, path, flags, mode),
            Self::Walk => by_walk(folder, path, flags, mode),
        }
    }

    /// Opens the folder at `path` beneath `folder`.
    pub(super) fn open_folder(self, folder: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd> {
        match self.open(folder, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
            Err(Errno::NOTDIR) if is_link(folder, path) => Err(Errno::LOOP),
            other => other,
        }
    }
}

#[cfg(target_os = "linux")]
fn by_kernel(folder: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    use rustix::fs::ResolveFlags;
    let confined = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // The call refuses a mode that it has no use for.
    let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
    let mut opened = rustix::fs::openat2(folder, path, flags, mode, confined);
    for _ in 0..RACES {
        match opened {
            Err(Errno::AGAIN | Errno::INTR) => {
                opened = rustix::fs::openat2(folder, path, flags, mode, confined);
            }
            done => return done,
        }
    }
    opened
}

fn by_walk(folder: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    let mut names = path.components().peekable();
    let mut inside = rustix::io::fcntl_dupfd_cloexec(folder, 0)?;
    while let Some(name) = names.next() {
        let name = match name {
            Component::Normal(name) => name,
            Component::CurDir => OsStr::new("."),
            _ => return Err(Errno::XDEV),
        };
        let last = names.peek().is_none();
        let (flags, mode) = if last {
            (flags, mode)
        } else {
            let pass = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            (pass | OFlags::NONBLOCK, Mode::empty())
        };
        let opened = rustix::fs::openat(&inside, name, flags, mode);
        inside = match opened {
            Err(Errno::NOTDIR) if is_link(inside.as_fd(), Path::new(name)) => {
                return Err(Errno::LOOP);
            }
            other => other?,
        };
    }
    Ok(inside)
}

/// Whether the last name of `path` is a symbolic link; only for telling why an open failed.
fn is_link(folder: BorrowedFd<'_>, path: &Path) -> bool {
    rustix::fs::statat(folder, path, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn both_resolvers_refuse_the_same_paths() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/b/file"), "x").unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink("../secret", root.join("leak")).unwrap();
        symlink("a", root.join("inner")).unwrap();
        let handle = std::fs::File::open(&root).unwrap();
        let detected = Resolver::detect(handle.as_fd());
        for resolver in [detected, Resolver::Walk] {
            let open =
                |path: &str| resolver.open(handle.as_fd(), Path::new(path), OFlags::RDONLY, Mode::empty());
            assert!(open("a/b/file").is_ok() && open("").is_ok(), "{resolver:?}");
            assert_eq!(open("up/secret").unwrap_err(), Errno::LOOP, "{resolver:?}");
            assert_eq!(open("leak").unwrap_err(), Errno::LOOP, "{resolver:?}");
            assert_eq!(open("inner/b/file").unwrap_err(), Errno::LOOP, "{resolver:?}");
            assert_eq!(open("a/../../secret").unwrap_err(), Errno::XDEV, "{resolver:?}");
            assert_eq!(open("a/none").unwrap_err(), Errno::NOENT, "{resolver:?}");
            let folder = resolver.open_folder(handle.as_fd(), Path::new("inner"));
            assert_eq!(folder.unwrap_err(), Errno::LOOP, "{resolver:?}");
        }
    }
}
