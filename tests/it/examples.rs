//! The examples of the repository: they check clean, and run under the simulator by hand and by
//! their triggers. And the two commands that show howdah by themselves.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver, eventually, send};

/// A workspace with a copy of the repository's examples and these secrets.
fn examples(env: &str) -> Bed {
    let bed = Bed::new();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows"), &bed.path().join("workflows"));
    bed.write(".env", env);
    bed
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The key is nobody's: models are simulated.
const SECRETS: &str =
    "TICKETS_TOKEN=a-token-for-tickets\nPAGER_URL=http://127.0.0.1:9/pager\nMAMMOUTH_API_KEY=none\n";

#[test]
fn all_of_them_check_clean() {
    let bed = examples(SECRETS);
    let found = bed.howdah(&["check", "--json"]).exits(0).json();
    assert_eq!(found, json!({ "diagnostics": [] }));
    let files = std::fs::read_dir(bed.path().join("workflows")).unwrap();
    let yaml =
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "yaml"));
    assert!(yaml.count() >= 4);
    for example in std::fs::read_dir(bed.path().join("workflows")).unwrap() {
        let path = example.unwrap().path();
        if path.is_file() {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                text.starts_with('#') && text.contains("howdah "),
                "{} does not say how to start it",
                path.display()
            );
        }
    }
}

#[test]
fn their_tests_pass_without_a_key_and_without_secrets() {
    let bed = examples("");
    let ran = bed.howdah(&["test"]).exits(0);
    assert!(ran.stdout.contains("test triage: an urgent outage pages somebody ... ok"), "{}", ran.stdout);
    assert!(ran.stdout.contains("test summarise-inbox: ") && !bed.has("out"), "{}", ran.stdout);
}

