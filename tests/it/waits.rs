//! Runs that wait: for an instant, an event, a person. What was answered is kept, once, and over restarts.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, Got, Receiver, Served, eventually, send};

const START: &str = "on: { webhook: { path: /w, auth: none } }\n";

async fn start(daemon: &Served) -> String {
    daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned()
}

/// A workspace with one workflow that is started by a webhook.
fn bed(steps: &str) -> Bed {
    Bed::of(&[("workflows/w.yaml", &format!("{START}{steps}"))])
}

/// The addresses of what waits, as the API tells them.
async fn waits(daemon: &Served, count: usize) -> Vec<Json> {
    eventually(&format!("{count} waits"), async || {
        let waits = daemon.get("/api/v1/waits").await.is(200).json()["waits"].as_array().unwrap().clone();
        (waits.len() == count).then_some(waits)
    })
    .await
}

async fn url(daemon: &Served) -> String {
    waits(daemon, 1).await[0]["url"].as_str().unwrap().to_owned()
}

async fn post(daemon: &Served, url: &str, body: &Json) -> Got {
    send(daemon.http.post(url).json(body)).await
}

const ENDED: [&str; 4] = ["succeeded", "failed", "cancelled", "needs_attention"];

#[test]
fn a_wait_ends_by_itself() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "steps:\n  - id: a\n    wait: 20ms\n  - id: b\n    wait: { until: \"2020-01-01T00:00:00Z\" }\n  - id: c\n    wait: { for: \"{{vars.time}}\" }\n  - id: d\n    wait: { event: { timeout: 20ms } }\nvars: { time: 10ms }\noutput: \"{{steps.a.output.resumed}} {{steps.b.output.resumed}} {{steps.c.output.resumed}} {{steps.d.output.resumed}} {{steps.a.status}}\"\n",
    )]);
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!(seen["output"], "time time time time succeeded");
}

