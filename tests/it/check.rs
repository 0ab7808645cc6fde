//! `howdah check`: what is wrong is told before anything runs, at its place, once.

use serde_json::Value as Json;

use crate::bed::Bed;

/// The diagnostics of a workspace with this one workflow, as (code, line, column, help).
fn findings(workflow: &str) -> Vec<(String, u64, u64, String)> {
    // The key is nobody's: it only has to be there.
    let bed = Bed::of(&[("workflows/w.yaml", workflow), (".env", "MAMMOUTH_API_KEY=none\n")]);
    let ran = bed.howdah(&["check", "--json"]);
    let found = ran.json()["diagnostics"].as_array().unwrap().clone();
    let errors = found.iter().any(|one| one["severity"] == "error");
    assert_eq!(ran.code, if errors { 2 } else { 0 }, "{found:#?}");
    let text = |one: &Json, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    found
        .iter()
        .map(|one| {
            assert_eq!(one["file"], "workflows/w.yaml");
            (
                text(one, "code"),
                one["line"].as_u64().unwrap(),
                one["column"].as_u64().unwrap(),
                text(one, "help"),
            )
        })
        .collect()
}

/// The workflow has exactly this one finding.
#[track_caller]
fn finds(workflow: &str, code: &str, line: u64, column: u64, help: &str) {
    let found = findings(workflow);
    let [(c, l, k, h)] = found.as_slice() else { panic!("not one finding: {found:#?}") };
    assert_eq!((c.as_str(), *l, *k), (code, line, column), "{found:#?}");
    assert!(h.contains(help), "the help is {h:?}");
}

