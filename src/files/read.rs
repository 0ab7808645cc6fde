//! Reading files: whole, as text, and as a digest.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::failure;
use super::roots::{Purpose, Roots};
use crate::clock::Timestamp;
use crate::ids::Digest;
use crate::value::Failure;

/// What the file system tells of a file without reading it. While two of them are equal, the
/// content is taken to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// When the content was last written, as the file says; tools can set it.
    pub modified: Timestamp,
    /// When anything of the file last changed, which tools cannot set.
    pub changed: Timestamp,
    /// Which file of the file system it is: another one after an atomic save.
    pub inode: u64,
}

/// A file's content at one moment.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The file's stamp, the same before and after the reading.
    pub stamp: Stamp,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// The bytes, where they were few enough to be kept.
    pub bytes: Option<Bytes>,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: instant(metadata.mtime(), metadata.mtime_nsec()),
            changed: instant(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }
}

/// An instant of the file system; one beyond the calendar (it can be set to anything) is cut.
pub(super) fn instant(seconds: i64, nanoseconds: i64) -> Timestamp {
    let nanoseconds = i32::try_from(nanoseconds).unwrap_or(0);
    let bound = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::new(seconds, nanoseconds).unwrap_or(bound)
}

impl Roots {
    /// The bytes of a regular file, at most `limit` of them.
    ///
    /// # Errors
    /// `file_missing`, `file_denied`, `file_too_large`, `file_io`.
    pub async fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let path = path.to_owned();
        self.off_thread(move |roots| roots.blocking_read(&path, limit)).await
    }

    /// The text of a regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), and `file_not_utf8`.
    pub async fn read_text(&self, path: &str, limit: u64) -> Result<String, Failure> {
        let path = path.to_owned();
        self.off_thread(move |roots| roots.blocking_read_text(&path, limit)).await
    }

    /// [`read`](Self::read) for callers outside the runtime. Blocking.
    ///
    /// # Errors
    /// As there.
    pub fn blocking_read(&self, path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let file = self.open_file(path)?;
        let fail = |error: std::io::Error| failure::from_io(path, Purpose::Read, &error);
        let size = file.metadata().map_err(fail)?.len();
        if size > limit {
            return Err(failure::too_large(path, limit));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        // The file may grow while it is read.
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > limit {
            return Err(failure::too_large(path, limit));
        }
        Ok(bytes)
    }

    /// [`read_text`](Self::read_text) for callers outside the runtime. Blocking.
    ///
    /// # Errors
    /// As there.
    pub fn blocking_read_text(&self, path: &str, limit: u64) -> Result<String, Failure> {
        String::from_utf8(self.blocking_read(path, limit)?)
            .map_err(|error| failure::not_utf8(path, error.utf8_error().valid_up_to()))
    }

    /// The size of a regular file in bytes; none where there is no file. Blocking.
    ///
    /// # Errors
    /// `file_denied`, `file_io`.
    pub fn blocking_size(&self, path: &str) -> Result<Option<u64>, Failure> {
        match self.blocking_stamp(path) {
            Ok(stamp) => Ok(Some(stamp.size)),
            Err(failure) if failure.code == "file_missing" => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The stamp of a regular file. Blocking.
    ///
    /// # Errors
    /// `file_missing`, `file_denied`, `file_io`.
    pub fn blocking_stamp(&self, path: &str) -> Result<Stamp, Failure> {
        stamp(path, &self.open_file(path)?)
    }

    /// The digest of a file's content, and the bytes too where there are at most `keep` of them;
    /// none when the file changed while it was read. Blocking.
    ///
    /// # Errors
    /// `file_missing`, `file_denied`, `file_io`.
    pub fn blocking_contents(&self, path: &str, keep: u64) -> Result<Option<Contents>, Failure> {
        let mut file = self.open_file(path)?;
        let before = stamp(path, &file)?;
        let mut hasher = Sha256::new();
        let mut kept = (before.size <= keep).then(Vec::new);
        let mut buffer = vec![0; 64 * 1024];
        let mut left = before.size;
        loop {
            let count = file.read(&mut buffer).map_err(|e| failure::from_io(path, Purpose::Read, &e))?;
            if count == 0 {
                break;
            }
            // A file that grows is not settled, and might never end.
            let Some(rest) = left.checked_sub(count as u64) else { return Ok(None) };
            left = rest;
            hasher.update(&buffer[..count]);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&buffer[..count]);
            }
        }
        if left > 0 || stamp(path, &file)? != before {
            return Ok(None);
        }
        let digest = Digest::from_bytes(hasher.finalize().into());
        Ok(Some(Contents { stamp: before, digest, bytes: kept.map(Bytes::from) }))
    }

    /// Runs blocking work where it blocks no task.
    pub(super) async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let roots = self.clone();
        tokio::task::spawn_blocking(move || work(&roots))
            .await
            .unwrap_or_else(|_| Err(Failure::new("file_io", "the work on the file was broken off")))
    }
}

fn stamp(path: &str, file: &File) -> Result<Stamp, Failure> {
    let metadata = file.metadata().map_err(|error| failure::from_io(path, Purpose::Read, &error))?;
    Ok(Stamp::of(&metadata))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode};

    use super::super::beneath::Resolver;
    use super::*;
    use crate::files::RootSettings;

    #[test]
    fn what_is_no_regular_file_beneath_the_root_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir_all(root.join("folder")).unwrap();
        std::fs::write(outer.path().join("secret"), "s").unwrap();
        std::fs::write(root.join("plain"), "text").unwrap();
        std::fs::write(root.join("latin"), [b'a', 0xe9]).unwrap();
        symlink("../secret", root.join("leak")).unwrap();
        symlink("..", root.join("up")).unwrap();
        rustix::fs::mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for resolver in [None, Some(Resolver::Walk)] {
            let roots = Roots::open_with(&root, RootSettings::default(), resolver).unwrap();
            let code = |path: &str, limit| roots.blocking_read(path, limit).unwrap_err().code;
            assert_eq!(roots.blocking_read_text("plain", 4).unwrap(), "text");
            assert_eq!(code("plain", 3), "file_too_large");
            assert_eq!(code("none", 9), "file_missing");
            assert_eq!(code("folder/none/none", 9), "file_missing");
            for path in ["leak", "up/secret", "folder", "pipe", "plain/x"] {
                assert_eq!(code(path, 9), "file_denied", "{path}");
            }
            let failure = roots.blocking_read_text("latin", 9).unwrap_err();
            assert_eq!((failure.code.as_ref(), failure.message.contains("byte 1")), ("file_not_utf8", true));
        }
    }

    #[test]
    fn contents_are_the_bytes_and_their_digest() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "hello").unwrap();
        let roots = Roots::open(folder.path(), RootSettings::default()).unwrap();
        let contents = roots.blocking_contents("a", 5).unwrap().unwrap();
        assert_eq!(contents.digest, Digest::of(b"hello"));
        assert_eq!(contents.bytes.as_deref(), Some(&b"hello"[..]));
        assert_eq!(roots.blocking_contents("a", 4).unwrap().unwrap().bytes, None);
        assert_eq!(contents.stamp, roots.blocking_stamp("a").unwrap());
        assert_eq!(roots.blocking_size("b").unwrap(), None);
    }

    #[test]
    fn a_date_beyond_the_calendar_is_cut() {
        assert_eq!(instant(i64::MAX, 0), Timestamp::MAX);
        assert_eq!(instant(i64::MIN, 0), Timestamp::MIN);
    }
}
