//! `howdah plan` shows what a run would do and cost, and does none of it.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver, simulator};

/// The answer decides; an input decides; a pure step decides.
const DECIDE: &str = "\
inputs: { text: string, loud: boolean }
steps:
  - id: size
    compute: { letters: size(inputs.text) }
  - id: ask
    chat: { model: local/m, max_tokens: 100, prompt: \"{{inputs.text}} has {{steps.size.output.letters}}\" }
  - if: inputs.loud
    write: { path: loud.txt, content: \"{{inputs.text}}\" }
  - if: steps.size.output.letters > 100
    write: { path: long.txt, content: \"{{inputs.text}}\" }
  - if: steps.ask.output == 'yes'
    http: { post: \"https://example.org/{{inputs.text}}?a={{steps.ask.output}}\", json: { a: \"{{steps.ask.output}}\" } }
  - id: again
    chat: { model: local/m, max_tokens: 100, prompt: \"Sum up: {{steps.ask.output}}\" }
";

fn planned(bed: &Bed, arguments: &[&str]) -> Json {
    bed.howdah(&[&["plan", "w", "--json"], arguments].concat()).exits(0).json()
}

fn w(text: &str) -> Bed {
    Bed::with_models("http://127.0.0.1:1/v1", &[("workflows/w.yaml", text)])
}

#[test]
fn the_example_reads_as_it_should() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = std::fs::read_to_string(root.join("workflows/triage.yaml")).unwrap();
    let bed = Bed::of(&[("workflows/triage.yaml", &example)]);
    bed.write(".env", "PAGER_URL=https://pager.example.org/secret-path\n");
    let ran = bed.howdah(&["plan", "triage", "-i", "ticket=I was charged twice."]).exits(0);
    let expected = std::fs::read_to_string(root.join("tests/fixtures/plan/triage.txt")).unwrap();
    assert_eq!(ran.stdout, expected, "\n--- is\n{}", ran.stdout);
    assert!(!bed.has(".howdah"), "a plan leaves no state behind");
}

#[test]
fn what_is_known_is_decided_and_the_rest_is_left_open() {
    let seen = planned(&w(DECIDE), &["-i", "text=a b", "-i", "loud=true"]);
    let steps = seen["steps"].as_array().unwrap();
    let chances: Vec<_> = steps.iter().map(|step| step["chance"].as_str().unwrap()).collect();
    assert_eq!(chances, ["certain", "certain", "certain", "never", "possible", "certain"], "{seen:#}");
    assert_eq!(steps[0]["end"]["output"], json!({ "letters": 3 }));
    assert_eq!(steps[1]["asks"]["messages"], json!([{ "role": "user", "content": "a b has 3" }]));
    assert_eq!(steps[4]["unknown"], json!(["steps.ask.output"]));
    assert_eq!(steps[4]["fields"]["post"], "https://example.org/a%20b?a=‹steps.ask.output›");
    assert_eq!(steps[5]["asks"]["messages"][0]["content"], "Sum up: ‹steps.ask.output›");
    let totals = &seen["totals"];
    assert_eq!(totals["calls"], json!({ "least": 2, "most": 2 }));
    assert_eq!(totals["files"], json!([{ "path": "loud.txt", "access": "write", "chance": "certain" }]));
    assert_eq!(totals["addresses"][0]["chance"], "possible");
}

#[test]
fn a_cost_is_exact_where_it_is_known_and_open_where_nobody_knows() {
    let seen = planned(&w(DECIDE), &["-i", "text=ab", "-i", "loud=true"]);
    // `ab has 2`: 2 tokens and a frame of 8 at least, 8 bytes and the frame at most; $2 and $8 a million.
    let cost = json!({ "least": "$0.000028", "most": "$0.000832" });
    assert_eq!(seen["steps"][1]["cost"], cost, "{seen:#}");
    assert_eq!(seen["steps"][5]["cost"]["most"], json!(null), "the prompt is not known");
    assert_eq!(seen["totals"]["cost"]["most"], json!(null));
    let unpriced = DECIDE.replace("local/m", "local/other");
    let seen = planned(&w(&unpriced), &["-i", "text=ab", "-i", "loud=true"]);
    assert_eq!(seen["steps"][1]["asks"]["models"][0]["price"], json!(null));
    let text = w(&unpriced).howdah(&["plan", "w", "-i", "text=ab", "-i", "loud=true"]).exits(0).stdout;
    assert!(text.contains("the price of `local/other` is not known"), "{text}");
}

#[test]
fn without_inputs_what_they_decide_is_open() {
    let seen = planned(&w(DECIDE), &[]);
    assert_eq!(seen["unknown_inputs"], json!(["text", "loud"]));
    let chances: Vec<_> =
        seen["steps"].as_array().unwrap().iter().map(|step| step["chance"].clone()).collect();
    assert_eq!(chances, ["certain", "certain", "possible", "possible", "possible", "certain"]);
    assert_eq!(
        seen["steps"][1]["asks"]["messages"][0]["content"],
        "‹inputs.text› has ‹steps.size.output.letters›"
    );
}

#[test]
fn loops_are_counted_where_their_list_is_known() {
    let bed = w("\
inputs: { names: { type: array, items: { type: string } } }
steps:
  - id: each
    foreach: inputs.names
    as: name
    steps:
      - chat: { model: local/m, max_tokens: 10, prompt: \"{{name}} {{index}}\" }
  - id: until
    repeat:
      until: steps.ask.output == 'yes'
      max: 4
      steps:
        - id: ask
          chat: { model: local/m, max_tokens: 10, prompt: \"round {{round.index}}\" }
  - foreach: steps.each.output
    steps:
      - write: { path: \"out/{{filename item}}\", content: x }
");
    let seen = planned(&bed, &["-i", "names=[Ada, Bob, Cleo, Dan]"]);
    assert_eq!(seen["steps"][0]["calls"], json!({ "least": 4, "most": 4 }), "{seen:#}");
    let third = &seen["steps"][0]["branches"][2]["steps"][0];
    assert_eq!(third["path"], "each[2]/1");
    assert_eq!(third["asks"]["messages"][0]["content"], "Cleo 2");
    assert_eq!(seen["steps"][1]["calls"], json!({ "least": 1, "most": 4 }));
    assert_eq!(seen["steps"][2]["branches"][0]["chance"], "possible");
    assert_eq!(seen["totals"]["files"][0]["path"], "out/‹item›");
    let unknown = planned(&bed, &[]);
    assert_eq!(unknown["steps"][0]["calls"], json!({ "least": 0, "most": null }));
    // However long a loop is, what is told of it is bounded.
    let names: Vec<_> = (0..9_000).map(|number| number.to_string()).collect();
    bed.write("in.json", json!({ "names": names }).to_string());
    let long = planned(&bed, &["--inputs", "in.json"]);
    assert_eq!(long["steps"][0]["calls"]["most"], json!(null));
    assert!(long["steps"][0]["branches"].as_array().unwrap().len() <= 1_001);
}

#[test]
fn a_run_that_would_fail_is_told_so() {
    let bed = w("\
inputs: { name: string }
steps:
  - id: file
    read: \"{{inputs.name}}\"
  - write: { path: never.txt, content: x }
on_failure:
  - write: { path: \"failed-{{error.code}}.txt\", content: \"{{error.message}}\" }
");
    let seen = planned(&bed, &["-i", "name=none.txt"]);
    assert_eq!(seen["end"]["error"]["code"], "file_missing", "{seen:#}");
    assert_eq!(seen["totals"]["files"][1]["path"], "failed-file_missing.txt");
    assert_eq!(seen["steps"].as_array().unwrap().len(), 1);
    bed.write("there.txt", "content");
    let seen = planned(&bed, &["-i", "name=there.txt"]);
    assert_eq!(seen["steps"][0]["end"]["output"], "content");
    assert_eq!(seen["on_failure"][0]["chance"], "possible");
    assert!(!bed.has("never.txt") && !bed.has(".howdah"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_written_or_kept() {
    let (simulator, receiver) = (simulator().await, Receiver::start().await);
    let everything = format!(
        "steps:\n  - id: a\n    chat: {{ model: local/m, prompt: hi }}\n  - http: {{ get: \"{0}/get\" }}\n  - webhook: {{ url: \"{0}/hook\", json: {{ a: 1 }} }}\n  - write: {{ path: out.txt, content: x }}\n",
        receiver.url
    );
    let bed = Bed::with_models(&simulator.base_url(), &[("workflows/w.yaml", &everything)]);
    for line in [&["plan", "w"][..], &["run", "w", "--dry-run"]] {
        let ran = bed.howdah(line).exits(0);
        assert!(ran.stdout.contains("writes   out.txt"), "{}", ran.stdout);
    }
    assert_eq!((simulator.requests(), receiver.requests().len()), (0, 0));
    assert!(!bed.has("out.txt") && !bed.has(".howdah"));
}

#[test]
fn a_secret_is_named_and_never_shown() {
    let bed = w("\
steps:
  - http: { get: \"https://example.org\", auth: { bearer: \"{{secrets.TOKEN}}\" } }
  - write: { path: a.txt, content: very-secret-value }
");
    bed.write(".env", "TOKEN=very-secret-value\n");
    for form in [&["plan", "w"][..], &["plan", "w", "--json"], &["run", "w", "--dry-run"]] {
        let ran = bed.howdah(form).exits(0);
        assert!(ran.stdout.contains("[secret TOKEN]"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("very-secret-value") && !ran.stderr.contains("very-secret-value"));
    }
    let secrets = planned(&bed, &[])["totals"]["secrets"].clone();
    assert_eq!(secrets, json!([{ "name": "TOKEN", "set": true }]));
}

#[test]
fn a_prompt_file_is_shown_as_it_would_be_sent_where_all_it_takes_is_known() {
    let bed = w("\
inputs: { who: string }
steps:
  - id: one
    chat: { model: local/m, prompt: { file: ask, with: { who: \"{{inputs.who}}\" } } }
  - id: two
    chat: { model: local/m, prompt: { file: ask, with: { who: \"{{steps.one.output}}\" } } }
");
    bed.write("prompts/ask.prompt", "{{role \"system\"}}Be kind.{{role \"user\"}}Greet {{who}}.");
    let seen = planned(&bed, &["-i", "who=Ada"]);
    let said =
        json!([{ "role": "system", "content": "Be kind." }, { "role": "user", "content": "Greet Ada." }]);
    assert_eq!(seen["steps"][0]["asks"]["messages"], said, "{seen:#}");
    let second = &seen["steps"][1]["asks"]["messages"];
    assert_eq!(second[0]["role"], "prompt");
    assert!(second[0]["content"].as_str().unwrap().contains("‹steps.one.output›"), "{second}");
}

#[test]
fn what_waits_and_what_outlives_the_run_is_told_and_not_done() {
    let bed = w("\
steps:
  - id: person
    approve: { message: \"Go on?\" }
  - if: steps.person.output.approved
    write: { path: out.txt, content: x }
  - id: later
    wait: { for: 2d }
  - state: { add: { count: 1 } }
  - set: { seen: \"{{state.count}}\" }
");
    for line in [&["plan", "w", "--json"][..], &["run", "w", "--dry-run", "--json"]] {
        let seen = bed.howdah(line).exits(0).json();
        let told = |at: usize| seen["steps"][at]["told"].as_str().unwrap_or_default().to_owned();
        assert_eq!(told(0), "waits for a person", "{seen:#}");
        assert_eq!(seen["steps"][1]["chance"], "possible");
        assert!(told(2).starts_with("waits, at most until "), "{seen:#}");
        assert_eq!(told(3), "changes the state");
        assert_eq!(seen["steps"][4]["fields"]["seen"], "‹state.count›");
    }
    assert!(!bed.has(".howdah"));
}

#[test]
fn another_workflow_is_looked_into() {
    let bed = w("\
steps:
  - id: child
    call: child
    with: { n: 2 }
  - compute: { twice: steps.child.output.n }
");
    bed.write("workflows/child.yaml", "inputs: { n: integer, m: { type: integer, default: 3 } }\nsteps:\n  - id: x\n    compute: { n: inputs.n * inputs.m }\noutput: \"{{steps.x.output}}\"\n");
    let seen = planned(&bed, &[]);
    assert_eq!(seen["steps"][1]["end"]["output"], json!({ "twice": 6 }), "{seen:#}");
    bed.write("workflows/child.yaml", "inputs: { n: integer }\nsteps:\n  - if: inputs.n > 0\n    call: w\n");
    bed.write("workflows/w.yaml", "steps:\n  - call: child\n    with: { n: 1 }\n");
    let seen = planned(&bed, &[]);
    assert_eq!(seen["end"]["error"]["code"], "too_deep", "{seen:#}");
}

#[test]
fn what_is_wrong_is_told_as_by_check() {
    let bed = w("steps:\n  - sett: { a: 1 }\n");
    let wrong = bed.howdah(&["plan", "w"]).exits(2);
    assert!(wrong.stderr.contains("error[unknown-action]"), "{}", wrong.stderr);
    let bed = w(DECIDE);
    let wrong = bed.howdah(&["plan", "w", "-i", "loud=maybe"]).exits(2);
    assert!(wrong.stderr.contains("the input `loud` does not fit"), "{}", wrong.stderr);
    let wrong = bed.howdah(&["plan", "w", "-i", "lout=true"]).exits(2);
    assert!(wrong.stderr.contains("did you mean `loud`?"), "{}", wrong.stderr);
    assert!(bed.howdah(&["plan", "x"]).exits(2).stderr.contains("there is no workflow `x`"));
}