#[test]
fn each_runs_by_hand() {
    let bed = examples(SECRETS);
    let letter = bed.read("workflows/samples/letter.txt");
    bed.howdah(&[
        "run",
        "summarise-inbox",
        "-i",
        "name=letter",
        "-i",
        &format!("text={letter}"),
        "--simulate",
    ])
    .exits(0);
    assert!(bed.read("out/summaries/letter.md").starts_with("# letter\n\n"));

    let brief = bed.howdah(&["run", "daily-brief", "-i", "stories=2", "--simulate"]).exits(0).json();
    assert_eq!(brief["stories"], 2);
    assert!(bed.has(brief["path"].as_str().unwrap()));

    let docs = bed.howdah(&["run", "translate-docs", "-i", "language=German", "--simulate"]).exits(0).json();
    assert_eq!(docs["files"], json!(["out/german/care.md", "out/german/opening-hours.md"]));
    assert!(!bed.read("out/german/care.md").is_empty());

    let notes =
        ["run", "meeting-notes", "--inputs", "workflows/samples/meeting.json", "--simulate", "--json"];
    let notes = bed.howdah(&notes).exits(0).json();
    assert_eq!(notes["status"], "succeeded");

    let letter = bed.howdah(&["run", "answer-letter", "-i", &format!("letter={letter}"), "--simulate"]);
    let answer = letter.exits(0).json();
    assert!(bed.read(answer["path"].as_str().unwrap()).starts_with("# "), "{answer}");

    let ticket = ["run", "triage", "-i", "ticket=I was charged twice: billing", "--simulate"];
    let label = bed.howdah(&ticket).exits(0).json();
    assert_eq!(label["queue"], "billing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn their_triggers_start_them() {
    let pager = Receiver::start().await;
    let bed = examples(&format!("TICKETS_TOKEN=a-token-for-tickets\nPAGER_URL={}/pager\n", pager.url));
    let daemon = bed.spawn(&["--simulate"]);
    daemon.wait_ready().await;
    bed.write("inbox/letter.txt", bed.read("workflows/samples/letter.txt"));
    eventually("the summary is there", async || bed.has("out/summaries/letter.md").then_some(())).await;
    let ticket = json!({ "text": "There is an outage: the shop is down since nine." });
    let request = daemon.http.post(format!("{}/hooks/tickets", daemon.hooks)).json(&ticket);
    send(request.try_clone().unwrap()).await.is(401);
    let label: Json = send(request.bearer_auth("a-token-for-tickets")).await.is(200).json();
    assert_eq!(label["queue"], "outage");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_waits_for_a_person() {
    let bed = examples(SECRETS);
    let served = bed.spawn(&["--simulate"]);
    served.wait_ready().await;
    let inputs = json!({ "inputs": { "facts": "We open on Monday" } });
    let run = served.post("/api/v1/workflows/press-release/runs", &inputs).await.is(202).json();
    let run = run["run"].as_str().unwrap().to_owned();
    served.wait_run(&run, &["waiting"]).await;
    bed.howdah(&["approve", &run, "--field", "title=We open", "--by", "Ada"]).exits(0);
    let seen = served.wait_run(&run, &["succeeded"]).await;
    assert_eq!(seen["output"], json!({ "approved": true }));
    let filed = bed.read("out/press/we-open.md");
    assert!(filed.starts_with("---\nnumber: 1\ntitle: We open\napproved_by: Ada\n---\n"), "{filed}");
}

#[test]
fn the_demo_shows_the_main_job_and_ends_well() {
    let bed = Bed::new();
    let ran = bed.howdah(&["demo", "shown"]).exits(0);
    for expected in [
        "summary",
        "queue",
        "reloaded",
        "error[",
        "^^^",
        "succeeded",
        "MAMMOUTH_API_KEY",
        "howdah init",
        "howdah serve",
    ] {
        assert!(ran.stdout.contains(expected), "{expected:?} in:\n{}", ran.stdout);
    }
    assert!(bed.has("shown/out/bakery.summary.md"));
    // Its daemon is gone.
    let ran = bed.howdah(&["status", "shown"]);
    assert_ne!(ran.code, 0, "{ran:?}");
    // A folder that holds something is left alone.
    bed.howdah(&["demo", "shown"]).exits(2);
}

#[test]
fn a_new_workspace_works_at_once() {
    let bed = Bed::new();
    let ran = bed.howdah(&["init", "mine"]).exits(0);
    assert!(ran.stdout.contains("howdah serve"), "{}", ran.stdout);
    bed.howdah(&["check", "mine"]).exits(0);
    let tests = bed.howdah(&["test", "--dir", "mine"]).exits(0);
    assert!(tests.stdout.contains("... ok"), "{}", tests.stdout);
    let hello = bed.howdah(&["run", "hello", "-i", "name=Ada", "--simulate", "--dir", "mine"]).exits(0);
    assert!(hello.stdout.contains("Ada"), "{}", hello.stdout);
    let before = bed.read("mine/workflows/hello.yaml");
    bed.write("mine/workflows/hello.yaml", "mine");
    bed.howdah(&["init", "mine"]);
    assert_eq!(bed.read("mine/workflows/hello.yaml"), "mine");
    assert_ne!(before, "mine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulator_runs_as_a_server() {
    let bed = Bed::new();
    let mut command =
        bed.command(&["simulate", "--listen", "127.0.0.1:0", "--error", "429=1", "--key", "sim-key"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = loop {
        let line = lines.next().unwrap().unwrap();
        if let Some(at) = line.find("http://127.0.0.1:") {
            break line[at..].split_whitespace().next().unwrap().to_owned();
        }
    };
    let other = Bed::of(&[
        (
            "howdah.yaml",
            &format!("providers:\n  sim: {{ base_url: \"{url}\", api_key: \"{{{{secrets.SIM}}}}\" }}\n"),
        ),
        (".env", "SIM=sim-key\n"),
        ("workflows/w.yaml", "steps:\n  - retry: 1\n    chat: { model: sim/m, prompt: hi }\n"),
    ]);
    let run = other.howdah(&["run", "w", "--json"]).exits(1).json();
    assert_eq!(run["error"]["code"], "model_rate_limited", "{run:#}");
    other.write(".env", "SIM=wrong\n");
    let run = other.howdah(&["run", "w", "--json"]).exits(1).json();
    assert_eq!(run["error"]["code"], "model_auth", "{run:#}");
    assert!(run["error"]["message"].as_str().unwrap().contains("`SIM`"), "{run:#}");
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(matches!(child.wait().unwrap().code(), Some(0 | 130)));
}
