//! `howdah run` without a daemon: one run, its output, its exit code.

use serde_json::json;

use crate::bed::{Bed, Receiver, simulator};

#[test]
fn text_comes_out_as_it_is_and_other_values_as_json() {
    let bed = Bed::of(&[
        ("workflows/text.yaml", "inputs: { name: string }\nsteps: []\noutput: \"hi {{inputs.name}}\"\n"),
        (
            "workflows/map.yaml",
            "inputs: { n: integer }\nsteps: []\noutput: { twice: [\"{{inputs.n}}\", \"{{inputs.n}}\"] }\n",
        ),
    ]);
    let ran = bed.howdah(&["run", "text", "-i", "name=Ann"]).exits(0);
    assert_eq!(ran.stdout, "hi Ann\n");
    let ran = bed.howdah(&["run", "map", "-i", "n=3"]).exits(0);
    assert_eq!(ran.json(), json!({ "twice": [3, 3] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_one_document_with_everything() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "steps:\n  - id: ask\n    chat: { model: local/m, prompt: 'sim: say \"four words of text\"' }\n",
        )],
    );
    let ran = bed.howdah(&["run", "w", "--json"]).exits(0);
    let seen = ran.json();
    assert_eq!(seen["workflow"], "w");
    assert_eq!(seen["status"], "succeeded");
    assert_eq!(seen["output"], "four words of text");
    assert_eq!(seen["error"], json!(null));
    let usage = &seen["usage"];
    let cost = 2 * usage["input_tokens"].as_u64().unwrap() + 8 * usage["output_tokens"].as_u64().unwrap();
    let expected = howdah::money::Money::from_pico(cost * 1_000_000).to_string();
    assert_eq!(seen["cost"], expected.as_str(), "{seen:#}");
    assert_eq!(seen["steps"][0]["path"], "ask");
    assert_eq!(seen["run"].as_str().unwrap().len(), 36);
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with('{')).count(), 1);
}

#[test]
fn inputs_come_from_flags_a_file_and_standard_input() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "inputs: { a: string, b: integer, c: { type: array, items: { type: string }, default: [] } }\nsteps: []\noutput: { a: \"{{inputs.a}}\", b: \"{{inputs.b}}\", c: \"{{inputs.c}}\" }\n",
    )]);
    bed.write("in.json", r#"{"a": "file", "b": 1}"#);
    let ran = bed.howdah(&["run", "w", "--inputs", "in.json", "-i", "b=2", "-i", "c=[x, y]"]).exits(0);
    assert_eq!(ran.json(), json!({ "a": "file", "b": 2, "c": ["x", "y"] }));
    let ran = bed.howdah_with(&["run", "w", "--inputs", "-"], "a: from\nb: 7\n").exits(0);
    assert_eq!(ran.json(), json!({ "a": "from", "b": 7, "c": [] }));
    // A text input is text, whatever it looks like.
    let ran = bed.howdah(&["run", "w", "-i", "a=5", "-i", "b=1"]).exits(0);
    assert_eq!(ran.json()["a"], "5");
}

#[test]
fn wrong_use_exits_with_2_and_starts_nothing() {
    let bed = Bed::of(&[
        ("workflows/w.yaml", "inputs: { name: string, n: { type: integer, default: 1 } }\nsteps: []\n"),
        ("workflows/broken.yaml", "steps: [{ caht: hi }]\n"),
    ]);
    for (arguments, told) in [
        (&["run", "w"][..], "`name` is missing"),
        (&["run", "w", "-i", "nme=x"], "`name`"),
        (&["run", "w", "-i", "name=x", "-i", "n=many"], "`n`"),
        (&["run", "w", "-i", "name"], "NAME=VALUE"),
        (&["run", "v"], "there is no workflow `v`"),
        (&["run", "broken"], "there is no action `caht`"),
        (&["run", "w", "--inputs", "none.json"], "none.json"),
        (&["rum", "w"], "run"),
    ] {
        let ran = bed.howdah(arguments).exits(2);
        assert!(ran.stderr.contains(told), "{arguments:?} told: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    let list = bed.howdah(&["runs", "list", "--json"]).exits(0).json();
    assert_eq!(list["runs"], json!([]));
}

#[test]
fn a_failed_run_exits_with_1_and_says_where() {
    let bed = Bed::of(&[("workflows/w.yaml", "steps:\n  - id: stop\n    fail: \"no more\"\n")]);
    let ran = bed.howdah(&["run", "w"]).exits(1);
    assert!(ran.stderr.contains("no more") && ran.stderr.contains("stop"), "{}", ran.stderr);
    let ran = bed.howdah(&["run", "w", "--json"]).exits(1);
    let seen = ran.json();
    assert_eq!(seen["status"], "failed");
    assert_eq!(seen["error"]["message"], "no more");
    assert_eq!(seen["error"]["step"], "stop");
}

#[test]
fn a_missing_key_names_the_variable_and_where_to_get_one() {
    let bed = Bed::of(&[("workflows/w.yaml", "steps:\n  - chat: { model: gpt-4.1-mini, prompt: hi }\n")]);
    let ran = bed.howdah(&["run", "w"]).exits(1);
    assert!(ran.stderr.contains("MAMMOUTH_API_KEY"), "{}", ran.stderr);
    assert!(ran.stderr.contains("mammouth.ai"), "{}", ran.stderr);
}

#[test]
fn a_dry_run_needs_no_key() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "steps:\n  - id: label\n    chat:\n      model: gpt-4.1-mini\n      prompt: The office is down\n      schema: { queue(enum): [billing, outage], urgency: integer }\noutput: \"{{steps.label.output}}\"\n",
    )]);
    let ran = bed.howdah(&["run", "w", "--simulate"]).exits(0);
    assert!(["billing", "outage"].contains(&ran.json()["queue"].as_str().unwrap()));
    assert!(ran.json()["urgency"].is_i64());
}

