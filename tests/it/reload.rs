//! Saving a file is all it takes; a broken one changes nothing but what is said of it.

use serde_json::json;

use crate::bed::{Bed, Served, eventually};

fn says(word: &str) -> String {
    format!("on: {{ webhook: {{ path: /w, auth: none, respond: result }} }}\nsteps: []\noutput: {word}\n")
}

async fn answer(daemon: &Served) -> String {
    daemon.hook("/w", &json!({})).await.is(200).json().as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_event_uses_the_new_text() {
    let bed = Bed::of(&[("workflows/w.yaml", &says("one"))]);
    let daemon = bed.serve().await;
    assert_eq!(answer(&daemon).await, "one");
    let before = daemon.digest("w").await;
    bed.replace("workflows/w.yaml", &says("two"));
    eventually("the new text is in force", async || (daemon.digest("w").await != before).then_some(())).await;
    assert_eq!(answer(&daemon).await, "two");
    // Written in place, as some editors do.
    let before = daemon.digest("w").await;
    bed.write("workflows/w.yaml", says("three"));
    eventually("the new text is in force", async || (daemon.digest("w").await != before).then_some(())).await;
    assert_eq!(answer(&daemon).await, "three");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_edit_is_told_and_the_last_good_version_goes_on() {
    let bed = Bed::of(&[("workflows/w.yaml", &says("good")), ("workflows/other.yaml", "steps: []\n")]);
    let daemon = bed.serve().await;
    let good = daemon.digest("w").await;
    bed.replace("workflows/w.yaml", "steps:\n  - caht: hi\n");
    let error = eventually("the error is shown", async || {
        daemon.workflow("w").await["error"].as_str().map(str::to_owned)
    })
    .await;
    assert!(error.contains("workflows/w.yaml:2:5") && error.contains("^^^^"), "{error}");
    assert_eq!(daemon.digest("w").await, good);
    assert_eq!(answer(&daemon).await, "good");
    assert!(daemon.workflow("other").await["error"].is_null());
    assert!(daemon.log().contains("caht"), "{}", daemon.log());
    let status = bed.howdah(&["status"]).exits(0).stdout;
    assert!(status.contains("caht"), "{status}");
    bed.replace("workflows/w.yaml", &says("good"));
    eventually("the error is gone", async || daemon.workflow("w").await["error"].is_null().then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflows_come_go_and_are_renamed() {
    let bed = Bed::of(&[("workflows/w.yaml", &says("one"))]);
    let daemon = bed.serve().await;
    bed.write("workflows/deep/er/new.yaml", "on: { webhook: { path: /n, auth: none } }\nsteps: []\n");
    eventually("the new one is there", async || daemon.digest("new").await).await;
    daemon.hook("/n", &json!({})).await.is(202);
    std::fs::rename(bed.path().join("workflows/w.yaml"), bed.path().join("workflows/v.yaml")).unwrap();
    eventually("it has its new name", async || daemon.digest("v").await).await;
    assert!(daemon.workflow("w").await.is_null());
    assert_eq!(answer(&daemon).await, "one");
    std::fs::remove_file(bed.path().join("workflows/v.yaml")).unwrap();
    eventually("it is gone", async || daemon.workflow("v").await.is_null().then_some(())).await;
    daemon.hook("/w", &json!({})).await.is(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_is_reloaded_too() {
    let bed = Bed::of(&[
        ("howdah.yaml", "vars: { word: one }\n"),
        (
            "workflows/w.yaml",
            "on: { webhook: { path: /w, auth: none, respond: result } }\nsteps: []\noutput: \"{{vars.word}}\"\n",
        ),
    ]);
    let daemon = bed.serve().await;
    assert_eq!(answer(&daemon).await, "one");
    bed.replace("howdah.yaml", "vars: { word: two }\n");
    eventually("the new word is in force", async || (answer(&daemon).await == "two").then_some(())).await;
    bed.replace("howdah.yaml", "vars: { wrod: two }\nprovders: {}\n");
    eventually("the error is logged", async || daemon.log().contains("provders").then_some(())).await;
    assert_eq!(answer(&daemon).await, "two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_finishes_on_the_version_it_started_with() {
    let simulator = crate::bed::simulator().await;
    let text = |word: &str| {
        format!(
            "on: {{ webhook: {{ path: /w, auth: none, respond: result }} }}\nsteps:\n  - chat: {{ model: local/m, prompt: \"sim: latency 500ms\" }}\noutput: {word}\n"
        )
    };
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", &text("old"))]);
    let daemon = bed.serve().await;
    let before = daemon.digest("w").await;
    let body = json!({});
    let (got, ()) = tokio::join!(daemon.hook("/w", &body), async {
        eventually("the model was asked", async || (simulator.requests() == 1).then_some(())).await;
        bed.replace("workflows/w.yaml", &text("new"));
        eventually("the new text is in force", async || (daemon.digest("w").await != before).then_some(()))
            .await;
    });
    assert_eq!(got.is(200).json(), "old");
}

/// A server that answers every request with its `Authorization` header.
async fn echo() -> String {
    async fn answer(headers: axum::http::HeaderMap) -> String {
        headers["authorization"].to_str().unwrap().to_owned()
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// Whether a text stands in a file of the state folder.
fn is_kept(bed: &Bed, text: &str) -> bool {
    let files = std::fs::read_dir(bed.path().join(".howdah")).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.is_file())
        .any(|path| std::fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_edit_shows_no_secret_of_the_version_that_goes_on() {
    let text = format!(
        "on: {{ webhook: {{ path: /w, auth: none, respond: result }} }}\nsteps:\n  - id: ask\n    http: {{ get: \"{}\", headers: {{ Authorization: \"Bearer {{{{secrets.MY_TOKEN}}}}\" }} }}\noutput: \"{{{{steps.ask.output.body}}}}\"\n",
        echo().await
    );
    let bed = Bed::of(&[(".env", "MY_TOKEN=xyzzy-and-plugh\n"), ("workflows/w.yaml", &text)]);
    let daemon = bed.serve().await;
    assert_eq!(answer(&daemon).await, "Bearer [secret MY_TOKEN]");
    bed.replace("workflows/w.yaml", "steps:\n  - caht: hi\n");
    eventually("the error is shown", async || daemon.workflow("w").await["error"].as_str().map(|_| ())).await;
    assert_eq!(answer(&daemon).await, "Bearer [secret MY_TOKEN]");
    // Nor when nothing at all names it any more.
    bed.write("workflows/other.yaml", "steps: []\n");
    eventually("the other one is there", async || daemon.digest("other").await).await;
    assert_eq!(answer(&daemon).await, "Bearer [secret MY_TOKEN]");
    assert!(!is_kept(&bed, "xyzzy-and-plugh"));
}

fn hook(path: &str, word: &str) -> String {
    format!(
        "on: {{ webhook: {{ path: \"{path}\", auth: none, respond: result }} }}\nsteps: []\noutput: {word}\n"
    )
}

/// Waits until the file of this path has an error, and gives it with the name it is listed by.
async fn error_of(daemon: &Served, file: &str) -> (String, String) {
    eventually(&format!("{file} has an error"), async || {
        let listed = daemon.get("/api/v1/workflows").await.is(200).json();
        let one = listed["workflows"].as_array().unwrap().iter().find(|one| one["file"] == file)?.clone();
        Some((one["name"].as_str()?.to_owned(), one["error"].as_str()?.to_owned()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_takes_nothing_from_a_workflow_in_force() {
    let bed = Bed::of(&[
        ("workflows/z.yaml", &hook("/w", "old")),
        ("workflows/m.yaml", "name: dup\nsteps: []\noutput: first\n"),
    ]);
    let daemon = bed.serve().await;
    let before = daemon.digest("dup").await;
    bed.write("workflows/a.yaml", hook("/w", "new"));
    bed.write("workflows/b.yaml", "name: dup\nsteps: []\noutput: second\n");
    bed.write("workflows/c.yaml", hook("/w/{id}", "c"));
    let (name, error) = error_of(&daemon, "workflows/a.yaml").await;
    assert_eq!(name, "a");
    assert!(error.contains("`/w` belongs to `workflows/z.yaml` already"), "{error}");
    assert!(error.contains("workflows/a.yaml:1:7") && error.contains("the first webhook there"), "{error}");
    let (name, error) = error_of(&daemon, "workflows/b.yaml").await;
    assert_eq!(name, "b");
    assert!(error.contains("the name `dup` belongs to `workflows/m.yaml` already"), "{error}");
    assert_eq!(answer(&daemon).await, "old");
    assert_eq!(daemon.digest("dup").await, before);
    assert!(daemon.workflow("z").await["error"].is_null() && daemon.workflow("dup").await["error"].is_null());
    // A broken edit gives nothing away either.
    bed.replace("workflows/z.yaml", "steps:\n  - caht: hi\n");
    error_of(&daemon, "workflows/z.yaml").await;
    assert_eq!(answer(&daemon).await, "old");
    // What is given up is free.
    std::fs::remove_file(bed.path().join("workflows/z.yaml")).unwrap();
    eventually("the new one is in force", async || daemon.digest("a").await).await;
    assert_eq!(answer(&daemon).await, "new");
}

#[test]
fn check_tells_of_paths_that_two_workflows_ask_for() {
    let bed = Bed::of(&[
        ("workflows/a.yaml", &hook("/w/{id}", "a")),
        ("workflows/b.yaml", &hook("/w/{name}", "b")),
        ("workflows/c.yaml", "on: { webhook: { path: /c, auth: none, methods: [GET, POST] } }\nsteps: []\n"),
        ("workflows/d.yaml", "on: { webhook: { path: /c, auth: none, methods: PUT } }\nsteps: []\n"),
        ("workflows/e.yaml", "on: { webhook: { path: /c, auth: none } }\nsteps: []\n"),
    ]);
    let found = bed.howdah(&["check", "--json"]).exits(2).json();
    let found: Vec<_> = found["diagnostics"].as_array().unwrap().iter().collect();
    let told: Vec<_> = found
        .iter()
        .filter(|one| one["severity"] == "error")
        .map(|one| {
            (one["file"].as_str().unwrap(), one["code"].as_str().unwrap(), one["line"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [("workflows/b.yaml", "duplicate-path", 1), ("workflows/e.yaml", "duplicate-path", 1)],
        "{found:#?}"
    );
    let drawn = bed.howdah(&["check"]).exits(2).stdout;
    assert!(drawn.contains("workflows/a.yaml:1") && drawn.contains("the first webhook there"), "{drawn}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_never_right_hides_no_workflow() {
    let bed = Bed::of(&[
        ("workflows/a/x.yaml", "steps:\n  - caht: hi\n"),
        ("workflows/b.yaml", "name: x\nsteps: []\noutput: here\n"),
    ]);
    let daemon = bed.serve().await;
    let run = daemon.post("/api/v1/workflows/x/runs", &json!({})).await.is(202).json();
    let seen = daemon.wait_run(run["run"].as_str().unwrap(), &["succeeded"]).await;
    assert_eq!(seen["output"], "here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_read_removes_nothing() {
    let bed = Bed::of(&[("workflows/w.yaml", &says("one"))]);
    let daemon = bed.serve().await;
    let (folder, aside) = (bed.path().join("workflows"), bed.path().join("aside"));
    std::fs::write(&aside, "").unwrap();
    // In one move, as no folder at all would be no error.
    let turn = || {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        renameat_with(CWD, &folder, CWD, &aside, RenameFlags::EXCHANGE).unwrap();
    };
    turn();
    eventually("the error is logged", async || daemon.log().contains("all stays as it was").then_some(()))
        .await;
    assert_eq!(answer(&daemon).await, "one");
    assert!(daemon.workflow("w").await["error"].is_null());
    std::fs::write(aside.join("w.yaml"), says("two")).unwrap();
    turn();
    eventually("the new text is in force", async || (answer(&daemon).await == "two").then_some(())).await;
}

#[test]
fn a_folder_that_cannot_be_read_is_told_and_not_taken_for_an_empty_one() {
    let bed = Bed::new();
    std::fs::remove_dir(bed.path().join("workflows")).unwrap();
    bed.write("workflows", "");
    bed.write("howdah.yaml", "");
    for arguments in [&["check", "."][..], &["serve", "--listen", "127.0.0.1:0", "--hooks", "127.0.0.1:0"]] {
        let ran = bed.howdah(arguments).exits(2);
        assert!(ran.stderr.contains("workflows` cannot be read: "), "{}", ran.stderr);
    }
}
