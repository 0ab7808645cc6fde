//! `howdah fmt` lays files out the same way everywhere, and never changes what they say.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::bed::Bed;

const ROUGH: &str = "steps:\n- id:   a\n  set:   {x: 1}   # one\n";
const FINE: &str = "steps:\n  - id: a\n    set: { x: 1 }  # one\n";
const BROKEN: &str = "steps:\n- id:   a\n  set: [1\n";

#[test]
fn a_file_becomes_what_the_fixture_shows() {
    let bed = Bed::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fmt");
    let before = std::fs::read_to_string(fixtures.join("before.yaml")).unwrap();
    let after = std::fs::read_to_string(fixtures.join("after.yaml")).unwrap();
    let once = bed.howdah_with(&["fmt", "-"], &before).exits(0);
    assert_eq!(once.stdout, after, "\n--- is\n{}\n--- expected\n{after}", once.stdout);
    assert_eq!(bed.howdah_with(&["fmt", "-"], &after).exits(0).stdout, after);
}

#[test]
fn all_files_of_a_workspace_are_formatted() {
    let bed = Bed::of(&[
        ("howdah.yaml", "vars:\n    a:   1\r\n"),
        ("workflows/a.yaml", ROUGH),
        ("workflows/deep/b.yaml", FINE),
        ("workflows/a.test.yaml", "tests:\n- name:   x\n"),
        ("prompts/p.prompt", "---\nmodel:   m\n---\n  Hi   \n\n\n"),
        ("notes.yaml", ROUGH),
    ]);
    let ran = bed.howdah(&["fmt"]).exits(0);
    assert_eq!(ran.stdout, "howdah.yaml\nprompts/p.prompt\nworkflows/a.test.yaml\nworkflows/a.yaml\n");
    assert_eq!(ran.stderr, "4 of 5 files changed\n");
    assert_eq!(bed.read("howdah.yaml"), "vars:\n  a: 1\n");
    assert_eq!(bed.read("workflows/a.yaml"), FINE);
    assert_eq!(bed.read("workflows/a.test.yaml"), "tests:\n  - name: x\n");
    assert_eq!(bed.read("prompts/p.prompt"), "---\nmodel: m\n---\n  Hi   \n\n\n");
    assert_eq!(bed.read("notes.yaml"), ROUGH, "it is no part of the workspace");
    let again = bed.howdah(&["fmt"]).exits(0);
    assert_eq!((&*again.stdout, &*again.stderr), ("", "ok: 5 files formatted already\n"));
    bed.howdah(&["fmt", "notes.yaml"]).exits(0);
    assert_eq!(bed.read("notes.yaml"), FINE);
}

#[test]
fn check_and_diff_only_tell() {
    let bed = Bed::of(&[("workflows/a.yaml", ROUGH), ("workflows/b.yaml", FINE)]);
    let check = bed.howdah(&["fmt", "--check"]).exits(1);
    assert_eq!((&*check.stdout, &*check.stderr), ("workflows/a.yaml\n", "1 of 2 files not formatted\n"));
    let diff = bed.howdah(&["fmt", "--diff", "workflows"]).exits(1);
    assert_eq!(
        diff.stdout,
        "--- workflows/a.yaml\n+++ workflows/a.yaml\n@@ -1,3 +1,3 @@\n steps:\n-- id:   a\n-  set:   {x: 1}   # one\n\
         +  - id: a\n+    set: { x: 1 }  # one\n"
    );
    assert_eq!(bed.read("workflows/a.yaml"), ROUGH);
    bed.howdah(&["fmt", "--check", "workflows/b.yaml"]).exits(0);
    bed.howdah_with(&["fmt", "--check", "-"], ROUGH).exits(1);
    assert_eq!(bed.howdah_with(&["fmt", "--check", "-"], FINE).exits(0).stdout, "");
}

#[test]
fn a_file_with_errors_is_told_of_and_left_as_it_is() {
    let bed = Bed::of(&[
        ("workflows/a.yaml", ROUGH),
        ("workflows/b.yaml", BROKEN),
        ("workflows/c.yaml", "a: \u{1}"),
    ]);
    let ran = bed.howdah(&["fmt"]).exits(2);
    assert_eq!(ran.stdout, "workflows/a.yaml\n");
    assert!(
        ran.stderr.contains("error[yaml-bracket]") && ran.stderr.contains("workflows/b.yaml:3:8"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.ends_with("1 of 3 files changed, 2 files with errors left as they are\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(bed.read("workflows/a.yaml"), FINE);
    assert_eq!(bed.read("workflows/b.yaml"), BROKEN);
    let stdin = bed.howdah_with(&["fmt", "-"], BROKEN).exits(2);
    assert_eq!(stdin.stdout, "");
    assert!(stdin.stderr.contains("<stdin>:3:8"), "{}", stdin.stderr);
    bed.howdah(&["fmt", "nowhere.yaml"]).exits(2);
    bed.howdah(&["fmt", "-", "workflows"]).exits(2);
    bed.write("notes.txt", "");
    let refused = bed.howdah(&["fmt", "notes.txt"]).exits(2);
    assert!(refused.stderr.contains("`notes.txt` is no file that is formatted"), "{}", refused.stderr);
}

#[test]
fn permissions_and_links_stay() {
    let bed = Bed::of(&[("workflows/a.yaml", "a: 1"), ("elsewhere/real.yaml", ROUGH)]);
    let link = bed.path().join("workflows/link.yaml");
    symlink("../elsewhere/real.yaml", &link).unwrap();
    let real = bed.path().join("elsewhere/real.yaml");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
    let ran = bed.howdah(&["fmt", "workflows/link.yaml"]).exits(0);
    assert_eq!(ran.stdout, "workflows/link.yaml\n");
    assert!(link.is_symlink());
    assert_eq!(bed.read("elsewhere/real.yaml"), FINE);
    assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // Nothing else is left behind.
    assert_eq!(real.parent().unwrap().read_dir().unwrap().count(), 1);
}

#[test]
fn the_examples_and_a_new_workspace_are_formatted() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let bed = Bed::new();
    let ran = bed.howdah(&["fmt", "--check", examples.to_str().unwrap()]).exits(0);
    assert!(ran.stderr.starts_with("ok: "), "{}", ran.stderr);
    bed.howdah(&["init", "mine"]).exits(0);
    bed.howdah(&["fmt", "--check", "mine"]).exits(0);
}
