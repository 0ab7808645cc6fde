//! `call`: a workflow started by a step is a run of its own, and its caller waits for it, whatever is
//! lost on the way.

use std::sync::Arc;

use howdah::clock::SystemClock;
use howdah::daemon::{Daemon, Options, PATIENCE};
use howdah::engine::Answer;
use howdah::journal::RunStatus;
use howdah::journal::memory::MemoryStore;
use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver, Served, eventually, simulator};

const ENDED: [&str; 4] = ["succeeded", "failed", "cancelled", "needs_attention"];

/// A workflow that calls `child` and gives its output.
const PARENT: &str = "on: { webhook: { path: /w, auth: none } }
steps:
  - id: c
    call: child
output: \"{{steps.c.output}}\"
";

async fn start(daemon: &Served) -> String {
    daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned()
}

async fn cancel(daemon: &Served, run: &str) {
    daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(202);
}

/// The run that this step of a run called.
#[track_caller]
fn child_of(seen: &Json, path: &str) -> String {
    let step = seen["steps"].as_array().unwrap().iter().find(|step| step["path"] == path);
    step.and_then(|step| step["child"].as_str()).unwrap_or_else(|| panic!("{seen:#}")).to_owned()
}

#[track_caller]
fn runs_of(bed: &Bed, workflow: &str) -> Vec<Json> {
    let listed = bed.howdah(&["runs", "list", "--workflow", workflow, "--json"]).exits(0).json();
    listed["runs"].as_array().unwrap().clone()
}

#[test]
fn a_call_gives_the_output_of_a_run_of_its_own() {
    let bed = Bed::of(&[
        (
            "workflows/w.yaml",
            "steps:\n  - id: c\n    call: greet\n    with: { name: \"{{run.workflow}}\" }\noutput: { said: \"{{steps.c.output.said}}\", status: \"{{steps.c.status}}\", attempts: \"{{steps.c.attempts}}\" }\n",
        ),
        (
            "workflows/greet.yaml",
            "inputs: { name: string, word: { type: string, default: hello } }\nsteps: []\noutput: { said: \"{{inputs.word}} {{inputs.name}} by {{run.trigger}}\" }\n",
        ),
    ]);
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!(seen["output"], json!({ "said": "hello w by call", "status": "succeeded", "attempts": 1 }));
    let (parent, child) = (seen["run"].as_str().unwrap(), child_of(&seen, "c"));
    let shown = bed.howdah(&["runs", "show", &child, "--json"]).exits(0).json();
    assert_eq!(shown["parent"], json!({ "run": parent, "step": "c" }));
    assert_eq!((&shown["trigger"], &shown["workflow"]), (&json!("call"), &json!("greet")));
    assert_eq!(bed.howdah(&["runs", "show", parent, "--json"]).json()["parent"], Json::Null);
    let drawn = bed.howdah(&["runs", "show", parent]).exits(0).stdout;
    assert!(drawn.contains(&format!("run {child}")), "{drawn}");
    let drawn = bed.howdah(&["runs", "show", &child]).exits(0).stdout;
    assert!(drawn.contains(&format!("called by {parent} at c")), "{drawn}");
}

#[test]
fn a_child_of_a_child_is_waited_for() {
    let bed = Bed::of(&[
        ("workflows/w.yaml", PARENT),
        (
            "workflows/child.yaml",
            "steps:\n  - id: g\n    call: grandchild\noutput: \"{{steps.g.output}} child\"\n",
        ),
        ("workflows/grandchild.yaml", "steps: []\noutput: grand\n"),
    ]);
    assert_eq!(bed.howdah(&["run", "w"]).exits(0).stdout, "grand child\n");
}

