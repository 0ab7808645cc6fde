//! `limits.run.time`, and what `run` and `error` hold while a run goes on and when it is over.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver, eventually, simulator, simulator_with};

const ENDED: [&str; 4] = ["succeeded", "failed", "cancelled", "needs_attention"];

#[track_caller]
fn step<'a>(seen: &'a Json, path: &str) -> &'a Json {
    let steps = seen["steps"].as_array().unwrap();
    steps.iter().find(|step| step["path"] == path).unwrap_or_else(|| panic!("{seen:#}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_takes_too_long_stops_and_runs_its_handlers() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[
            (
                "workflows/w.yaml",
                &format!(
                    "limits: {{ run: {{ time: 300ms }} }}
steps:
  - id: first
    set: {{ x: 1 }}
  - id: together
    on_error: continue
    parallel:
      - id: ask
        on_error: continue
        chat: {{ model: local/m, prompt: \"sim: hang\" }}
      - id: c
        call: child
  - id: never
    set: {{ x: 2 }}
on_failure:
  - webhook: {{ url: \"{0}/failed\", json: {{ code: \"{{{{error.code}}}}\", status: \"{{{{run.status}}}}\", first: \"{{{{default steps.first.output.x ''}}}}\" }} }}
finally:
  - chat: {{ model: local/m, prompt: \"sim: latency 400ms\" }}
  - webhook: {{ url: \"{0}/end\", json: 1 }}
",
                    receiver.url
                ),
            ),
            ("workflows/child.yaml", "steps:\n  - chat: { model: local/m, prompt: \"sim: hang\" }\n"),
        ],
    );
    let seen = bed.howdah(&["run", "w", "--json"]).exits(1).json();
    assert_eq!(seen["error"]["code"], "timeout", "{seen:#}");
    assert_eq!(seen["error"]["message"], "the run took longer than `limits.run.time` allows, which is 300ms");
    for path in ["ask", "c"] {
        let path = format!("together/{path}");
        let attempts = step(&seen, &path)["attempts"].as_array().unwrap();
        assert_eq!((attempts.len(), &attempts[0]["error"]["code"]), (1, &json!("timeout")), "{seen:#}");
    }
    assert!(!seen["steps"].as_array().unwrap().iter().any(|step| step["path"] == "never"), "{seen:#}");
    let requests = receiver.requests();
    assert_eq!(requests[0]["json"], json!({ "code": "timeout", "status": "failed", "first": 1 }));
    assert_eq!(requests[1]["path"], "/end", "what is left to do has no limit");
    let children = bed.howdah(&["runs", "list", "--workflow", "child", "--json"]).json();
    assert_eq!(children["runs"][0]["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_run_goes_on_while_nobody_runs_it() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            &format!(
                "on: {{ webhook: {{ path: /w, auth: none }} }}
limits: {{ run: {{ time: 1h }} }}
steps:
  - webhook: {{ url: \"{0}/first\", json: 1 }}
  - chat: {{ model: local/m, prompt: \"sim: hang times 1\" }}
  - webhook: {{ url: \"{0}/last\", json: 1 }}
",
                receiver.url
            ),
        )],
    );
    let daemon = bed.serve().await;
    let run = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    daemon.kill();
    age(&bed, 3_600_000);
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!(seen["error"]["code"], "timeout", "{seen:#}");
    assert_eq!((simulator.requests(), receiver.requests().len()), (1, 1), "nothing more was done");
}

/// Makes all that is recorded so many milliseconds older.
fn age(bed: &Bed, millis: i64) {
    fn shift(json: &mut Json, millis: i64) {
        match json {
            Json::Object(fields) => fields.iter_mut().for_each(|(name, value)| match value.as_i64() {
                Some(at) if name == "at" => *value = json!(at - millis),
                _ => shift(value, millis),
            }),
            Json::Array(items) => items.iter_mut().for_each(|item| shift(item, millis)),
            _ => {}
        }
    }
    let journal = rusqlite::Connection::open(bed.path().join(".howdah/journal.db")).unwrap();
    let mut select = journal.prepare("SELECT rowid, data FROM entries").unwrap();
    let rows: Vec<(i64, Vec<u8>)> = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for (row, data) in rows {
        let mut entries = serde_json::from_slice(&data).unwrap();
        shift(&mut entries, millis);
        let data = serde_json::to_vec(&entries).unwrap();
        journal.execute("UPDATE entries SET data = ?2 WHERE rowid = ?1", (row, data)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_request_to_cancel_ends_what_is_left_to_do() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "on: { webhook: { path: /w, auth: none } }\nlimits: { run: { time: 200ms } }\nsteps:\n  - chat: { model: local/m, prompt: \"sim: hang\" }\nfinally:\n  - id: clean\n    chat: { model: local/m, prompt: \"sim: hang\" }\n",
        )],
    );
    let daemon = bed.serve().await;
    let start =
        async || daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
    let cancel = async |run: &str| {
        daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(202);
    };
    // After its time is over it has failed, whoever ends its `finally`.
    let run = start().await;
    eventually("what is left to do is under way", async || (simulator.requests() == 2).then_some(())).await;
    cancel(&run).await;
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!((&seen["status"], &seen["error"]["code"]), (&json!("failed"), &json!("timeout")), "{seen:#}");
    // Cancelled first, and then again.
    let run = start().await;
    eventually("the model was asked", async || (simulator.requests() == 3).then_some(())).await;
    cancel(&run).await;
    eventually("what is left to do is under way", async || (simulator.requests() == 4).then_some(())).await;
    cancel(&run).await;
    assert_eq!(daemon.wait_run(&run, &ENDED).await["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_takes_too_long_is_over_before_the_run_goes_on() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "steps:\n  - id: group\n    timeout: 200ms\n    on_error: continue\n    steps:\n      - id: inner\n        on_error: continue\n        chat: { model: local/m, prompt: \"sim: hang\" }\n      - id: never\n        set: { x: 1 }\noutput: \"{{default steps.group.error.code ''}} {{default steps.inner.error.code ''}} {{steps.never.status}}\"\n",
        )],
    );
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!(seen["output"], "timeout timeout skipped", "{seen:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_knows_itself() {
    let simulator = simulator_with(|_| {}).await;
    let receiver = Receiver::start().await;
    let text = format!(
        "on: {{ webhook: {{ path: /w, auth: none }} }}
vars: {{ before: \"{{{{run.cost}}}} {{{{run.attempt}}}} {{{{run.status}}}}\" }}
steps:
  - id: ask
    chat: {{ model: local/m, prompt: hello }}
  - id: stop
    if: run.trigger == 'webhook'
    fail: \"enough\"
output:
  before: \"{{{{vars.before}}}}\"
  same: \"{{{{run.cost}}}}={{{{steps.ask.cost}}}}\"
  url: \"{{{{run.url}}}}\"
on_failure:
  - webhook: {{ url: \"{0}/failed\", json: {{ run: \"{{{{run}}}}\", error: \"{{{{error}}}}\" }} }}
finally:
  - webhook: {{ url: \"{0}/end\", json: \"{{{{run.status}}}}\" }}
",
        receiver.url
    );
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", &text)]);
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!(seen["output"]["before"], "$0.00 1 running");
    let cost = seen["cost"].as_str().unwrap();
    assert_eq!(
        (&seen["output"]["same"], &seen["output"]["url"]),
        (&json!(format!("{cost}={cost}")), &Json::Null)
    );
    assert_eq!(receiver.requests()[0]["json"], "succeeded");

    let daemon = bed.serve().await;
    let run = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
    let seen = daemon.wait_run(&run, &ENDED).await;
    let requests = receiver.requests();
    let expected = json!({
        "id": run, "workflow": "w", "trigger": "webhook", "started": seen["accepted"], "attempt": 1,
        "cost": seen["cost"], "url": format!("{}/api/v1/runs/{run}", daemon.admin), "status": "failed",
    });
    assert_eq!(requests[1]["json"]["run"], expected);
    let error =
        json!({ "code": "failed", "attempt": 1, "message": "enough", "status": null, "step": "stop" });
    assert_eq!(requests[1]["json"]["error"], error);
    assert_eq!(requests[2]["json"], "failed");
}