#[test]
fn a_workflow_is_named_by_its_path_too() {
    let bed = Bed::of(&[("workflows/sub/w.yaml", "name: other\nsteps: []\noutput: done\n")]);
    assert_eq!(bed.howdah(&["run", "workflows/sub/w.yaml"]).exits(0).stdout, "done\n");
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("alone.yaml");
    std::fs::write(&alone, "steps: []\n").unwrap();
    let ran = bed.howdah(&["run", alone.to_str().unwrap()]).exits(2);
    assert!(ran.stderr.contains("howdah init"), "{}", ran.stderr);
    bed.howdah(&["check", alone.to_str().unwrap()]).exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_listed_and_shown() {
    let receiver = Receiver::start().await;
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        &format!("steps:\n  - id: tell\n    webhook: {{ url: \"{}/x\", json: {{ a: 1 }} }}\n", receiver.url),
    )]);
    let run = bed.howdah(&["run", "w", "--json"]).exits(0).json()["run"].as_str().unwrap().to_owned();
    bed.howdah(&["run", "w"]).exits(0);
    let list = bed.howdah(&["runs", "list", "--json"]).exits(0).json();
    assert_eq!(list["runs"].as_array().unwrap().len(), 2);
    assert_eq!(list["runs"][1]["id"], run.as_str());
    let shown = bed.howdah(&["runs", "show", &run, "--json"]).exits(0).json();
    assert_eq!(shown["steps"][0]["path"], "tell");
    assert_eq!(shown["steps"][0]["attempts"].as_array().unwrap().len(), 1);
    let table = bed.howdah(&["runs", "list"]).exits(0).stdout;
    assert!(table.contains(&run[..8]) && table.contains("succeeded"), "{table}");
    let timeline = bed.howdah(&["runs", "show", &run]).exits(0).stdout;
    assert!(timeline.contains("tell"), "{timeline}");
    bed.howdah(&["runs", "show", "ffffffff"]).exits(1);
    // The step's key went along.
    let request = &receiver.requests()[0];
    assert_eq!(request["headers"]["idempotency-key"], format!("{run}/tell").as_str());
    assert_eq!(request["headers"]["webhook-id"], format!("{run}/tell").as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_sent_and_written_nowhere() {
    const VALUE: &str = "s3cr3t-v4lue-of-the-test";
    let receiver = Receiver::start().await;
    receiver.answer(&[400]);
    let bed = Bed::of(&[
        (".env", &format!("KEY={VALUE}\n")),
        (
            "workflows/w.yaml",
            &format!(
                "steps:\n  - id: refused\n    on_error: continue\n    http: {{ post: \"{0}/first\", headers: {{ X-Key: \"{{{{secrets.KEY}}}}\" }}, json: {{ key: \"{{{{secrets.KEY}}}}\" }} }}\n  - id: sent\n    http: {{ get: \"{0}/second\", query: {{ key: \"{{{{secrets.KEY}}}}\" }}, auth: {{ bearer: \"{{{{secrets.KEY}}}}\" }} }}\noutput: \"{{{{steps.sent.output.status}}}}\"\n",
                receiver.url
            ),
        ),
    ]);
    let ran = bed.howdah(&["run", "w", "--json"]).exits(0);
    let requests = receiver.requests();
    assert_eq!(requests[0]["headers"]["x-key"], VALUE);
    assert_eq!(requests[0]["json"]["key"], VALUE);
    assert_eq!(requests[1]["headers"]["authorization"], format!("Bearer {VALUE}").as_str());
    assert_eq!(requests[1]["path"], format!("/second?key={VALUE}").as_str());
    assert!(!ran.stdout.contains(VALUE) && !ran.stderr.contains(VALUE), "{ran:?}");
    // Nor in the journal, whatever file it lies in.
    let mut folders = vec![bed.path().join(".howdah")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            assert!(
                !bytes.windows(VALUE.len()).any(|window| window == VALUE.as_bytes()),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn an_output_that_cannot_be_written_is_told() {
    let bed =
        Bed::of(&[("workflows/w.yaml", "steps:\n  - id: w\n    write: { path: out/a.md, content: x }\n")]);
    bed.write("out", "a file where a folder should be");
    let seen = bed.howdah(&["run", "w", "--json"]).exits(1).json();
    assert!(seen["error"]["message"].as_str().unwrap().contains("out"), "{seen:#}");
    assert_eq!(bed.read("out"), "a file where a folder should be");
}

#[test]
fn interrupting_a_run_cancels_it() {
    use std::io::{BufRead as _, BufReader};
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "steps:\n  - id: ask\n    chat: { model: gpt-4.1, prompt: \"sim: hang\" }\n",
    )]);
    let mut command = bed.command(&["run", "w", "--simulate"]);
    let mut child =
        command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // The step is told of when it starts.
    while !lines.next().unwrap().unwrap().contains("ask") {}
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let list = bed.howdah(&["runs", "list", "--json"]).exits(0).json();
    assert_eq!(list["runs"][0]["status"], "cancelled");
}