#[test]
fn a_failing_child_fails_the_step_by_name() {
    let bed = Bed::of(&[
        ("workflows/w.yaml", PARENT),
        (
            "workflows/child.yaml",
            "inputs: { text: { type: string, default: x } }\nsteps:\n  - id: parse\n    set: { x: \"{{parse_json inputs.text}}\" }\n",
        ),
    ]);
    let seen = bed.howdah(&["run", "w", "--json"]).exits(1).json();
    let child = child_of(&seen, "c");
    let of_child = bed.howdah(&["runs", "show", &child, "--json"]).json()["error"].clone();
    assert_eq!(
        (&seen["error"]["code"], &seen["error"]["step"]),
        (&of_child["code"], &json!("c")),
        "{seen:#}"
    );
    let expected =
        format!("the run `{child}` of `child` failed at `parse`: {}", of_child["message"].as_str().unwrap());
    assert_eq!(seen["error"]["message"], expected);
    bed.write(
        "workflows/w.yaml",
        "steps:\n  - id: c\n    call: child\n    on_error: continue\noutput: \"{{default steps.c.error.code ''}}\"\n",
    );
    assert_eq!(bed.howdah(&["run", "w", "--json"]).exits(0).json()["output"], of_child["code"]);
}

#[test]
fn what_is_given_to_a_child_is_checked_when_it_is_called() {
    let bed = Bed::of(&[
        (
            "workflows/w.yaml",
            "inputs: { n: any }\nsteps:\n  - id: c\n    call: child\n    with: { n: \"{{inputs.n}}\" }\n",
        ),
        ("workflows/child.yaml", "inputs: { n: integer }\nsteps: []\n"),
    ]);
    bed.howdah(&["run", "w", "-i", "n=3"]).exits(0);
    let seen = bed.howdah(&["run", "w", "-i", "n=three", "--json"]).exits(1).json();
    assert_eq!(seen["error"]["code"], "inputs", "{seen:#}");
    assert!(seen["error"]["message"].as_str().unwrap().contains("`child` cannot be called like this"));
    assert_eq!(runs_of(&bed, "child").len(), 1);
}

#[test]
fn calls_are_bounded_in_depth() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "inputs: { n: integer }\nsteps:\n  - id: c\n    if: inputs.n > 0\n    call: w\n    with: { n: \"{{inputs.n}}\" }\n",
    )]);
    let seen = bed.howdah(&["run", "w", "-i", "n=1", "--json"]).exits(1).json();
    assert_eq!(seen["error"]["code"], "too_deep");
    let message = seen["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("16 calls lead to this run, one from another, and that is the limit"),
        "{message}"
    );
    assert_eq!(runs_of(&bed, "w").len(), 17);
}

