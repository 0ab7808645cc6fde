//! Writing files, so that no reader ever sees half of one and none is lost after success.
//!
//! A whole file is a [`Draft`](super::Draft) beside its place until it is done. An append goes to an offset that was recorded before, so that it can be told after a crash whether
//! it happened.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::draft::Whole;
use super::failure;
use super::roots::{Purpose, Roots, regular};
use crate::value::Failure;

/// How a file comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The whole file, whatever was there; a file that was there leaves its permissions.
    Replace,
    /// The whole file, where there is none yet.
    Create,
    /// At the end of the file, or a new one.
    Append {
        /// The file's size in bytes when the append was planned ([`Roots::size`]), 0 for a new one.
        at: u64,
    },
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The bytes given, even where an earlier try had put them there already.
    pub bytes: u64,
}

/// The permissions of a new file, before the process's mask.
pub(super) const FILE: rustix::fs::Mode = rustix::fs::Mode::from_raw_mode(0o640);

/// The permissions of a new folder, before the process's mask.
const FOLDER: rustix::fs::Mode = rustix::fs::Mode::from_raw_mode(0o750);

/// A name in an open folder.
pub(super) struct Target {
    /// The folder.
    pub(super) folder: OwnedFd,
    /// The name, which may not be there yet.
    pub(super) name: OsString,
}

impl Roots {
    /// Writes a regular file and makes the folders that lead to it. On success all of it is on
    /// stable storage; on failure nothing has changed, but for folders made on the way and, in an
    /// append, a part that the next try with the same offset completes.
    ///
    /// # Errors
    /// `file_denied`, `file_exists` (mode `Create`), `file_in_doubt` (mode `Append`, when the file's
    /// end is not what was planned for), `disk_full`, `file_io`.
    pub async fn write(&self, path: &str, bytes: bytes::Bytes, mode: Mode) -> Result<Written, Failure> {
        let path = path.to_owned();
        self.off_thread(move |roots| roots.blocking_write(&path, &bytes, mode)).await
    }

    /// The size of a regular file in bytes, for planning an append; none where there is no file.
    ///
    /// # Errors
    /// `file_denied`, `file_io`.
    pub async fn size(&self, path: &str) -> Result<Option<u64>, Failure> {
        let path = path.to_owned();
        self.off_thread(move |roots| roots.blocking_size(&path)).await
    }

    /// [`write`](Self::write) for callers outside the runtime. Blocking.
    ///
    /// # Errors
    /// As there.
    pub fn blocking_write(&self, path: &str, bytes: &[u8], mode: Mode) -> Result<Written, Failure> {
        let at = match mode {
            Mode::Replace => return self.write_whole(path, bytes, Whole::Replace),
            Mode::Create => return self.write_whole(path, bytes, Whole::Create),
            Mode::Append { at } => at,
        };
        let fail = |error: io::Error| failure::from_io(path, Purpose::Write, &error);
        let Target { folder, name } = self.target(path)?;
        let flags = OFlags::RDWR | OFlags::CREATE;
        let file = self.resolver().open(folder.as_fd(), Path::new(&name), flags, FILE);
        let file = regular(path, file.map_err(|error| fail(error.into()))?)?;
        if !append(file, bytes, at).map_err(fail)? {
            return Err(failure::in_doubt(path));
        }
        if at == 0 {
            rustix::fs::fsync(&folder).map_err(|error| fail(error.into()))?;
        }
        Ok(Written { bytes: bytes.len() as u64 })
    }

    fn write_whole(&self, path: &str, bytes: &[u8], whole: Whole) -> Result<Written, Failure> {
        let mut draft = self.blocking_draft(path, whole)?;
        draft.write(bytes)?;
        draft.blocking_put()
    }

    /// Where a file is written: its folder, which is made if need be, and its name in it.
    pub(super) fn target(&self, path: &str) -> Result<Target, Failure> {
        let place = self.locate(path, Purpose::Write)?;
        let fail = |error| failure::from_os(path, Purpose::Write, error);
        let Some(name) = place.below.file_name() else {
            return Err(failure::not_a_file(path, "a folder"));
        };
        let handle = self.handle(&place).map_err(fail)?;
        let parent = place.below.parent().unwrap_or(Path::new(""));
        let folder = self.make_folders(handle.as_fd(), parent).map_err(fail)?;
        Ok(Target { folder, name: name.to_owned() })
    }

    /// Opens the folder at `path`, and makes what is missing of it.
    fn make_folders(&self, root: BorrowedFd<'_>, path: &Path) -> rustix::io::Result<OwnedFd> {
        match self.resolver().open_folder(root, path) {
            Err(Errno::NOENT) => {}
            opened => return opened,
        }
        let mut folder = self.resolver().open_folder(root, Path::new(""))?;
        for name in path.iter().map(Path::new) {
            let inner = match self.resolver().open_folder(folder.as_fd(), name) {
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(&folder, name, FOLDER) {
                        Ok(()) => rustix::fs::fsync(&folder)?,
                        // Somebody else made it just now.
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(error),
                    }
                    self.resolver().open_folder(folder.as_fd(), name)?
                }
                opened => opened?,
            };
            folder = inner;
        }
        Ok(folder)
    }
}

