//! Files that steps hand to each other: kept once, by the digest of their bytes, in the state
//! folder's `blobs`, and named by a [`FileRef`].
//!
//! What must stay true: the bytes are found by their digest alone, so a reference that data made up
//! leads to no file but one that was kept; and they are checked against it when they are read.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::draft::{Temporary, Whole, off_thread};
use super::failure;
use super::media::{START, media_type};
use super::roots::{Purpose, Roots};
use super::write::Written;
use crate::ids::Digest;
use crate::units::ByteSize;
use crate::value::{Failure, Json};

/// The largest file that is kept, in bytes.
pub const KEEP_LIMIT: u64 = 256 << 20;

/// The folder, from the workspace.
const FOLDER: &str = ".howdah/blobs";

/// How the name of a file begins that is not whole yet: the journal removes such files when it
/// opens the folder.
const UNFINISHED: &str = ".new-";

/// A file that was kept, as the output of a step names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// Where it lies, from the workspace: for people.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// SHA-256 of its bytes: what it is found by.
    pub sha256: Digest,
}

impl FileRef {
    /// The reference that a value is; none when it is something else.
    pub fn of(value: &Json) -> Option<Self> {
        let reference = Self::deserialize(value).ok()?;
        (reference.path == path_of(reference.sha256)).then_some(reference)
    }
}

fn path_of(digest: Digest) -> String {
    format!("{FOLDER}/{}", digest.shelf())
}

/// A file on its way into keeping, written piece by piece.
pub struct NewFile {
    folder: PathBuf,
    temporary: Temporary,
    hasher: Sha256,
    size: u64,
    start: Vec<u8>,
}

impl Roots {
    /// Begins a file that will be kept.
    ///
    /// # Errors
    /// `disk_full`, `file_io`.
    pub async fn new_file(&self) -> Result<NewFile, Failure> {
        self.off_thread(Self::blocking_new_file).await
    }

    fn blocking_new_file(&self) -> Result<NewFile, Failure> {
        let folder = self.workspace().join(FOLDER);
        let begin = || {
            std::fs::create_dir_all(&folder)?;
            Ok(Temporary::new(open_folder(&folder)?, UNFINISHED)?)
        };
        let temporary =
            begin().map_err(|error: io::Error| failure::from_io(FOLDER, Purpose::Write, &error))?;
        Ok(NewFile { folder, temporary, hasher: Sha256::new(), size: 0, start: Vec::new() })
    }

    /// Keeps what a regular file holds now, at most [`KEEP_LIMIT`] bytes.
    ///
    /// # Errors
    /// `file_missing`, `file_denied`, `file_too_large`, `disk_full`, `file_io`.
    pub async fn keep(&self, path: &str) -> Result<FileRef, Failure> {
        let path = path.to_owned();
        self.off_thread(move |roots| {
            let file = roots.open_file(&path)?;
            let mut new = roots.blocking_new_file()?;
            let fail = |error: io::Error| failure::from_io(&path, Purpose::Read, &error);
            pieces(file, fail, |piece| new.write(piece))?;
            new.blocking_keep(&path, None)
        })
        .await
    }

    /// The bytes of a file that was kept, at most `limit` of them.
    ///
    /// # Errors
    /// `file_missing` when it is kept no longer, `file_too_large`, `file_io`.
    pub async fn kept(&self, reference: &FileRef, limit: u64) -> Result<Bytes, Failure> {
        if reference.size > limit {
            return Err(failure::too_large(&reference.path, limit));
        }
        let reference = reference.clone();
        self.off_thread(move |roots| {
            let mut bytes = Vec::new();
            roots.read_kept(&reference, |piece| {
                bytes.extend_from_slice(piece);
                // What is kept may be longer than a reference that data made up says.
                match bytes.len() as u64 > limit {
                    true => Err(failure::too_large(&reference.path, limit)),
                    false => Ok(()),
                }
            })?;
            Ok(bytes.into())
        })
        .await
    }

    /// Writes a file that was kept to a path of the workspace, whole or not at all.
    ///
    /// # Errors
    /// Those of [`draft`](Self::draft), and `file_missing` when it is kept no longer.
    pub async fn write_kept(&self, path: &str, kept: &FileRef, whole: Whole) -> Result<Written, Failure> {
        let (path, kept) = (path.to_owned(), kept.clone());
        self.off_thread(move |roots| {
            let mut draft = roots.blocking_draft(&path, whole)?;
            roots.read_kept(&kept, |piece| draft.write(piece))?;
            draft.blocking_put()
        })
        .await
    }

    /// Hands the bytes of a kept file to `take`, and fails at the end when they are not its own.
    fn read_kept(
        &self,
        reference: &FileRef,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let fail = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Failure::new(
                "file_missing",
                format!("`{}` is not kept any more: run the step again that gave it", reference.path),
            ),
            _ => failure::from_io(&reference.path, Purpose::Read, &error),
        };
        let file = File::open(self.workspace().join(path_of(reference.sha256))).map_err(fail)?;
        let mut hasher = Sha256::new();
        pieces(file, fail, |piece| {
            hasher.update(piece);
            take(piece)
        })?;
        if Digest::from_bytes(hasher.finalize().into()) != reference.sha256 {
            let reason = "its bytes are not those that were kept";
            return Err(failure::io(&reference.path, "read", reason));
        }
        Ok(())
    }
}

