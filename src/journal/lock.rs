//! The lock on a state folder: one process at a time runs what is in it.
//!
//! It is the kernel's lock on an open file, so it ends with the process, however that ends, and is
//! never stale. The process id written into the file is for people only; it decides nothing.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Proof that this process owns a state folder, until it is dropped.
#[derive(Debug)]
pub struct StateLock {
    folder: PathBuf,
    _file: File,
}

/// Why a state folder cannot be owned.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process owns it.
    #[error(
        "the state folder `{}` is in use by {}: stop that one first, or use another workspace",
        folder.display(),
        pid.map_or("another howdah".to_owned(), |pid| format!("the howdah with process id {pid}"))
    )]
    Held {
        /// The folder.
        folder: PathBuf,
        /// Which process, if it has said so.
        pid: Option<u32>,
    },
    /// The folder cannot be made or written.
    #[error("cannot write the state folder `{}`: {error}", folder.display())]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl StateLock {
    /// Takes the folder, which is made for this user alone if it is not there.
    ///
    /// # Errors
    /// When another process has it, or it cannot be written.
    pub fn acquire(folder: impl Into<PathBuf>) -> Result<Self, LockError> {
        let folder = folder.into();
        match take(&folder) {
            Ok(Taken::Ours(file)) => Ok(Self { folder, _file: file }),
            Ok(Taken::Theirs(pid)) => Err(LockError::Held { folder, pid }),
            Err(error) => Err(LockError::NotWritable { folder, error }),
        }
    }

    /// The folder that is owned.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

enum Taken {
    Ours(File),
    Theirs(Option<u32>),
}

fn take(folder: &Path) -> io::Result<Taken> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && fs::metadata(folder)?.is_dir() => {}
        made => made?,
    }
    let path = folder.join("lock");
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut text = String::new();
            // Whatever stands there is only for the message.
            let pid = (&file).take(20).read_to_string(&mut text).ok().and(text.trim().parse().ok());
            return Ok(Taken::Theirs(pid));
        }
        Err(error) => return Err(error.into()),
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Taken::Ours(file))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_has_one_owner_who_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join(".howdah");
        let lock = StateLock::acquire(&state).unwrap();
        assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
        let refused = StateLock::acquire(&state).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("the howdah with process id {}:", std::process::id())),
            "{refused}"
        );
        drop(lock);
        StateLock::acquire(&state).unwrap();
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join(".howdah");
        fs::write(&state, "").unwrap();
        let refused = StateLock::acquire(&state).unwrap_err().to_string();
        assert!(
            refused.starts_with(&format!("cannot write the state folder `{}`", state.display())),
            "{refused}"
        );
    }
}
