//! Large values, each once, in files named by the digest of their bytes: `blobs/ab/cdef…`.
//!
//! A blob is whole and on stable storage when [`Blobs::put`] returns, so a row that is written
//! afterwards never names one that is not there. Nothing here knows who names a blob. The files that
//! steps keep ([`crate::files`]) lie in the same folder, by the same names.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ids::Digest;
use crate::journal::form::DEPTH_LIMIT;
use crate::journal::store::StoreError;
use crate::value::{INLINE_LIMIT, Json, SharedJson, VALUE_LIMIT, Value, fits_depth};

/// What an unfinished blob's name begins with, also that of a file that a step keeps.
const UNFINISHED: &str = ".new-";

/// A folder of blobs.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: Arc<Path>,
}

impl Blobs {
    /// The blobs in this folder, which is made if need be. What a lost process left half written is
    /// removed; only the owner of the state folder may open it.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { folder: folder.into() })
    }

    /// Where the blob of this digest lies, or would.
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.shelf())
    }

    /// Keeps these bytes, unless they are kept already.
    ///
    /// # Errors
    /// When they cannot be written and flushed.
    pub fn put(&self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        let path = self.path(digest);
        let shelf = path.parent().unwrap_or(&self.folder);
        if !shelf.is_dir() {
            fs::create_dir_all(shelf)?;
            File::open(&self.folder)?.sync_all()?;
        }
        if !path.is_file() {
            let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
        }
        // Also when the file was there: whoever put it may not have come to this line yet.
        File::open(shelf)?.sync_all()?;
        Ok(digest)
    }

    /// The bytes of this digest; none when they were never put.
    ///
    /// # Errors
    /// When the file cannot be read, or holds other bytes than were put.
    pub fn get(&self, digest: Digest) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(digest)) {
            Ok(bytes) if Digest::of(&bytes) == digest => Ok(Some(bytes)),
            Ok(_) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "its bytes are not those that were written"))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A value on its way into a store: what is inline, and what has to become a blob.
pub(super) enum Packed {
    Inline(Value),
    Blob(Vec<u8>),
}

/// Decides how a value is kept.
pub(super) fn pack(value: SharedJson) -> Result<Packed, StoreError> {
    if !fits_depth(&value, DEPTH_LIMIT) {
        return Err(StoreError::TooDeep);
    }
    let mut text = Bounded { bytes: Vec::new(), written: 0 };
    serde_json::to_writer(&mut text, &*value)
        .map_err(|error| StoreError::Unreadable(format!("the value cannot be written as JSON: {error}")))?;
    match text.written {
        size if size <= INLINE_LIMIT => Ok(Packed::Inline(Value::Inline(value))),
        size if size <= VALUE_LIMIT => Ok(Packed::Blob(text.bytes)),
        size => Err(StoreError::TooLarge(size as u64)),
    }
}

/// Reads a value back from its blob.
pub(super) fn unpack(digest: Digest, bytes: Option<&[u8]>) -> Result<SharedJson, StoreError> {
    let bytes = bytes.ok_or_else(|| StoreError::Unreadable(format!("the blob `{digest}` is missing")))?;
    serde_json::from_slice::<Json>(bytes)
        .map(Arc::new)
        .map_err(|error| StoreError::Unreadable(format!("the blob `{digest}` is not JSON: {error}")))
}

/// Counts everything and holds no more than a value may have.
struct Bounded {
    bytes: Vec<u8>,
    written: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written = self.written.saturating_add(bytes.len());
        if self.written <= VALUE_LIMIT {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_lie_there_once() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path().join("blobs")).unwrap();
        let digest = blobs.put(b"large").unwrap();
        assert_eq!(blobs.put(b"large").unwrap(), digest);
        assert_eq!(blobs.get(digest).unwrap().as_deref(), Some(&b"large"[..]));
        assert_eq!(blobs.get(Digest::of(b"other")).unwrap(), None);
        assert_eq!(fs::read_dir(blobs.path(digest).parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_blob_is_not_handed_out() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path().join("blobs")).unwrap();
        let digest = blobs.put(b"large").unwrap();
        fs::write(blobs.path(digest), b"lar").unwrap();
        assert_eq!(blobs.get(digest).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn what_a_lost_process_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".new-x1"), b"half").unwrap();
        Blobs::open(dir.path().to_owned()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn values_are_packed_by_their_size() {
        let text = |length: usize| Arc::new(Json::String("x".repeat(length - 2)));
        assert!(matches!(pack(text(INLINE_LIMIT)), Ok(Packed::Inline(_))));
        assert!(
            matches!(pack(text(INLINE_LIMIT + 1)), Ok(Packed::Blob(bytes)) if bytes.len() == INLINE_LIMIT + 1)
        );
        assert!(matches!(pack(text(VALUE_LIMIT + 1)), Err(StoreError::TooLarge(_))));
    }
}
