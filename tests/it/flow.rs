//! Control flow and failure, as the language promises them.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver, simulator};

/// The output of a workflow of these steps and this output.
#[track_caller]
fn output(steps: &str, output: &str) -> Json {
    let bed = Bed::of(&[("workflows/w.yaml", &format!("steps:\n{steps}\noutput: {output}\n"))]);
    bed.howdah(&["run", "w", "--json"]).exits(0).json()["output"].clone()
}

#[test]
fn types_survive_a_single_template_and_become_text_in_a_longer_one() {
    let seen = output(
        "  - id: a\n    compute: { n: 2 + 3, list: \"[1, 2]\", yes: true }",
        "{ n: \"{{steps.a.output.n}}\", text: \"n is {{steps.a.output.n}}\", list: \"{{steps.a.output.list}}\", yes: \"{{steps.a.output.yes}}\" }",
    );
    assert_eq!(seen, json!({ "n": 5, "text": "n is 5", "list": [1, 2], "yes": true }));
}

#[test]
fn a_condition_skips_and_a_skipped_step_is_null() {
    let seen = output(
        "  - id: a\n    if: 1 > 2\n    set: { x: 1 }\n  - id: b\n    steps:\n      - id: c\n        set: { x: 2 }\n    if: 1 > 2\n    else:\n      - id: d\n        set: { x: 3 }",
        "{ a: \"{{default steps.a.output 'none'}}\", status: \"{{steps.a.status}}\", d: \"{{default steps.d.output.x 0}}\", b: \"{{steps.b.output.x}}\" }",
    );
    assert_eq!(seen, json!({ "a": "none", "status": "skipped", "d": 3, "b": 3 }));
}

#[test]
fn a_switch_takes_one_case() {
    let steps = |value: &str| {
        format!(
            "  - id: s\n    switch: {value}\n    cases:\n      a: [{{ set: {{ took: a }} }}]\n      \"2\": [{{ set: {{ took: two }} }}]\n    default: [{{ set: {{ took: other }} }}]"
        )
    };
    for (value, took) in [("\"'a'\"", "a"), ("1 + 1", "two"), ("\"'z'\"", "other")] {
        assert_eq!(output(&steps(value), "\"{{steps.s.output.took}}\""), took, "{value}");
    }
}

#[test]
fn a_loop_gives_its_results_in_order() {
    let seen = output(
        "  - id: l\n    foreach: \"[3, 1, 2]\"\n    as: n\n    concurrency: 3\n    steps:\n      - id: t\n        compute: { twice: n * 2 }\n    collect: { i: \"{{index}}\", twice: \"{{steps.t.output.twice}}\" }\n  - id: last\n    foreach: \"['a', 'b']\"\n    steps:\n      - set: { it: \"{{item}}\" }",
        "{ l: \"{{steps.l.output}}\", last: \"{{steps.last.output}}\" }",
    );
    assert_eq!(
        seen,
        json!({
            "l": [{ "i": 0, "twice": 6 }, { "i": 1, "twice": 2 }, { "i": 2, "twice": 4 }],
            "last": [{ "it": "a" }, { "it": "b" }],
        })
    );
}

#[test]
fn a_failing_item_fails_is_skipped_or_kept() {
    let steps = |mode: &str| {
        format!(
            "  - id: l\n    foreach: \"[1, 2, 3]\"\n    on_item_error: {mode}\n    steps:\n      - if: item == 2\n        fail: \"two\"\n      - set: {{ n: \"{{{{item}}}}\" }}"
        )
    };
    let out = "\"{{steps.l.output}}\"";
    assert_eq!(output(&steps("skip"), out), json!([{ "n": 1 }, { "n": 3 }]));
    let kept = output(&steps("keep"), out);
    assert_eq!(kept[1]["error"]["message"], "two");
    assert_eq!(kept[2], json!({ "n": 3 }));
    let bed = Bed::of(&[("workflows/w.yaml", &format!("steps:\n{}\n", steps("fail")))]);
    let seen = bed.howdah(&["run", "w", "--json"]).exits(1).json();
    assert_eq!(
        (seen["error"]["message"].as_str(), seen["error"]["step"].as_str()),
        (Some("two"), Some("l[1]/1"))
    );
}

