//! What `check` says of workflows that start or call each other, and themselves, without end.

use crate::bed::Bed;

/// What is found in these files: `path:line code`, in order of files, with the message of the first.
fn found(files: &[(&str, &str)]) -> (Vec<String>, String) {
    let bed = Bed::of(files);
    let found = bed.howdah(&["check", "--json"]).json();
    let found = found["diagnostics"].as_array().unwrap();
    let place = |one: &serde_json::Value| {
        let file = one["file"].as_str().unwrap().trim_start_matches("workflows/").trim_end_matches(".yaml");
        format!("{file}:{} {}", one["line"], one["code"].as_str().unwrap())
    };
    let message = found.first().map(|one| one["message"].as_str().unwrap().to_owned());
    (found.iter().map(place).collect(), message.unwrap_or_default())
}

fn codes(files: &[(&str, &str)]) -> Vec<String> {
    found(files).0
}

#[test]
fn a_file_that_starts_its_own_workflow_is_told() {
    let of = |trigger: &str, step: &str| {
        let text = format!("on:\n  file: {trigger}\nsteps:\n  - {step}\n");
        codes(&[("workflows/w.yaml", &text)])
    };
    let told = ["w:4 file-loop".to_owned()];
    let write = |path: &str| format!("write: {{ path: \"{path}\", content: \"{{{{event.text}}}}\" }}");
    let watch = "{ paths: \"inbox/*.txt\" }";
    assert_eq!(of(watch, &write("inbox/{{event.stem}}-new.txt")), told);
    assert_eq!(of(watch, &write("{{event.path}}")), told);
    assert_eq!(of(watch, "move: { from: \"{{event.path}}\", to: inbox/ }"), told);
    assert_eq!(of(watch, "http: { get: https://example.org/a, save: inbox/a.txt }"), told);
    assert_eq!(of("{ paths: [\"out/**\", \"inbox/*\"] }", &write("out/{{run.id}}.md")), told);
    for harmless in
        ["inbox/{{event.stem}}.md", "out/{{event.name}}", "{{event.path}}.done", "inbox/{{event.stem}}/a.txt"]
    {
        assert_eq!(of(watch, &write(harmless)), [""; 0], "{harmless}");
    }
    assert_eq!(of(watch, "remove: \"{{event.path}}\""), [""; 0]);
    // Each is a way out that its author has taken.
    let ignore = "{ paths: \"inbox/**\", ignore: [inbox/done/] }";
    assert_eq!(of(ignore, &write("inbox/done/{{event.name}}")), [""; 0]);
    let guard = "{ paths: \"inbox/**\", if: event.ext != 'md' }";
    assert_eq!(of(guard, &write("inbox/{{event.stem}}.md")), [""; 0]);
}

#[test]
fn two_workflows_that_start_each_other_by_files_are_told() {
    let from_to = |from: &str, to: &str| {
        format!(
            "on:\n  file: {{ paths: \"{from}/*\" }}\nsteps:\n  - write: {{ path: \"{to}/{{{{event.name}}}}\", content: x }}\n"
        )
    };
    let (there, back, on) = (from_to("a", "b"), from_to("b", "a"), from_to("b", "c"));
    let both = [("workflows/back.yaml", &*back), ("workflows/there.yaml", &*there)];
    let (places, message) = found(&both);
    assert_eq!(places, ["back:4 file-loop"]);
    assert!(message.contains("starts `there`"), "{message}");
    assert_eq!(codes(&[("workflows/on.yaml", &on), ("workflows/there.yaml", &there)]), [""; 0]);
}

#[test]
fn calls_in_a_circle_without_a_way_out_are_errors() {
    let call = |name: &str| format!("steps:\n  - parallel:\n      - call: {name}\n");
    let (a, b, c) = (call("b"), call("c"), call("a"));
    let files = [("workflows/a.yaml", &*a), ("workflows/b.yaml", &*b), ("workflows/c.yaml", &*c)];
    let (places, message) = found(&files);
    assert_eq!(places, ["a:3 endless-call", "b:3 endless-call", "c:3 endless-call"]);
    assert_eq!(message, "this call always comes back here, by way of `b`, `c`, `a`");
    for c in [
        "inputs: { n: { type: integer, default: 0 } }\nsteps:\n  - if: inputs.n > 3\n    call: a\n",
        "inputs: { l: { type: array, items: { type: string }, default: [] } }\nsteps:\n  - foreach: inputs.l\n    steps: [{ call: a }]\n",
        "steps:\n  - set: { a: 1 }\n    on_error: [{ call: a }]\n",
        "steps: [{ set: { a: 1 } }]\non_failure: [{ call: a }]\n",
    ] {
        assert_eq!(codes(&[files[0], files[1], ("workflows/c.yaml", c)]), [""; 0], "{c}");
    }
    assert_eq!(
        codes(&[("workflows/a.yaml", "steps: [{ set: { a: 1 } }]\nfinally: [{ call: a }]\n")]),
        ["a:2 endless-call"]
    );
}

#[test]
fn a_call_of_what_reads_an_event_is_an_error() {
    let caller = ("workflows/a.yaml", "steps:\n  - if: 1 < 2\n    call: b\n");
    let reader = "on: { webhook: { path: /b, auth: none } }\nsteps:\n  - set: { a: \"{{event.raw}}\" }\n";
    let (places, message) = found(&[caller, ("workflows/b.yaml", reader)]);
    assert_eq!(places, ["a:3 needs-event"]);
    assert_eq!(message, "the workflow `b` reads `event`, and a call gives none");
    let filled = "inputs: { x: { type: string, default: x } }\non: { webhook: { path: /b, auth: none, with: { x: \"{{event.raw}}\" } } }\nsteps:\n  - set: { a: \"{{inputs.x}}\" }\n";
    assert_eq!(codes(&[caller, ("workflows/b.yaml", filled)]), [""; 0]);
}