#[test]
fn an_instant_without_an_offset_is_the_workspaces() {
    let bed = Bed::of(&[
        ("workflows/w.yaml", "steps:\n  - id: a\n    wait: { until: \"2999-01-01T12:00\" }\n"),
        ("howdah.yaml", "timezone: Asia/Tokyo\n"),
    ]);
    let seen = bed.howdah(&["run", "w", "--json", "--timeout", "300ms"]).exits(1);
    assert!(seen.stderr.contains("2999-01-01T03:00:00Z"), "{seen:?}");
    assert_eq!(seen.json()["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_goes_on_after_a_restart() {
    let bed = bed(
        "steps:\n  - id: a\n    wait: { for: 400ms }\n  - write: { path: out.txt, content: done }\noutput: \"{{steps.a.output.resumed}}\"\n",
    );
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    let seen = daemon.wait_run(&run, &["waiting"]).await;
    let instant = |text: &Json| text.as_str().unwrap().parse::<howdah::clock::Timestamp>().unwrap();
    let due = instant(&seen["steps"][0]["wait"]["due"]);
    assert_eq!(
        (&seen["steps"][0]["wait"]["kind"], &seen["steps"][0]["status"]),
        (&json!("time"), &json!("waiting"))
    );
    daemon.kill();
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!((&seen["status"], &seen["output"]), (&json!("succeeded"), &json!("time")));
    assert!(instant(&seen["steps"][0]["ended"]) >= due, "{seen:#}");
    assert_eq!(bed.read("out.txt").trim(), "done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_resumes_a_run_once() {
    let receiver = Receiver::start().await;
    let bed = bed(&format!(
        "steps:\n  - id: paid\n    wait:\n      event: {{ timeout: 2d }}\n      notify:\n        - webhook: {{ url: \"{}\", json: {{ at: \"{{{{approval.url}}}}\", id: \"{{{{approval.id}}}}\" }} }}\noutput: \"{{{{steps.paid.output}}}}\"\n",
        receiver.url
    ));
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    let told = receiver.wait(1).await[0]["json"].clone();
    assert_eq!(told["id"], format!("{run}/paid"));
    let at = told["at"].as_str().unwrap();
    assert!(at.starts_with(&format!("{}/hooks/-/resume/", daemon.hooks)), "{at}");
    daemon.wait_run(&run, &["waiting"]).await;
    send(daemon.http.get(at)).await.is(405);
    post(&daemon, &format!("{at}x"), &json!({})).await.is(404);
    let half = at.len() - 10;
    post(&daemon, &format!("{}AAAAAAAAAA", &at[..half]), &json!({})).await.is(404);
    send(daemon.http.post(at).header("content-type", "application/json").body("{")).await.is(400);
    send(daemon.http.post(at).body(vec![b'x'; (1 << 20) + 1])).await.is(413);
    let request = daemon.http.post(format!("{at}?from=shop")).header("authorization", "Bearer hidden");
    let told = send(request.json(&json!({ "amount": 3 }))).await.is(200).json();
    assert_eq!(told, json!({ "run": run, "step": "paid" }));
    let seen = daemon.wait_run(&run, &ENDED).await;
    let output = &seen["output"];
    assert_eq!(output["resumed"], "event");
    assert_eq!((&output["body"], &output["query"]), (&json!({ "amount": 3 }), &json!({ "from": "shop" })));
    assert_eq!(output["headers"]["content-type"], "application/json");
    assert!(output["headers"].get("authorization").is_none());
    // The same again is answered alike, another one is not taken.
    assert_eq!(post(&daemon, at, &json!({ "amount": 3 })).await.is(200).json(), told);
    let other = post(&daemon, at, &json!({ "amount": 4 })).await.is(409).json();
    assert_eq!(other["error"]["code"], "answered");
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_and_text_are_events_too() {
    for (kind, body, expected) in [
        ("application/x-www-form-urlencoded", "a=1&b=x+y", json!({ "a": "1", "b": "x y" })),
        ("text/plain", "done", json!("done")),
    ] {
        let bed = bed("steps:\n  - id: a\n    wait: { event: {} }\noutput: \"{{steps.a.output.body}}\"\n");
        let daemon = bed.serve().await;
        let run = start(&daemon).await;
        let request = daemon.http.post(url(&daemon).await).header("content-type", kind).body(body);
        send(request).await.is(200);
        assert_eq!(daemon.wait_run(&run, &ENDED).await["output"], expected);
    }
}

const ASK: &str = "steps:
  - id: ask
    approve:
      message: \"Pay {{run.workflow}} <now>?\"
      to: [ada, grace]
      fields: { amount: integer, note?: string }
  - if: steps.ask.output.approved
    write: { path: paid.txt, content: \"{{steps.ask.output.fields.amount}}\" }
output: \"{{steps.ask.output}}\"
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_decides_through_the_api() {
    let bed = bed(ASK);
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    let listed = waits(&daemon, 1).await.remove(0);
    assert_eq!(listed["message"], "Pay w <now>?");
    assert_eq!((&listed["run"], &listed["to"]), (&json!(run), &json!(["ada", "grace"])));
    let path = format!("/api/v1/runs/{run}/approve");
    let wrong =
        daemon.post(&path, &json!({ "approved": true, "fields": { "amount": "much" } })).await.is(422);
    assert!(wrong.json()["error"]["message"].as_str().unwrap().contains("/amount"), "{wrong:?}");
    daemon.post(&path, &json!({ "approved": true })).await.is(422);
    daemon.post(&path, &json!({ "approved": "yes" })).await.is(400);
    daemon.post(&path, &json!({ "approved": true, "step": "other" })).await.is(404);
    daemon.post(&format!("/api/v1/runs/{run}/resume"), &json!({ "step": "ask" })).await.is(409);
    daemon.post("/api/v1/runs/0192ffff/approve", &json!({ "approved": true })).await.is(404);
    let yes = json!({ "approved": true, "by": "ada", "comment": "fine", "fields": { "amount": 250 } });
    daemon.post(&path, &yes).await.is(200);
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!(
        seen["output"],
        json!({ "approved": true, "by": "ada", "comment": "fine", "fields": { "amount": 250 } })
    );
    assert_eq!(seen["steps"][0]["wait"]["answered"]["by"], "ada");
    assert_eq!(bed.read("paid.txt").trim(), "250");
    daemon.post(&path, &yes).await.is(200);
    daemon.post(&path, &json!({ "approved": false })).await.is(409);
    assert!(waits(&daemon, 0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_decides_on_the_page() {
    let bed = bed(ASK);
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    let url = url(&daemon).await;
    let page = send(daemon.http.get(&url)).await.is(200);
    assert!(
        page.text.contains("Pay w &lt;now&gt;?") && page.text.contains("name=\"field.amount\""),
        "{}",
        page.text
    );
    assert!(!page.text.contains("<script"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    // Looking at it, as mail programs do, decides nothing.
    send(daemon.http.head(&url)).await.is(200);
    daemon.wait_run(&run, &["waiting"]).await;
    let form = |body: &'static str| {
        let request = daemon.http.post(&url).header("content-type", "application/x-www-form-urlencoded");
        request.header("origin", daemon.hooks.clone()).body(body)
    };
    let wrong = send(form("decision=approve&field.amount=much")).await.is(422);
    assert!(wrong.text.contains("/amount") && wrong.text.contains("<form"), "{}", wrong.text);
    send(form("by=ada")).await.is(422);
    let foreign = daemon.http.post(&url).header("origin", "https://evil.example").body("decision=approve");
    send(foreign.header("content-type", "application/x-www-form-urlencoded")).await.is(403);
    let taken = send(form("decision=approve&field.amount=7&by=Ada&comment=ok")).await.is(200);
    assert!(taken.text.contains("Approved"), "{}", taken.text);
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!(
        seen["output"],
        json!({ "approved": true, "by": "Ada", "comment": "ok", "fields": { "amount": 7 } })
    );
    send(form("decision=approve&field.amount=7&by=Ada&comment=ok")).await.is(200);
    send(form("decision=reject")).await.is(409);
    assert!(send(daemon.http.get(&url)).await.is(200).text.contains("Answered already"));
    assert!(send(daemon.http.get(format!("{url}x"))).await.is(404).text.contains("Nothing waits here"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_decides_on_the_command_line() {
    let bed = bed(ASK);
    let none = bed.howdah(&["approve", "0192"]).exits(1);
    assert!(none.stderr.contains("howdah serve"), "{none:?}");
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    waits(&daemon, 1).await;
    let listed = bed.howdah(&["waits"]).exits(0);
    assert!(listed.stdout.contains("Pay w <now>?") && listed.stdout.contains("howdah approve"), "{listed:?}");
    assert_eq!(bed.howdah(&["waits", "--json"]).exits(0).json()["waits"][0]["run"], run);
    let shown = bed.howdah(&["runs", "show", &run]).exits(0);
    assert!(shown.stdout.contains("waits for approval by ada, grace: Pay w <now>?"), "{shown:?}");
    let wrong = bed.howdah(&["approve", &run, "ask", "--field", "amount=much"]).exits(1);
    assert!(wrong.stderr.contains("/amount"), "{wrong:?}");
    let args = [
        "approve",
        &run,
        "--field",
        "amount=3",
        "--field",
        "note=4",
        "--by",
        "grace",
        "--comment",
        "so be it",
    ];
    bed.howdah(&args).exits(0);
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!(
        seen["output"],
        json!({ "approved": true, "by": "grace", "comment": "so be it", "fields": { "amount": 3, "note": "4" } })
    );
    bed.howdah(&args).exits(0);
    let late = bed.howdah(&["approve", &run, "--reject"]).exits(1);
    assert!(late.stderr.contains("answered before, by grace"), "{late:?}");
    let run = start(&daemon).await;
    waits(&daemon, 1).await;
    bed.howdah(&["approve", &run, "--reject", "--by", "ada"]).exits(0);
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!(seen["output"], json!({ "approved": false, "by": "ada", "comment": null, "fields": null }));
    assert_eq!(bed.read("paid.txt").trim(), "3");
    daemon.kill();
    assert_eq!(bed.howdah(&["waits", "--json"]).exits(0).json(), json!({ "waits": [] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_given_on_the_command_line() {
    let bed = bed("steps:\n  - id: a\n    wait: { event: {} }\noutput: \"{{steps.a.output.body}}\"\n");
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    waits(&daemon, 1).await;
    bed.howdah(&["resume", &run, "--data", "{"]).exits(2);
    bed.howdah(&["resume", &run, "a", "--data", "{\"x\": 1}"]).exits(0);
    assert_eq!(daemon.wait_run(&run, &ENDED).await["output"], json!({ "x": 1 }));
}

#[test]
fn a_time_out_fails_rejects_or_approves() {
    let outcome = |more: &str| {
        let text = format!(
            "steps:\n  - id: a\n    approve: {{ message: ok?, timeout: 30ms{more} }}\noutput: \"{{{{steps.a.output}}}}\"\n"
        );
        Bed::of(&[("workflows/w.yaml", &text)]).howdah(&["run", "w", "--json"]).json()
    };
    let failed = outcome("");
    assert_eq!(failed["error"]["code"], "approval_timeout", "{failed:#}");
    assert_eq!(failed["error"]["message"], "nobody answered within 30ms");
    let decided = |approved| json!({ "approved": approved, "by": null, "comment": null, "fields": null });
    assert_eq!(outcome(", on_timeout: reject")["output"], decided(false));
    assert_eq!(outcome(", on_timeout: approve")["output"], decided(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_too_late_is_told_so() {
    let bed = bed(
        "steps:\n  - approve: { message: ok?, timeout: 300ms, on_timeout: reject }\n  - wait: { event: {} }\n",
    );
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    let url = url(&daemon).await;
    assert!(url.contains("/approve/"));
    eventually("the approval is over", async || {
        (waits(&daemon, 1).await[0]["kind"] == "event").then_some(())
    })
    .await;
    post(&daemon, &url, &json!({ "approved": true })).await.is(410);
    assert!(send(daemon.http.get(&url)).await.is(410).text.contains("Too late"));
    // And after the end of the run.
    let event = waits(&daemon, 1).await[0]["url"].as_str().unwrap().to_owned();
    daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(202);
    daemon.wait_run(&run, &["cancelled"]).await;
    post(&daemon, &event, &json!({})).await.is(410);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_told_once_and_can_answer_after_a_restart() {
    let receiver = Receiver::start().await;
    let bed = bed(&format!(
        "steps:\n  - id: ask\n    approve:\n      message: ok?\n      fields: {{ n: integer }}\n      notify:\n        - webhook: {{ url: \"{}\", json: {{ url: \"{{{{approval.url}}}}\" }} }}\noutput: \"{{{{steps.ask.output.fields.n}}}}\"\n",
        receiver.url
    ));
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    let told = receiver.wait(1).await[0]["json"]["url"].as_str().unwrap().to_owned();
    daemon.wait_run(&run, &["waiting"]).await;
    let token = told.rsplit('/').next().unwrap().to_owned();
    daemon.kill();
    assert_eq!(bed.howdah(&["waits", "--json"]).exits(0).json()["waits"][0]["run"], run);
    let daemon = bed.serve().await;
    let again = url(&daemon).await;
    assert!(again.ends_with(&token), "{again}");
    post(&daemon, &again, &json!({ "approved": true, "fields": { "n": "x" } })).await.is(422);
    post(&daemon, &again, &json!({ "approved": true, "fields": { "n": 1 } })).await.is(200);
    assert_eq!(daemon.wait_run(&run, &ENDED).await["output"], 1);
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_may_come_while_people_are_still_told_and_is_kept() {
    let receiver = Receiver::start().await;
    receiver.hold();
    let bed = bed(&format!(
        "steps:\n  - id: ask\n    approve:\n      message: ok?\n      notify:\n        - webhook: {{ url: \"{}\", json: {{}} }}\noutput: \"{{{{steps.ask.output.by}}}}\"\n",
        receiver.url
    ));
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    receiver.wait(1).await;
    let url = url(&daemon).await;
    post(&daemon, &url, &json!({ "approved": true, "by": "ada" })).await.is(200);
    // Before the run went on.
    daemon.kill();
    let daemon = bed.serve().await;
    assert_eq!(daemon.wait_run(&run, &ENDED).await["output"], "ada");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_notice_fails_the_step() {
    let receiver = Receiver::start().await;
    receiver.answer(&[404]);
    let bed = bed(&format!(
        "steps:\n  - id: ask\n    approve:\n      message: ok?\n      notify:\n        - webhook: {{ url: \"{}\", json: {{}} }}\n",
        receiver.url
    ));
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!((&seen["status"], &seen["error"]["status"]), (&json!("failed"), &json!(404)), "{seen:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_waits_is_cancelled_and_a_daemon_with_waits_stops_soon() {
    let bed =
        bed("steps:\n  - parallel:\n      - wait: 1h\n      - approve: ok?\n      - wait: { event: {} }\n");
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    let seen = daemon.wait_run(&run, &["waiting"]).await;
    assert_eq!(seen["steps"].as_array().unwrap().len(), 3);
    waits(&daemon, 2).await;
    // Which of two is meant must be said, but a decision is for the approval.
    daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(202);
    let seen = daemon.wait_run(&run, &["cancelled"]).await;
    assert!(seen["steps"].as_array().unwrap().iter().all(|step| step["status"] == "cancelled"), "{seen:#}");
    let run = start(&daemon).await;
    daemon.wait_run(&run, &["waiting"]).await;
    let begun = std::time::Instant::now();
    let (status, log) = daemon.signal(rustix::process::Signal::TERM);
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{log}");
    assert!(log.contains("stopped") && !log.contains("steps under way; the next"), "{status} {log}");
    let daemon = bed.serve().await;
    waits(&daemon, 2).await;
    daemon.wait_run(&run, &["waiting"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_answers_at_once_one_counts() {
    let bed = bed("steps:\n  - id: ask\n    approve: ok?\noutput: \"{{steps.ask.output.comment}}\"\n");
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    let url = url(&daemon).await;
    let answers = (0..20).map(|number| {
        let request =
            daemon.http.post(&url).json(&json!({ "approved": true, "comment": number.to_string() }));
        tokio::spawn(async move { (number, send(request).await.status) })
    });
    let mut taken = Vec::new();
    for answer in answers.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            (number, 200) => taken.push(number.to_string()),
            (_, status) => assert_eq!(status, 409),
        }
    }
    assert_eq!(taken.len(), 1);
    assert_eq!(daemon.wait_run(&run, &ENDED).await["output"], taken[0].as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_waits_of_a_run_are_told_apart() {
    let bed = bed(
        "steps:\n  - id: each\n    foreach: \"['a', 'b']\"\n    concurrency: 2\n    steps:\n      - id: ask\n        approve: \"{{item}}?\"\n    collect: steps.ask.output.approved\noutput: \"{{steps.each.output}}\"\n",
    );
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    waits(&daemon, 2).await;
    let path = format!("/api/v1/runs/{run}/approve");
    let which = daemon.post(&path, &json!({ "approved": true })).await.is(400).json();
    assert_eq!(which["error"]["candidates"], json!(["each[0]/ask", "each[1]/ask"]));
    daemon.post(&path, &json!({ "approved": true, "step": "each[0]/ask" })).await.is(200);
    daemon.post(&path, &json!({ "approved": false, "step": "each[1]/ask" })).await.is(200);
    assert_eq!(daemon.wait_run(&run, &ENDED).await["output"], json!([true, false]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_limit_of_a_step_counts_the_wait_over_restarts() {
    let bed = bed("steps:\n  - id: a\n    timeout: 600ms\n    wait: { event: {} }\n");
    let daemon = bed.serve().await;
    let run = start(&daemon).await;
    daemon.wait_run(&run, &["waiting"]).await;
    daemon.kill();
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&run, &ENDED).await;
    assert_eq!((&seen["status"], &seen["error"]["code"]), (&json!("failed"), &json!("timeout")), "{seen:#}");
}

#[test]
fn a_mistake_in_a_wait_is_told_before_it_runs() {
    let codes = |steps: &str| {
        let bed = Bed::of(&[("workflows/w.yaml", &format!("steps:\n{steps}\n"))]);
        let found = bed.howdah(&["check", "--json"]).json();
        let all = found["diagnostics"].as_array().unwrap().iter();
        all.map(|one| one["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (steps, code) in [
        ("  - wait: {}", "missing-key"),
        ("  - wait: soon", "wrong-type"),
        ("  - wait: { for: 5m, until: \"2030-01-01T00:00:00Z\" }", "two-waits"),
        ("  - wait: { until: tomorrow }", "wrong-type"),
        ("  - wait: { for: 5m, notify: [{ set: { a: 1 } }] }", "no-effect"),
        ("  - approve: {}", "missing-key"),
        ("  - approve: { message: a, on_timeout: reject }", "no-effect"),
        ("  - approve: { message: a, timeout: 1d, on_timeout: accept }", "unknown-word"),
        ("  - approve: { message: a, fields: { n: nonsense } }", "bad-schema"),
        ("  - approve: { message: a, notify: [{ set: { a: \"{{approval.uri}}\" } }] }", "unknown-field"),
        ("  - set: { a: \"{{approval.url}}\" }", "unknown-name"),
        ("  - approve: { message: \"{{secrets.KEY}}\" }", "secret-misplaced"),
        ("  - state: {}", "missing-key"),
        ("  - state: { set: { a: \"{{secrets.KEY}}\" } }", "secret-misplaced"),
    ] {
        assert_eq!(codes(steps), [code], "{steps}");
    }
    let right = "  - approve: ok?\n  - wait: 5m\n  - wait: { event: {}, notify: [{ write: { path: at.txt, content: \"{{approval.url}}\" } }] }";
    assert_eq!(codes(right), Vec::<String>::new());
}
