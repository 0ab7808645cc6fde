//! `howdah run --dry-run` goes one way through a workflow, with answers that are made up.

use serde_json::json;

use crate::bed::Bed;

const BRANCHES: &str = "\
inputs: { text: string }
steps:
  - id: label
    chat:
      model: local/m
      prompt: \"{{inputs.text}}\"
      schema: { queue(enum): [only], count: integer }
  - id: route
    switch: steps.label.output.queue
    cases:
      only:
        - id: draft
          chat: { model: local/m, prompt: \"Answer {{steps.label.output.queue}}\" }
        - write: { path: out.txt, content: \"{{steps.draft.output}}\" }
  - id: sent
    http: { post: \"https://example.org\", json: { n: \"{{steps.label.output.count}}\" } }
  - if: steps.sent.output.status == 200
    write: { path: sent.txt, content: x }
output: \"{{steps.label.output.queue}}\"
";

fn bed(text: &str) -> Bed {
    Bed::with_models("http://127.0.0.1:1/v1", &[("workflows/w.yaml", text)])
}

#[test]
fn one_way_is_gone_and_marked_as_made_up() {
    let bed = bed(BRANCHES);
    let ran = bed.howdah(&["run", "w", "--dry-run", "--json", "-i", "text=hi"]).exits(0);
    let seen = ran.json();
    let label = &seen["steps"][0]["end"];
    assert_eq!((&label["made_up"], &label["output"]["queue"]), (&json!(true), &json!("only")), "{seen:#}");
    assert!(label["output"]["count"].is_i64());
    let route = &seen["steps"][1]["branches"];
    assert_eq!((route.as_array().unwrap().len(), &route[0]["label"]), (1, &json!("only")));
    let draft = "‹what local/m answers at route!only/draft›";
    assert_eq!(route[0]["steps"][1]["fields"]["content"], draft);
    assert_eq!(seen["steps"][2]["fields"]["json"]["n"], label["output"]["count"]);
    assert_eq!(seen["steps"][3]["chance"], "possible", "what a server would answer is not made up");
    assert_eq!(seen["end"]["output"], "only");
    assert!(!bed.has("out.txt") && !bed.has(".howdah"));
    assert!(ran.stderr.contains("nothing was done"), "{}", ran.stderr);
}

#[test]
fn it_takes_what_a_run_takes() {
    let bed = bed(BRANCHES);
    let missing = bed.howdah(&["run", "w", "--dry-run"]).exits(2);
    assert!(missing.stderr.contains("the input `text` is missing"), "{}", missing.stderr);
    bed.howdah(&["run", "w", "--dry-run", "--simulate", "-i", "text=hi"]).exits(2);
    bed.write(
        "workflows/e.yaml",
        "on: { webhook: { path: /e, auth: none } }\nsteps:\n  - set: { a: \"{{event.body}}\" }\n",
    );
    let missing = bed.howdah(&["run", "e", "--dry-run"]).exits(2);
    assert!(missing.stderr.contains("reads `event`"), "{}", missing.stderr);
}

#[test]
fn a_run_that_would_fail_fails() {
    let bed = bed(
        "steps:\n  - id: stop\n    fail: \"not today\"\n  - write: { path: a.txt, content: x }\nfinally:\n  - write: { path: end.txt, content: x }\n",
    );
    let ran = bed.howdah(&["run", "w", "--dry-run"]).exits(1);
    assert!(ran.stdout.contains("the run would fail at the step `stop`: not today"), "{}", ran.stdout);
    assert!(ran.stdout.contains("end.txt") && !ran.stdout.contains("a.txt"), "{}", ran.stdout);
}
