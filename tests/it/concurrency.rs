//! `concurrency`: how many runs of a workflow are under way, and what becomes of one more.

use std::sync::Arc;
use std::time::Duration;

use howdah::clock::SystemClock;
use howdah::daemon::{Daemon, Options};
use howdah::engine::{Capacity, Kept};
use howdah::journal::RunStatus;
use howdah::journal::memory::MemoryStore;
use serde_json::{Map, Value as Json, json};

use crate::bed::{Bed, Served, eventually, simulator};

/// A workflow that asks a model that never answers.
fn hangs(concurrency: &str) -> String {
    format!(
        "on: {{ webhook: {{ path: /w, auth: none }} }}\nconcurrency: {concurrency}\nsteps:\n  - chat: {{ model: local/m, prompt: \"sim: hang\" }}\n"
    )
}

async fn post(daemon: &Served, body: Json) -> String {
    daemon.hook("/w", &body).await.is(202).json()["run"].as_str().unwrap().to_owned()
}

async fn status(daemon: &Served, run: &str) -> String {
    daemon.get(&format!("/api/v1/runs/{run}")).await.is(200).json()["status"].as_str().unwrap().to_owned()
}

async fn cancel(daemon: &Served, run: &str) {
    daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(202);
    daemon.wait_run(run, &["cancelled"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_wait_their_turn_in_order_also_over_a_restart() {
    let simulator = simulator().await;
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", &hangs("1"))]);
    let daemon = bed.serve().await;
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(post(&daemon, json!({})).await);
    }
    daemon.wait_run(&runs[0], &["running"]).await;
    for run in &runs[1..] {
        assert_eq!(status(&daemon, run).await, "queued");
    }
    // One that waits can be cancelled, and is passed over.
    cancel(&daemon, &runs[2]).await;
    cancel(&daemon, &runs[0]).await;
    daemon.wait_run(&runs[1], &["running"]).await;
    assert_eq!(status(&daemon, &runs[3]).await, "queued");
    let now = daemon.get("/api/v1/status").await.is(200).json();
    assert_eq!((&now["active_runs"], &now["queued_runs"]), (&json!(1), &json!(2)), "{now:#}");
    daemon.kill();
    // The edit is of no concern to runs that were accepted before it.
    bed.replace("workflows/w.yaml", &hangs("5"));
    let asked = simulator.requests();
    let daemon = bed.serve().await;
    eventually("the run goes on", async || (simulator.requests() == asked + 1).then_some(())).await;
    assert_eq!(status(&daemon, &runs[1]).await, "running");
    assert_eq!(status(&daemon, &runs[3]).await, "queued");
    cancel(&daemon, &runs[1]).await;
    daemon.wait_run(&runs[3], &["running"]).await;
    assert_eq!(status(&daemon, &runs[4]).await, "queued");
    cancel(&daemon, &runs[3]).await;
    daemon.wait_run(&runs[4], &["running"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_of_different_keys_do_not_wait_for_each_other() {
    let simulator = simulator().await;
    let concurrency = "{ limit: 1, key: \"{{event.body.language}}\" }";
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", &hangs(concurrency))]);
    let daemon = bed.serve().await;
    let first = post(&daemon, json!({ "language": "fr" })).await;
    let second = post(&daemon, json!({ "language": "fr" })).await;
    let other = post(&daemon, json!({ "language": "en" })).await;
    daemon.wait_run(&other, &["running"]).await;
    daemon.wait_run(&first, &["running"]).await;
    assert_eq!(status(&daemon, &second).await, "queued");
    // A key that cannot be made of the event is a run that failed, where people look.
    let failed = post(&daemon, json!({})).await;
    let seen = daemon.wait_run(&failed, &["failed"]).await;
    assert!(seen["error"]["message"].as_str().unwrap().contains("`concurrency.key`"), "{seen:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_too_many_is_skipped_and_says_so() {
    let simulator = simulator().await;
    let text = hangs("{ limit: 1, overflow: skip }");
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", &text)]);
    let daemon = bed.serve().await;
    let first = post(&daemon, json!({})).await;
    let got = daemon.hook("/w", &json!({})).await.is(202).json();
    assert!(got["skipped"].is_string() && got.get("run").is_none(), "{got:#}");
    let got = daemon.post("/api/v1/workflows/w/runs", &json!({ "event": {} })).await.is(202).json();
    assert!(got["skipped"].is_string() && got.get("run").is_none(), "{got:#}");
    let ran = bed.howdah(&["run", "w"]).exits(1);
    assert!(ran.stderr.contains("the run was skipped"), "{}", ran.stderr);
    cancel(&daemon, &first).await;
    let next = post(&daemon, json!({})).await;
    daemon.wait_run(&next, &["running"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_too_many_is_dealt_with() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "on: { file: { paths: \"inbox/*.txt\", settle: 10ms } }\nconcurrency: { limit: 1, overflow: skip }\nsteps:\n  - chat: { model: local/m, prompt: \"sim: hang\\n{{event.path}}\" }\n",
        )],
    );
    bed.write("inbox/.keep", "");
    let daemon = bed.serve().await;
    bed.write("inbox/a.txt", "a");
    let rows = daemon.wait_runs("w", "running", 1).await;
    bed.write("inbox/b.txt", "b");
    eventually("the file is skipped", async || daemon.log().contains("skipped").then_some(())).await;
    cancel(&daemon, rows[0]["id"].as_str().unwrap()).await;
    bed.write("inbox/c.txt", "c");
    eventually("the next file is a run", async || (simulator.requests() == 2).then_some(())).await;
    let asked = String::from_utf8_lossy(&simulator.journal()[1].body).into_owned();
    assert!(asked.contains("inbox/c.txt"), "{asked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_run_makes_room_for_the_newest() {
    let simulator = simulator().await;
    let text = hangs("{ limit: 1, overflow: cancel_oldest }");
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", &text)]);
    let daemon = bed.serve().await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(post(&daemon, json!({})).await);
    }
    daemon.wait_run(&runs[0], &["cancelled"]).await;
    daemon.wait_run(&runs[1], &["cancelled"]).await;
    let last = daemon.wait_run(&runs[2], &["running"]).await;
    assert_eq!(last["status"], "running");
}

/// A daemon in this process, whose journal is in memory.
async fn daemon(bed: &Bed, capacity: Capacity) -> Daemon {
    let daemon = Daemon::new(Options {
        workspace: bed.path().to_owned(),
        profile: None,
        store: Arc::new(MemoryStore::new()),
        clock: SystemClock::shared(),
        simulator: None,
        capacity,
    });
    daemon.start().await.unwrap();
    daemon
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_runs_that_wait_delay_nobody_else() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[
            (
                "workflows/long.yaml",
                "concurrency: 1\nsteps:\n  - chat: { model: local/m, prompt: \"sim: hang\" }\n",
            ),
            ("workflows/other.yaml", "steps: []\noutput: at once\n"),
        ],
    );
    let daemon = daemon(&bed, Capacity { running: 2, ..Capacity::default() }).await;
    for number in 0..10_001 {
        let mut ticket = daemon.start_run("long", Map::new(), None, None).await.unwrap();
        assert_eq!(ticket.accepted().await, Ok(Kept::New), "{number}");
    }
    assert_eq!((daemon.engine().active(), daemon.engine().queued()), (1, 10_000));
    assert!(daemon.start_run("long", Map::new(), None, None).await.is_err(), "its queue is full");
    let mut ticket = daemon.start_run("other", Map::new(), None, None).await.unwrap();
    match ticket.finished().await {
        howdah::engine::Answer::Finished(finish) => assert_eq!(*finish.output, json!("at once")),
        other => panic!("{other:?}"),
    }
    daemon.stop(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_what_runs_at_once_runs_wait_and_all_come_to_their_end() {
    let simulator = simulator().await;
    let chat = "steps:\n  - chat: { model: local/m, prompt: hi }\n";
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[("workflows/a.yaml", chat), ("workflows/b.yaml", chat), ("workflows/c.yaml", chat)],
    );
    let daemon = daemon(&bed, Capacity { running: 3, ..Capacity::default() }).await;
    let mut tickets = Vec::new();
    for number in 0..60 {
        let workflow = ["a", "b", "c"][number % 3];
        tickets.push(daemon.start_run(workflow, Map::new(), None, None).await.unwrap());
    }
    for mut ticket in tickets {
        match ticket.finished().await {
            howdah::engine::Answer::Finished(finish) => assert_eq!(finish.status, RunStatus::Succeeded),
            other => panic!("{other:?}"),
        }
        assert!(daemon.engine().active() <= 3);
    }
    daemon.stop(Duration::ZERO).await;
}
