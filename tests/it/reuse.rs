//! Going on from a step of an earlier run, and doing one step alone: nothing is paid for twice.

use howdah::simulator::Simulator;
use serde_json::{Value as Json, json};

use crate::bed::{Bed, simulator};

const CHAIN: &str = "\
inputs: { text: string }
steps:
  - id: first
    chat: { model: local/m, prompt: \"sim: say \\\"one {{inputs.text}}\\\"\" }
  - id: kept
    if: inputs.text == 'never'
    set: { a: 1 }
  - id: group
    steps:
      - id: inner
        compute: { x: steps.first.output + '!' }
      - id: second
        chat: { model: local/m, prompt: \"sim: say \\\"two {{steps.inner.output.x}}\\\"\" }
  - id: third
    chat: { model: local/m, prompt: \"sim: say \\\"three {{steps.second.output}} {{steps.first.model}}\\\"\" }
  - id: loop
    foreach: \"[1, 2]\"
    steps:
      - id: looped
        set: { a: \"{{item}}\" }
output: { third: \"{{steps.third.output}}\", status: \"{{steps.kept.status}}\" }
";

async fn bed() -> (Simulator, Bed) {
    let simulator = simulator().await;
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", CHAIN)]);
    (simulator, bed)
}

fn run(bed: &Bed, arguments: &[&str]) -> Json {
    bed.howdah(&[&["run", "w", "--json"], arguments].concat()).exits(0).json()
}

fn step<'a>(run: &'a Json, path: &str) -> &'a Json {
    let steps = run["steps"].as_array().unwrap();
    steps.iter().find(|step| step["path"] == path).unwrap_or_else(|| panic!("no `{path}` in {run:#}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_step_on_exactly_the_later_calls_are_made() {
    let (simulator, bed) = bed().await;
    let old = run(&bed, &["-i", "text=a"]);
    assert_eq!(simulator.requests(), 3);
    let id = old["run"].as_str().unwrap();
    let new = run(&bed, &["--from", "third", "--using", id]);
    assert_eq!(simulator.requests(), 4, "only the last call is made again");
    assert_eq!(new["output"], old["output"]);
    assert_eq!(new["output"], json!({ "third": "three two one a! local/m", "status": "skipped" }));
    assert_ne!(new["run"], old["run"]);
    for path in ["first", "kept", "group", "group/inner", "group/second"] {
        let reused = step(&new, path);
        assert_eq!((&reused["reused_from"], &reused["cost"]), (&json!(id), &json!("$0.00")), "{path}");
        assert_eq!(reused["output"], step(&old, path)["output"]);
    }
    assert_eq!(step(&new, "third")["reused_from"], json!(null));
    assert_eq!(new["cost"], step(&new, "third")["cost"], "what is reused is not paid for");
    // The same, said otherwise: a step in a group by its id, a run by the word for the newest.
    let again = run(&bed, &["--from", "second", "--using", "last"]);
    assert_eq!(simulator.requests(), 6);
    assert_eq!(step(&again, "group/inner")["reused_from"], json!(id), "who did it first");
    let shown = bed.howdah(&["runs", "show", again["run"].as_str().unwrap()]).exits(0).stdout;
    assert!(shown.contains(&format!("reused from {id}")), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_step_alone_gives_its_output() {
    let (simulator, bed) = bed().await;
    let first = bed.howdah(&["run", "w", "--only", "first", "-i", "text=b"]).exits(0);
    assert_eq!((first.stdout.as_str(), simulator.requests()), ("one b\n", 1));
    let wrong = bed.howdah(&["run", "w", "--only", "group/inner", "-i", "text=b"]).exits(2);
    assert!(wrong.stderr.contains("reads `steps.first`"), "{}", wrong.stderr);
    let old = run(&bed, &["-i", "text=a"]);
    let seen = run(&bed, &["--only", "second", "--using", old["run"].as_str().unwrap()]);
    assert_eq!((seen["output"].as_str(), simulator.requests()), (Some("two one a!"), 5));
    let paths: Vec<_> = seen["steps"].as_array().unwrap().iter().map(|step| step["path"].clone()).collect();
    assert_eq!(paths, ["first", "kept", "group/inner", "group/second", "group"]);
    let listed = bed.howdah(&["runs", "list", "--json"]).exits(0).json();
    assert_eq!(listed["runs"].as_array().unwrap().len(), 3, "a part is a run too");
    assert_eq!(listed["runs"][0]["trigger"], "manual");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_workflow_is_matched_by_path() {
    let (simulator, bed) = bed().await;
    run(&bed, &["-i", "text=a"]);
    bed.replace("workflows/w.yaml", &CHAIN.replace("say \\\"three", "say \\\"drei"));
    let new = run(&bed, &["--from", "third", "--using", "last"]);
    assert_eq!((&new["output"]["third"], simulator.requests()), (&json!("drei two one a! local/m"), 4));
    let inserted = CHAIN.replace("  - id: third", "  - id: extra\n    set: { a: 1 }\n  - id: third");
    bed.replace("workflows/w.yaml", &inserted);
    let wrong = bed.howdah(&["run", "w", "--from", "third", "--using", "last"]).exits(2);
    assert!(
        wrong.stderr.contains("did not come to `extra`, which stands before `third`"),
        "{}",
        wrong.stderr
    );
    assert_eq!(simulator.requests(), 4, "nothing is done before that is known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_refused() {
    let (simulator, bed) = bed().await;
    bed.write("workflows/other.yaml", "steps:\n  - id: a\n    set: { a: 1 }\n");
    let refused = |arguments: &[&str], words: &str| {
        let ran = bed.howdah(&[&["run", "w"], arguments].concat()).exits(2);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    };
    refused(&["--from", "third", "--using", "last"], "has no runs yet");
    let other = bed.howdah(&["run", "other", "--json"]).exits(0).json()["run"].as_str().unwrap().to_owned();
    refused(&["--from", "third", "--using", &other], "is one of the workflow `other`, not of `w`");
    refused(&["--from", "third", "--using", "ffff"], "there is no run `ffff`");
    refused(&["--from", "thrid", "--using", "last"], "did you mean `third`?");
    refused(&["--from", "looped", "--using", "last"], "stands in the loop `loop`");
    refused(&["--from", "third"], "--using");
    refused(&["--using", "last"], "`--from` or `--only`");
    refused(&["--from", "third", "--using", "last", "-i", "text=a"], "cannot be used with");
    assert_eq!(simulator.requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_run_goes_on_where_it_failed() {
    let simulator = simulator().await;
    let failing = "\
steps:
  - id: paid
    chat: { model: local/m, prompt: 'sim: say \"paid\"' }
  - id: may
    on_error: continue
    read: none.txt
  - id: file
    read: later.txt
output: \"{{steps.paid.output}} {{steps.file.output}} {{default steps.may.error.code 'none'}}\"
";
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", failing)]);
    let failed = bed.howdah(&["run", "w", "--json"]).exits(1).json();
    assert_eq!(failed["error"]["code"], "file_missing");
    bed.write("later.txt", "found");
    let run = bed.howdah(&["run", "w", "--from", "file", "--using", "last"]).exits(0);
    assert_eq!((run.stdout.as_str(), simulator.requests()), ("paid found file_missing\n", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_does_the_same() {
    let (simulator, bed) = bed().await;
    let served = bed.serve().await;
    let old = run(&bed, &["-i", "text=a"]);
    let new = run(&bed, &["--from", "third", "--using", "last"]);
    assert_eq!((&new["output"], simulator.requests()), (&old["output"], 4));
    assert_eq!(step(&new, "first")["reused_from"], old["run"]);
    let only =
        bed.howdah(&["run", "w", "--only", "second", "--using", old["run"].as_str().unwrap()]).exits(0);
    assert_eq!((only.stdout.as_str(), simulator.requests()), ("two one a!\n", 5));
    let wrong = bed.howdah(&["run", "w", "--only", "secnd", "--using", "last"]).exits(2);
    assert!(wrong.stderr.contains("did you mean `second`?"), "{}", wrong.stderr);
    let body = json!({ "from": "third", "only": "third", "using": "last" });
    assert!(served.post("/api/v1/workflows/w/runs", &body).await.is(400).text.contains("exclude each other"));
    let body = json!({ "from": "third" });
    assert!(served.post("/api/v1/workflows/w/runs", &body).await.is(422).text.contains("`using`"));
    let body = json!({ "from": "third", "using": "last", "inputs": { "text": "b" } });
    assert!(served.post("/api/v1/workflows/w/runs", &body).await.is(422).text.contains("leave out"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_was_interrupted_stays_a_part() {
    let simulator = simulator().await;
    let hanging = "\
inputs: { text: string }
steps:
  - id: first
    chat: { model: local/m, prompt: 'sim: say \"one\"' }
  - id: second
    chat: { model: local/m, prompt: \"sim: {{inputs.text}} times 1\\n{{steps.first.output}}\" }
  - id: third
    write: { path: third.txt, content: x }
";
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", hanging)]);
    let served = bed.serve().await;
    let body = json!({ "inputs": { "text": "error 401" } });
    let whole = served.post("/api/v1/workflows/w/runs", &body).await.is(202).json();
    let whole = whole["run"].as_str().unwrap().to_owned();
    served.wait_run(&whole, &["failed"]).await;
    let asked = simulator.requests();
    served.kill();
    bed.replace("workflows/w.yaml", &hanging.replace("{{inputs.text}} times 1", "hang"));
    let served = bed.serve().await;
    let body = json!({ "only": "second", "using": whole });
    let part = served.post("/api/v1/workflows/w/runs", &body).await.is(202).json();
    let part = part["run"].as_str().unwrap().to_owned();
    crate::bed::eventually("the model is asked", async || (simulator.requests() > asked).then_some(())).await;
    served.kill();
    let served = bed.serve().await;
    let again = asked + 1;
    crate::bed::eventually("it is asked again", async || (simulator.requests() > again).then_some(())).await;
    served.post(&format!("/api/v1/runs/{part}/cancel"), &json!({})).await.is(202);
    let seen = served.wait_run(&part, &["cancelled"]).await;
    assert_eq!((&seen["only"], &step(&seen, "first")["reused_from"]), (&json!("second"), &json!(whole)));
    assert!(!bed.has("third.txt"));
}
