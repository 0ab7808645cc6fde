//! Files that are being written and not in their place yet.
//!
//! A draft lies beside its place under a name of its own, is flushed, renamed into its place, and the
//! folder flushed. Dropped before that, it goes; a process that is killed leaves it behind under a
//! name that scans leave alone, and the place as it was.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use bytes::Bytes;
use rustix::fs::{AtFlags, FileType, OFlags, RenameFlags};
use rustix::io::Errno;

use super::failure;
use super::roots::{Purpose, Roots};
use super::write::{FILE, Target, Written};
use crate::value::Failure;

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// It is replaced, and leaves its permissions.
    Replace,
    /// It stays, and the new one is refused.
    Create,
}

/// How the name of a file begins that is not yet in its place; scans leave such files alone.
pub(super) const TEMPORARY: &str = ".howdah-";

/// A file on its way to a path of the workspace, written piece by piece.
pub struct Draft {
    path: String,
    name: OsString,
    whole: Whole,
    temporary: Temporary,
    bytes: u64,
}

impl Roots {
    /// Begins a file at this path, and makes the folders that lead to it.
    ///
    /// # Errors
    /// `file_denied`, `file_exists` (with [`Whole::Create`]), `disk_full`, `file_io`.
    pub async fn draft(&self, path: &str, whole: Whole) -> Result<Draft, Failure> {
        let path = path.to_owned();
        self.off_thread(move |roots| roots.blocking_draft(&path, whole)).await
    }

    /// [`draft`](Self::draft) where blocking is no harm.
    pub(super) fn blocking_draft(&self, path: &str, whole: Whole) -> Result<Draft, Failure> {
        let Target { folder, name } = self.target(path)?;
        let fail = |error| failure::from_os(path, Purpose::Write, error);
        let permissions = match existing(folder.as_fd(), &name).map_err(fail)? {
            Some(_) if whole == Whole::Create => return Err(failure::exists(path)),
            Some((FileType::RegularFile, permissions)) => Some(permissions),
            Some((kind, _)) => return Err(failure::not_regular(path, kind)),
            None => None,
        };
        let temporary = Temporary::new(folder, TEMPORARY).map_err(fail)?;
        if let Some(permissions) = permissions {
            rustix::fs::fchmod(&temporary.file, permissions).map_err(fail)?;
        }
        Ok(Draft { path: path.to_owned(), name, whole, temporary, bytes: 0 })
    }
}

impl Draft {
    /// Adds a piece.
    ///
    /// # Errors
    /// `disk_full`, `file_io`.
    pub async fn add(mut self, piece: Bytes) -> Result<Self, Failure> {
        off_thread(move || self.write(&piece).map(|()| self)).await
    }

    /// Puts the file in its place. On success all of it is on stable storage.
    ///
    /// # Errors
    /// `file_exists` (with [`Whole::Create`]), `disk_full`, `file_io`.
    pub async fn put(self) -> Result<Written, Failure> {
        off_thread(move || self.blocking_put()).await
    }

    /// [`add`](Self::add) where blocking is no harm.
    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), Failure> {
        let fail = |error: io::Error| failure::from_io(&self.path, Purpose::Write, &error);
        self.temporary.file.write_all(piece).map_err(fail)?;
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// [`put`](Self::put) where blocking is no harm.
    pub(super) fn blocking_put(self) -> Result<Written, Failure> {
        let Self { path, name, whole, mut temporary, bytes } = self;
        temporary
            .put(&name, whole)
            .map(|()| Written { bytes })
            .map_err(|error| failure::from_io(&path, Purpose::Write, &error))
    }
}

/// Runs blocking work where it blocks no task.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let broken = |_| Err(Failure::new("file_io", "the work on the file was broken off"));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(broken)
}