/// Adds the bytes at `at`, or what is missing of them; false when the file's end is another one.
fn append(mut file: File, bytes: &[u8], at: u64) -> io::Result<bool> {
    let size = file.metadata()?.len();
    let Some(done) = size.checked_sub(at).and_then(|done| usize::try_from(done).ok()) else {
        return Ok(false);
    };
    let Some((there, missing)) = bytes.split_at_checked(done) else { return Ok(false) };
    let mut tail = vec![0; there.len()];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut tail)?;
    if tail != there {
        return Ok(false);
    }
    file.write_all(missing)?;
    file.sync_data()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::beneath::Resolver;
    use super::*;
    use crate::files::RootSettings;

    fn open(folder: &Path) -> [Roots; 2] {
        [None, Some(Resolver::Walk)]
            .map(|resolver| Roots::open_with(folder, RootSettings::default(), resolver).unwrap())
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_made_with_its_folders_and_then_replaced() {
        for walk in [0, 1] {
            let folder = tempfile::tempdir().unwrap();
            let roots = &open(folder.path())[walk];
            roots.blocking_write("a/b/c.md", b"one", Mode::Create).unwrap();
            let file = folder.path().join("a/b/c.md");
            assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o007, 0);
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o604)).unwrap();
            let written = roots.blocking_write("a/b/c.md", b"two!", Mode::Replace).unwrap();
            assert_eq!((written.bytes, std::fs::read(&file).unwrap()), (4, b"two!".to_vec()));
            assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o604);
            assert_eq!(names(&folder.path().join("a/b")), ["c.md"]);
        }
    }

    #[test]
    fn create_never_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let [roots, _] = open(folder.path());
        roots.blocking_write("x", b"first", Mode::Create).unwrap();
        assert_eq!(roots.blocking_write("x", b"second", Mode::Create).unwrap_err().code, "file_exists");
        symlink("nowhere", folder.path().join("dangling")).unwrap();
        assert_eq!(roots.blocking_write("dangling", b"", Mode::Create).unwrap_err().code, "file_exists");
        assert_eq!(std::fs::read(folder.path().join("x")).unwrap(), b"first");
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn nothing_is_written_through_a_link_or_to_what_is_no_file() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir_all(root.join("folder")).unwrap();
        std::fs::write(outer.path().join("victim"), "safe").unwrap();
        symlink("../victim", root.join("link")).unwrap();
        symlink("..", root.join("up")).unwrap();
        std::fs::write(root.join("file"), "").unwrap();
        for roots in open(&root) {
            for mode in [Mode::Replace, Mode::Append { at: 0 }] {
                for path in ["link", "up/victim", "up/new/file", "folder", "file/x", "../victim", "."] {
                    let failure = roots.blocking_write(path, b"bad", mode).unwrap_err();
                    assert_eq!(failure.code, "file_denied", "{path} {mode:?} {failure}");
                }
            }
        }
        assert_eq!(std::fs::read(outer.path().join("victim")).unwrap(), b"safe");
        assert_eq!(names(outer.path()).len(), 2);
    }

    #[test]
    fn an_append_happens_once_however_often_it_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let [roots, _] = open(folder.path());
        let file = folder.path().join("log");
        for _ in 0..2 {
            roots.blocking_write("log", b"one\n", Mode::Append { at: 0 }).unwrap();
        }
        roots.blocking_write("log", b"two\n", Mode::Append { at: 4 }).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"one\ntwo\n");
        // Cut off in the middle, the next try completes it.
        std::fs::write(&file, "one\ntw").unwrap();
        roots.blocking_write("log", b"two\n", Mode::Append { at: 4 }).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"one\ntwo\n");
        // Anything else is left alone.
        for (content, at) in [("one\nthr", 4), ("one", 4), ("one\ntwo\nthree\n", 4)] {
            std::fs::write(&file, content).unwrap();
            let failure = roots.blocking_write("log", b"two\n", Mode::Append { at }).unwrap_err();
            assert_eq!(failure.code, "file_in_doubt", "{content}");
            assert_eq!(std::fs::read(&file).unwrap(), content.as_bytes());
        }
    }

    #[test]
    fn a_reader_never_sees_half_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let [roots, _] = open(folder.path());
        let contents = [vec![b'a'; 200_000], vec![b'b'; 100_000]];
        roots.blocking_write("f", &contents[0], Mode::Replace).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut reads = 0;
                while !done.load(Ordering::Relaxed) || reads == 0 {
                    let seen = std::fs::read(folder.path().join("f")).unwrap();
                    assert!(contents.contains(&seen), "{} bytes", seen.len());
                    reads += 1;
                }
            });
            for turn in 0..40 {
                roots.blocking_write("f", &contents[turn % 2], Mode::Replace).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
    }

    #[test]
    fn a_full_or_forbidden_disk_is_named() {
        let full = failure::from_os("out/a", Purpose::Write, Errno::NOSPC);
        assert_eq!(full.code, "disk_full");
        let forbidden = failure::from_os("out/a", Purpose::Write, Errno::ACCESS);
        assert!(forbidden.message.contains("folder `out`"), "{forbidden}");
        assert_eq!(forbidden.code, "file_io");
    }
}
