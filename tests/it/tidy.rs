//! The arrows between the rooms, and a few things that no lint sees.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that every room may use: words, without I/O.
const WORDS: [&str; 9] =
    ["clock", "diagnostic", "event", "ids", "money", "secret", "units", "value", "words"];

/// Which room may use which. `lib.rs` draws the same map for readers.
const ARROWS: [(&str, &[&str]); 25] = [
    ("main", &["cli"]),
    (
        "cli",
        &[
            "server",
            "daemon",
            "simulator",
            "trial",
            "registry",
            "config",
            "check",
            "graph",
            "forecast",
            "plan",
            "syntax",
            "journal",
            "engine",
            "component",
            "llm",
            "models",
            "template",
            "files",
        ],
    ),
    (
        "trial",
        &[
            "registry",
            "config",
            "syntax",
            "check",
            "plan",
            "engine",
            "journal",
            "component",
            "files",
            "template",
        ],
    ),
    ("server", &["daemon", "engine", "journal", "component", "plan"]),
    (
        "daemon",
        &[
            "registry",
            "config",
            "syntax",
            "check",
            "plan",
            "engine",
            "journal",
            "component",
            "files",
            "template",
        ],
    ),
    ("engine", &["plan", "journal", "component", "template"]),
    (
        "registry",
        &["actions", "triggers", "component", "plan", "config", "files", "llm", "models", "net", "template"],
    ),
    ("plan", &["check", "component", "template"]),
    ("forecast", &["component", "plan", "template"]),
    ("graph", &["check", "component", "template"]),
    ("check", &["component", "syntax", "template"]),
    ("actions", &["component", "template", "llm", "net", "files", "models"]),
    ("triggers", &["component", "net", "files", "template"]),
    ("component", &["syntax", "template"]),
    ("config", &["syntax", "template", "models"]),
    ("llm", &["net", "models"]),
    ("simulator", &[]),
    ("syntax", &[]),
    ("template", &[]),
    ("models", &[]),
    ("net", &[]),
    ("files", &[]),
    ("journal", &[]),
    ("lib", &[]),
    ("words", &[]),
];

#[test]
fn every_arrow_between_rooms_is_drawn() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        ARROWS.iter().map(|(room, uses)| (*room, uses.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let room = room_of(&file);
        let Some(allowed) = allowed.get(room.as_str()) else {
            wrong.push(format!("{}: the room `{room}` has no row in ARROWS", file.display()));
            continue;
        };
        for used in uses(without_tests(&text)) {
            if used != room && !WORDS.contains(&used.as_str()) && !allowed.contains(used.as_str()) {
                wrong.push(format!("{}: `{room}` may not use `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_arrows_make_no_cycle() {
    let mut left: BTreeMap<_, BTreeSet<_>> =
        ARROWS.iter().map(|(room, uses)| (*room, uses.iter().copied().collect())).collect();
    while !left.is_empty() {
        let free: Vec<_> = left.iter().filter(|(_, uses)| uses.is_empty()).map(|(room, _)| *room).collect();
        assert!(!free.is_empty(), "these rooms lie on a cycle: {:?}", left.keys());
        for room in free {
            left.remove(room);
            for uses in left.values_mut() {
                uses.remove(room);
            }
        }
    }
}

#[test]
fn text_is_compiled_without_touching_the_world() {
    for (file, text) in sources() {
        if !["syntax", "template", "check", "graph"].contains(&room_of(&file).as_str()) {
            continue;
        }
        for door in ["std::fs", "std::net", "std::process", "std::env", "tokio::", "reqwest::"] {
            assert!(!without_tests(&text).contains(door), "{} uses `{door}`", file.display());
        }
    }
}

#[test]
fn only_the_registry_names_kinds() {
    for (file, text) in sources() {
        let room = room_of(&file);
        if ["registry", "actions", "triggers"].contains(&room.as_str()) {
            continue;
        }
        for kinds in ["crate::actions", "crate::triggers"] {
            assert!(!without_tests(&text).contains(kinds), "{} uses `{kinds}`", file.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    for (file, text) in sources() {
        assert!(text.starts_with("//!"), "{} has no header", file.display());
    }
}

#[test]
fn the_binary_ships_no_test_clock() {
    for (file, text) in sources() {
        let outside = without_tests(&text);
        assert!(
            !outside.contains("impl Clock for") || file.ends_with("clock.rs"),
            "{} makes a clock of its own",
            file.display()
        );
    }
}

/// All sources of the library and the binary, by path below `src`.
pub fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 50, "only {} sources were found", found.len());
    let tests = test_files(&found);
    found.retain(|(file, _)| !tests.contains(file));
    found
}

/// Files that are tests as a whole: modules that their parent compiles for tests only.
fn test_files(sources: &[(PathBuf, String)]) -> BTreeSet<PathBuf> {
    let mut tests = BTreeSet::new();
    for (file, text) in sources {
        for (at, mark) in text.match_indices("#[cfg(test)]\nmod ") {
            let name: String =
                text[at + mark.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
                Some("mod" | "lib" | "main") => file.parent().unwrap().to_owned(),
                _ => file.with_extension(""),
            };
            tests.insert(folder.join(format!("{name}.rs")));
        }
    }
    tests
}

fn room_of(file: &Path) -> String {
    let first =
        file.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
    if WORDS.contains(&first.as_str()) { "words".to_owned() } else { first }
}

/// The part of a source that is not tests: tests come last, or in files of their own.
pub fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap()
}

/// The rooms that a text names.
fn uses(text: &str) -> BTreeSet<String> {
    let code =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for root in ["crate::", "howdah::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            let names: Vec<&str> = match rest.strip_prefix('{') {
                // `use crate::{actions, triggers};`
                Some(list) => list.split('}').next().unwrap().split(',').collect(),
                None => vec![rest],
            };
            found.extend(names.into_iter().map(|name| {
                name.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
            }));
        }
    }
    found.retain(|name| !name.is_empty());
    found
}