#[track_caller]
fn clean(workflow: &str) {
    let found = findings(workflow);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_right_workflow_is_clean() {
    clean(
        "inputs: { ticket: string, language: { type: string, default: fr } }\n\
         on:\n  webhook: { path: /t, auth: none, with: { ticket: \"{{event.body.text}}\" } }\n\
         steps:\n\
         \x20 - id: label\n    chat: { model: gpt-4.1-mini, prompt: \"{{inputs.language}} {{inputs.ticket}}\", schema: { queue: string } }\n\
         \x20 - if: steps.label.output.queue == 'x'\n    fail: \"no {{steps.label.output.queue}}\"\n\
         output: { queue: \"{{steps.label.output.queue}}\" }\n",
    );
}

#[test]
fn an_input_may_have_its_form_in_its_name() {
    clean(
        r#"
inputs:
  tags(array, of the page): string
  lang(enum): [fr, en]
  note?: string
  "person?(object, who)": { name: string }
steps:
  - set: { x: "{{join inputs.tags ','}} {{inputs.lang}} {{inputs.note}} {{#if inputs.person}}{{inputs.person.name}}{{/if}}" }
"#,
    );
    let reads =
        |input: &str| format!("inputs:\n  {input}\nsteps:\n  - set: {{ x: \"{{{{inputs.tags}}}}\" }}\n");
    finds(&reads("tags(array: string"), "bad-schema", 2, 3, "tags(array): string");
    finds(&reads("tags(list): string"), "bad-schema", 2, 3, "tags(array): string");
    finds(&reads("tags(array): strin"), "bad-schema", 2, 16, "");
    finds(&reads("tags(object): { a: string, b: strin }"), "bad-schema", 2, 33, "");
    finds(&reads("tags?: string\n  tags(array): string"), "bad-id", 3, 3, "another name");
}

#[test]
fn names_that_do_not_exist_are_found_in_both_languages() {
    finds("steps:\n  - set: { a: \"{{inputz.b}}\" }\n", "unknown-name", 2, 16, "inputs");
    finds("steps:\n  - set: { a: \"{{inputs.b}}\" }\n", "unknown-input", 2, 16, "");
    finds(
        "inputs: { ticket: string }\nsteps:\n  - set: { a: \"{{inputs.tiket}}\" }\n",
        "unknown-input",
        3,
        16,
        "ticket",
    );
    finds(
        "inputs: { ticket: string }\nsteps:\n  - compute: { a: inputs.tiket + 'x' }\n",
        "unknown-input",
        3,
        19,
        "ticket",
    );
    finds("steps:\n  - if: steps.x.output == 1\n    set: { a: 1 }\n", "unknown-step", 2, 9, "");
    finds(
        "steps:\n  - id: one\n    set: { a: 1 }\n  - set: { b: \"{{steps.oen.output.a}}\" }\n",
        "unknown-step",
        4,
        16,
        "one",
    );
    finds(
        "steps:\n  - id: one\n    set: { a: 1 }\n  - set: { b: \"{{one.a}}\" }\n",
        "unknown-name",
        4,
        16,
        "steps.one.output",
    );
    finds("steps:\n  - set: { a: \"{{event.body}}\" }\n", "unknown-name", 2, 16, "on:");
    finds("steps:\n  - set: { a: \"{{uper 'x'}}\" }\n", "unknown-function", 2, 16, "upper");
}

#[test]
fn a_step_that_comes_later_cannot_be_read() {
    finds(
        "steps:\n  - set: { b: \"{{steps.two.output.a}}\" }\n  - id: two\n    set: { a: 1 }\n",
        "step-not-before",
        2,
        16,
        "needs: [two]",
    );
    clean(
        "steps:\n  - id: one\n    needs: [two]\n    fail: \"{{steps.two.output.a}}\"\n  - id: two\n    set: { a: 1 }\n",
    );
    finds(
        "steps:\n  - id: one\n    needs: []\n    set: { a: 1 }\n  - set: { b: \"{{steps.one.output.a}}\" }\n",
        "step-not-before",
        5,
        16,
        "needs: [one]",
    );
    finds(
        "steps:\n  - id: each\n    foreach: \"[1]\"\n    steps:\n      - id: inner\n        set: { a: 1 }\n  - set: { b: \"{{steps.inner.output.a}}\" }\n",
        "step-out-of-reach",
        7,
        16,
        "steps.each.output",
    );
}

#[test]
fn keys_and_types_are_held_to_the_declaration() {
    finds("steps:\n  - chat: { model: m, promt: hi }\n", "unknown-key", 2, 23, "prompt");
    finds("steps:\n  - caht: { model: m, prompt: hi }\n", "unknown-action", 2, 5, "chat");
    finds("steps:\n  - chat: { prompt: hi }\n", "missing-key", 2, 5, "defaults");
    finds("steps:\n  - write: { path: a }\n", "missing-key", 2, 5, "content");
    finds("steps:\n  - chat: { model: gpt-5, prompt: hi, temperature: hot }\n", "wrong-type", 2, 52, "");
    finds("steps:\n  - chat: { model: gpt-5, prompt: hi, temperature: 3 }\n", "out-of-range", 2, 52, "");
    finds("steps:\n  - http: { get: http://x/, parse: jsn }\n", "unknown-word", 2, 36, "json");
    finds("steps:\n  - set: { a: 1 }\n    wiat: 1\n", "unknown-key", 3, 5, "");
    finds("steps:\n  - set: { a: 1 }\n    timeout: 5\n", "wrong-type", 3, 14, "duration");
    finds("steps:\n  - set: { a: 1 }\n    fail: x\n", "two-actions", 3, 5, "");
    finds("steps:\n  - id: a\n", "no-action", 2, 5, "");
    finds("steps:\n  - id: a\n    set: { x: 1 }\n  - id: a\n    set: { x: 1 }\n", "duplicate-id", 4, 9, "");
    finds("steps:\n  - id: a-b\n    set: { x: 1 }\n", "bad-id", 2, 9, "a_b");
    finds("step:\n  - set: { x: 1 }\n", "unknown-key", 1, 1, "steps");
    finds("description: nothing\n", "missing-key", 1, 1, "steps");
    finds(
        "on: { webhok: { path: /x, auth: none } }\nsteps: [{ set: { a: 1 } }]\n",
        "unknown-trigger",
        1,
        7,
        "webhook",
    );
    finds("on: { webhook: { path: /x } }\nsteps: [{ set: { a: 1 } }]\n", "missing-key", 1, 7, "auth");
    finds(
        "inputs: { t: string }\non: { webhook: { path: /x, auth: none } }\nsteps: [{ set: { a: \"{{inputs.t}}\" } }]\n",
        "missing-input",
        2,
        7,
        "with",
    );
}

#[test]
fn a_mistake_is_told_once_however_many_read_what_it_spoils() {
    let chat = "chat: { model: gpt-5, prompt: hi";
    let reads = "  - set: { a: \"{{steps.a.output.x}}\" }\n  - compute: { b: steps.a.output.x }\n";
    for (workflow, code, line, column, help) in [
        // What a step does.
        (format!("steps:\n  - id: a\n    chatt: hi\n{reads}"), "unknown-action", 3, 5, "chat"),
        (format!("steps:\n  - id: a\n    write: [1]\n{reads}"), "wrong-type", 3, 12, ""),
        (format!("steps:\n  - id: a\n{reads}"), "no-action", 2, 5, "add an action"),
        (format!("steps:\n  - id: a\n    {chat}, schema: {{ type: 5 }} }}\n{reads}"), "bad-schema", 3, 55, ""),
        (format!("steps:\n  - id: a\n    {chat}, shema: {{ x: string }} }}\n{reads}"), "unknown-key", 3, 39, "schema"),
        (format!("steps:\n  - id: a\n    set: {{ x: \"{{{{inputz.b}}}}\" }}\n{reads}"), "unknown-name", 3, 16, "inputs"),
        ("steps:\n  - id: a-b\n    set: { x: 1 }\n  - needs: [a-b]\n    set: { y: 1 }\n".into(), "bad-id", 2, 9, "a_b"),
        // Control flow.
        (format!("steps:\n  - paralel:\n      - id: a\n        set: {{ x: 1 }}\n{reads}"), "unknown-action", 2, 5, "parallel"),
        (format!("steps:\n  - id: a\n    foreech: \"[1]\"\n    as: n\n    steps: [{{ set: {{ x: \"{{{{n}}}}\" }} }}]\n{reads}"), "unknown-action", 3, 5, "foreach"),
        (format!("steps:\n  - id: a\n    foreach: \"[1]\"\n{reads}"), "missing-key", 3, 5, "steps"),
        (format!("steps:\n  - id: a\n    set: {{ x: 1 }}\n    switch: 1\n    cases: {{}}\n{reads}"), "two-actions", 4, 5, ""),
        ("steps:\n  - foreach: \"[1]\"\n    as: my-item\n    steps: [{ set: { x: \"{{my-item}}\" } }]\n".into(), "bad-id", 3, 9, "my_item"),
        // Inputs.
        (
            "inputs: { t: sting }\non: { webhook: { path: /x, auth: none, with: { t: \"{{event.body}}\" } } }\nsteps: [{ set: { a: \"{{inputs.t.u}}\" } }]\noutput: \"{{inputs.t}}\"\n".into(),
            "bad-schema", 1, 14, "",
        ),
        ("inputs: { a-b: string }\nsteps: [{ set: { a: \"{{inputs.a-b}}\" } }]\n".into(), "bad-id", 1, 11, ""),
        // Defaults.
        (
            "defaults: { chat: { modle: gpt-5 } }\nsteps: [{ chat: hi }, { chat: ho }]\n".into(),
            "unknown-key", 1, 21, "model",
        ),
        ("defaults: { chat: gpt-5 }\nsteps: [{ chat: hi }, { chat: ho }]\n".into(), "wrong-type", 1, 19, ""),
        (
            "defaults: { chta: { model: gpt-5 } }\nsteps: [{ chat: hi }, { chat: ho }]\n".into(),
            "unknown-action", 1, 13, "chat",
        ),
        ("defaults: { chat: { model: [] } }\nsteps: [{ chat: hi }, { chat: ho }]\n".into(), "empty-list", 1, 28, ""),
    ] {
        finds(&workflow, code, line, column, help);
    }
}

#[test]
fn the_other_mistakes_of_a_misspelled_form_are_told_too() {
    let found = findings("steps:\n  - paralel:\n      - set: { a: \"{{inputz.b}}\" }\n");
    let codes: Vec<_> = found.iter().map(|one| (one.0.as_str(), one.1)).collect();
    assert_eq!(codes, [("unknown-action", 2), ("unknown-name", 3)]);
}

#[test]
fn defaults_count_as_written_in_each_step() {
    clean(
        "defaults: { chat: { model: gpt-4.1-mini, prompt: hi, schema: { queue: string } } }\n\
         steps:\n\
         \x20 - id: a\n    chat: { temperature: 0 }\n\
         \x20 - id: b\n    chat:\n\
         \x20 - set: { a: \"{{steps.a.output.queue}}\", b: \"{{steps.b.output.queue}}\" }\n",
    );
    finds(
        "defaults: { chat: { model: gpt-4.1-mini, schema: { queue: string } } }\n\
         steps:\n  - id: a\n    chat: hi\n  - set: { a: \"{{steps.a.output.queu}}\" }\n",
        "unknown-field",
        5,
        16,
        "queue",
    );
    // A step's own schema goes before that of the defaults.
    finds(
        "defaults: { chat: { model: gpt-4.1-mini, schema: { queue: string } } }\n\
         steps:\n  - id: a\n    chat: { prompt: hi, schema: { word: string } }\n  - set: { a: \"{{steps.a.output.queue}}\" }\n",
        "unknown-field",
        5,
        16,
        "word",
    );
    finds(
        "defaults: { http: { get: \"http://x/\" } }\nsteps:\n  - http: { post: \"http://y/\" }\n",
        "two-methods",
        3,
        13,
        "",
    );
}

#[test]
fn a_loop_over_a_list_takes_templates_and_has_no_limit_of_text() {
    let words: Vec<_> = (0..2_000).map(|number| format!("word {number}")).collect();
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "inputs: { first: { type: string, default: zero } }\nsteps:\n  - id: each\n    foreach:\n      - \"{{inputs.first}}\"\n      - { a: \"{{inputs.first}}!\" }\n    steps: [{ set: { it: \"{{item}}\" } }]\noutput: \"{{steps.each.output}}\"\n",
    )]);
    let output = bed.howdah(&["run", "w", "--json"]).exits(0).json()["output"].clone();
    assert_eq!(output, serde_json::json!([{ "it": "zero" }, { "it": { "a": "zero!" } }]));
    clean(&format!("steps:\n  - foreach: {words:?}\n    steps: [{{ set: {{ it: \"{{{{item}}}}\" }} }}]\n"));
    finds(
        "steps:\n  - foreach: [\"{{inputz.x}}\"]\n    steps: [{ set: { it: \"{{item}}\" } }]\n",
        "unknown-name",
        2,
        16,
        "inputs",
    );
    // Elsewhere a list of YAML would be a list of texts, none of them an expression.
    finds("steps:\n  - compute: { a: [run.id, 1] }\n", "wrong-type", 2, 19, "quotes");
}

