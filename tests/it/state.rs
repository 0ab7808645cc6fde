//! Values that outlive runs, and what the last run gave: changed exactly once, never lost, seen at once.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver, Served, eventually};

const START: &str = "on: { webhook: { path: /w, auth: none } }\n";

fn bed(steps: &str) -> Bed {
    Bed::of(&[("workflows/w.yaml", &format!("{START}{steps}"))])
}

async fn start(daemon: &Served) -> String {
    daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned()
}

fn kept(bed: &Bed, workflow: &str) -> Json {
    bed.howdah(&["state", "list", "--json"]).exits(0).json()["workflows"][workflow].clone()
}

#[test]
fn values_outlive_the_run() {
    let bed = bed(
        "steps:
  - id: change
    state: { set: { last: { a: [1] }, gone: 1 }, add: { n: 2 } }
  - id: more
    state: { add: { n: 0.5 }, delete: gone }
  - state: { set: { hi: \"{{state.n}}\" }, scope: workspace }
output: { new: \"{{steps.change.output}}\", more: \"{{steps.more.output}}\", n: \"{{state.n}}\", hi: \"{{state.workspace.hi}}\", gone: \"{{default state.gone 'no'}}\" }
",
    );
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!(
        seen["output"],
        json!({ "new": { "last": { "a": [1] }, "gone": 1, "n": 2 }, "more": { "n": 2.5 }, "n": 2.5, "hi": 2.5, "gone": "no" })
    );
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!(seen["output"]["n"], 5.0);
    assert_eq!(kept(&bed, "w"), json!({ "last": { "a": [1] }, "n": 5.0 }));
}

#[test]
fn a_value_that_is_not_there_fails_by_name() {
    let bed = bed("steps:\n  - id: a\n    set: { x: \"{{state.absent}}\" }\n");
    let seen = bed.howdah(&["run", "w", "--json"]).exits(1).json();
    assert_eq!(seen["error"]["code"], "missing_path", "{seen:#}");
    assert!(seen["error"]["message"].as_str().unwrap().contains("absent"));
}

#[test]
fn a_step_that_fails_changes_nothing() {
    let bed = bed("steps:
  - id: a
    on_error: continue
    state: { set: { x: 1, workspace: 1 } }
  - id: b
    on_error: continue
    state: { set: { x: \"text\" }, add: { x: 1 } }
  - id: c
    on_error: continue
    state: { set: { x: \"{{inputs.long}}\" } }
inputs: { long: { type: string, default: x } }
output: [\"{{default steps.a.error.message 'none'}}\", \"{{default steps.b.error.message 'none'}}\", \"{{default steps.c.error.message 'none'}}\"]
");
    let long = "x".repeat(70_000);
    let seen = bed.howdah(&["run", "w", "--json", "-i", &format!("long={long}")]).exits(0).json();
    let errors: Vec<_> = seen["output"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert!(errors[0].contains("`workspace` cannot be a name"), "{errors:?}");
    assert!(errors[1].contains("`add` to `x` needs a number"), "{errors:?}");
    assert!(errors[2].contains("`x` has 70002 bytes") && errors[2].contains("65536"), "{errors:?}");
    assert_eq!(kept(&bed, "w"), Json::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn additions_of_many_runs_are_never_lost() {
    let bed = bed(
        "steps:\n  - parallel:\n      - state: { add: { n: 1 } }\n      - state: { add: { n: 10 } }\n  - state: { add: { all: 1 }, scope: workspace }\n",
    );
    let daemon = bed.serve().await;
    let body = json!({});
    let runs = (0..20).map(|_| daemon.hook("/w", &body));
    for started in futures_util::future::join_all(runs).await {
        started.is(202);
    }
    daemon.wait_runs("w", "succeeded", 20).await;
    let values = daemon.get("/api/v1/state?workflow=w").await.is(200).json();
    assert_eq!(values["values"], json!({ "n": 220 }));
    assert_eq!(daemon.get("/api/v1/state").await.is(200).json()["values"], json!({ "all": 20 }));
    assert_eq!(kept(&bed, "w"), json!({ "n": 220 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_happens_once_whatever_kills_the_process() {
    let receiver = Receiver::start().await;
    let bed = bed(&format!(
        "steps:\n  - state: {{ add: {{ n: 1 }} }}\n  - webhook: {{ url: \"{}\", json: {{}} }}\n  - state: {{ add: {{ n: 100 }} }}\n",
        receiver.url
    ));
    let mut daemon = bed.serve().await;
    for round in 1..=4 {
        receiver.hold();
        let run = start(&daemon).await;
        receiver.wait(2 * round - 1).await;
        daemon.kill();
        daemon = bed.serve().await;
        daemon.wait_run(&run, &["succeeded"]).await;
        let values = daemon.get("/api/v1/state?workflow=w").await.is(200).json();
        assert_eq!(values["values"], json!({ "n": 101 * round }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_decision_read_may_change_and_the_run_keeps_its_way() {
    let receiver = Receiver::start().await;
    receiver.hold();
    let bed = bed(&format!(
        "steps:
  - id: s
    switch: state.workspace.way
    cases:
      left:
        - webhook: {{ url: \"{0}/left\", json: {{}} }}
        - if: state.workspace.way == 'left'
          set: {{ x: 1 }}
        - set: {{ took: left }}
    default:
      - webhook: {{ url: \"{0}/right\", json: {{}} }}
output: {{ took: \"{{{{default steps.s.output.took 'right'}}}}\", now: \"{{{{state.workspace.way}}}}\" }}
",
        receiver.url
    ));
    bed.howdah(&["state", "set", "way", "left"]).exits(0);
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    receiver.wait(1).await;
    bed.howdah(&["state", "set", "way", "right"]).exits(0);
    daemon.kill();
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &["succeeded", "failed"]).await;
    assert_eq!(seen["output"], json!({ "took": "left", "now": "right" }), "{seen:#}");
    let paths: Vec<_> =
        receiver.requests().iter().map(|one| one["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(paths, ["/left", "/left"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_changed_by_hand_with_and_without_a_daemon() {
    let bed = bed("steps:\n  - state: { add: { n: 1 } }\n");
    bed.howdah(&["state", "get", "n", "--workflow", "w"]).exits(1);
    assert_eq!(bed.howdah(&["state", "list"]).exits(0).stdout, "");
    bed.howdah(&["state", "set", "n", "-5", "--workflow", "w"]).exits(0);
    bed.howdah(&["state", "set", "text", "some words"]).exits(0);
    assert_eq!(bed.howdah(&["state", "get", "text"]).exits(0).stdout, "some words\n");
    assert_eq!(bed.howdah(&["state", "get", "text", "--json"]).exits(0).json(), "some words");
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    daemon.wait_run(&run, &["succeeded"]).await;
    assert_eq!(bed.howdah(&["state", "get", "n", "--workflow", "w"]).exits(0).json(), -4);
    // The daemon's runs see what is set beside them.
    bed.howdah(&["state", "set", "n", "7", "--workflow", "w"]).exits(0);
    let run = start(&daemon).await;
    daemon.wait_run(&run, &["succeeded"]).await;
    assert_eq!(bed.howdah(&["state", "get", "n", "--workflow", "w"]).exits(0).json(), 8);
    let listed = bed.howdah(&["state", "list"]).exits(0).stdout;
    assert_eq!(listed, "the workspace\n  text = \"some words\"\nw\n  n = 8\n");
    bed.howdah(&["state", "delete", "n", "--workflow", "w"]).exits(0);
    bed.howdah(&["state", "delete", "n", "--workflow", "w"]).exits(1);
    let large = "x".repeat(70_000);
    let refused = bed.howdah(&["state", "set", "large", &large]).exits(1);
    assert!(refused.stderr.contains("70002 bytes"), "{refused:?}");
    daemon.post("/api/v1/state", &json!({ "set": { "": 1 } })).await.is(422);
    daemon.post("/api/v1/state", &json!({ "put": {} })).await.is(400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_a_repeat_changes_nothing() {
    let bed = bed("steps:\n  - state: { add: { n: 1 } }\noutput: \"{{state.n}}\"\n");
    let daemon = bed.serve().await;
    for _ in 0..3 {
        let request = daemon.http.post(format!("{}/hooks/w", daemon.hooks)).header("idempotency-key", "one");
        let run = crate::bed::send(request.json(&json!({}))).await.is(202).json()["run"].clone();
        daemon.wait_run(run.as_str().unwrap(), &["succeeded"]).await;
    }
    let run = start(&daemon).await;
    assert_eq!(daemon.wait_run(&run, &["succeeded"]).await["output"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_sees_what_the_last_success_gave_and_keeps_to_it() {
    let bed = bed(
        "inputs: { fail: { type: boolean, default: false } }
vars: { before: \"{{default previous.output.n 0}}\" }
steps:
  - id: n
    compute: { n: vars.before + 1 }
  - wait: { event: {} }
  - if: inputs.fail
    fail: no
output: { n: \"{{steps.n.output.n}}\", since: \"{{default previous.started 'never'}}\", first: \"{{previous}}\" }
",
    );
    let daemon = bed.serve().await;
    let go = async |daemon: &Served, inputs: Json| {
        let started = daemon.post("/api/v1/workflows/w/runs", &json!({ "inputs": inputs })).await.is(202);
        started.json()["run"].as_str().unwrap().to_owned()
    };
    let end = async |daemon: &Served, run: &str| {
        eventually("the run can be resumed", async || {
            let got = daemon.post(&format!("/api/v1/runs/{run}/resume"), &json!({})).await;
            (got.status == 200).then_some(())
        })
        .await;
        daemon.wait_run(run, &["succeeded", "failed"]).await
    };
    let first = go(&daemon, json!({})).await;
    let seen = end(&daemon, &first).await;
    assert_eq!(seen["output"], json!({ "n": 1, "since": "never", "first": null }));
    let failed = go(&daemon, json!({ "fail": true })).await;
    assert_eq!(end(&daemon, &failed).await["status"], "failed");
    // Accepted before the third one ends: it keeps to the first, over a restart too.
    let early = go(&daemon, json!({})).await;
    daemon.wait_run(&early, &["waiting"]).await;
    let third = go(&daemon, json!({})).await;
    assert_eq!(end(&daemon, &third).await["output"]["n"], 2);
    daemon.kill();
    let daemon = bed.serve().await;
    let seen = end(&daemon, &early).await;
    assert_eq!(seen["output"]["n"], 2);
    assert_eq!(seen["output"]["first"]["output"]["n"], 1);
    let first = daemon.wait_run(&first, &["succeeded"]).await;
    assert_eq!(seen["output"]["since"], first["accepted"]);
}
