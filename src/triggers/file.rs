//! `file`: a file that appears or changes starts a run.
//!
//! Each settled content version once, also of files that came while nobody watched. Which versions
//! were dealt with is on record with the daemon; this reads the record when it begins, and hands each
//! new version over together with its entry.
//!
//! What must stay true: a version is settled with the watch only after the daemon has it on record;
//! an edit of anything but `paths`, `ignore` and `events` does not arm the trigger anew.

mod event;
mod rules;
mod source;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::SharedClock;
use crate::component::{Armed, Field, FieldType, Files, Setting, Trigger, TriggerDeclaration, Type};
use crate::files::watch::{self, Watch};
use crate::files::{Patterns, Roots};
use crate::ids::Digest;
use crate::units::{ByteSize, UnitError, parse_duration};
use crate::value::Failure;

use source::FileSource;

/// The largest file when the author says nothing, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// Up to this size a file's text is in its event, in bytes: what a template can print.
const TEXT_LIMIT: u64 = 4 << 20;

/// How long a file must stay as it is when the author says nothing.
const SETTLE: Duration = Duration::from_secs(1);

/// `file`.
pub const DECLARATION: TriggerDeclaration = TriggerDeclaration {
    name: "file",
    summary: "Starts a run for each new version of a file.",
    fields: &[
        Field::required(
            "paths",
            FieldType::OneOrMany(&FieldType::Path),
            "The files, as globs from the workspace",
        )
        .with_files(Files::Watched),
        Field::optional(
            "ignore",
            FieldType::OneOrMany(&FieldType::Path),
            "Globs of files and folders to leave out",
        )
        .with_files(Files::Ignored),
        Field::optional(
            "events",
            FieldType::OneOrMany(&FieldType::Choice(&["created", "modified"])),
            "Whether the first version of a file, a later one, or both",
        )
        .with_default("both"),
        Field::optional("settle", FieldType::Duration, "How long a file must stay as it is")
            .with_default("1s"),
        Field::optional(
            "existing",
            FieldType::Choice(&["ignore", "process"]),
            "What becomes of files that are there when the trigger is first armed",
        )
        .with_default("ignore"),
        Field::optional("max_size", FieldType::Size, "Larger files are left out").with_default("1MiB"),
    ],
    event: Type::Record(&[
        ("path", Type::Text),
        ("name", Type::Text),
        ("stem", Type::Text),
        ("ext", Type::Text),
        ("dir", Type::Text),
        ("size", Type::Integer),
        ("modified", Type::Text),
        ("change", Type::Words(&["created", "modified"])),
        ("sha256", Type::Text),
        ("text", Type::Nullable(&Type::Text)),
    ]),
    rules: Some(rules::check),
    example: "on:\n  file:\n    paths: inbox/**/*.txt\n    with: { ticket: \"{{event.text}}\" }\n",
};

/// The kind.
pub struct File {
    files: Roots,
    clock: SharedClock,
}

#[derive(Deserialize)]
struct Values {
    paths: Vec<String>,
    #[serde(default)]
    ignore: Vec<String>,
    events: Option<Vec<Wanted>>,
    settle: Option<String>,
    #[serde(default)]
    existing: Existing,
    max_size: Option<String>,
}

/// Which versions start a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    /// The first of a path.
    Created,
    /// Any later one.
    Modified,
}

/// What becomes of files that are there when the trigger is first armed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Existing {
    /// Only what is written to them later counts.
    #[default]
    Ignore,
    /// They are new.
    Process,
}

impl File {
    pub fn new(files: Roots, clock: SharedClock) -> Self {
        Self { files, clock }
    }
}

impl Trigger for File {
    fn arm(&self, written: Setting<'_>) -> Result<Armed, Failure> {
        let Setting { workflow, id, values, .. } = written;
        let values: Values = values.decode()?;
        let (paths, ignore) = (values.paths.iter(), values.ignore.iter());
        let patterns = Patterns::new(paths.map(String::as_str), ignore.map(String::as_str))
            .map_err(|error| Failure::new("bad_pattern", error.to_string()))?;
        let settle = match values.settle {
            None => SETTLE,
            Some(text) => parse_duration(&text).map_err(|error| wrong("settle", &error))?,
        };
        let max_size = match values.max_size {
            None => MAX_SIZE,
            Some(text) => text.parse::<ByteSize>().map_err(|error| wrong("max_size", &error))?.0,
        };
        let wanted = values.events.unwrap_or_else(|| vec![Wanted::Created, Wanted::Modified]);
        let watch = Watch {
            patterns,
            // All versions, as those that nobody wants go on record too.
            wanted: watch::Wanted::Both,
            settle,
            max_size,
            keep: TEXT_LIMIT,
            rescan: watch::RESCAN,
            seen: [].into(),
        };
        // Tells now, and not when it is too late to say so, whether these files may be watched.
        watch::watch(self.files.clone(), watch.clone(), self.clock.clone())?;
        Ok(Armed::Source(Arc::new(FileSource {
            workflow: workflow.to_owned(),
            trigger: id,
            settings: settings(values.paths, values.ignore, &wanted),
            wanted,
            existing: values.existing,
            watch,
            files: self.files.clone(),
            clock: self.clock.clone(),
        })))
    }
}

/// What decides whether the trigger is the one that was armed before. The order of a list does not.
fn settings(mut paths: Vec<String>, mut ignore: Vec<String>, wanted: &[Wanted]) -> Digest {
    paths.sort();
    paths.dedup();
    ignore.sort();
    ignore.dedup();
    let has = |one| wanted.contains(&one);
    let all = serde_json::json!([paths, ignore, has(Wanted::Created), has(Wanted::Modified)]);
    Digest::of(all.to_string().as_bytes())
}

fn wrong(field: &str, error: &UnitError) -> Failure {
    Failure::new("wrong_value", format!("`{field}`: {error}"))
}
