//! Types followed through a whole workflow: what is told of a value before anything runs.

use serde_json::Value as Json;

use crate::bed::Bed;

/// A step that labels, as most of these workflows begin.
const LABEL: &str = "steps:\n  - id: label\n    chat: { model: gpt-5, prompt: hi, schema: { queue(enum): [billing, outage, spam], urgency: integer, \"note?\": string, people(array): { name: string } } }\n";

/// The findings of a workflow among others, each as `LINE:COLUMN code: message (help)`.
fn findings(workflow: &str, others: &[(&str, &str)]) -> Vec<String> {
    let mut files = vec![("workflows/w.yaml", workflow)];
    files.extend(others);
    let found =
        Bed::of(&files).howdah(&["check", "--json"]).json()["diagnostics"].as_array().unwrap().clone();
    let text = |one: &Json, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    found
        .iter()
        // The key of the model's provider is not the matter here.
        .filter(|one| one["code"] != "missing-secret")
        .map(|one| {
            let (code, message, help) = (text(one, "code"), text(one, "message"), text(one, "help"));
            format!("{}:{} {code}: {message} ({help})", one["line"], one["column"])
        })
        .collect()
}

/// What follows [`LABEL`] has exactly this one finding.
#[track_caller]
fn finds(steps: &str, finding: &str) {
    assert_eq!(findings(&format!("{LABEL}{steps}"), &[]), [finding]);
}

/// A whole workflow has exactly this one finding.
#[track_caller]
fn whole(workflow: &str, finding: &str) {
    assert_eq!(findings(workflow, &[]), [finding]);
}

#[track_caller]
fn clean(steps: &str) {
    assert_eq!(findings(&format!("{LABEL}{steps}"), &[]), Vec::<String>::new());
}

#[test]
fn a_field_is_followed_through_loops_groups_and_names() {
    finds(
        "  - foreach: steps.label.output.people\n    as: person\n    steps:\n      - fail: \"{{person.nme}}\"\n",
        "7:16 unknown-field: `person` has no `nme` (did you mean `name`?)",
    );
    finds(
        "  - id: all\n    foreach: steps.label.output.people\n    steps:\n      - compute: { twice: item.name + item.name }\n  - fail: \"{{#each steps.all.output}}{{twic}}{{/each}}\"\n",
        "8:38 unknown-field: `this` has no `twic` (did you mean `twice`?)",
    );
    finds(
        "  - id: p\n    parallel:\n      - id: a\n        set: { x: \"{{steps.label.output.queue}}\" }\n  - fail: no\n    if: steps.p.output.a.x == 'outag'\n",
        "9:31 unknown-value: the other side is never `outag` (did you mean `outage`?)",
    );
    finds(
        "  - id: r\n    repeat:\n      max: 3\n      steps:\n        - id: one\n          set: { n: 1 }\n      collect: steps.one.output.n\n  - fail: no\n    if: steps.r.output.n > 1\n",
        "12:9 unknown-field: `steps.r.output` is a list of whole numbers and has no `n` ()",
    );
    finds(
        "  - foreach: steps.label.output.queue\n    steps: [{ fail: no }]\n",
        "4:14 wrong-type: `foreach` needs a list, found `billing`, `outage` or `spam` (`lines(…)` and `split(…, ',')` make a list of text)",
    );
    finds(
        "  - id: kept\n    foreach: steps.label.output.people\n    on_item_error: keep\n    steps: [{ set: { n: \"{{item.name}}\" } }]\n  - foreach: steps.kept.output\n    steps: [{ fail: \"{{item.n}}\" }]\n",
        "9:22 may-be-absent: `item.n` may be missing (write `default item.n '…'`, or put `{{#if (exists item.n)}}` around it, or ask first in the step: `if: exists(item.n)`)",
    );
    finds(
        "  - if: steps.label.output.queue\n    fail: no\n",
        "4:9 wrong-type: `if` needs true or false, found `billing`, `outage` or `spam` (compare it, as in `steps.label.output.queue != ''`)",
    );
}

#[test]
fn a_switch_over_an_enum_is_exhaustive_and_meets_its_cases() {
    finds(
        "  - switch: steps.label.output.queue\n    cases:\n      billing: [{ fail: a }]\n      spam: []\n",
        "4:13 missing-case: no case takes `outage` (add `outage: []` below `cases` (`[]` does nothing), or a `default`)",
    );
    finds(
        "  - switch: steps.label.output.queue\n    cases:\n      billing: [{ fail: a }]\n      outages: []\n      spam: []\n",
        "7:7 unknown-case: the value is never `outages`, so this case is never taken (did you mean `outage`?)",
    );
    finds(
        "  - switch: steps.label.output.queue\n    cases:\n      spam: []\n    default:\n      - fail: no\n        if: steps.label.output.queue == 'spam'\n",
        "9:41 unknown-value: the other side is never `spam` (known here: `billing`, `outage`)",
    );
    clean(
        "  - id: s\n    switch: steps.label.output.queue\n    cases:\n      billing: [{ set: { to: a } }]\n      outage: [{ set: { to: b } }]\n      spam: [{ set: { to: c } }]\n  - fail: \"{{steps.s.output.to}}\"\n",
    );
    clean(
        "  - switch: steps.label.output.queue\n    cases:\n      billing: [{ fail: a }]\n    default: []\n",
    );
}

