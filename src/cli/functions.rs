//! `howdah functions`: what templates and expressions can call.

use clap::Args;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::explain::{function_page, wrapped};
use crate::cli::problem::Problem;
use crate::cli::screen::{self, NAME, WIDTH};
use crate::diagnostic::did_you_mean;
use crate::template::functions::{self, FUNCTIONS, Function};
use crate::value::Json;

/// What `howdah functions` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah functions                 list all of them
  howdah functions truncate        one, with an example
  howdah functions --json          for programs
")]
pub struct FunctionsArgs {
    /// One function.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Lists the functions, or shows one.
///
/// # Errors
/// When there is no function of this name.
pub fn run(args: &FunctionsArgs) -> Result<Exit, Problem> {
    let one = args.name.as_deref().map(find).transpose()?;
    let chosen: Vec<_> =
        FUNCTIONS.iter().filter(|each| one.is_none_or(|one| one.name == each.name)).collect();
    if args.json {
        let list: Vec<_> = chosen.into_iter().map(as_json).collect();
        screen::print_json(&json!({ "functions": list }))?;
        return Ok(Exit::Done);
    }
    screen::print(&match one {
        Some(function) => function_page(function),
        None => chosen.into_iter().map(row).collect(),
    })?;
    Ok(Exit::Done)
}

fn find(name: &str) -> Result<&'static Function, Problem> {
    functions::find(name).ok_or_else(|| {
        let names: Vec<_> = FUNCTIONS.iter().map(|function| function.name).collect();
        let help = did_you_mean(name, names);
        Problem::invalid(format!("there is no function `{}`", screen::excerpt(name, 60)))
            .with_help(help.unwrap_or_else(|| "`howdah functions` lists all of them".to_owned()))
    })
}

fn row(function: &Function) -> String {
    format!("{NAME}{}{NAME:#}\n{}", function.signature(), wrapped(function.doc, 4, WIDTH))
}

fn as_json(function: &Function) -> Json {
    json!({
        "name": function.name,
        "signature": function.signature(),
        "doc": function.doc,
        "example": function.example,
    })
}
