//! `howdah serve`: the two listeners, and what scripts rely on.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver, eventually, send, simulator};

const ECHO: &str = "\
inputs: { text: string }
on:
  webhook:
    path: /echo
    auth: none
    respond: result
    with: { text: \"{{event.body.text}}\" }
steps:
  - id: loud
    set: { text: \"{{upper inputs.text}}\" }
output: { said: \"{{steps.loud.output.text}}\" }
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_answered_with_the_output() {
    let bed = Bed::of(&[("workflows/echo.yaml", ECHO)]);
    let daemon = bed.serve().await;
    let got = daemon.hook("/echo", &json!({ "text": "hi" })).await.is(200);
    assert_eq!(got.json(), json!({ "said": "HI" }));
    let rows = daemon.wait_runs("echo", "succeeded", 1).await;
    assert_eq!(rows[0]["trigger"], "webhook");
    let run = daemon.get(&format!("/api/v1/runs/{}", rows[0]["id"].as_str().unwrap())).await.is(200).json();
    assert_eq!(run["output"], json!({ "said": "HI" }));
    assert_eq!(run["workflow"], "echo");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_webhook_is_answered_with_the_run() {
    let receiver = Receiver::start().await;
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        &format!(
            "on: {{ webhook: {{ path: \"/in/{{kind}}\", auth: none }} }}\nsteps:\n  - webhook: {{ url: \"{}/out\", json: {{ kind: \"{{{{event.params.kind}}}}\", body: \"{{{{event.body}}}}\" }} }}\n",
            receiver.url
        ),
    )]);
    let daemon = bed.serve().await;
    let got = daemon.hook("/in/a%20b", &json!({ "n": 1 })).await.is(202).json();
    let run = got["run"].as_str().unwrap();
    daemon.wait_run(run, &["succeeded"]).await;
    assert_eq!(receiver.requests()[0]["json"], json!({ "kind": "a b", "body": { "n": 1 } }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_run_is_a_500_with_its_error() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "on: { webhook: { path: /w, auth: none, respond: result } }\nsteps:\n  - id: stop\n    fail: \"not today\"\n",
    )]);
    let daemon = bed.serve().await;
    let got = daemon.hook("/w", &json!({})).await.is(500).json();
    assert_eq!(got["error"]["message"], "not today");
    assert_eq!(got["error"]["code"], "failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_respond_step_answers_before_the_end() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "on: { webhook: { path: /w, auth: none, respond: step } }\nsteps:\n  - respond: { status: 201, headers: { X-A: b }, json: { ok: true } }\n  - chat: { model: local/m, prompt: \"sim: hang\" }\n",
        )],
    );
    let daemon = bed.serve().await;
    let got = daemon.hook("/w", &json!({})).await.is(201);
    assert_eq!(got.json(), json!({ "ok": true }));
    assert_eq!(got.headers["x-a"], "b");
    assert_eq!(daemon.wait_runs("w", "running", 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_result_becomes_a_202() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "on: { webhook: { path: /w, auth: none, respond: result, respond_within: 100ms } }\nsteps:\n  - chat: { model: local/m, prompt: \"sim: hang\" }\n",
        )],
    );
    let daemon = bed.serve().await;
    let got = daemon.hook("/w", &json!({})).await.is(202).json();
    let run = got["run"].as_str().unwrap().to_owned();
    daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(202);
    daemon.wait_run(&run, &["cancelled"]).await;
    daemon.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await.is(409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_request_has_its_status_and_code() {
    let bed = Bed::of(&[
        (
            "workflows/w.yaml",
            "inputs: { n: integer }\non:\n  webhook:\n    path: /w\n    auth: none\n    body: { n: integer }\n    max_size: 2KiB\n    respond: result\n    with: { n: \"{{event.body.n}}\" }\nsteps: []\noutput: \"{{inputs.n}}\"\n",
        ),
        (
            "workflows/loose.yaml",
            "inputs: { n: integer }\non: { webhook: { path: /loose, auth: none, with: { n: \"{{event.body.n}}\" } } }\nsteps: []\n",
        ),
    ]);
    let daemon = bed.serve().await;
    let url = format!("{}/hooks/w", daemon.hooks);
    let post = || daemon.http.post(&url).header("content-type", "application/json");
    let deep = "[".repeat(100) + &"]".repeat(100);
    let cases = [
        (post().body("{\"n\": "), 400),
        (post().body(deep), 400),
        (post().header("origin", "http://evil.example").body("{\"n\": 1}"), 403),
        (daemon.http.post(format!("{}/hooks/none", daemon.hooks)).body("{}"), 404),
        (daemon.http.get(format!("{}/api/v1/workflows", daemon.hooks)), 404),
        (daemon.http.get(&url), 405),
        (post().body(format!("{{\"n\": 1, \"pad\": \"{}\"}}", "x".repeat(4000))), 413),
        (post().header("content-encoding", "gzip").body("x"), 415),
        (post().body("{\"n\": \"many\"}"), 422),
        (daemon.http.post(format!("{}/hooks/loose", daemon.hooks)).json(&json!({ "n": "x" })), 422),
    ];
    for (request, status) in cases {
        let got = send(request).await.is(status);
        let error = &got.json()["error"];
        assert!(error["code"].is_string() && error["message"].is_string(), "{status}: {}", got.text);
    }
    // After all of that it is as it was.
    let got = daemon.hook("/w", &json!({ "n": 5 })).await.is(200);
    assert_eq!(got.json(), 5);
    assert_eq!(daemon.wait_runs("w", "succeeded", 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_gets_the_first_answer() {
    let receiver = Receiver::start().await;
    let bed = Bed::of(&[
        ("workflows/echo.yaml", ECHO),
        (
            "workflows/step.yaml",
            &format!(
                "on: {{ webhook: {{ path: /step, auth: none, respond: step }} }}\nsteps:\n  - webhook: {{ url: \"{}\", json: 1 }}\n  - respond: {{ status: 203, json: {{ run: \"{{{{run.id}}}}\" }} }}\n",
                receiver.url
            ),
        ),
        ("workflows/accept.yaml", "on: { webhook: { path: /accept, auth: none } }\nsteps: []\n"),
    ]);
    let daemon = bed.serve().await;
    let send_with_key = async |path: &str, key: &str, body: Json| {
        let request =
            daemon.http.post(format!("{}/hooks{path}", daemon.hooks)).header("idempotency-key", key);
        send(request.json(&body)).await
    };
    for (path, status) in [("/echo", 200), ("/step", 203), ("/accept", 202)] {
        let first = send_with_key(path, "k1", json!({ "text": "one" })).await.is(status);
        let again = send_with_key(path, "k1", json!({ "text": "two" })).await.is(status);
        assert_eq!(first.text, again.text, "{path}");
        let other = send_with_key(path, "k2", json!({ "text": "three" })).await.is(status);
        assert_ne!(first.text, other.text, "{path}");
    }
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_starts_lists_and_shows_runs() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "inputs: { a: string }\nsteps:\n  - id: s\n    set: { a: \"{{inputs.a}}\" }\noutput: \"{{steps.s.output.a}}\"\n",
    )]);
    let daemon = bed.serve().await;
    assert_eq!(daemon.get("/healthz").await.status, 200);
    let listed = daemon.get("/api/v1/workflows").await.is(200).json();
    let row = &listed["workflows"][0];
    assert_eq!((row["name"].as_str(), row["file"].as_str()), (Some("w"), Some("workflows/w.yaml")));
    assert!(
        row["digest"].as_str().unwrap().len() == 64 && row["loaded_at"].is_string() && row["error"].is_null()
    );
    let mut ids = Vec::new();
    for index in 0..5 {
        let got =
            daemon.post("/api/v1/workflows/w/runs", &json!({ "inputs": { "a": index.to_string() } })).await;
        ids.push(got.is(202).json()["run"].as_str().unwrap().to_owned());
    }
    for id in &ids {
        daemon.wait_run(id, &["succeeded"]).await;
    }
    let first = daemon.get("/api/v1/runs?workflow=w&limit=3").await.is(200).json();
    let next = first["next"].as_str().unwrap();
    let second = daemon.get(&format!("/api/v1/runs?workflow=w&limit=3&before={next}")).await.is(200).json();
    let seen: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|page| page["runs"].as_array().unwrap())
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(seen, ids.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(second["next"], json!(null));
    assert_eq!(daemon.get("/api/v1/runs?status=failed").await.json()["runs"], json!([]));
    let shown = daemon.get(&format!("/api/v1/runs/{}", ids[2])).await.is(200).json();
    assert_eq!(shown["output"], "2");
    assert_eq!(shown["steps"][0]["path"], "s");
    daemon.get("/api/v1/runs/00000000-0000-7000-8000-000000000000").await.is(404);
    daemon.post("/api/v1/workflows/v/runs", &json!({ "inputs": {} })).await.is(404);
    let wrong =
        daemon.post("/api/v1/workflows/w/runs", &json!({ "inputs": { "b": 1 } })).await.is(422).json();
    assert!(wrong["error"]["message"].as_str().unwrap().contains('b'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administration_is_closed_to_foreign_pages() {
    let bed = Bed::of(&[("workflows/w.yaml", "steps: []\n")]);
    let daemon = bed.serve().await;
    let url = format!("{}/api/v1/workflows", daemon.admin);
    let foreign_host = daemon.http.get(&url).header("host", "evil.example");
    assert!(matches!(send(foreign_host).await.status, 400..=499));
    let foreign_origin =
        daemon.http.post(format!("{url}/w/runs")).header("origin", "http://evil.example").json(&json!({}));
    assert_eq!(send(foreign_origin).await.status, 403);
    let form = daemon.http.post(format!("{url}/w/runs")).header("content-type", "text/plain").body("{}");
    assert_eq!(send(form).await.status, 415);
    assert_eq!(daemon.get("/hooks/w").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_submits_to_the_daemon_and_follows() {
    let bed =
        Bed::of(&[("workflows/w.yaml", "inputs: { a: string }\nsteps: []\noutput: \"{{inputs.a}}!\"\n")]);
    let daemon = bed.serve().await;
    let ran = bed.howdah(&["run", "w", "-i", "a=hey"]).exits(0);
    assert_eq!(ran.stdout, "hey!\n");
    assert_eq!(daemon.wait_runs("w", "succeeded", 1).await.len(), 1);
    let status = bed.howdah(&["status", "--json"]).exits(0).json();
    assert_eq!(status["workflows"][0]["name"], "w");
    let ran = bed.howdah(&["run", "w"]).exits(2);
    assert!(ran.stderr.contains("`a`"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_workspace_has_one_daemon() {
    let bed = Bed::of(&[("workflows/w.yaml", "steps: []\n")]);
    let daemon = bed.serve().await;
    let ran = bed.howdah(&["serve", "--listen", "127.0.0.1:0", "--hooks", "127.0.0.1:0"]).exits(2);
    assert!(ran.stderr.contains(&daemon.pid().to_string()), "{}", ran.stderr);
    daemon.get("/healthz").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let bed = Bed::of(&[("workflows/w.yaml", "steps: []\n")]);
    for flag in ["--listen", "--hooks"] {
        let other = if flag == "--listen" { "--hooks" } else { "--listen" };
        let ran = bed.howdah(&["serve", flag, &address, other, "127.0.0.1:0"]).exits(2);
        assert!(ran.stderr.contains(&address) && ran.stderr.contains(flag), "{}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_address_needs_a_token() {
    let bed = Bed::of(&[("workflows/w.yaml", "steps: []\n")]);
    let ran = bed.howdah(&["serve", "--listen", "0.0.0.0:0", "--hooks", "127.0.0.1:0"]).exits(2);
    assert!(ran.stderr.contains("token"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_the_daemon_cleanly() {
    let bed = Bed::of(&[("workflows/w.yaml", "steps: []\n")]);
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let daemon = bed.serve().await;
        assert!(bed.has(".howdah/addresses.json"));
        let (status, log) = daemon.signal(signal);
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!bed.has(".howdah/addresses.json"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_cancels_nothing() {
    let simulator = simulator().await;
    let receiver = Receiver::start().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            &format!(
                "on: {{ webhook: {{ path: /w, auth: none, respond: result }} }}\nsteps:\n  - chat: {{ model: local/m, prompt: \"sim: latency 1s\" }}\n  - webhook: {{ url: \"{}\", json: 1 }}\n",
                receiver.url
            ),
        )],
    );
    let daemon = bed.serve().await;
    let request = daemon.http.post(format!("{}/hooks/w", daemon.hooks)).json(&json!({})).send();
    let pending = tokio::spawn(request);
    eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
    pending.abort();
    receiver.wait(1).await;
    daemon.wait_runs("w", "succeeded", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_answered_before_the_workflows_are_loaded() {
    let bed = Bed::of(&[("workflows/echo.yaml", ECHO)]);
    (0..200).for_each(|index| bed.write(&format!("workflows/more/w{index}.yaml"), "steps: []\n"));
    let daemon = bed.spawn(&[]);
    let got = eventually("the webhook is answered", async || {
        let got = daemon.hook("/echo", &json!({ "text": "hi" })).await;
        if got.status == 503 {
            assert!(got.headers.contains_key("retry-after"), "{got:?}");
            return None;
        }
        Some(got)
    })
    .await;
    assert_eq!(got.is(200).json(), json!({ "said": "HI" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_is_known_by_its_signature() {
    let bed = Bed::of(&[
        (".env", "HOOK_KEY=whsec_c2VjcmV0LWZvci10ZXN0cw==\nTOKEN=let-me-in\n"),
        (
            "workflows/signed.yaml",
            "on: { webhook: { path: /signed, auth: { standard: \"{{secrets.HOOK_KEY}}\" } } }\nsteps: []\n",
        ),
        (
            "workflows/bearer.yaml",
            "on: { webhook: { path: /bearer, auth: { bearer: \"{{secrets.TOKEN}}\" } } }\nsteps: []\n",
        ),
        (
            "workflows/unset.yaml",
            "on: { webhook: { path: /unset, auth: { bearer: \"{{secrets.NOT_SET}}\" } } }\nsteps: []\n",
        ),
    ]);
    let daemon = bed.serve().await;
    let body = "{\"a\": 1}";
    let signed = |id: &str, at: i64| {
        let signature =
            howdah::net::signature::standard("whsec_c2VjcmV0LWZvci10ZXN0cw==", id, at, body.as_bytes());
        let request = daemon.http.post(format!("{}/hooks/signed", daemon.hooks)).body(body);
        request
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", signature.unwrap())
    };
    use howdah::clock::Clock as _;
    let now = howdah::clock::SystemClock.now().as_second();
    let first = send(signed("m1", now)).await.is(202).json();
    // A copy of a message starts nothing new.
    assert_eq!(send(signed("m1", now)).await.is(202).json(), first);
    send(signed("m2", now - 3_600)).await.is(401);
    let forged = signed("m3", now).build().unwrap();
    let forged = daemon.http.post(forged.url().clone()).headers(forged.headers().clone()).body("{\"a\": 2}");
    send(forged).await.is(401);
    daemon.hook("/signed", &json!({})).await.is(401);
    let bearer = |token: &str| {
        daemon.http.post(format!("{}/hooks/bearer", daemon.hooks)).bearer_auth(token).json(&json!({}))
    };
    send(bearer("let-me-in")).await.is(202);
    send(bearer("let-me-out")).await.is(401);
    assert!(
        send(daemon.http.post(format!("{}/hooks/unset", daemon.hooks)).bearer_auth("")).await.status >= 400
    );
    assert!(!daemon.log().contains("let-me-in"));
}
