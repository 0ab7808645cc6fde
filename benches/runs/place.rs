//! Workspaces: folders on the disk of the target folder, gone when the bench ends.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::Outcome;

/// A workspace.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A folder with nothing but a place for workflows.
    pub fn new() -> Outcome<Self> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        fs::create_dir(folder.path().join("workflows"))?;
        Ok(Self { folder })
    }

    /// A workspace of one workflow.
    pub fn of(workflow: &str) -> Outcome<Self> {
        let place = Self::new()?;
        place.write("workflows/bench.yaml", workflow)?;
        Ok(place)
    }

    /// The same, with this server as the provider `local`.
    pub fn with_models(self, addr: SocketAddr) -> Outcome<Self> {
        self.write(
            "howdah.yaml",
            &format!(
                "providers:\n  local: {{ base_url: \"http://{addr}/v1\" }}\nprices:\n  local/m: {{ input: $1, output: $2 }}\n"
            ),
        )?;
        Ok(self)
    }

    /// So many workflows that each answer a webhook, `/w0` and so on.
    pub fn full(count: usize) -> Outcome<Self> {
        let place = Self::new()?;
        for number in 0..count {
            place.write(&format!("workflows/w{number}.yaml"), &answering(number, "first"))?;
        }
        Ok(place)
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) -> Outcome {
        Ok(fs::write(self.path().join(path), text)?)
    }

    /// Puts a file in its place in one move, as editors do.
    pub fn replace(&self, path: &str, text: &str) -> Outcome {
        let temporary = self.path().join(".edit~");
        fs::write(&temporary, text)?;
        Ok(fs::rename(temporary, self.path().join(path))?)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The journal's database.
    pub fn journal(&self) -> PathBuf {
        self.path().join(".howdah/journal.db")
    }
}

/// A workflow of the size that people write, which answers `word`.
pub fn answering(number: usize, word: &str) -> String {
    format!(
        "name: w{number}
description: Route a ticket and say where it went.
inputs:
  ticket: string
  language: {{ type: string, enum: [fr, en], default: fr }}
on:
  webhook:
    path: /w{number}
    auth: none
    respond: result
    with: {{ ticket: \"{{{{event.body.text}}}}\" }}
steps:
  - id: line
    set: {{ text: \"{word} ({{{{inputs.language}}}}): {{{{inputs.ticket}}}}\" }}
  - id: urgent
    if: inputs.ticket.contains('down')
    set: {{ text: \"URGENT {{{{steps.line.output.text}}}}\" }}
output:
  line: \"{{{{steps.line.output.text}}}}\"
"
    )
}
