//! The file trigger: each content version once, also what came while the daemon was down.

use crate::bed::{Bed, eventually, simulator};

const COPY: &str = "\
on: { file: { paths: [\"inbox/**/*.txt\"], settle: 0s } }
steps:
  - write: { path: \"out/{{event.stem}}.md\", content: \"{{event.change}}: {{event.text}}\" }
";

async fn wait_file(bed: &Bed, path: &str, text: &str) {
    eventually(&format!("{path} holds {text:?}"), async || {
        (std::fs::read_to_string(bed.path().join(path)).ok().as_deref() == Some(text)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_file_starts_one_run() {
    let bed = Bed::of(&[("workflows/copy.yaml", COPY)]);
    bed.write("inbox/old.txt", "was there before");
    let daemon = bed.serve().await;
    bed.write("inbox/a.txt", "one");
    wait_file(&bed, "out/a.md", "created: one").await;
    bed.write("inbox/a.txt", "two");
    wait_file(&bed, "out/a.md", "modified: two").await;
    bed.write("inbox/new/deep/b.txt", "three");
    wait_file(&bed, "out/b.md", "created: three").await;
    bed.replace("inbox/c.txt", "four");
    wait_file(&bed, "out/c.md", "created: four").await;
    let rows = daemon.wait_runs("copy", "succeeded", 4).await;
    assert!(rows.iter().all(|row| row["trigger"] == "file"));
    assert!(!bed.has("out/old.md"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_while_the_daemon_was_down_is_not_lost_and_nothing_comes_twice() {
    let bed = Bed::of(&[("workflows/copy.yaml", COPY)]);
    let daemon = bed.serve().await;
    bed.write("inbox/a.txt", "one");
    daemon.wait_runs("copy", "succeeded", 1).await;
    daemon.signal(rustix::process::Signal::TERM);
    bed.write("inbox/b.txt", "two");
    let daemon = bed.serve().await;
    daemon.wait_runs("copy", "succeeded", 2).await;
    wait_file(&bed, "out/b.md", "created: two").await;
    daemon.kill();
    let daemon = bed.serve().await;
    bed.write("inbox/c.txt", "three");
    daemon.wait_runs("copy", "succeeded", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_there_is_processed_when_asked_for() {
    let bed =
        Bed::of(&[("workflows/copy.yaml", &COPY.replace("settle: 0s", "settle: 0s, existing: process"))]);
    bed.write("inbox/old.txt", "here");
    let daemon = bed.serve().await;
    wait_file(&bed, "out/old.md", "created: here").await;
    daemon.wait_runs("copy", "succeeded", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_elsewhere_does_not_arm_the_trigger_anew() {
    let bed = Bed::of(&[("workflows/copy.yaml", COPY)]);
    let daemon = bed.serve().await;
    bed.write("inbox/a.txt", "one");
    daemon.wait_runs("copy", "succeeded", 1).await;
    let before = daemon.digest("copy").await;
    bed.replace("workflows/copy.yaml", &COPY.replace("change}}:", "change}} ->"));
    eventually("the edit is in force", async || (daemon.digest("copy").await != before).then_some(())).await;
    bed.write("inbox/b.txt", "two");
    wait_file(&bed, "out/b.md", "created -> two").await;
    daemon.wait_runs("copy", "succeeded", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_filters_and_with_fills_the_inputs() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "inputs: { text: string, size: integer }\non:\n  file:\n    paths: inbox/*\n    settle: 0s\n    if: event.ext == 'md' && event.size > 2\n    with: { text: \"{{event.text}}\", size: \"{{event.size}}\" }\nsteps:\n  - write: { path: \"out/{{filename run.id}}\", content: \"{{inputs.text}} {{inputs.size}}\" }\n",
    )]);
    let daemon = bed.serve().await;
    bed.write("inbox/a.txt", "ignored");
    bed.write("inbox/b.md", "hi");
    bed.write("inbox/c.md", "hello");
    let rows = daemon.wait_runs("w", "succeeded", 1).await;
    wait_file(&bed, &format!("out/{}", rows[0]["id"].as_str().unwrap()), "hello 5").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_files_at_once_are_each_done_once() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[(
            "workflows/w.yaml",
            "on: { file: { paths: [\"inbox/*.txt\"], settle: 0s } }\nsteps:\n  - id: sum\n    chat: { model: local/m, prompt: \"{{event.text}}\" }\n  - write: { path: \"out/{{event.stem}}.md\", content: \"{{steps.sum.output}}\" }\n",
        )],
    );
    let daemon = bed.serve().await;
    for index in 0..100 {
        bed.write(&format!("inbox/{index}.txt"), format!("text number {index}"));
    }
    daemon.wait_runs("w", "succeeded", 100).await;
    assert_eq!(simulator.requests(), 100);
    assert_eq!(std::fs::read_dir(bed.path().join("out")).unwrap().count(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_does_not_fit_the_inputs_is_a_failed_run() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "inputs: { count: { enum: [seven, eight] } }\non: { file: { paths: inbox/*, settle: 0s, with: { count: \"{{event.text}}\" } } }\nsteps:\n  - write: { path: \"out/{{event.stem}}\", content: \"{{inputs.count}}\" }\non_failure:\n  - write: { path: \"out/handled\", content: \"{{error.code}}\" }\n",
    )]);
    let daemon = bed.serve().await;
    bed.write("inbox/a.txt", "many");
    let rows = daemon.wait_runs("w", "failed", 1).await;
    let path = format!("/api/v1/runs/{}", rows[0]["id"].as_str().unwrap());
    let seen = daemon.get(&path).await.is(200).json();
    assert_eq!(seen["error"]["code"], "inputs", "{seen:#}");
    assert!(seen["error"]["message"].as_str().unwrap().contains("`count`"), "{seen:#}");
    let ran: Vec<_> =
        seen["steps"].as_array().unwrap().iter().map(|step| step["path"].as_str().unwrap()).collect();
    assert_eq!(ran, ["!on_failure/1"]);
    wait_file(&bed, "out/handled", "inputs").await;
    bed.write("inbox/b.txt", "seven");
    wait_file(&bed, "out/b", "seven").await;
    // It is dealt with, also for the next process.
    daemon.kill();
    let daemon = bed.serve().await;
    bed.write("inbox/c.txt", "eight");
    wait_file(&bed, "out/c", "eight").await;
    daemon.wait_runs("w", "failed", 1).await;
}
