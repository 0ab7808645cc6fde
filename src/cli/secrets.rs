//! `howdah secrets`: which secrets a workspace needs, who reads them, and which are not set.
//!
//! Names and places only: no value is ever read into anything that is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen::{self, BAD, DIM, GOOD, NAME};
use crate::cli::{place, prepare};
use crate::config::environment::{Environment, Origin};
use crate::daemon::load;
use crate::diagnostic::Diagnostics;
use crate::registry;
use crate::value::Json;

/// What `howdah secrets` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah secrets                                              who needs what
  howdah secrets --json | jq -r '.secrets[] | select(.set | not) | .name'
")]
pub struct SecretsArgs {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Lay `howdah.NAME.yaml` over `howdah.yaml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

/// Who reads a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reader {
    /// A provider of the configuration.
    Provider(String),
    /// A workflow, with the file and line of its first use.
    Workflow(String, PathBuf, usize),
}

impl Reader {
    fn text(&self) -> String {
        match self {
            Self::Provider(name) => format!("provider {name}"),
            Self::Workflow(name, path, line) => format!("workflow {name} ({}:{line})", path.display()),
        }
    }

    fn json(&self) -> Json {
        match self {
            Self::Provider(name) => json!({ "provider": name }),
            Self::Workflow(name, path, line) => {
                json!({ "workflow": name, "file": path.to_string_lossy(), "line": line })
            }
        }
    }
}

/// Lists the secrets.
///
/// # Errors
/// When the workspace cannot be read, or its configuration has errors.
pub fn run(args: &SecretsArgs) -> Result<Exit, Problem> {
    let workspace = place::workspace(args.dir.as_deref())?;
    let (sources, configured) = prepare::configuration(&workspace.root, args.profile.as_deref())?;
    let mut needed: BTreeMap<String, BTreeSet<Reader>> = BTreeMap::new();
    for (name, secret) in registry::secrets_of_providers(&configured.config) {
        needed.entry(secret).or_default().insert(Reader::Provider(name));
    }
    let mut found = Diagnostics::new();
    let compiled = load::check(&sources, &registry::kinds(), &configured.names, &mut found);
    for workflow in compiled.iter().filter_map(|one| one.workflow.as_ref()) {
        for (secret, span) in &workflow.secrets {
            let file = sources.map().file(span.file);
            let line = file.position(span.start).line;
            let reader = Reader::Workflow(workflow.name.to_string(), file.path.clone(), line);
            needed.entry(secret.to_string()).or_default().insert(reader);
        }
    }
    let broken = compiled.iter().filter(|one| one.workflow.is_none()).count();
    let (environment, unreadable) = Environment::read(&workspace.root);
    for problem in unreadable {
        screen::note(&format!("warning: {problem}\n"));
    }
    if broken > 0 {
        let files = screen::count(broken, "workflow");
        screen::note(&format!("warning: {files} with errors left out: see `howdah check`\n"));
    }
    let rows: Vec<_> = needed
        .into_iter()
        .map(|(name, readers)| {
            let origin = environment.secret(&name).map(|(_, origin)| origin);
            Row { name, origin, readers }
        })
        .collect();
    match args.json {
        true => {
            let rows: Vec<_> = rows.iter().map(Row::json).collect();
            screen::print_json(&json!({ "secrets": rows }))?;
        }
        false => screen::print(&draw(&rows))?,
    }
    Ok(Exit::Done)
}

/// A secret that is needed.
struct Row {
    name: String,
    /// Where it is set.
    origin: Option<Origin>,
    readers: BTreeSet<Reader>,
}

impl Row {
    fn json(&self) -> Json {
        json!({
            "name": self.name,
            "set": self.origin.is_some(),
            "from": self.origin.map(|origin| origin.to_string()),
            "needed_by": self.readers.iter().map(Reader::json).collect::<Vec<_>>(),
        })
    }
}

fn draw(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no secret is needed\n".to_owned();
    }
    let mut text = String::new();
    for row in rows {
        let state = match row.origin {
            Some(origin) => format!("{GOOD}set{GOOD:#} {DIM}({origin}){DIM:#}"),
            None => format!("{BAD}missing{BAD:#}"),
        };
        text.push_str(&format!("{NAME}{}{NAME:#}  {state}\n", screen::tame(&row.name)));
        for reader in &row.readers {
            text.push_str(&format!("    {}\n", screen::tame(&reader.text())));
        }
    }
    let missing = rows.iter().filter(|row| row.origin.is_none()).count();
    if missing > 0 {
        let told = screen::count(missing, "secret");
        text.push_str(&format!("\n{told} missing: write `NAME=value` lines into `.env`\n"));
    }
    text
}