#[test]
fn a_loop_calls_side_by_side_and_in_order() {
    let bed = Bed::of(&[
        (
            "workflows/w.yaml",
            "steps:\n  - id: each\n    foreach: \"[1, 2, 3, 4]\"\n    concurrency: 4\n    steps:\n      - call: child\n        with: { n: \"{{item}}\" }\noutput: \"{{steps.each.output}}\"\n",
        ),
        (
            "workflows/child.yaml",
            "inputs: { n: integer }\nsteps:\n  - id: a\n    compute: { twice: inputs.n * 2 }\noutput: \"{{steps.a.output.twice}}\"\n",
        ),
    ]);
    assert_eq!(bed.howdah(&["run", "w", "--json"]).exits(0).json()["output"], json!([2, 4, 6, 8]));
    assert_eq!(runs_of(&bed, "child").len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_that_is_changed_or_gone_is_called_as_it_is_now() {
    for (edit, wanted) in [(Some("steps: []\noutput: new\n"), Ok("new")), (None, Err("unknown_workflow"))] {
        let simulator = simulator().await;
        let parent = PARENT.replace(
            "  - id: c\n",
            "  - chat: { model: local/m, prompt: \"sim: hang times 1\" }\n  - id: c\n",
        );
        let bed = Bed::with_models(
            &simulator.base_url(),
            &[("workflows/w.yaml", &parent), ("workflows/child.yaml", "steps: []\noutput: old\n")],
        );
        let daemon = bed.serve().await;
        let run = start(&daemon).await;
        eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
        daemon.kill();
        match edit {
            Some(text) => bed.replace("workflows/child.yaml", text),
            None => std::fs::remove_file(bed.path().join("workflows/child.yaml")).unwrap(),
        }
        let daemon = bed.serve().await;
        let seen = daemon.wait_run(&run, &ENDED).await;
        match wanted {
            Ok(output) => assert_eq!(seen["output"], output, "{seen:#}"),
            Err(code) => {
                assert_eq!((&seen["error"]["code"], &seen["error"]["step"]), (&json!(code), &json!("c")));
                let message = seen["error"]["message"].as_str().unwrap();
                assert!(message.starts_with("there is no workflow `child`"), "{message}");
            }
        }
    }
}

/// A child that asks a model which hangs, and tells of its end.
fn hanging(url: &str) -> String {
    format!(
        "steps:\n  - id: ask\n    chat: {{ model: local/m, prompt: \"sim: hang\" }}\nfinally:\n  - webhook: {{ url: \"{url}/end\", json: \"{{{{run.status}}}}\" }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_cancels_its_children_and_waits_for_them() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[
            ("workflows/w.yaml", &PARENT.replace("call: child", "call: between")),
            ("workflows/between.yaml", "steps:\n  - call: child\n"),
            ("workflows/child.yaml", &hanging(&receiver.url)),
        ],
    );
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    cancel(&daemon, &run).await;
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!(seen["status"], "cancelled", "{seen:#}");
    // When the caller has ended, so has all that it called, with what was left to do.
    assert_eq!(receiver.requests()[0]["json"], "cancelled");
    for workflow in ["between", "child"] {
        let rows = daemon.wait_runs(workflow, "cancelled", 1).await;
        let id = rows[0]["id"].as_str().unwrap();
        let of_child = daemon.get(&format!("/api/v1/runs/{id}")).await.json();
        assert!(of_child["cancel"]["by"].as_str().unwrap().ends_with("that called it"), "{of_child:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_is_cancelled_fails_its_caller() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[("workflows/w.yaml", PARENT), ("workflows/child.yaml", &hanging(&receiver.url))],
    );
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    let child = child_of(&daemon.wait_run(&run, &["running"]).await, "c");
    cancel(&daemon, &child).await;
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!(
        (&seen["status"], &seen["error"]["code"]),
        (&json!("failed"), &json!("cancelled")),
        "{seen:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_ends_the_child_too() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[
            (
                "workflows/w.yaml",
                "steps:\n  - id: c\n    call: child\n    timeout: 200ms\n    on_error: continue\noutput: \"{{default steps.c.error.code ''}} {{steps.c.attempts}}\"\n",
            ),
            ("workflows/child.yaml", &hanging(&receiver.url)),
        ],
    );
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!(seen["output"], "timeout 1", "{seen:#}");
    assert_eq!(seen["steps"][0]["attempts"].as_array().unwrap().len(), 1, "{seen:#}");
    assert_eq!(receiver.requests()[0]["json"], "cancelled");
    assert_eq!(runs_of(&bed, "child")[0]["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_daemon_goes_on_with_the_caller_and_the_one_child() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let child = format!(
        "steps:\n  - webhook: {{ url: \"{}/once\", json: 1 }}\n  - chat: {{ model: local/m, prompt: \"sim: hang times 1\" }}\noutput: done\n",
        receiver.url
    );
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[("workflows/w.yaml", PARENT), ("workflows/child.yaml", &child)],
    );
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    daemon.kill();
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!((&seen["status"], &seen["output"]), (&json!("succeeded"), &json!("done")), "{seen:#}");
    assert_eq!(receiver.requests().len(), 1);
    let rows = daemon.wait_runs("child", "succeeded", 1).await;
    assert_eq!(rows[0]["id"].as_str().unwrap(), child_of(&seen, "c"));
}

/// Kills the daemon while a child is under way, changes its journal with this, and gives the caller as
/// it ended after a restart, beside the id of the child before.
async fn killed(change: &str) -> (Json, String, Vec<Json>) {
    let simulator = simulator().await;
    let child = "steps:\n  - chat: { model: local/m, prompt: \"sim: hang times 1\" }\noutput: done\n";
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[("workflows/w.yaml", PARENT), ("workflows/child.yaml", child)],
    );
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    let before = child_of(&daemon.wait_run(&run, &["running"]).await, "c");
    daemon.kill();
    let journal = rusqlite::Connection::open(bed.path().join(".howdah/journal.db")).unwrap();
    journal.execute_batch(change).unwrap();
    drop(journal);
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &ENDED).await;
    let rows = daemon.wait_runs("child", "succeeded", 1).await;
    (seen, before, rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_was_called_and_never_accepted_is_submitted_under_its_id() {
    // As if the process had been lost between the two commits.
    let (seen, before, rows) = killed(
        "DELETE FROM entries WHERE run IN (SELECT run FROM runs WHERE workflow = 'child');
         DELETE FROM runs WHERE workflow = 'child';",
    )
    .await;
    assert_eq!((&seen["status"], &seen["output"]), (&json!("succeeded"), &json!("done")), "{seen:#}");
    assert_eq!((child_of(&seen, "c"), rows[0]["id"].as_str().unwrap()), (before.clone(), before.as_str()));
}

/// A caller that needs attention, as the step of its child was under way in a crash.
async fn in_doubt() -> (Bed, Served, String) {
    let receiver = Receiver::start().await;
    receiver.hold();
    let child = format!("steps:\n  - id: pay\n    http: {{ post: \"{}\", json: 1 }}\n", receiver.url);
    let bed = Bed::of(&[("workflows/w.yaml", PARENT), ("workflows/child.yaml", &child)]);
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    receiver.wait(1).await;
    daemon.kill();
    let daemon = bed.serve().await;
    daemon.wait_run(&run, &["needs_attention"]).await;
    (bed, daemon, run)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_in_doubt_holds_its_caller_until_somebody_decides() {
    let (bed, daemon, run) = in_doubt().await;
    let seen = daemon.wait_run(&run, &["needs_attention"]).await;
    let child = child_of(&seen, "c");
    let message = seen["error"]["message"].as_str().unwrap();
    let expected =
        format!("the run `{child}` of `child`, which `c` called, needs attention: howdah stopped while");
    assert!(message.starts_with(&expected), "{message}");
    daemon.kill();
    // It is looked at again at every start, and as soon as the child has ended.
    let daemon = bed.serve().await;
    daemon.wait_run(&run, &["needs_attention"]).await;
    cancel(&daemon, &child).await;
    let seen = daemon.wait_run(&run, &["succeeded", "failed", "cancelled"]).await;
    assert_eq!(
        (&seen["status"], &seen["error"]["code"]),
        (&json!("failed"), &json!("cancelled")),
        "{seen:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_stands_still_takes_its_child_along_when_it_is_cancelled() {
    let (_bed, daemon, run) = in_doubt().await;
    cancel(&daemon, &run).await;
    daemon.wait_run(&run, &["cancelled"]).await;
    daemon.wait_runs("child", "cancelled", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_does_not_hold_the_place_that_its_child_needs() {
    let bed = Bed::of(&[("workflows/w.yaml", PARENT), ("workflows/child.yaml", "steps: []\noutput: done\n")]);
    let daemon = Daemon::new(Options {
        workspace: bed.path().to_owned(),
        profile: None,
        store: Arc::new(MemoryStore::new()),
        clock: SystemClock::shared(),
        simulator: None,
        capacity: howdah::engine::Capacity { running: 1, queued_of_one: 1, queued: 1 },
    });
    daemon.load().await.unwrap();
    let mut ticket = daemon.start_run("w", serde_json::Map::new(), None, None).await.unwrap();
    let Answer::Finished(finish) = ticket.finished().await else { panic!("it did not end") };
    assert_eq!((finish.status, &*finish.output), (RunStatus::Succeeded, &json!("done")));
    daemon.stop(PATIENCE).await;
}