impl NewFile {
    /// Adds a piece.
    ///
    /// # Errors
    /// `file_too_large` beyond [`KEEP_LIMIT`], `disk_full`, `file_io`.
    pub async fn add(mut self, piece: Bytes) -> Result<Self, Failure> {
        off_thread(move || self.write(&piece).map(|()| self)).await
    }

    /// Keeps the file. `name` and `said`, a content type, are hints at its type.
    ///
    /// # Errors
    /// `disk_full`, `file_io`.
    pub async fn keep(self, name: &str, said: Option<&str>) -> Result<FileRef, Failure> {
        let (name, said) = (name.to_owned(), said.map(str::to_owned));
        off_thread(move || self.blocking_keep(&name, said.as_deref())).await
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.size += piece.len() as u64;
        if self.size > KEEP_LIMIT {
            let message = format!("a file that a step gives has at most {}", ByteSize(KEEP_LIMIT));
            return Err(Failure::new("file_too_large", message));
        }
        self.hasher.update(piece);
        let missing = START.saturating_sub(self.start.len()).min(piece.len());
        self.start.extend_from_slice(&piece[..missing]);
        self.temporary.file.write_all(piece).map_err(|error| failure::from_io(FOLDER, Purpose::Write, &error))
    }

    fn blocking_keep(self, name: &str, said: Option<&str>) -> Result<FileRef, Failure> {
        let Self { folder, mut temporary, hasher, size, start } = self;
        let sha256 = Digest::from_bytes(hasher.finalize().into());
        let shelf = sha256.shelf();
        let (shelf, name_there) = shelf.split_at(2);
        let mut put = || {
            let shelf = folder.join(shelf);
            if !shelf.is_dir() {
                std::fs::create_dir_all(&shelf)?;
                File::open(&folder)?.sync_all()?;
            }
            // The same bytes may lie there already; they are replaced by themselves.
            temporary.put_in(rustix::fd::AsFd::as_fd(&open_folder(&shelf)?), OsStr::new(&name_there[1..]))
        };
        put().map_err(|error: io::Error| failure::from_io(FOLDER, Purpose::Write, &error))?;
        let media_type = media_type(&start, name, said);
        Ok(FileRef { path: path_of(sha256), size, media_type, sha256 })
    }
}

/// Hands a file's bytes to `take`, piece by piece.
fn pieces(
    mut file: File,
    fail: impl Fn(io::Error) -> Failure,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).map_err(&fail)? {
            0 => return Ok(()),
            count => take(&buffer[..count])?,
        }
    }
}

/// The state folder is the daemon's own: a link on the way to it is its owner's word.
fn open_folder(folder: &std::path::Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::RootSettings;
    use serde_json::json;

    fn roots(folder: &std::path::Path) -> Roots {
        Roots::open(folder, RootSettings::default()).unwrap()
    }

    #[tokio::test]
    async fn a_file_is_kept_once_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(folder.path());
        std::fs::write(folder.path().join("a.csv"), "a,b\n").unwrap();
        let kept = roots.keep("a.csv").await.unwrap();
        assert_eq!((kept.size, kept.media_type.as_str(), kept.sha256), (4, "text/csv", Digest::of(b"a,b\n")));
        let new = roots.new_file().await.unwrap().add(Bytes::from_static(b"a,b")).await.unwrap();
        let again =
            new.add(Bytes::from_static(b"\n")).await.unwrap().keep("x", Some("text/csv")).await.unwrap();
        assert_eq!(again, kept);
        assert_eq!(roots.kept(&kept, 4).await.unwrap(), "a,b\n");
        assert_eq!(roots.kept(&kept, 3).await.unwrap_err().code, "file_too_large");
        roots.write_kept("out/b.csv", &kept, Whole::Create).await.unwrap();
        assert_eq!(std::fs::read(folder.path().join("out/b.csv")).unwrap(), b"a,b\n");
        assert_eq!(std::fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_reference_that_data_made_up_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(folder.path());
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        let kept = roots.keep("secret").await.unwrap();
        let value = serde_json::to_value(&kept).unwrap();
        assert_eq!(FileRef::of(&value), Some(kept.clone()));
        for (field, other) in
            [("path", json!("secret")), ("sha256", json!("ab")), ("size", json!(-1)), ("more", json!(1))]
        {
            let mut value = value.clone();
            value[field] = other;
            assert_eq!(FileRef::of(&value), None, "{field}");
        }
        let absent = FileRef { path: path_of(Digest::of(b"x")), sha256: Digest::of(b"x"), ..kept.clone() };
        assert_eq!(roots.kept(&absent, 9).await.unwrap_err().code, "file_missing");
        // Bytes that are not those of the name are not handed out, nor written.
        std::fs::write(folder.path().join(&kept.path), "other").unwrap();
        assert_eq!(roots.kept(&kept, 9).await.unwrap_err().code, "file_io");
        assert!(roots.write_kept("out/x", &kept, Whole::Replace).await.is_err());
        assert!(!folder.path().join("out/x").exists());
    }
}