#[test]
fn what_would_do_nothing_is_refused() {
    finds(
        "steps:\n  - steps: [{ set: { a: 1 } }]\n    retry: 3\n",
        "unknown-key",
        3,
        5,
        "in each step inside",
    );
    finds("steps:\n  - parallel: [{ set: { a: 1 } }]\n    idempotent: true\n", "unknown-key", 3, 5, "");
    clean("steps:\n  - steps: [{ set: { a: 1 }, retry: 3, idempotent: true }]\n    timeout: 5s\n");
    finds("steps:\n  - chat: { model: [], prompt: hi }\n", "empty-list", 2, 20, "at least one");
    finds(
        "on: { file: { paths: [] } }\nsteps: [{ set: { a: \"{{event.path}}\" } }]\n",
        "empty-list",
        1,
        22,
        "at least one",
    );
}

#[test]
fn an_item_has_a_name_of_its_own() {
    for name in ["inputs", "steps", "secrets", "index", "run", "error", "round"] {
        let workflow =
            format!("steps:\n  - foreach: \"[1]\"\n    as: {name}\n    steps: [{{ set: {{ a: 1 }} }}]\n");
        finds(&workflow, "bad-id", 3, 9, "item");
    }
    for name in ["item", "row"] {
        clean(&format!(
            "steps:\n  - foreach: \"[1]\"\n    as: {name}\n    steps: [{{ set: {{ a: \"{{{{{name}}}}}\" }} }}]\n"
        ));
    }
}

