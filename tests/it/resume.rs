//! A run that is taken up again walks the same way: nothing recorded runs again, nothing that had
//! not run before the end runs after it, and what could be read can be read.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver, Served, eventually, send, simulator};

/// Starts a run of this workflow, kills the daemon when the model is asked for the `asked`-th time,
/// and gives the run as it ended after a restart, with the paths that the receiver saw.
async fn killed(workflow: impl FnOnce(&str) -> String, asked: u64) -> (Json, Vec<String>) {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", &workflow(&receiver.url))]);
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    eventually("the model was asked", async || (simulator.requests() == asked).then_some(())).await;
    daemon.kill();
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &["succeeded", "failed", "cancelled", "needs_attention"]).await;
    let requests = receiver.requests();
    let paths = requests.iter().map(|request| request["path"].as_str().unwrap().to_owned());
    (seen, paths.collect())
}

async fn start(daemon: &Served) -> String {
    daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned()
}

const HANGS_ONCE: &str = "chat: { model: local/m, prompt: \"sim: hang times 1\" }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_in_a_group_can_be_read_after_a_restart() {
    let (seen, _) = killed(
        |_| {
            format!(
                "on: {{ webhook: {{ path: /w, auth: none }} }}
steps:
  - steps:
      - id: inner
        set: {{ x: 1 }}
      - if: 1 > 2
        steps:
          - id: skipped
            set: {{ x: 2 }}
  - parallel:
      - id: beside
        set: {{ x: 3 }}
  - {HANGS_ONCE}
output: {{ inner: \"{{{{steps.inner.output.x}}}}\", skipped: \"{{{{steps.skipped.status}}}}\", beside: \"{{{{steps.beside.output.x}}}}\" }}
"
            )
        },
        1,
    )
    .await;
    assert_eq!(seen["output"], json!({ "inner": 1, "skipped": "skipped", "beside": 3 }), "{seen:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_had_failed_only_runs_its_handlers_after_a_restart() {
    let (seen, paths) = killed(
        |url| {
            format!(
                "on: {{ webhook: {{ path: /w, auth: none }} }}
steps:
  - id: slow
    chat: {{ model: local/m, prompt: \"sim: latency 200ms\" }}
  - id: stop
    needs: []
    fail: \"stop\"
  - id: after
    needs: [slow]
    webhook: {{ url: \"{url}/after\", json: 1 }}
on_failure:
  - {HANGS_ONCE}
  - webhook: {{ url: \"{url}/failed\", json: \"{{{{error.message}}}} {{{{steps.after.status}}}}\" }}
finally:
  - webhook: {{ url: \"{url}/end\", json: 1 }}
"
            )
        },
        2,
    )
    .await;
    assert_eq!((&seen["status"], &seen["error"]["message"]), (&json!("failed"), &json!("stop")), "{seen:#}");
    assert_eq!(paths, ["/failed", "/end"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loops_cases_and_error_handlers_go_on_where_they_were() {
    let (seen, paths) = killed(
        |url| {
            format!(
                "on: {{ webhook: {{ path: /w, auth: none }} }}
vars: {{ list: [a, b] }}
steps:
  - id: each
    foreach: vars.list
    steps:
      - switch: item
        cases:
          b:
            - id: broken
              fail: \"b\"
              on_error:
                - webhook: {{ url: \"{url}/handled\", json: 1 }}
                - {HANGS_ONCE}
                - set: {{ it: \"{{{{item}}}} {{{{error.message}}}}\" }}
          a:
            - webhook: {{ url: \"{url}/a\", json: 1 }}
            - set: {{ it: \"{{{{item}}}}\" }}
output: \"{{{{steps.each.output}}}}\"
"
            )
        },
        1,
    )
    .await;
    assert_eq!(seen["output"], json!([{ "it": "a" }, { "it": "b b" }]), "{seen:#}");
    assert_eq!(paths, ["/a", "/handled"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vars_stay_as_they_were_when_the_run_began() {
    let simulator = simulator().await;
    let workflow = format!(
        "on: {{ webhook: {{ path: /w, auth: none }} }}\nsteps:\n  - {HANGS_ONCE}\noutput: \"{{{{vars.word}}}}\"\n"
    );
    let bed = Bed::of(&[("workflows/w.yaml", &workflow)]);
    let config = |word: &str| {
        format!(
            "providers:\n  local: {{ base_url: \"{}\" }}\nvars: {{ word: {word} }}\n",
            simulator.base_url()
        )
    };
    bed.write("howdah.yaml", config("old"));
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    daemon.kill();
    bed.write("howdah.yaml", config("new"));
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &["succeeded", "failed"]).await;
    assert_eq!(seen["output"], "old", "{seen:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_after_a_restart_gets_the_first_answer() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            &format!(
                "on: {{ webhook: {{ path: /w, auth: none, respond: step }} }}\nsteps:\n  - respond: {{ status: 201, json: {{ run: \"{{{{run.id}}}}\" }} }}\n  - {HANGS_ONCE}\noutput: late\n"
            ),
        )],
    );
    let request = async |daemon: &Served| {
        let request = daemon.http.post(format!("{}/hooks/w", daemon.hooks)).header("idempotency-key", "k");
        send(request.json(&json!({}))).await
    };
    let daemon = bed.serve().await;
    let first = request(&daemon).await.is(201);
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    daemon.kill();
    let daemon = bed.serve().await;
    assert_eq!(request(&daemon).await.is(201).text, first.text);
    daemon.wait_runs("w", "succeeded", 1).await;
    assert_eq!(request(&daemon).await.is(201).text, first.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_runs_when_a_run_is_cancelled() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            &format!(
                "on: {{ webhook: {{ path: /w, auth: none }} }}\nsteps:\n  - chat: {{ model: local/m, prompt: \"sim: hang\" }}\nfinally:\n  - webhook: {{ url: \"{}/end\", json: 1 }}\n",
                receiver.url
            ),
        )],
    );
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(202);
    let seen = daemon.wait_run(&run, &["cancelled", "succeeded", "failed"]).await;
    assert_eq!(seen["status"], "cancelled");
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_waits_for_a_person_can_be_ended() {
    let receiver = Receiver::start().await;
    receiver.hold();
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        &format!(
            "on: {{ webhook: {{ path: /w, auth: none }} }}\nsteps:\n  - http: {{ post: \"{}\", json: 1 }}\n",
            receiver.url
        ),
    )]);
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    receiver.wait(1).await;
    daemon.kill();
    let daemon = bed.serve().await;
    daemon.wait_run(&run, &["needs_attention"]).await;
    daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(202);
    daemon.wait_run(&run, &["cancelled"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_timed_out_had_one_attempt() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "steps:\n  - id: a\n    timeout: 100ms\n    on_error: continue\n    chat: { model: local/m, prompt: \"sim: hang\" }\noutput: \"{{steps.a.attempts}}\"\n",
        )],
    );
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    let attempts = seen["steps"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{seen:#}");
    assert!(attempts[0]["ended"].is_string());
    assert_eq!(seen["output"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_while_a_long_loop_runs() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "on: { webhook: { path: /w, auth: none } }\ninputs: { items: { type: array, default: [] } }\nsteps:\n  - id: l\n    foreach: inputs.items\n    steps:\n      - compute: { x: \"inputs.items.map(i, i * 2).size()\" }\n",
    )]);
    let daemon = bed.serve().await;
    let items: Vec<u32> = (0..2_000).collect();
    let mut runs = Vec::new();
    for _ in 0..3 {
        let got =
            daemon.post("/api/v1/workflows/w/runs", &json!({ "inputs": { "items": items } })).await.is(202);
        runs.push(got.json()["run"].as_str().unwrap().to_owned());
    }
    // Accepted, and the first of them is far from done: the loop does not hold the answers back.
    let states = daemon.get("/api/v1/runs?status=running").await.is(200).json();
    assert!(!states["runs"].as_array().unwrap().is_empty(), "{states:#}");
    for run in runs {
        daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(202);
        daemon.wait_run(&run, &["cancelled"]).await;
    }
}
