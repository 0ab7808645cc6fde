//! `foreach` with `once`: what an earlier run has done is left out.

use rusqlite::Connection;
use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver, eventually, simulator};

/// A loop that tells of each item.
fn workflow(url: &str, once: &str, more: &str) -> String {
    format!(
        "on: {{ webhook: {{ path: /w, auth: none }} }}
inputs: {{ items: {{ type: array, default: [] }} }}
steps:
  - id: each
    foreach: inputs.items
    once: {once}
    on_item_error: skip
    steps:
      - webhook: {{ url: \"{url}/item\", json: \"{{{{item}}}}\" }}
{more}    collect: item
output: \"{{{{steps.each.output}}}}\"
"
    )
}

#[track_caller]
fn run(bed: &Bed, items: &Json) -> Json {
    bed.write("in.json", json!({ "items": items }).to_string());
    bed.howdah(&["run", "w", "--inputs", "in.json", "--json"]).exits(0).json()["output"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_an_earlier_run_finished_is_left_out() {
    let receiver = Receiver::start().await;
    let bed = Bed::of(&[("workflows/w.yaml", &workflow(&receiver.url, "{ key: item.id }", ""))]);
    let items = |ids: &[i64]| ids.iter().map(|id| json!({ "id": id })).collect::<Json>();
    assert_eq!(run(&bed, &items(&[1, 2, 2, 1])), items(&[1, 2]), "of one key the first is done");
    assert_eq!(run(&bed, &items(&[2, 3, 1])), items(&[3]));
    assert_eq!(run(&bed, &items(&[1, 2, 3])), items(&[]));
    assert_eq!(receiver.requests().len(), 3);
    // The key tells items apart, not what else they hold.
    assert_eq!(run(&bed, &json!([{ "id": 3, "more": true }, { "id": "3" }])), json!([{ "id": "3" }]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_failed_is_tried_by_the_next_run() {
    let receiver = Receiver::start().await;
    let bed = Bed::of(&[("workflows/w.yaml", &workflow(&receiver.url, "item", ""))]);
    receiver.answer(&[200, 404]);
    assert_eq!(run(&bed, &json!(["a", "b"])), json!(["a"]));
    assert_eq!(run(&bed, &json!(["a", "b"])), json!(["b"]));
    assert_eq!(run(&bed, &json!(["a", "b"])), json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forgotten_is_done_again() {
    let receiver = Receiver::start().await;
    let bed = Bed::of(&[("workflows/w.yaml", &workflow(&receiver.url, "{ key: item, keep: 30d }", ""))]);
    assert_eq!(run(&bed, &json!(["a", "b"])), json!(["a", "b"]));
    assert_eq!(run(&bed, &json!(["a", "b"])), json!([]));
    // As if thirty days had passed.
    let journal = Connection::open(bed.path().join(".howdah/journal.db")).unwrap();
    assert_eq!(journal.execute("UPDATE items SET expires = 1", []).unwrap(), 2);
    drop(journal);
    assert_eq!(run(&bed, &json!(["a", "b"])), json!(["a", "b"]));
}

#[test]
fn loops_and_workflows_remember_each_their_own() {
    let text = "inputs: { items: { type: array, default: [1] } }
steps:
  - id: outer
    foreach: \"['x', 'y']\"
    steps:
      - id: inner
        foreach: inputs.items
        as: n
        once: n
        steps: [{ set: { n: 1 } }]
        collect: n
    collect: steps.inner.output
  - id: other
    foreach: inputs.items
    once: item
    steps: [{ set: { n: 1 } }]
    collect: item
output: { outer: \"{{steps.outer.output}}\", other: \"{{steps.other.output}}\" }
";
    let bed = Bed::of(&[("workflows/w.yaml", text), ("workflows/v.yaml", text)]);
    // Within a run the first pass of a loop has the item, in whichever loop around it.
    for workflow in ["w", "v"] {
        let seen = bed.howdah(&["run", workflow, "--json"]).exits(0).json();
        assert_eq!(seen["output"], json!({ "outer": [[1], []], "other": [1] }), "{workflow}");
    }
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!(seen["output"], json!({ "outer": [[], []], "other": [] }));
}

#[test]
fn a_key_that_tells_nothing_apart_is_an_error_of_its_item() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "inputs: { items: { type: array } }\nsteps:\n  - id: each\n    foreach: inputs.items\n    once: item.id\n    on_item_error: keep\n    steps: [{ set: { n: 1 } }]\noutput: \"{{steps.each.output}}\"\n",
    )]);
    let output = run(&bed, &json!([{ "id": null }, {}, { "id": 1 }]));
    assert_eq!(
        output[0]["error"]["message"],
        "the `key` of `once` is null, which tells no item from another"
    );
    assert_eq!((&output[1]["error"]["code"], &output[2]), (&json!("missing_path"), &json!({ "n": 1 })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_taken_up_again_leaves_out_nothing_of_its_own() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let ask = "      - if: item == 'b'\n        chat: { model: local/m, prompt: \"sim: hang times 1\" }\n";
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[("workflows/w.yaml", &workflow(&receiver.url, "item", ask))],
    );
    let daemon = bed.serve().await;
    let submit = async |daemon: &crate::bed::Served| {
        let given = json!({ "inputs": { "items": ["a", "b", "c"] } });
        let got = daemon.post("/api/v1/workflows/w/runs", &given).await.is(202).json();
        got["run"].as_str().unwrap().to_owned()
    };
    let run = submit(&daemon).await;
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    daemon.kill();
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &["succeeded", "failed"]).await;
    assert_eq!(seen["output"], json!(["a", "b", "c"]), "{seen:#}");
    assert_eq!(receiver.requests().len(), 3, "each was told once");
    let again = submit(&daemon).await;
    assert_eq!(daemon.wait_run(&again, &["succeeded", "failed"]).await["output"], json!([]));
}