/// The kind and the permissions of what stands at a name.
pub(super) fn existing(
    folder: BorrowedFd<'_>,
    name: &OsStr,
) -> rustix::io::Result<Option<(FileType, rustix::fs::Mode)>> {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => {
            let permissions = rustix::fs::Mode::from_raw_mode(stat.st_mode & 0o777);
            Ok(Some((FileType::from_raw_mode(stat.st_mode), permissions)))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file under a name that nobody else uses; dropped before it is put, it goes.
pub(super) struct Temporary {
    folder: OwnedFd,
    name: String,
    pub(super) file: File,
    placed: bool,
}

impl Temporary {
    /// A new file in this folder whose name begins so.
    pub(super) fn new(folder: OwnedFd, prefix: &str) -> rustix::io::Result<Self> {
        let name = format!("{prefix}{}.tmp", uuid::Uuid::new_v4().simple());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&folder, name.as_str(), flags, FILE)?);
        Ok(Self { folder, name, file, placed: false })
    }

    /// Flushes the file, gives it this name in its folder, and flushes that.
    pub(super) fn put(&mut self, name: &OsStr, whole: Whole) -> io::Result<()> {
        self.file.sync_all()?;
        let (folder, from) = (self.folder.as_fd(), OsStr::new(&self.name));
        self.placed = rename(folder, from, folder, name, whole)? == Renamed::Gone;
        Ok(rustix::fs::fsync(&self.folder)?)
    }

    /// Flushes the file and gives it a name in another folder, whatever was there.
    pub(super) fn put_in(&mut self, folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        self.file.sync_all()?;
        rustix::fs::renameat(&self.folder, self.name.as_str(), folder, name)?;
        self.placed = true;
        Ok(rustix::fs::fsync(folder)?)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // Nobody is left to tell; the name says what the file is.
            let _ = rustix::fs::unlinkat(&self.folder, self.name.as_str(), AtFlags::empty());
        }
    }
}

/// What became of the old name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renamed {
    /// It is no more.
    Gone,
    /// The file has both names now: this file system cannot refuse in a rename.
    StillThere,
}

/// Gives a file another name. `EXIST` with [`Whole::Create`] where that is taken.
pub(super) fn rename(
    from: BorrowedFd<'_>,
    old: &OsStr,
    to: BorrowedFd<'_>,
    new: &OsStr,
    whole: Whole,
) -> rustix::io::Result<Renamed> {
    if whole == Whole::Replace {
        return rustix::fs::renameat(from, old, to, new).map(|()| Renamed::Gone);
    }
    match rustix::fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        // A second name does the same, and the first one can go.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            rustix::fs::linkat(from, old, to, new, AtFlags::empty()).map(|()| Renamed::StillThere)
        }
        renamed => renamed.map(|()| Renamed::Gone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::RootSettings;

    #[tokio::test]
    async fn a_draft_is_seen_when_it_is_whole_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::open(folder.path(), RootSettings::default()).unwrap();
        let file = folder.path().join("out/a");
        let draft = roots.draft("out/a", Whole::Replace).await.unwrap();
        let draft = draft.add(Bytes::from_static(b"one")).await.unwrap();
        assert!(!file.exists());
        let draft = draft.add(Bytes::from_static(b" two")).await.unwrap();
        assert_eq!(draft.put().await.unwrap(), Written { bytes: 7 });
        assert_eq!(std::fs::read(&file).unwrap(), b"one two");
        let dropped = roots.draft("out/a", Whole::Replace).await.unwrap();
        drop(dropped.add(Bytes::from_static(b"x")).await.unwrap());
        assert_eq!(std::fs::read(&file).unwrap(), b"one two");
        assert_eq!(std::fs::read_dir(folder.path().join("out")).unwrap().count(), 1);
        assert_eq!(roots.draft("out/a", Whole::Create).await.err().unwrap().code, "file_exists");
        assert_eq!(roots.draft(".howdah/a", Whole::Replace).await.err().unwrap().code, "file_denied");
    }

    #[test]
    fn a_name_that_is_taken_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::open(folder.path(), RootSettings::default()).unwrap();
        let mut draft = roots.blocking_draft("a", Whole::Create).unwrap();
        draft.write(b"mine").unwrap();
        std::fs::write(folder.path().join("a"), "theirs").unwrap();
        assert_eq!(draft.blocking_put().unwrap_err().code, "file_exists");
        assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), b"theirs");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