#[test]
fn parallel_steps_give_a_map() {
    let seen = output(
        "  - id: p\n    parallel:\n      - id: a\n        set: { x: 1 }\n      - id: b\n        set: { x: 2 }\n  - id: after\n    compute: { sum: steps.a.output.x + steps.b.output.x }",
        "{ p: \"{{steps.p.output}}\", sum: \"{{steps.after.output.sum}}\" }",
    );
    assert_eq!(seen, json!({ "p": { "a": { "x": 1 }, "b": { "x": 2 } }, "sum": 3 }));
}

#[test]
fn errors_are_continued_or_handled() {
    let seen = output(
        "  - id: a\n    on_error: continue\n    fail: \"one\"\n  - id: b\n    fail: \"two\"\n    on_error:\n      - set: { told: \"{{error.message}} at {{error.step}}\" }",
        "{ a: \"{{steps.a.status}}\", why: \"{{steps.a.error.message}}\", b: \"{{steps.b.output.told}}\" }",
    );
    assert_eq!(seen, json!({ "a": "failed", "why": "one", "b": "two at b" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_run_runs_its_handlers() {
    let receiver = Receiver::start().await;
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        &format!(
            "steps:\n  - id: stop\n    fail: \"why\"\non_failure:\n  - webhook: {{ url: \"{0}/failed\", json: {{ error: \"{{{{error.message}}}}\", step: \"{{{{error.step}}}}\" }} }}\nfinally:\n  - webhook: {{ url: \"{0}/end\", json: {{}} }}\n",
            receiver.url
        ),
    )]);
    bed.howdah(&["run", "w"]).exits(1);
    let requests = receiver.requests();
    assert_eq!(requests[0]["json"], json!({ "error": "why", "step": "stop" }));
    assert_eq!(requests[1]["path"], "/end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_is_made_as_written_and_a_4xx_is_not_retried() {
    let receiver = Receiver::start().await;
    receiver.answer(&[500, 503]);
    let workflow = |more: &str| {
        format!(
            "steps:\n  - id: a\n    retry: {{ attempts: 3, delay: 1ms }}\n    webhook: {{ url: \"{}\", json: 1 }}\n{more}",
            receiver.url
        )
    };
    let bed = Bed::of(&[("workflows/w.yaml", &workflow(""))]);
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!(seen["steps"][0]["attempts"].as_array().unwrap().len(), 3);
    let keys: Vec<_> =
        receiver.requests().iter().map(|request| request["headers"]["idempotency-key"].clone()).collect();
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]));
    receiver.answer(&[404]);
    let seen = bed.howdah(&["run", "w", "--json"]).exits(1).json();
    assert_eq!(seen["steps"][0]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(seen["error"]["status"], 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_is_not_repeated_unless_the_author_says_so() {
    let receiver = Receiver::start().await;
    for (idempotent, attempts) in [("", 1), ("    idempotent: true\n", 2)] {
        receiver.answer(&[500]);
        let bed = Bed::of(&[(
            "workflows/w.yaml",
            &format!(
                "steps:\n  - id: a\n    retry: {{ delay: 1ms }}\n{idempotent}    http: {{ post: \"{}\", json: 1 }}\n",
                receiver.url
            ),
        )]);
        let ran = bed.howdah(&["run", "w", "--json"]);
        assert_eq!(ran.json()["steps"][0]["attempts"].as_array().unwrap().len(), attempts, "{ran:?}");
    }
    // With 429 the server says that nothing has happened.
    receiver.answer(&[429]);
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        &format!(
            "steps:\n  - id: a\n    retry: {{ delay: 1ms }}\n    http: {{ post: \"{}\", json: 1 }}\n",
            receiver.url
        ),
    )]);
    bed.howdah(&["run", "w"]).exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_ends_a_step() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "steps:\n  - id: a\n    timeout: 100ms\n    chat: { model: local/m, prompt: \"sim: hang\" }\n",
        )],
    );
    let seen = bed.howdah(&["run", "w", "--json"]).exits(1).json();
    assert_eq!(seen["error"]["code"], "timeout");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_with_needs_run_beside_each_other() {
    let simulator = simulator().await;
    // `b` answers at once, `a` only after it: in a line this would wait for ever.
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "steps:\n  - id: a\n    chat: { model: local/m, prompt: \"sim: latency 300ms\" }\n  - id: b\n    needs: []\n    chat: { model: local/m, prompt: \"hello\" }\n  - id: c\n    needs: [a, b]\n    set: { done: true }\noutput: \"{{steps.c.output.done}}\"\n",
        )],
    );
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    let order: Vec<_> =
        seen["steps"].as_array().unwrap().iter().map(|step| step["path"].as_str().unwrap()).collect();
    assert_eq!(order.last(), Some(&"c"));
    let ended = |path: &str| {
        seen["steps"].as_array().unwrap().iter().find(|step| step["path"] == path).unwrap()["ended"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(ended("b") < ended("a"), "{seen:#}");
}

#[test]
fn data_may_not_choose_another_folder() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "inputs: { name: string }\nsteps:\n  - id: a\n    write: { path: \"out/{{inputs.name}}.txt\", content: x }\n",
    )]);
    bed.howdah(&["run", "w", "-i", "name=plain"]).exits(0);
    assert_eq!(bed.read("out/plain.txt"), "x");
    for name in ["../up", "a/b", "..", "a\\b"] {
        let seen = bed.howdah(&["run", "w", "-i", &format!("name={name}"), "--json"]).exits(1).json();
        assert_eq!(seen["error"]["code"], "unsafe_path", "{name}: {seen:#}");
    }
    for path in ["../x", "workflows/x.yaml", ".howdah/x", "howdah.yaml", "/tmp/howdah-escape"] {
        bed.write("workflows/v.yaml", format!("steps:\n  - write: {{ path: \"{path}\", content: x }}\n"));
        let seen = bed.howdah(&["run", "v", "--json"]).exits(1).json();
        assert_eq!(seen["error"]["code"], "file_denied", "{path}: {seen:#}");
    }
}