#[test]
fn what_a_step_may_not_give_is_asked_for_first() {
    let draft =
        "  - id: draft\n    if: steps.label.output.urgency > 3\n    chat: { model: gpt-5, prompt: hi }\n";
    finds(
        &format!("{draft}  - fail: \"{{{{steps.draft.output}}}}\"\n"),
        "7:12 may-be-absent: `steps.draft.output` may be null: step `draft` may be skipped (write `default steps.draft.output '…'`, or put `{{#if (exists steps.draft.output)}}` around it, or ask first in the step: `if: exists(steps.draft.output)`)",
    );
    for read in [
        "  - fail: \"{{default steps.draft.output 'none'}}\"\n",
        "  - fail: \"{{#if steps.draft.output}}{{steps.draft.output}}{{/if}}\"\n",
        "  - if: exists(steps.draft.output)\n    fail: \"{{steps.draft.output}}\"\n",
        "  - if: steps.draft.status == 'succeeded'\n    fail: \"{{steps.draft.output}}\"\n",
        "  - if: steps.draft.status != 'skipped'\n    fail: \"{{steps.draft.output}}\"\n",
        // The same condition has the same answer.
        "  - if: steps.label.output.urgency > 3\n    fail: \"{{steps.draft.output}}\"\n",
        "  - if: run.id != '' && steps.label.output.urgency > 3\n    steps: [{ fail: \"{{steps.draft.output}}\" }]\n",
    ] {
        clean(&format!("{draft}{read}"));
    }
    finds(
        "  - id: get\n    on_error: continue\n    http: { get: http://x/ }\n  - fail: \"{{steps.get.output.status}}\"\n",
        "7:12 may-be-absent: `steps.get.output` may be null: step `get` may fail, and the run goes on (write `default steps.get.output.status '…'`, or put `{{#if (exists steps.get.output)}}` around it, or ask first in the step: `if: exists(steps.get.output)`)",
    );
    // A handler's output stands in for the step's.
    finds(
        "  - id: get\n    http: { get: http://x/ }\n    on_error: [{ set: { status: 0 } }]\n  - fail: \"{{steps.get.output.status}} {{steps.get.output.statu}}\"\n",
        "7:40 unknown-field: `steps.get.output` has no `statu` (did you mean `status`?)",
    );
    finds(
        "  - fail: \"{{steps.label.output.note}}\"\n",
        "4:12 may-be-absent: `steps.label.output.note` may be missing (write `default steps.label.output.note '…'`, or put `{{#if (exists steps.label.output.note)}}` around it, or ask first in the step: `if: exists(steps.label.output.note)`)",
    );
    finds(
        "on_failure:\n  - write: { path: x, content: \"{{steps.label.output.queue}}\" }\n",
        "5:33 may-be-absent: `steps.label.output` may be null: the run may have failed before it (write `default steps.label.output.queue '…'`, or put `{{#if (exists steps.label.output)}}` around it, or ask first in the step: `if: exists(steps.label.output)`)",
    );
}

#[test]
fn an_event_is_what_any_of_the_triggers_gives() {
    let on = "on:\n  webhook: { path: /t, auth: none, body: { text: string, \"from?\": string } }\n  file: { paths: [\"in/*\"] }\n";
    whole(
        &format!("{on}steps:\n  - fail: \"{{{{event.path}}}}\"\n"),
        "5:12 may-be-absent: `event.path` may be missing: not every event has it (write `default event.path '…'`, or put `{{#if (exists event.path)}}` around it, or ask first in the step: `if: exists(event.path)`)",
    );
    whole(
        &format!("{on}steps:\n  - fail: \"{{{{default event.pth ''}}}}\"\n"),
        "5:12 unknown-field: `event` has no `pth` (did you mean `path`?)",
    );
    whole(
        "inputs: { t: string }\non: { webhook: { path: /t, auth: none, body: { text: string }, with: { t: \"{{event.body.txt}}\" } } }\nsteps: [{ fail: \"{{inputs.t}}\" }]\n",
        "2:76 unknown-field: `event.body` has no `txt` (did you mean `text`?)",
    );
    whole(
        "inputs: { n: integer }\non: { webhook: { path: /t, auth: none, body: { text: string }, with: { n: \"{{event.body.text}}\" } } }\nsteps: [{ fail: \"{{inputs.n}}\" }]\n",
        "2:75 wrong-type: this does not fit the input `n`: expected a whole number, found text ()",
    );
}

