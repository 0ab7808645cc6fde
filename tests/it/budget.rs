//! `limits`: what may be spent, and what becomes of a call that could cost more.
//!
//! The simulator's `local/m` has a price of $2 and $8 for a million tokens.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, eventually, simulator};

/// The run of this workflow with this howdah.yaml beside the providers, as `run --json` shows it.
fn ran(bed: &Bed, workflow: &str) -> Json {
    bed.write("workflows/w.yaml", workflow);
    bed.howdah(&["run", "w", "--json"]).json()
}

fn message(run: &Json) -> &str {
    run["error"]["message"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_could_cost_more_than_is_left_is_not_made() {
    let simulator = simulator().await;
    let bed = Bed::with_models(&simulator.base_url(), &[]);
    for (limits, name) in [
        ("limits: { run: { cost: $0.005 } }\n", "`limits.run.cost` has $0.005 left of $0.005"),
        ("limits: { day: { cost: $0.005 } }\n", "the workflow's `limits.day.cost` has $0.005 left"),
    ] {
        let run = ran(
            &bed,
            &format!("{limits}steps:\n  - chat: {{ model: local/m, prompt: hi, max_tokens: 1000 }}\n"),
        );
        assert_eq!(run["error"]["code"], "over_budget", "{run:#}");
        assert!(message(&run).contains(name), "{run:#}");
    }
    let run = ran(
        &bed,
        "steps:\n  - limits: { cost: $0.005 }\n    chat: { model: local/m, prompt: hi, max_tokens: 1000 }\n",
    );
    assert!(message(&run).contains("the step's `limits.cost` has $0.005 left"), "{run:#}");
    assert_eq!(simulator.requests(), 0);
    let run = ran(
        &bed,
        "limits: { run: { cost: $0.01 } }\nsteps:\n  - chat: { model: local/m, prompt: hi, max_tokens: 1000 }\n",
    );
    assert_eq!(run["status"], "succeeded", "{run:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_no_stated_length_is_as_long_as_the_money_is_good_for() {
    let simulator = simulator().await;
    let bed = Bed::with_models(&simulator.base_url(), &[]);
    let chat = "steps:\n  - chat: { model: local/m, prompt: hi }\n";
    for (limits, expected) in [
        ("", None),
        ("limits: { run: { cost: $0.01 } }\n", Some(1_000..1_250)),
        ("limits: { run: { cost: $1 } }\n", Some(4_096..4_097)),
    ] {
        ran(&bed, &format!("{limits}{chat}"));
        let body: Json = serde_json::from_slice(&simulator.journal().last().unwrap().body).unwrap();
        match (body["max_tokens"].as_u64(), expected) {
            (None, None) => {}
            (Some(sent), Some(expected)) => assert!(expected.contains(&sent), "{body:#}"),
            (sent, _) => panic!("{limits}: {sent:?}"),
        }
    }
    let run = ran(&bed, &format!("limits: {{ run: {{ cost: $0.001 }} }}\n{chat}"));
    assert_eq!(run["error"]["code"], "over_budget", "{run:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_model_of_the_chain_is_taken_when_the_first_does_not_fit_or_has_no_price() {
    let simulator = simulator().await;
    let bed = Bed::with_models(&simulator.base_url(), &[]);
    let mut config = bed.read("howdah.yaml");
    config.push_str("  local/dear: { input: $100, output: $1000 }\n");
    bed.write("howdah.yaml", config);
    for first in ["local/dear", "local/unpriced"] {
        let run = ran(
            &bed,
            &format!(
                "limits: {{ run: {{ cost: $0.02 }} }}\nsteps:\n  - id: ask\n    chat: {{ model: [{first}, local/m], prompt: hi, max_tokens: 100 }}\noutput: \"{{{{steps.ask.model}}}}\"\n"
            ),
        );
        assert_eq!(run["output"], "local/m", "{run:#}");
    }
    assert_eq!(simulator.requests(), 2);
    let run = ran(
        &bed,
        "limits: { run: { cost: $0.02 } }\nsteps:\n  - chat: { model: local/unpriced, prompt: hi, max_tokens: 100 }\n",
    );
    assert_eq!(run["error"]["code"], "unknown_price", "{run:#}");
    assert!(message(&run).contains("`prices:`"), "{run:#}");
    assert_eq!(simulator.requests(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_once_stay_within_the_limit_together() {
    let simulator = simulator().await;
    let bed = Bed::with_models(&simulator.base_url(), &[]);
    let run = ran(
        &bed,
        "limits: { run: { cost: $0.005 } }\nsteps:\n  - id: all\n    foreach: \"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]\"\n    concurrency: 20\n    on_item_error: keep\n    steps:\n      - chat: { model: local/m, prompt: \"sim: tokens 100\", max_tokens: 100 }\noutput: \"{{steps.all.output}}\"\n",
    );
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let outputs = run["output"].as_array().unwrap();
    let kept_out = outputs.iter().filter(|one| one["error"]["code"] == "over_budget").count();
    let answered = outputs.iter().filter(|one| one.is_string()).count();
    assert_eq!(kept_out + answered, 20, "{run:#}");
    // Each costs a little more than $0.0008, and what is set aside in vain comes back.
    assert_eq!(answered, 5, "{run:#}");
    let cost: howdah::money::Money = run["cost"].as_str().unwrap().parse().unwrap();
    assert!(cost <= "$0.005".parse().unwrap(), "{cost}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spent_today_counts_after_a_restart() {
    let simulator = simulator().await;
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[
            (
                "workflows/one.yaml",
                "steps:\n  - chat: { model: local/m, prompt: \"sim: tokens 100\", max_tokens: 100 }\n",
            ),
            ("workflows/two.yaml", "steps:\n  - chat: { model: local/m, prompt: hi, max_tokens: 100 }\n"),
        ],
    );
    let config = bed.read("howdah.yaml");
    bed.write(
        "howdah.yaml",
        format!("{config}timezone: Asia/Tokyo\nlimits: {{ day: {{ cost: $0.0015 }} }}\n"),
    );
    assert_eq!(bed.howdah(&["check", "--json"]).exits(0).json()["diagnostics"], json!([]));
    let run = bed.howdah(&["run", "one", "--json"]).exits(0).json();
    assert_eq!(run["status"], "succeeded");
    // Another process and another workflow: the day is the same.
    let daemon = bed.serve().await;
    let started = daemon.post("/api/v1/workflows/two/runs", &json!({})).await.is(202).json();
    let seen = daemon.wait_run(started["run"].as_str().unwrap(), &["failed", "succeeded"]).await;
    assert_eq!(seen["error"]["code"], "over_budget", "{seen:#}");
    assert!(message(&seen).contains("`limits.day.cost` in howdah.yaml"), "{seen:#}");
    // Raised while the daemon runs, it holds from then on.
    bed.replace("howdah.yaml", &format!("{config}limits: {{ day: {{ cost: $1 }} }}\n"));
    let generation = async || daemon.get("/api/v1/status").await.is(200).json()["generation"].as_u64();
    eventually("the edit is in force", async || (generation().await == Some(2)).then_some(())).await;
    let started = daemon.post("/api/v1/workflows/two/runs", &json!({})).await.is(202).json();
    daemon.wait_run(started["run"].as_str().unwrap(), &["succeeded"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_called_run_spends_its_callers_have_spent() {
    let simulator = simulator().await;
    let ask = "chat: { model: local/m, prompt: \"sim: tokens 100\", max_tokens: 100 }";
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[
            (
                "workflows/w.yaml",
                "limits: { run: { cost: $0.002 } }\nsteps:\n  - id: all\n    foreach: \"[1,2,3,4]\"\n    on_item_error: keep\n    steps: [{ call: middle }]\noutput: \"{{steps.all.output}}\"\n",
            ),
            ("workflows/middle.yaml", "steps: [{ call: leaf }]\n"),
            ("workflows/leaf.yaml", &format!("steps: [{{ {ask} }}]\n")),
        ],
    );
    let run = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    let refused: Vec<_> = run["output"].as_array().unwrap().iter().map(|one| &one["error"]).collect();
    // Each costs a little more than $0.0008: the limit is good for two.
    assert!(refused[..2].iter().all(|error| error.is_null()), "{run:#}");
    for error in &refused[2..] {
        assert_eq!(error["code"], "over_budget", "{run:#}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("`limits.run.cost` of `w`, from which it was called, has"), "{message}");
    }
    assert_eq!(simulator.requests(), 2);
    let id = run["run"].as_str().unwrap();
    let shown = bed.howdah(&["runs", "show", id, "--json"]).exits(0).json();
    assert_eq!(shown["cost"], "$0.00", "{shown:#}");
    let all: howdah::money::Money = shown["cost_with_calls"].as_str().unwrap().parse().unwrap();
    assert!(all > "$0.0016".parse().unwrap() && all <= "$0.002".parse().unwrap(), "{all}");
    let drawn = bed.howdah(&["runs", "show", id]).exits(0).stdout;
    assert!(drawn.contains(&format!("in all    {all} with the runs it called")), "{drawn}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_called_runs_spent_counts_after_a_restart() {
    let simulator = simulator().await;
    let ask = |prompt: &str| format!("chat: {{ model: local/m, prompt: \"{prompt}\", max_tokens: 100 }}");
    let bed = Bed::with_models(
        &simulator.base_url(),
        &[
            (
                "workflows/w.yaml",
                &format!(
                    "on: {{ webhook: {{ path: /w, auth: none }} }}\nlimits: {{ run: {{ cost: $0.003 }} }}\nsteps:\n  - call: ended\n  - call: lost\n  - {}\n",
                    ask("sim: tokens 100")
                ),
            ),
            ("workflows/ended.yaml", &format!("steps: [{{ {} }}]\n", ask("sim: tokens 100"))),
            (
                "workflows/lost.yaml",
                &format!(
                    "steps: [{{ {} }}, {{ {} }}]\n",
                    ask("sim: tokens 100"),
                    ask("sim: hang times 1\\nsim: tokens 100")
                ),
            ),
        ],
    );
    let daemon = bed.serve().await;
    let id = daemon.hook("/w", &json!({})).await.is(202).json()["run"].as_str().unwrap().to_owned();
    eventually("the third call is under way", async || (simulator.requests() == 3).then_some(())).await;
    daemon.kill();
    let daemon = bed.serve().await;
    let seen = daemon.wait_run(&id, &["succeeded", "failed", "needs_attention"]).await;
    // Three of the four are paid: one by a run that had ended, one by a run that was lost half way,
    // and one by that run after the restart.
    assert_eq!(
        (&seen["error"]["code"], &seen["error"]["step"]),
        (&json!("over_budget"), &json!("3")),
        "{seen:#}"
    );
    assert!(message(&seen).contains("`limits.run.cost` has $0.000"), "{seen:#}");
    assert_eq!(simulator.requests(), 4);
}

#[test]
fn a_limit_that_the_steps_pass_at_worst_is_told_before() {
    let found = |steps: &str| -> Vec<(String, u64)> {
        let text = format!("inputs: {{ x: string }}\nlimits: {{ run: {{ cost: $0.003 }} }}\nsteps:\n{steps}");
        let bed = Bed::of(&[("workflows/w.yaml", &text), (".env", "MAMMOUTH_API_KEY=none\n")]);
        let found = bed.howdah(&["check", "--json"]).exits(0).json();
        let found = found["diagnostics"].as_array().unwrap().iter();
        found
            .map(|one| (one["code"].as_str().unwrap().to_owned(), one["line"].as_u64().unwrap()))
            .filter(|(code, _)| !matches!(code.as_str(), "missing-secret" | "unused-input"))
            .collect()
    };
    let chat =
        |model: &str, tokens: u32| format!("chat: {{ model: {model}, prompt: hi, max_tokens: {tokens} }}\n");
    let over = |line: u64| vec![("over-limit".to_owned(), line)];
    // gpt-4.1 answers for $8 a million tokens, gpt-4.1-nano for $0.40.
    assert_eq!(found(&format!("  - {}", chat("gpt-4.1", 1_000))), over(4));
    assert_eq!(found(&format!("  - {0}  - {0}", chat("gpt-4.1", 200))), over(5));
    assert_eq!(found(&format!("  - {}", chat("mammouth/gpt-4.1", 200))), []);
    assert_eq!(found(&format!("  - {}", chat("[gpt-4.1, gpt-4.1-nano]", 1_000))), []);
    assert_eq!(found(&format!("  - if: inputs.x == 'a'\n    {}", chat("gpt-4.1", 1_000))), []);
    let each = format!("  - foreach: \"[1]\"\n    steps:\n      - {}", chat("gpt-4.1", 1_000));
    assert_eq!(found(&each), over(6));
    let (dear, cheap) = (chat("gpt-4.1", 1_000), chat("gpt-4.1-nano", 1_000));
    let switch = |second: &str| {
        format!("  - switch: inputs.x\n    cases:\n      a:\n        - {dear}    default:\n      - {second}")
    };
    assert_eq!(found(&switch(&cheap)), []);
    assert_eq!(found(&switch(&dear)), over(4));
    assert_eq!(found(&format!("  - {}", chat("\"{{inputs.x}}\"", 1_000))), []);
}