#[test]
fn a_field_that_must_be_a_map_is_named() {
    let bed = Bed::of(&[("workflows/w.yaml", "steps:\n  - http: { get: http://x/, auth: hello }\n")]);
    let found = bed.howdah(&["check", "--json"]).exits(2).json()["diagnostics"].clone();
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found:#?}");
    assert_eq!(found[0]["message"], "`auth` must be a map, found the text `hello`");
}

#[test]
fn aliases_lead_to_their_models_however_long_the_way() {
    let aliases: String = (0..20)
        .map(|level| format!("  a{level}: [{}]\n", vec![format!("a{}", level + 1); 8].join(", ")))
        .collect();
    let bed = Bed::of(&[
        ("howdah.yaml", &format!("models:\n{aliases}  a20: gpt-4.1-mini\n")),
        ("workflows/w.yaml", "steps:\n  - chat: { model: a0, prompt: hi }\n"),
        (".env", "MAMMOUTH_API_KEY=none\n"),
    ]);
    let found = bed.howdah(&["check", "--json"]).exits(0).json()["diagnostics"].clone();
    assert_eq!(found, serde_json::json!([]));
}

#[test]
fn cycles_are_named() {
    let found = findings(
        "steps:\n  - id: a\n    needs: [b]\n    set: { x: 1 }\n  - id: b\n    needs: [a]\n    set: { x: 1 }\n",
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].0, "cycle");
}