#[test]
fn a_missing_path_fails_by_name() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "inputs: { m: { type: object } }\nsteps:\n  - id: a\n    set: { x: \"{{inputs.m.deep.er}}\" }\n",
    )]);
    bed.write("in.json", r#"{"m": {"deep": {"other": 1}}}"#);
    let seen = bed.howdah(&["run", "w", "--inputs", "in.json", "--json"]).exits(1).json();
    assert_eq!(seen["error"]["code"], "missing_path");
    assert!(seen["error"]["message"].as_str().unwrap().contains("inputs.m.deep"), "{seen:#}");
}

#[test]
fn hostile_templates_end_soon_with_an_error() {
    let bed = Bed::new();
    let nested = "{{#each a}}".repeat(5) + "x" + &"{{/each}}".repeat(5);
    bed.write(
        "workflows/w.yaml",
        format!(
            "inputs: {{ a: {{ type: array }} }}\nsteps:\n  - set: {{ x: \"{}\" }}\n",
            nested.replace("each a", "each @root.inputs.a")
        ),
    );
    let list: Vec<u32> = (0..100).collect();
    bed.write("in.json", json!({ "a": list }).to_string());
    let seen = bed.howdah(&["run", "w", "--inputs", "in.json", "--json"]).exits(1).json();
    assert_eq!(seen["error"]["code"], "template_limit", "{seen:#}");
    for template in [
        "{{#if a}}".repeat(5_000),
        "{{a (b ".repeat(2_000),
        "{{#*inline \\\"p\\\"}}{{> p}}{{/inline}}{{> p}}".to_owned(),
    ] {
        bed.write("workflows/w.yaml", format!("steps:\n  - set: {{ x: \"{template}\" }}\n"));
        bed.howdah(&["check"]).exits(2);
    }
    bed.write(
        "workflows/w.yaml",
        format!("steps:\n  - compute: {{ x: \"{}1{}\" }}\n", "(".repeat(500), ")".repeat(500)),
    );
    bed.howdah(&["check"]).exits(2);
}
