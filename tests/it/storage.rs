//! When nothing can be kept, nothing is acknowledged; and work goes on by itself when it can again.

use serde_json::json;

use crate::bed::{Bed, Receiver, eventually, simulator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_cannot_be_written_refuses_and_pauses_until_it_can() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[
            (
                "workflows/w.yaml",
                &format!(
                    "on: {{ webhook: {{ path: /w, auth: none }} }}\nsteps:\n  - id: ask\n    chat: {{ model: local/m, prompt: \"sim: latency 300ms\" }}\n  - id: late\n    timeout: 100ms\n    on_error: continue\n    webhook: {{ url: \"{0}/late\", json: 1 }}\n  - id: end\n    webhook: {{ url: \"{0}/end\", json: 1 }}\n",
                    receiver.url
                ),
            ),
            ("workflows/other.yaml", "on: { webhook: { path: /other, auth: none } }\nsteps: []\n"),
        ],
    );
    let daemon = bed.serve().await;
    let run = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    // Somebody else holds the database.
    let other = rusqlite::Connection::open(bed.path().join(".howdah/journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = daemon.hook("/other", &json!({})).await.is(503);
    assert!(refused.headers.contains_key("retry-after"));
    eventually("it says so", async || {
        let got = daemon.get("/readyz").await;
        (got.status == 503 && got.json()["error"]["code"] == "storage").then_some(())
    })
    .await;
    other.execute_batch("ROLLBACK").unwrap();
    daemon.wait_ready().await;
    // The step whose time ran out while nothing could be written has failed; the run goes on.
    let seen = daemon.wait_run(&run, &["succeeded", "failed", "needs_attention"]).await;
    assert_eq!(seen["status"], "succeeded", "{seen:#}");
    let paths: Vec<_> =
        receiver.requests().iter().map(|one| one["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(paths, ["/end"]);
    daemon.hook("/other", &json!({})).await.is(202);
    daemon.wait_runs("other", "succeeded", 1).await;
}
