//! Where the workspace is: the folder with howdah.yaml or `workflows`.

use std::io;
use std::path::{Path, PathBuf};

/// The folder that howdah works in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Absolute, without symbolic links.
    pub root: PathBuf,
    /// Where the daemon keeps its state; it need not exist yet.
    pub state_dir: PathBuf,
}

/// Why there is no workspace.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The folder named is not there.
    #[error("the folder `{0}` does not exist: name another one, or make a workspace with `howdah init {0}`")]
    Missing(PathBuf),
    /// Something else is.
    #[error("`{0}` is not a folder: name the folder that holds `howdah.yaml` or `workflows`")]
    NotAFolder(PathBuf),
    /// Neither here nor above.
    #[error(
        "neither `{0}` nor a folder above it holds `howdah.yaml` or `workflows`: go to a workspace, name one, or make one with `howdah init`"
    )]
    NotFound(PathBuf),
    /// The operating system said no.
    #[error("cannot open the folder `{0}`: {1}")]
    Unreadable(PathBuf, io::Error),
}

impl Workspace {
    /// The workspace in this very folder, which may be empty still. Blocking.
    ///
    /// # Errors
    /// When it is no folder that can be opened.
    pub fn at(folder: &Path) -> Result<Self, WorkspaceError> {
        let root = folder.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => WorkspaceError::Missing(folder.to_owned()),
            io::ErrorKind::NotADirectory => WorkspaceError::NotAFolder(folder.to_owned()),
            _ => WorkspaceError::Unreadable(folder.to_owned(), error),
        })?;
        if !root.is_dir() {
            return Err(WorkspaceError::NotAFolder(folder.to_owned()));
        }
        let state_dir = root.join(".howdah");
        Ok(Self { root, state_dir })
    }

    /// The nearest workspace from this folder upwards. Blocking.
    ///
    /// # Errors
    /// When there is none, or the folder cannot be opened.
    pub fn discover(from: &Path) -> Result<Self, WorkspaceError> {
        let start = Self::at(from)?.root;
        match start.ancestors().find(|folder| is_workspace(folder)) {
            Some(root) => Self::at(root),
            None => Err(WorkspaceError::NotFound(start)),
        }
    }
}

/// Whether a folder has what makes a workspace. The `workflows` of `.github` are somebody else's.
fn is_workspace(folder: &Path) -> bool {
    let foreign = folder.file_name().is_some_and(|name| name == ".github");
    folder.join("howdah.yaml").is_file() || (!foreign && folder.join("workflows").is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_found_from_below() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("a/workflows/sub")).unwrap();
        std::fs::create_dir_all(top.join("a/b/.github/workflows")).unwrap();
        std::fs::create_dir_all(top.join("a/c")).unwrap();
        std::fs::write(top.join("a/c/howdah.yaml"), "").unwrap();
        let found = |from: &str| Workspace::discover(&top.join(from)).map(|workspace| workspace.root);
        for from in ["a", "a/workflows/sub", "a/b/.github/workflows"] {
            assert_eq!(found(from).unwrap(), top.join("a"), "{from}");
        }
        assert_eq!(found("a/c").unwrap(), top.join("a/c"));
        assert!(matches!(Workspace::discover(&top), Err(WorkspaceError::NotFound(_))));
    }

    #[test]
    fn a_named_folder_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path()).unwrap();
        assert_eq!(workspace.state_dir, workspace.root.join(".howdah"));
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(Workspace::at(&file), Err(WorkspaceError::NotAFolder(_))));
        assert!(matches!(Workspace::at(&file.join("x")), Err(WorkspaceError::NotAFolder(_))));
        assert!(matches!(Workspace::at(&folder.path().join("none")), Err(WorkspaceError::Missing(_))));
    }
}