#[test]
fn traps_of_yaml_are_told_by_name() {
    finds("steps:\n  - set: { a: 1 }\n\tb: 2\n", "yaml-tab", 3, 1, "");
    finds("steps:\n  - set: { a: 1, a: 2 }\n", "duplicate-key", 2, 18, "");
    finds("steps:\n  - set:\n      a: {{ inputs.b }}\n", "yaml-template", 3, 10, "quotes");
    let half = findings("steps:\n  - set: { a: \"unfinished\n");
    assert_eq!(half.len(), 1, "{half:#?}");
}

#[test]
fn secrets_stand_only_where_a_credential_belongs() {
    finds(
        "steps:\n  - chat: { model: gpt-5, prompt: \"{{secrets.KEY}}\" }\n",
        "secret-misplaced",
        2,
        36,
        "auth",
    );
    let found = findings("steps:\n  - http: { get: http://x/, auth: { bearer: \"{{secrets.KEY}}\" } }\n");
    assert_eq!(found.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), ["missing-secret"]);
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once() {
    let bed = Bed::of(&[
        ("workflows/a.yaml", "steps:\n  - caht: hi\n  - set: { a: \"{{inputs.x}}\" }\n"),
        ("workflows/b.yaml", "steps:\n  - set: { a: 1\n"),
        ("workflows/c.yaml", "steps: [{ set: { a: 1 } }]\n"),
        ("howdah.yaml", "provders: {}\n"),
    ]);
    let ran = bed.howdah(&["check"]).exits(2);
    for expected in ["workflows/a.yaml:2:5", "workflows/a.yaml:3:", "workflows/b.yaml", "howdah.yaml:1:1"] {
        assert!(ran.stderr.contains(expected) || ran.stdout.contains(expected), "{expected} in {ran:?}");
    }
    let files: Vec<_> = bed.howdah(&["check", "--json"]).json()["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["file"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(files.iter().filter(|file| *file == "workflows/a.yaml").count(), 2);
    assert!(!files.contains(&"workflows/c.yaml".to_owned()));
}

#[test]
fn odd_files_get_an_error_and_harm_no_other() {
    let bed = Bed::of(&[("workflows/good.yaml", "steps: [{ set: { a: 1 } }]\n")]);
    bed.write("workflows/empty.yaml", "");
    bed.write("workflows/binary.yaml", [0_u8, 159, 146, 150, 0, 255]);
    bed.write("workflows/huge.yaml", "# ".repeat(600 * 1024));
    bed.write("workflows/deep.yaml", format!("steps: {}", "[".repeat(100_000)));
    std::os::unix::fs::symlink("/nowhere", bed.path().join("workflows/dangling.yaml")).unwrap();
    let ran = bed.howdah(&["check", "--json"]).exits(2);
    let found = ran.json()["diagnostics"].as_array().unwrap().clone();
    for file in ["empty", "binary", "huge", "deep"] {
        let path = format!("workflows/{file}.yaml");
        assert_eq!(found.iter().filter(|one| one["file"] == path.as_str()).count(), 1, "{file}: {found:#?}");
    }
    assert!(!found.iter().any(|one| one["file"] == "workflows/good.yaml"));
    bed.howdah(&["run", "good"]).exits(0);
}

#[test]
fn an_error_is_drawn_with_its_line_and_caret() {
    let bed = Bed::of(&[("workflows/w.yaml", "steps:\n  - chat: { model: gpt-5, promt: hi }\n")]);
    let ran = bed.howdah(&["check"]).exits(2);
    let drawn = format!("{}{}", ran.stdout, ran.stderr);
    let expected = "error[unknown-key]: unknown key `promt` in `chat`
 --> workflows/w.yaml:2:27
  |
2 |   - chat: { model: gpt-5, promt: hi }
  |                           ^^^^^
  |
  = help: did you mean `prompt`?
";
    assert!(drawn.contains(expected), "{drawn}");
}

#[test]
fn a_folder_without_workflows_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let bed = Bed::new();
    let ran = bed.howdah(&["check", folder.path().join("none").to_str().unwrap()]).exits(2);
    assert!(ran.stderr.contains("none"), "{ran:?}");
}

