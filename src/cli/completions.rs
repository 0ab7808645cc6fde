//! `howdah completions` and `howdah man`: what a shell and a system want to know of the command line.
//!
//! Both are made from the command line's own description, so they never differ from it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::CommandLine;
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, DIM, GOOD};

/// What `howdah completions` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah completions bash > ~/.local/share/bash-completion/completions/howdah
  howdah completions zsh > ~/.zfunc/_howdah
  howdah completions fish > ~/.config/fish/completions/howdah.fish
")]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// What `howdah man` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah man | man -l -                            read it
  howdah man --out ~/.local/share/man/man1         one page a command, to be found by `man howdah`
")]
pub struct ManArgs {
    /// Write a page for every command into this folder instead of printing the first.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints what a shell loads.
///
/// # Errors
/// When it cannot be written.
pub fn completions(args: &CompletionsArgs) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut CommandLine::command(), "howdah", &mut script);
    screen::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// Prints the manual's first page, or writes all.
///
/// # Errors
/// When they cannot be written.
pub fn man(args: &ManArgs) -> Result<Exit, Problem> {
    let unmade = |error: std::io::Error| Problem::failed(format!("cannot make the manual: {error}"));
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(CommandLine::command()).render(&mut page).map_err(unmade)?;
        screen::print(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Done);
    };
    let failed = |path: &Path, error: std::io::Error| {
        Problem::failed(format!("cannot write `{}`: {error}", path.display()))
            .with_help("check the permissions of the folder, or name another one")
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    clap_mangen::generate_to(CommandLine::command(), folder).map_err(|error| failed(folder, error))?;
    screen::print(&format!("{GOOD}wrote{GOOD:#} the manual into {DIM}{}{DIM:#}\n", folder.display()))?;
    Ok(Exit::Done)
}