#[test]
fn inputs_vars_and_fields_have_types() {
    whole(
        "inputs: { \"tone?\": string }\nsteps: [{ fail: \"{{inputs.tone}} {{upper inputs.tone}}\" }]\n",
        "2:34 may-be-absent: `inputs.tone` may be null (write `default inputs.tone '…'`, or put `{{#if (exists inputs.tone)}}` around it, or ask first in the step: `if: exists(inputs.tone)`)",
    );
    whole(
        "vars: { limit: 3 }\nsteps: [{ fail: no, if: vars.limit > 'x' }]\n",
        "2:25 wrong-type: `>` needs two numbers or two texts, found a whole number and `x` (`int(…)` makes a number of text)",
    );
    whole(
        "inputs: { tone: string }\nsteps: [{ chat: { model: gpt-5, prompt: hi, max_tokens: \"{{inputs.tone}}\" } }]\n",
        "2:57 wrong-type: expected a whole number, and this is text ()",
    );
    // A literal is what it is only until its author writes another one.
    assert_eq!(
        findings("vars: { mode: fast }\nsteps: [{ fail: no, if: vars.mode == 'slow' }]\n", &[]),
        Vec::<String>::new()
    );
}

#[test]
fn a_called_workflow_tells_what_it_takes_and_gives() {
    let child = "inputs: { n: integer }\nsteps:\n  - id: s\n    compute: { twice: inputs.n * 2 }\noutput: { twice: \"{{steps.s.output.twice}}\" }\n";
    let workflow = |with: &str, read: &str| {
        format!(
            "steps:\n  - id: c\n    call: child\n    with: {with}\n  - fail: \"{{{{steps.c.output.{read}}}}}\"\n"
        )
    };
    let found = |with, read| findings(&workflow(with, read), &[("workflows/child.yaml", child)]);
    assert_eq!(found("{ n: 2 }", "twice"), Vec::<String>::new());
    assert_eq!(
        found("{ n: 2 }", "twic"),
        ["5:12 unknown-field: `steps.c.output` has no `twic` (did you mean `twice`?)"]
    );
    assert_eq!(
        found("{ n: two }", "twice"),
        ["4:16 wrong-type: this does not fit the input `n`: expected a whole number, found text ()"]
    );
}

#[test]
fn files_and_answers_may_state_a_schema() {
    let read =
        "steps:\n  - id: f\n    read: { path: data.json, schema: { items(array): { title: string } } }\n";
    whole(
        &format!("{read}  - fail: \"{{{{#each steps.f.output.items}}}}{{{{titel}}}}{{{{/each}}}}\"\n"),
        "4:42 unknown-field: `this` has no `titel` (did you mean `title`?)",
    );
    whole(
        "steps:\n  - id: a\n    http: { get: http://x/, schema: { id: integer } }\n  - fail: \"{{steps.a.output.body.ide}}\"\n",
        "4:12 unknown-field: `steps.a.output.body` has no `ide` (did you mean `id`?)",
    );
    whole(
        "steps:\n  - id: a\n    read: { path: a.txt, parse: lines }\n  - fail: no\n    if: steps.a.output == 'x'\n",
        "5:9 never-equal: a list of texts and the text `x` are never equal ()",
    );
    let workflow = format!("{read}output: \"{{{{length steps.f.output.items}}}}\"\n");
    let bed =
        Bed::of(&[("workflows/w.yaml", &workflow), ("data.json", r#"{ "items": [{ "title": "a" }] }"#)]);
    assert_eq!(bed.howdah(&["run", "w"]).exits(0).stdout, "1\n");
    bed.write("data.json", r#"{ "items": [{ "title": 1 }] }"#);
    let error = bed.howdah(&["run", "w", "--json"]).exits(1).json()["error"].clone();
    assert_eq!(error["code"], "schema_mismatch");
    assert_eq!(
        error["message"],
        "`data.json` does not fit the `schema`: `/items/0/title`: expected text, found a number"
    );
}

#[test]
fn what_nothing_reads_is_a_warning() {
    assert_eq!(
        findings(
            "inputs: { a: string, b: string }\nvars: { v: 1 }\nsteps:\n  - id: s\n    set: { x: 1 }\n  - fail: \"{{inputs.a}}\"\n",
            &[]
        ),
        [
            "1:22 unused-input: nothing reads the input `b` (read it as `inputs.b`, or take it out)",
            "2:9 unused-var: nothing reads the var `v` (read it as `vars.v`, or take it out)",
            "5:5 unused-step: nothing reads what this `set` gives (read `steps.s.output`, or take the step out)",
        ]
    );
}
