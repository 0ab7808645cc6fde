//! `howdah record`: a real run, written down as a test.
//!
//! The run does everything that it does, webhooks and files included; its answers become a recording,
//! and a test that replays them is added to the file of tests beside the workflow, whose other text is
//! left as it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::cli::block_on;
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::run::{choice, inputs};
use crate::cli::screen::{self, DIM, GOOD, Spinner};
use crate::cli::test::{load, simulator};
use crate::diagnostic::{Diagnostics, FileId, SourceFile};
use crate::ids::is_workflow_name;
use crate::trial::{self, Ended, Made, Order};
use crate::value::Json;

/// Where recordings lie, below the workspace.
const FOLDER: &str = "recordings";

/// What `howdah record` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah record triage -i ticket=\"I was charged twice\" --name billing
  howdah record triage --inputs ticket.json
  howdah record hello -i name=Ada --simulate     without a key: the built-in simulator is the model
  howdah test triage                             then make the test, as often as you like

Exit codes: 0 recorded, however the run ended; 2 nothing was run; 130 interrupted.
")]
pub struct RecordArgs {
    /// The workflow: its name, or the path of its file.
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    /// What the test is called; by default a number.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// An input. Its value is text where the workflow says so, and YAML where it does not.
    #[arg(short, long = "input", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    input: Vec<(String, String)>,
    /// A JSON or YAML file with all inputs as a map; `-` reads standard input. `-i` goes over it.
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// A JSON or YAML file with what `event` is; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Ask the built-in simulator instead of any model.
    #[arg(long)]
    simulate: bool,
    /// Lay `howdah.NAME.yaml` over `howdah.yaml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The workspace; the one around this folder when it is not named.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Where a recording and its test go.
struct Place {
    name: String,
    /// The recording, below the workspace.
    recording: String,
    /// The file of tests.
    tests: PathBuf,
    /// What is in it now.
    before: Option<String>,
}

/// Runs, and writes down what was answered.
///
/// # Errors
/// When nothing could be run, or something is in the way.
pub fn run(args: &RecordArgs) -> Result<Exit, Problem> {
    let choice = choice::find(&args.workflow, args.dir.as_deref(), args.profile.as_deref())?;
    let root = choice.workspace.root;
    let workflow = choice.workflow;
    let place = place(&root, &workflow.path, &workflow.name, args.name.as_deref())?;
    let order = Order {
        workflow: workflow.name.clone(),
        name: place.name.clone(),
        replay: place.recording.clone(),
        inputs: inputs::gather(&workflow.inputs, args.inputs.as_deref(), &args.input)?,
        event: args.event.as_deref().map(inputs::document).transpose()?,
    };
    let mut ground = load::load(&root, args.profile.as_deref())?.ground;
    let spinner = Spinner::start("running");
    let made = block_on(async {
        let simulator = simulator(args.simulate, &mut ground).await?;
        let made = trial::record(&Arc::new(ground), order).await.map_err(Problem::invalid)?;
        if let Some(simulator) = simulator {
            simulator.stop().await;
        }
        Ok(made)
    })?;
    drop(spinner);
    keep(&root, &place, &made)?;
    tell(&root, &place, &made)?;
    Ok(Exit::Done)
}

/// Finds places that are free, before anything runs.
fn place(root: &Path, workflow: &Path, title: &str, name: Option<&str>) -> Result<Place, Problem> {
    let tests = root.join(workflow.with_extension(format!(
        "test.{}",
        workflow.extension().and_then(|extension| extension.to_str()).unwrap_or("yaml")
    )));
    let before = match std::fs::read_to_string(&tests) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(Problem::invalid(format!("cannot read `{}`: {error}", tests.display())));
        }
    };
    let taken = names(before.as_deref().unwrap_or("tests: []"))?;
    let recording = |name: &str| format!("{FOLDER}/{title}-{name}.yaml");
    let is_free =
        |name: &str| !taken.iter().any(|other| other == name) && !root.join(recording(name)).exists();
    let name = match name {
        Some(name) if !is_workflow_name(name) => {
            return Err(Problem::invalid(format!("`{name}` cannot be a recording's name"))
                .with_help("use letters, digits, `_`, `-` and `.`"));
        }
        Some(name) if !is_free(name) => {
            return Err(Problem::invalid(format!("there is a test or a recording `{name}` already"))
                .with_help("choose another `--name`, or let `howdah test --record` renew it"));
        }
        Some(name) => name.to_owned(),
        None => (1..=10_000).map(|n| n.to_string()).find(|name| is_free(name)).unwrap_or_default(),
    };
    Ok(Place { recording: recording(&name), name, tests, before })
}

