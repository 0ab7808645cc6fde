//! `howdah graph`: a workflow as a drawing.
//!
//! What is drawn, and how, is decided in [`graph`](crate::graph); here the workflow is found and the
//! drawing put where it was asked for.

use std::path::PathBuf;

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::run::choice;
use crate::cli::screen;
use crate::graph::text::{Charset, text};
use crate::graph::{Graph, mermaid::mermaid, svg::svg};

/// What `howdah graph` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah graph triage                              a tree for the terminal
  howdah graph workflows/triage.yaml               a workflow by its file
  howdah graph triage --format mermaid             for README files and wikis
  howdah graph triage --format svg --output triage.svg

Exit codes: 0 done; 2 there is no such workflow, or it has errors.
")]
pub struct GraphArgs {
    /// The workflow: its name, or the path of its file.
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    /// What to draw it as.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Write it to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Lay `howdah.NAME.yaml` over `howdah.yaml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What to draw a workflow as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A tree of lines.
    Text,
    /// A Mermaid flowchart.
    Mermaid,
    /// An image.
    Svg,
}

/// Draws a workflow.
///
/// # Errors
/// When there is none, it has errors, or the drawing cannot be written.
pub fn run(args: &GraphArgs) -> Result<Exit, Problem> {
    let choice = choice::find(&args.workflow, args.dir.as_deref(), args.profile.as_deref())?;
    let graph = Graph::of(&choice.workflow);
    let drawing = match args.format {
        Format::Text => text(&graph, charset()),
        Format::Mermaid => mermaid(&graph),
        Format::Svg => svg(&graph),
    };
    match &args.output {
        Some(path) => std::fs::write(path, drawing)
            .map_err(|error| Problem::failed(format!("cannot write `{}`: {error}", path.display())))?,
        None => screen::print(&screen::tame(&drawing))?,
    }
    Ok(Exit::Done)
}

/// What the terminal can show, as far as the environment says.
fn charset() -> Charset {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(std::env::var_os)
        .find(|value| !value.is_empty())
        .map(|value| value.to_string_lossy().to_lowercase());
    match locale {
        Some(locale) if !locale.contains("utf-8") && !locale.contains("utf8") => Charset::Ascii,
        _ => Charset::Unicode,
    }
}
