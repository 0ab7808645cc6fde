//! `howdah schema`: what editors need to complete and check the files of a workspace while they are
//! written.
//!
//! The schemas are made from the declarations of this very program, so they go with its version:
//! `--write` puts them into the workspace's `.schemas` folder, where a line at the top of a file,
//! `# yaml-language-server: $schema=../.schemas/workflow.json`, finds them.

mod config;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, DIM, GOOD};
use crate::component::json_schema;
use crate::registry;
use crate::value::Json;

/// The folder of a workspace that holds the schemas.
pub const FOLDER: &str = ".schemas";

/// What `howdah schema` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah schema                     the JSON Schema of a workflow file
  howdah schema config              of howdah.yaml
  howdah schema --write             write both into .schemas/

With `# yaml-language-server: $schema=../.schemas/workflow.json` as its first line a workflow is
completed and checked by every editor that has the YAML language server.
")]
pub struct SchemaArgs {
    /// Of which file.
    #[arg(value_name = "FILE", default_value = "workflow")]
    of: Of,
    /// Write all schemas into this folder instead of printing one.
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = FOLDER)]
    write: Option<PathBuf>,
}

/// A kind of file that has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    /// `workflows/*.yaml`.
    Workflow,
    /// `howdah.yaml`.
    Config,
}

impl Of {
    fn schema(self) -> Json {
        match self {
            Self::Workflow => json_schema::workflow(&registry::kinds()),
            Self::Config => json_schema::file("howdah configuration", config::FIELDS),
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Workflow => "workflow.json",
            Self::Config => "config.json",
        }
    }
}

/// Prints a schema, or writes all.
///
/// # Errors
/// When they cannot be written.
pub fn run(args: &SchemaArgs) -> Result<Exit, Problem> {
    match &args.write {
        None => screen::print_json(&args.of.schema())?,
        Some(folder) => {
            for path in write(folder)? {
                screen::print(&format!("{GOOD}wrote{GOOD:#} {DIM}{}{DIM:#}\n", path.display()))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The names and texts of all schemas.
pub fn files() -> impl Iterator<Item = (&'static str, String)> {
    Of::value_variants().iter().map(|of| (of.file_name(), format!("{:#}\n", of.schema())))
}

/// Writes all schemas into a folder, over those of an earlier version.
fn write(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let failed = |path: &Path, error: std::io::Error| {
        Problem::failed(format!("cannot write `{}`: {error}", path.display()))
            .with_help("check the permissions of the folder, or name another one")
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let mut written = Vec::new();
    for (name, text) in files() {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
        written.push(path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