/// The names of the tests in a text.
fn names(text: &str) -> Result<Vec<String>, Problem> {
    let mut diagnostics = Diagnostics::new();
    let read = trial::read(FileId(0), &SourceFile::new("tests", text), &mut diagnostics);
    match diagnostics.iter().find(|one| one.is_error()) {
        None => Ok(read.tests.iter().map(|test| test.name.value.to_string()).collect()),
        Some(error) => Err(Problem::invalid(format!("the file of tests has errors: {}", error.message))
            .with_help("`howdah check` shows them; mend them first")),
    }
}

/// Writes the recording, and adds the test.
fn keep(root: &Path, place: &Place, made: &Made) -> Result<(), Problem> {
    let write = |path: &Path, text: &str| {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(path, text))
            .map_err(|error| Problem::failed(format!("cannot write `{}`: {error}", path.display())))
    };
    write(&root.join(&place.recording), &made.recording)?;
    let before = place.before.as_deref();
    match appended(before, &made.test) {
        Some(text) => write(&place.tests, &text),
        None => {
            screen::print(&made.test)?;
            Err(Problem::failed(format!("the test cannot be added to `{}`", place.tests.display()))
                .with_help("its list of tests is not the last thing in it, or not written line by line; add the test above by hand"))
        }
    }
}

/// A file of tests with one more; none when the text does not end with a list to which one can be added.
fn appended(before: Option<&str>, test: &str) -> Option<String> {
    let Some(before) = before else { return Some(format!("tests:\n{}", indented(test, "  "))) };
    let known = names(before).ok()?;
    let is_item = |line: &&str| line.trim_start().starts_with("- ");
    let after = before.lines().skip_while(|line| !line.starts_with("tests:"));
    let indent =
        after.skip(1).find(is_item).map_or("  ", |line| &line[..line.len() - line.trim_start().len()]);
    let gap = if before.ends_with('\n') { "\n" } else { "\n\n" };
    let text = format!("{before}{gap}{}", indented(test, indent));
    let now = names(&text).ok()?;
    (now.len() == known.len() + 1 && now.starts_with(&known)).then_some(text)
}

fn indented(text: &str, indent: &str) -> String {
    text.lines().map(|line| format!("{indent}{line}\n")).collect()
}

fn tell(root: &Path, place: &Place, made: &Made) -> Result<(), Problem> {
    let ended = match (&made.ended, &made.failure) {
        (Ended::Succeeded, _) | (_, None) => made.ended.as_str().to_owned(),
        (_, Some(failure)) => format!("{}: {} ({})", made.ended.as_str(), failure.message, failure.code),
    };
    let tests = place.tests.strip_prefix(root).unwrap_or(&place.tests);
    let answers = screen::count(made.answers, "answer");
    screen::note(&format!("{DIM}the run {}, {answers}, {}{DIM:#}\n", screen::tame(&ended), made.cost));
    screen::print(&format!(
        "{GOOD}recorded{GOOD:#} {} and the test {} in {}\n",
        place.recording,
        Json::from(&*place.name),
        tests.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "- name: \"b\"\n  inputs: {}\n";

    #[test]
    fn a_test_is_added_and_the_rest_left_as_it_is() {
        assert_eq!(appended(None, TEST).unwrap(), "tests:\n  - name: \"b\"\n    inputs: {}\n");
        let before = "# Mine.\ntests:\n# First.\n- name: a # here\n";
        assert_eq!(appended(Some(before), TEST).unwrap(), format!("{before}\n{TEST}"));
        assert_eq!(
            appended(Some("tests:\n    - name: a"), TEST).unwrap(),
            "tests:\n    - name: a\n\n    - name: \"b\"\n      inputs: {}\n"
        );
        assert_eq!(appended(Some("tests: [{ name: a }]\n"), TEST), None);
        assert_eq!(appended(Some("tests:\n  - name: a\nx-more: 1\n"), TEST), None);
    }
}