#[test]
fn a_setting_that_nothing_heeds_is_told() {
    let bed = Bed::of(&[
        ("workflows/w.yaml", "steps: [{ set: { a: 1 } }]\n"),
        (
            "howdah.yaml",
            "exec: { allow: [/bin/true] }\nproviders:\n  local: { base_url: http://127.0.0.1:1/v1, limits: { concurrency: 2 } }\nhistory: { keep: 30d }\n",
        ),
    ]);
    let found = bed.howdah(&["check", "--json"]).exits(0).json();
    let found: Vec<_> = found["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (one["code"].as_str().unwrap(), one["severity"].as_str().unwrap(), one["line"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [("no-effect", "warning", 1), ("no-effect", "warning", 3), ("no-effect", "warning", 4)]
    );
}

#[test]
fn a_list_that_is_written_out_may_be_long_and_hold_templates() {
    let words: String = (0..2_000).map(|index| format!("      - word {index}\n")).collect();
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        &format!(
            "inputs: {{ name: string }}\nsteps:\n  - id: l\n    foreach:\n      - \"hi {{{{inputs.name}}}}\"\n{words}    steps:\n      - set: {{ w: \"{{{{item}}}}\" }}\noutput: \"{{{{length steps.l.output}}}} {{{{steps.l.output.[0].w}}}}\"\n"
        ),
    )]);
    assert_eq!(bed.howdah(&["run", "w", "-i", "name=Ann"]).exits(0).stdout, "2001 hi Ann\n");
}

#[test]
fn a_word_where_a_map_may_stand_is_told_both() {
    finds(
        "on: { webhook: { path: /x, auth: hello } }\nsteps: [{ set: { a: 1 } }]\n",
        "unknown-word",
        1,
        34,
        "`bearer`",
    );
}

#[test]
fn a_credential_in_a_file_is_a_warning_that_does_not_tell_it() {
    let workflow = "steps:\n  - http: { get: \"https://example.org\", auth: { bearer: abc123def456 } }\n";
    finds(workflow, "literal-credential", 2, 57, "secrets.NAME");
    let bed = Bed::of(&[
        ("workflows/w.yaml", "steps:\n  - set: { a: 1 }\n"),
        ("howdah.yaml", "providers:\n  x: { base_url: https://x.example/v1, api_key: abcdef123456 }\n"),
    ]);
    let ran = bed.howdah(&["check"]).exits(0);
    assert!(ran.stdout.contains("warning[literal-credential]"), "{}", ran.stdout);
}

#[test]
fn a_step_that_never_runs_is_a_warning() {
    finds("steps:\n  - fail: no\n  - set: { a: 1 }\n", "unreachable-step", 3, 5, "`if`");
    finds("steps:\n  - if: false\n    set: { a: 1 }\n", "unreachable-step", 2, 9, "take the step out");
    clean("steps:\n  - fail: no\n    if: run.id == 'x'\n  - set: { a: 1 }\n");
    clean(
        "steps:\n  - id: one\n    write: { path: x, content: y }\n  - fail: no\n  - needs: [one]\n    write: { path: x, content: y }\n",
    );
}
