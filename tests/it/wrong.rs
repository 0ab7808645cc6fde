//! The table of wrong workflows: `tests/fixtures/check/NAME.yaml`, or a folder `NAME` for a workspace
//! of several files, and beside it `NAME.txt`, the exact text that `howdah check` shows.
//!
//! A first line that is a comment says what the mistake is, and which rule of the language it breaks.
//! `HOWDAH_BLESS=1` writes the texts anew; read each one as somebody who made the mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use howdah::diagnostic::codes::{self, PageKind};

use crate::bed::Bed;

/// The secrets that are set, so that none is missing by accident.
const SECRETS: &str = "MAMMOUTH_API_KEY=none\nHOOK_KEY=none\nPAGER_URL=none\nOPS_URL=none\nTOKEN=none\n";

/// The codes that no file here shows, and why.
const UNSHOWN: [(&str, &str); 14] = [
    ("bad-root", "it needs a folder that cannot be opened"),
    ("file-too-large", "it needs a file of more than 1 MiB; `check.rs` makes one"),
    ("format", "it is of `howdah fmt`"),
    ("missing-recording", "it is of `howdah test`"),
    ("not-mocked", "it is of `howdah test`"),
    ("stale-recording", "it is of `howdah test`"),
    ("test-error", "it is of `howdah test`"),
    ("unexpected-result", "it is of `howdah test`"),
    ("missing-profile", "it is of the daemon, whose profile lost its file"),
    ("too-deep", "nesting of YAML itself ends before that of steps does"),
    ("too-many-errors", "it needs more than a hundred mistakes"),
    ("unavailable-action", "it needs a build that lacks an action"),
    ("unavailable-trigger", "it needs a build that lacks a trigger"),
    ("yaml-syntax", "what the parser says has better words in all cases that are known"),
];

/// How many rules the language has.
const RULES: usize = 15;

struct Fixture {
    name: String,
    /// Its files, by their paths in the workspace.
    files: Vec<(PathBuf, Vec<u8>)>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/check")
}

/// All fixtures, in order of their names.
fn fixtures() -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let mut files = Vec::new();
            collect(&path, &path, &mut files);
            fixtures.push(Fixture { name, files });
        } else if path.extension().is_some_and(|ext| ext == "yaml") {
            let inside = Path::new("workflows").join(path.file_name().unwrap());
            fixtures.push(Fixture { name, files: vec![(inside, fs::read(&path).unwrap())] });
        }
    }
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    fixtures
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.push((path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap()));
        }
    }
}

/// What `howdah check` shows of a fixture.
fn shown(fixture: &Fixture) -> String {
    let bed = Bed::of(&[(".env", SECRETS)]);
    fixture.files.iter().for_each(|(path, text)| bed.write(path.to_str().unwrap(), text));
    let ran = bed.howdah(&["check"]);
    let expected = if ran.stdout.contains("\nerror[") || ran.stdout.starts_with("error[") { 2 } else { 0 };
    assert_eq!((ran.code, ran.stderr.as_str()), (expected, ""), "{}", fixture.name);
    ran.stdout
}

/// What is shown of each, by name. Two at a time, as each waits for a process of its own.
fn all_shown() -> BTreeMap<String, String> {
    let fixtures = fixtures();
    let (one, other) = fixtures.split_at(fixtures.len() / 2);
    let half = |half: &[Fixture]| {
        half.iter().map(|fixture| (fixture.name.clone(), shown(fixture))).collect::<BTreeMap<_, _>>()
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| half(other));
        let mut all = half(one);
        all.extend(other.join().unwrap());
        all
    })
}

/// The codes of the findings in a text, in order.
fn codes_in(text: &str) -> Vec<&str> {
    let after = |line: &'_ str| line.find('[').filter(|at| matches!(&line[..*at], "error" | "warning"));
    text.lines().filter_map(|line| line[after(line)? + 1..].split(']').next()).collect()
}

/// The lines that differ, with those that went in front.
fn difference(kept: &str, now: &str) -> String {
    let (kept, now): (Vec<_>, Vec<_>) = (kept.lines().collect(), now.lines().collect());
    let mut text = String::new();
    for at in 0..kept.len().max(now.len()) {
        match (kept.get(at), now.get(at)) {
            (before, after) if before == after => {}
            (before, after) => {
                before.into_iter().for_each(|line| writeln!(text, "  - {line}").unwrap());
                after.into_iter().for_each(|line| writeln!(text, "  + {line}").unwrap());
            }
        }
    }
    text
}

#[test]
fn every_mistake_is_told_in_the_words_that_are_kept() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the person who runs the tests says that texts are to be written"
    )]
    let bless = std::env::var("HOWDAH_BLESS").is_ok();
    let shown = all_shown();
    assert!(shown.len() >= 150, "only {} fixtures", shown.len());
    let mut wrong = String::new();
    for (name, now) in &shown {
        let path = folder().join(format!("{name}.txt"));
        if bless {
            fs::write(&path, now).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        if kept != *now {
            writeln!(wrong, "{name}:\n{}", difference(&kept, now)).unwrap();
        }
        let count = codes_in(now).len();
        if count == 0 || (count > 1 && !name.ends_with("-several")) {
            writeln!(wrong, "{name}: one mistake has {count} findings").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}\n`HOWDAH_BLESS=1` keeps what is shown now");
}

#[test]
fn every_code_is_shown_or_has_a_reason() {
    let texts: Vec<_> = fixtures()
        .iter()
        .map(|fixture| fs::read_to_string(folder().join(format!("{}.txt", fixture.name))).unwrap())
        .collect();
    let seen: BTreeSet<_> = texts.iter().flat_map(|text| codes_in(text)).collect();
    let reasons: BTreeSet<_> = UNSHOWN.iter().map(|(code, _)| *code).collect();
    let all: BTreeSet<_> =
        codes::all().filter(|page| page.kind != PageKind::Failure).map(|page| page.code).collect();
    let missing: Vec<_> =
        all.iter().filter(|code| !seen.contains(*code) && !reasons.contains(*code)).collect();
    assert!(missing.is_empty(), "no file shows {missing:?}");
    let needless: Vec<_> =
        reasons.iter().filter(|code| seen.contains(*code) || !all.contains(*code)).collect();
    assert!(needless.is_empty(), "these need no reason: {needless:?}");
}

#[test]
fn every_rule_of_the_language_is_broken_once() {
    let first_lines: Vec<String> = fixtures()
        .iter()
        .map(|fixture| {
            let mut texts = fixture.files.iter().map(|(_, text)| String::from_utf8_lossy(text).into_owned());
            let header = texts.find_map(|text| {
                text.lines()
                    .next()
                    .filter(|line| line.starts_with("# ") && line.ends_with('.'))
                    .map(str::to_owned)
            });
            header.unwrap_or_else(|| panic!("{} does not begin by saying what is wrong", fixture.name))
        })
        .collect();
    for rule in 1..=RULES {
        let mark = format!("# Rule {rule}");
        let shown = first_lines
            .iter()
            .any(|line| line.strip_prefix(&mark).is_some_and(|rest| rest.starts_with([':', ','])));
        assert!(shown, "no file breaks rule {rule}");
    }
}

#[test]
fn no_text_stands_alone() {
    let names: BTreeSet<_> = fixtures().into_iter().map(|fixture| fixture.name).collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(names.contains(name), "{} has no workflow beside it", path.display());
    }
}
