//! What was acknowledged survives kill -9, and what was recorded is not done again.

use serde_json::json;

use crate::bed::{Bed, Receiver, eventually, simulator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_daemon_finishes_its_run_after_a_restart_with_each_step_once() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            &format!(
                "on: {{ webhook: {{ path: /w, auth: none }} }}\nsteps:\n  - id: first\n    webhook: {{ url: \"{0}/first\", json: {{ n: 1 }} }}\n  - id: each\n    foreach: \"['a', 'b', 'c']\"\n    steps:\n      - id: tell\n        webhook: {{ url: \"{0}/item\", json: {{ item: \"{{{{item}}}}\" }} }}\n  - id: slow\n    chat: {{ model: local/m, prompt: \"sim: hang times 1\" }}\n  - id: last\n    webhook: {{ url: \"{0}/last\", json: {{ said: \"{{{{steps.slow.output}}}}\" }} }}\n",
                receiver.url
            ),
        )],
    );
    let daemon = bed.serve().await;
    let run = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    daemon.kill();
    assert_eq!(receiver.requests().len(), 4);
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &["succeeded", "failed", "needs_attention"]).await;
    assert_eq!(seen["status"], "succeeded", "{seen:#}");
    let paths: Vec<_> =
        receiver.requests().iter().map(|request| request["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(paths, ["/first", "/item", "/item", "/item", "/last"]);
    assert_eq!(receiver.requests()[1]["headers"]["idempotency-key"], format!("{run}/each[0]/tell").as_str());
    let attempts = |path: &str| {
        let step = seen["steps"].as_array().unwrap().iter().find(|step| step["path"] == path).unwrap();
        step["attempts"].as_array().unwrap().len()
    };
    assert_eq!(
        (attempts("first"), attempts("each[2]/tell"), attempts("slow"), attempts("last")),
        (1, 1, 2, 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_must_not_happen_twice_waits_for_a_person() {
    let bed = Bed::new();
    // A server that takes the request and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
            heard.send(()).unwrap();
        }
    });
    bed.write(
        "workflows/w.yaml",
        format!("on: {{ webhook: {{ path: /w, auth: none }} }}\nsteps:\n  - id: pay\n    http: {{ post: \"http://{address}/pay\", json: {{ amount: 1 }} }}\n"),
    );
    let daemon = bed.serve().await;
    let run = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
    hearing.recv().await.unwrap();
    daemon.kill();
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &["needs_attention"]).await;
    assert!(seen["error"]["message"].as_str().unwrap().contains("pay"), "{seen:#}");
    assert!(hearing.try_recv().is_err(), "the request was sent a second time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_daemon_leaves_its_runs_to_the_next_one() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    receiver.answer(&[503]);
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            &format!(
                "on: {{ webhook: {{ path: /w, auth: none }} }}\nsteps:\n  - id: tell\n    retry: {{ attempts: 3, delay: 1h, max_delay: 1h }}\n    webhook: {{ url: \"{}\", json: 1 }}\n",
                receiver.url
            ),
        )],
    );
    let daemon = bed.serve().await;
    let run = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
    let waiting = daemon.wait_run(&run, &["waiting"]).await;
    assert_eq!(waiting["steps"][0]["attempts"][0]["error"]["status"], 503, "{waiting:#}");
    let (status, log) = daemon.signal(rustix::process::Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
    let daemon = bed.serve().await;
    daemon.wait_run(&run, &["waiting"]).await;
    daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(202);
    daemon.wait_run(&run, &["cancelled"]).await;
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_run_is_there_after_kill() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "on: { webhook: { path: /w, auth: none } }\nsteps:\n  - set: { a: 1 }\n",
    )]);
    for round in 1..=5 {
        let daemon = bed.serve().await;
        let run = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
        daemon.kill();
        let daemon = bed.serve().await;
        daemon.wait_run(&run, &["succeeded"]).await;
        daemon.wait_runs("w", "succeeded", round).await;
        daemon.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_resumes_nobody_elses_runs() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[
            (
                "workflows/w.yaml",
                "on: { webhook: { path: /w, auth: none } }\nsteps:\n  - chat: { model: local/m, prompt: \"sim: hang times 1\" }\n",
            ),
            ("workflows/other.yaml", "steps: []\noutput: mine\n"),
        ],
    );
    let daemon = bed.serve().await;
    let run = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    daemon.kill();
    assert_eq!(bed.howdah(&["run", "other"]).exits(0).stdout, "mine\n");
    assert_eq!(simulator.requests(), 1);
    let shown = bed.howdah(&["runs", "show", &run, "--json"]).exits(0).json();
    assert!(["queued", "running"].contains(&shown["status"].as_str().unwrap()), "{shown:#}");
    let daemon = bed.serve().await;
    daemon.wait_run(&run, &["succeeded"]).await;
}

/// A workflow that asks a hanging model first and then sends a secret.
fn sends_a_secret(url: &str) -> String {
    format!(
        "on: {{ webhook: {{ path: /w, auth: none }} }}\nsteps:\n  - chat: {{ model: local/m, prompt: \"sim: hang times 1\" }}\n  - id: tell\n    webhook: {{ url: \"{url}\", headers: {{ Authorization: \"Bearer {{{{secrets.MY_TOKEN}}}}\" }}, json: 1 }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_run_keeps_its_secret_whatever_became_of_its_file() {
    let receiver = Receiver::start().await;
    for change in ["broken", "edited", "deleted"] {
        let simulator = simulator().await;
        let text = sends_a_secret(&receiver.url);
        let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", &text)]);
        bed.write(".env", "MY_TOKEN=xyzzy-and-plugh\n");
        let daemon = bed.serve().await;
        let run = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
        eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
        match change {
            "broken" => bed.replace("workflows/w.yaml", "steps:\n  - caht: hi\n"),
            "edited" => bed.replace("workflows/w.yaml", "steps: []\n"),
            _ => std::fs::remove_file(bed.path().join("workflows/w.yaml")).unwrap(),
        }
        daemon.kill();
        let daemon = bed.serve().await;
        let seen = daemon.wait_run(&run, &["succeeded", "failed", "needs_attention"]).await;
        assert_eq!(seen["status"], "succeeded", "{change}: {seen:#}");
        let sent = receiver.requests().pop().unwrap();
        assert_eq!(sent["headers"]["authorization"], "Bearer xyzzy-and-plugh", "{change}");
        assert!(!seen.to_string().contains("plugh"), "{change}: {seen:#}");
    }
    assert_eq!(receiver.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_definition_could_not_be_planned_is_taken_up_again_at_the_next_start() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "on: { webhook: { path: /w, auth: none } }\nsteps:\n  - chat: { model: local/m, prompt: \"sim: hang times 1\" }\noutput: done\n",
        )],
    );
    let daemon = bed.serve().await;
    let run = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    daemon.kill();
    let journal = || rusqlite::Connection::open(bed.path().join(".howdah/journal.db")).unwrap();
    let definition: Vec<u8> = journal().query_row("SELECT data FROM bundles", [], |row| row.get(0)).unwrap();
    journal().execute("UPDATE bundles SET data = x'00'", []).unwrap();
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &["needs_attention"]).await;
    assert!(seen["error"]["message"].is_string(), "{seen:#}");
    daemon.kill();
    journal().execute("UPDATE bundles SET data = ?1", [definition]).unwrap();
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &["succeeded", "failed", "needs_attention"]).await;
    assert_eq!((&seen["status"], &seen["output"]), (&json!("succeeded"), &json!("done")), "{seen:#}");
}
