//! `howdah graph` draws a workflow, in three forms, and whatever it holds.

use std::path::Path;

use super::bed::Bed;

const CHILD: &str = "inputs: { x: string }\nsteps:\n  - set: { a: 1 }\n";

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/graph").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// A workspace with a workflow of all forms of control flow.
fn bed() -> Bed {
    Bed::of(&[("workflows/all.yaml", &fixture("all.yaml")), ("workflows/child.yaml", CHILD)])
}

/// What is drawn with this locale.
fn drawn(bed: &Bed, locale: &str, arguments: &[&str]) -> String {
    let mut command = bed.command(&[&["graph"], arguments].concat());
    let output = command.env("LC_ALL", locale).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn is_fixture(drawn: &str, name: &str) {
    let expected = fixture(name);
    assert_eq!(drawn, expected, "\n--- is\n{drawn}\n--- expected\n{expected}");
}

#[test]
fn as_a_tree() {
    let bed = bed();
    is_fixture(&drawn(&bed, "fr_FR.UTF-8", &["all"]), "all.txt");
    is_fixture(&drawn(&bed, "C", &["workflows/all.yaml"]), "all.ascii.txt");
}

#[test]
fn as_a_mermaid_flowchart() {
    let bed = bed();
    is_fixture(&drawn(&bed, "C.UTF-8", &["all", "--format", "mermaid"]), "all.mmd");
}

#[test]
fn as_an_image() {
    let bed = bed();
    let printed = drawn(&bed, "C.UTF-8", &["all", "--format", "svg"]);
    bed.howdah(&["graph", "all", "--format", "svg", "--output", "all.svg"]).exits(0);
    assert_eq!(bed.read("all.svg"), printed);
    well_formed(&printed);
    for expected in [
        "role=\"img\"",
        "<title id=\"title\">all</title>",
        "prefers-color-scheme:dark",
        ">each: foreach number in 3 items, 2 at once<",
        ">if inputs.n &gt; 3 &amp;&amp; inputs.n &lt; 5<",
    ] {
        assert!(printed.contains(expected), "{expected:?} in\n{printed}");
    }
    assert!(!printed.contains("<script") && !printed.contains("href"), "{printed}");
}

#[test]
fn every_example_in_every_form() {
    let bed = Bed::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in examples.join("workflows").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".yaml") || name.ends_with(".test.yaml") {
            continue;
        }
        count += 1;
        let path = path.to_str().unwrap();
        assert!(drawn(&bed, "C.UTF-8", &[path]).lines().all(|line| line.chars().count() <= 100));
        well_formed(&drawn(&bed, "C.UTF-8", &[path, "--format", "svg"]));
        assert!(drawn(&bed, "C.UTF-8", &[path, "--format", "mermaid"]).starts_with("flowchart TD\n"));
    }
    assert!(count >= 5, "only {count} examples");
}

#[test]
fn a_workflow_that_is_not_right_is_not_drawn() {
    let bed = bed();
    bed.write("workflows/wrong.yaml", "steps:\n  - sett: { a: 1 }\n");
    let wrong = bed.howdah(&["graph", "wrong"]).exits(2);
    assert!(wrong.stderr.contains("error[unknown-action]"), "{}", wrong.stderr);
    let unknown = bed.howdah(&["graph", "al"]).exits(2);
    assert!(unknown.stderr.contains("did you mean `all`?"), "{}", unknown.stderr);
    bed.howdah(&["graph", "all", "--output", "nowhere/all.txt"]).exits(1);
}

/// Whether each element is closed in its turn, and nothing stands bare that must not.
#[track_caller]
fn well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        for part in rest[..start].split('&').skip(1) {
            let name = part.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot"].contains(&name), "a bare `&` before {part}");
        }
        let end = start + rest[start..].find('>').unwrap();
        let tag = &rest[start + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
        rest = &rest[end + 1..];
        assert!(!open.is_empty() || rest.trim().is_empty(), "{rest}");
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
}
