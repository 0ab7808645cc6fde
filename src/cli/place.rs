//! Which workspace a command means, who runs what is in it, and where it keeps its state.

use std::path::Path;

use crate::cli::addresses::Addresses;
use crate::cli::api::Api;
use crate::cli::problem::Problem;
use crate::clock::SharedClock;
use crate::config::environment::Environment;
use crate::config::workspace::{Workspace, WorkspaceError};
use crate::journal::sqlite::Reader;

/// The name under which the token of the administration is looked for, where secrets are.
pub const TOKEN: &str = "HOWDAH_TOKEN";

/// The workspace in the folder named, or the one around the present folder. Blocking.
///
/// # Errors
/// When there is none.
pub fn workspace(named: Option<&Path>) -> Result<Workspace, Problem> {
    let found = match named {
        Some(folder) => Workspace::at(folder),
        None => around(Path::new(".")),
    };
    found.map_err(Problem::invalid)
}

/// The workspace around a folder. A hidden folder counts where there is no other, as somebody who
/// stands in it means it. Blocking.
///
/// # Errors
/// When there is none, or the folder cannot be opened.
pub fn around(folder: &Path) -> Result<Workspace, WorkspaceError> {
    match Workspace::discover(folder) {
        Err(WorkspaceError::NotFound(start)) => {
            match start.ancestors().find(|above| above.join("workflows").is_dir()) {
                Some(root) => Workspace::at(root),
                None => Err(WorkspaceError::NotFound(start)),
            }
        }
        found => found,
    }
}

/// The history of a workspace; none when nothing ever ran in it. Blocking.
///
/// # Errors
/// When there is one that cannot be read.
pub fn history(workspace: &Workspace) -> Result<Option<Reader>, Problem> {
    let is_empty = std::fs::read_dir(&workspace.state_dir).is_ok_and(|entries| {
        // A folder without a database is one that was only locked.
        !entries.flatten().any(|entry| entry.file_name().as_encoded_bytes().ends_with(b".db"))
    });
    if is_empty || !workspace.state_dir.exists() {
        return Ok(None);
    }
    Reader::open(&workspace.state_dir).map(Some).map_err(Problem::failed)
}

/// The way to the daemon that left these addresses. Blocking, as the environment is read.
pub fn api(workspace: &Workspace, addresses: &Addresses, clock: SharedClock) -> Api {
    let (environment, _) = Environment::read(&workspace.root);
    let token = environment.secret(TOKEN).map(|(token, _)| token);
    Api { address: addresses.admin_from_here(), token, clock }
}
