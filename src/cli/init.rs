//! `howdah init`: a new workspace with two workflows that work.
//!
//! It writes a handful of files and nothing else: no network, no questions. What is there already is
//! never overwritten; then nothing is written at all.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::schema;
use crate::cli::screen::{self, DIM, GOOD, NAME};

/// Every file that people write in a new workspace, with its text.
const FILES: [(&str, &str); 6] = [
    ("howdah.yaml", include_str!("init/howdah.yaml")),
    ("workflows/hello.yaml", include_str!("init/hello.yaml")),
    ("workflows/hello.test.yaml", include_str!("init/hello.test.yaml")),
    ("workflows/summarise.yaml", include_str!("init/summarise.yaml")),
    (".env.example", include_str!("init/env.example")),
    (".gitignore", include_str!("init/gitignore")),
];

/// The folders that stay empty at first.
const FOLDERS: [&str; 2] = ["prompts", "inbox"];

/// What `howdah init` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah init                  make a workspace of this folder
  howdah init automations      make one in a new folder
")]
pub struct InitArgs {
    /// The folder; it is made if it is not there.
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Makes the workspace and says what to do next.
///
/// # Errors
/// When a file is in the way, or the folder cannot be written.
pub fn run(args: &InitArgs) -> Result<Exit, Problem> {
    make(&args.dir)?;
    let mut text = format!("{GOOD}made{GOOD:#} a workspace in {NAME}{}{NAME:#}\n", args.dir.display());
    for (path, _) in files() {
        text.push_str(&format!("  {DIM}{path}{DIM:#}\n"));
    }
    text.push_str("\nnext:\n");
    if args.dir != Path::new(".") {
        text.push_str(&format!("  {NAME}cd {}{NAME:#}\n", args.dir.display()));
    }
    for (command, why) in [
        ("howdah run hello -i name=Ada --simulate", "try it without a key, on the built-in simulator"),
        ("cp .env.example .env", "then put your MAMMOUTH_API_KEY into it"),
        ("howdah check", "see whether all is right"),
        ("howdah test", "make the tests of the workflows, which ask and send nothing"),
        ("howdah serve", "run it all; drop a text into inbox/, find a summary in out/"),
    ] {
        text.push_str(&format!("  {NAME}{command:<41}{NAME:#} {DIM}# {why}{DIM:#}\n"));
    }
    screen::print(&text)?;
    Ok(Exit::Done)
}

/// Every file of a new workspace with its text; its folder is made for it.
fn files() -> Vec<(String, String)> {
    let schemas = schema::files().map(|(name, text)| (format!("{}/{name}", schema::FOLDER), text));
    FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).chain(schemas).collect()
}

fn make(root: &Path) -> Result<(), Problem> {
    let files = files();
    let in_the_way: Vec<_> = files
        .iter()
        .map(|(path, _)| path.as_str())
        .filter(|path| root.join(path).symlink_metadata().is_ok())
        .collect();
    if !in_the_way.is_empty() {
        let found = format!("`{}` holds `{}` already", root.display(), in_the_way.join("`, `"));
        return Err(Problem::invalid(found)
            .with_help("name another folder, or move these files away; nothing was written"));
    }
    let failed = |path: &Path, error: std::io::Error| {
        Problem::failed(format!("cannot write `{}`: {error}", path.display()))
            .with_help("check the permissions of the folder, or name another one")
    };
    let folders = files.iter().filter_map(|(path, _)| Path::new(path).parent());
    for folder in folders.chain(FOLDERS.map(Path::new)) {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    }
    for (path, text) in &files {
        let path = root.join(path);
        let written = fs::File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::load;
    use crate::diagnostic::Diagnostics;
    use crate::registry;

    #[test]
    fn what_is_made_has_nothing_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path()).unwrap();
        let mut found = Diagnostics::new();
        let compiled =
            load::check(&load::snapshot(folder.path()).unwrap(), &registry::kinds(), &[], &mut found);
        assert_eq!(found.sorted(), []);
        assert_eq!(compiled.iter().filter(|one| one.workflow.is_some()).count(), 2);
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("howdah.yaml"), "mine").unwrap();
        let refused = make(folder.path()).unwrap_err();
        assert_eq!(refused.exit(), Exit::Invalid);
        assert!(refused.to_string().ends_with("holds `howdah.yaml` already"), "{refused}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
