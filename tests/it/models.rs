//! Model servers as they are: down, slow, wrong, cut. And what a call costs.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, simulator, simulator_with};

/// One `chat` step with this prompt against a simulator; the run as `run --json` shows it.
fn chat(base_url: &str, prompt: &str, more: &str) -> Json {
    let bed = Bed::with_models(
        base_url,
        &[(
            "workflows/w.yaml",
            &format!(
                "steps:\n  - id: ask\n    retry: {{ attempts: 3, delay: 1ms }}\n    chat:\n      model: local/m\n      prompt: |\n        {}\n{more}",
                prompt.replace('\n', "\n        ")
            ),
        )],
    );
    bed.howdah(&["run", "w", "--json"]).json()
}

fn attempts(run: &Json) -> usize {
    run["steps"][0]["attempts"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passing_faults_are_tried_again() {
    let simulator = simulator().await;
    for fault in [
        "error 429 retry-after 1 times 1",
        "error 500 times 1",
        "error 503 retry-after 1 times 1",
        "cut times 1",
        "malformed times 1",
        "truncate times 1",
        "error-event times 1",
    ] {
        let run = chat(&simulator.base_url(), &format!("sim: {fault}\nhello"), "");
        assert_eq!(run["status"], "succeeded", "{fault}: {run:#}");
        assert_eq!(attempts(&run), 2, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lasting_faults_fail_at_once_with_advice() {
    let simulator = simulator().await;
    for (fault, code) in
        [("error 401", "model_auth"), ("error 400", "model_bad_request"), ("error 404", "model_unknown")]
    {
        let run = chat(&simulator.base_url(), &format!("sim: {fault}"), "");
        assert_eq!(run["error"]["code"], code, "{run:#}");
        assert_eq!(attempts(&run), 1, "{fault}");
    }
    let run = chat(&simulator.base_url(), "sim: refuse \"no\"", "");
    assert_eq!(run["error"]["code"], "model_refused", "{run:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_or_is_none_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let run = chat(&format!("http://{address}/v1"), "hi", "");
    assert_eq!(run["error"]["code"], "model_unreachable", "{run:#}");
    assert!(run["error"]["message"].as_str().unwrap().contains(&address.to_string()));
    assert_eq!(attempts(&run), 3);

    let html = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = html.local_addr().unwrap();
    let page = axum::Router::new().fallback(|| async { axum::response::Html("<h1>It works!</h1>") });
    tokio::spawn(async move { axum::serve(html, page).await });
    let run = chat(&format!("http://{address}/v1"), "hi", "");
    assert_eq!(run["error"]["code"], "model_bad_answer", "{run:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_fit_is_asked_for_again() {
    let simulator = simulator().await;
    let schema = "      schema: { queue(enum): [billing, outage], urgency: integer }\n";
    let run = chat(&simulator.base_url(), "sim: json {\"queue\": \"nowhere\"} times 1", schema);
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert!(run["output"]["urgency"].is_i64());
    assert_eq!(simulator.requests(), 2);
    assert_eq!(attempts(&run), 1);
    let asked: Json = serde_json::from_slice(&simulator.journal()[1].body).unwrap();
    let last = asked["messages"].as_array().unwrap().last().unwrap();
    assert!(last["content"].as_str().unwrap().contains("urgency"), "{last:#}");
    // Both calls are paid for.
    let one = chat(&simulator.base_url(), "sim: json {\"queue\": \"billing\", \"urgency\": 1}", schema);
    assert!(run["usage"]["input_tokens"].as_u64() > one["usage"]["input_tokens"].as_u64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_moves_on_to_the_next_model() {
    let down = simulator_with(|options| options.errors = vec!["500=1".parse().unwrap()]).await;
    let up = simulator().await;
    let bed = Bed::of(&[
        (
            "howdah.yaml",
            &format!(
                "providers:\n  down: {{ base_url: \"{}\" }}\n  up: {{ base_url: \"{}\" }}\nmodels: {{ best: [down/a, up/b] }}\n",
                down.base_url(),
                up.base_url()
            ),
        ),
        (
            "workflows/w.yaml",
            "steps:\n  - id: ask\n    retry: { attempts: 2, delay: 1ms }\n    chat: { model: best, prompt: hi }\noutput: \"{{steps.ask.model}}\"\n",
        ),
    ]);
    let run = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!(run["output"], "up/b");
    assert_eq!(attempts(&run), 3);
    assert_eq!((down.requests(), up.requests()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streaming_and_not_give_the_same() {
    let simulator = simulator().await;
    let mut seen = Vec::new();
    for stream in ["true", "false"] {
        let bed = Bed::of(&[
            (
                "howdah.yaml",
                &format!(
                    "providers:\n  local: {{ base_url: \"{}\", stream: {stream} }}\n",
                    simulator.base_url()
                ),
            ),
            (
                "workflows/w.yaml",
                "steps:\n  - id: ask\n    chat: { model: local/m, system: Be brief., prompt: Tell me of elephants., temperature: 0.2, max_tokens: 50 }\noutput: \"{{steps.ask.output}}\"\n",
            ),
        ]);
        let run = bed.howdah(&["run", "w", "--json"]).exits(0).json();
        seen.push((run["output"].clone(), run["usage"].clone()));
    }
    assert_eq!(seen[0], seen[1]);
    let bodies: Vec<Json> =
        simulator.journal().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    assert_eq!(bodies[0]["stream"], true);
    assert_ne!(bodies[1]["stream"], true);
    // Only what the workflow set is sent.
    let mut keys: Vec<_> = bodies[1].as_object().unwrap().keys().cloned().collect();
    keys.retain(|key| key != "stream");
    keys.sort();
    assert_eq!(keys, ["max_tokens", "messages", "model", "temperature"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_price_is_never_counted_as_nothing() {
    let simulator = simulator().await;
    let bed = Bed::of(&[
        ("howdah.yaml", &format!("providers:\n  local: {{ base_url: \"{}\" }}\n", simulator.base_url())),
        ("workflows/w.yaml", "steps:\n  - chat: { model: local/unpriced, prompt: hi }\n"),
    ]);
    let run = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    assert_eq!((&run["cost"], &run["cost_exact"]), (&json!(null), &json!(false)), "{run:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_provider_is_mammouth_with_its_prices() {
    let simulator = simulator().await;
    let bed = Bed::of(&[
        ("howdah.yaml", &format!("providers:\n  mammouth: {{ base_url: \"{}\" }}\n", simulator.base_url())),
        ("workflows/w.yaml", "steps:\n  - chat: { model: gpt-4.1, prompt: hi }\n"),
    ]);
    let run = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    let usage = &run["usage"];
    let pico = 2_000_000 * usage["input_tokens"].as_u64().unwrap()
        + 8_000_000 * usage["output_tokens"].as_u64().unwrap();
    assert_eq!(run["cost"], howdah::money::Money::from_pico(pico).to_string().as_str());
    let body: Json = serde_json::from_slice(&simulator.journal()[0].body).unwrap();
    assert_eq!(body["model"], "gpt-4.1");
    assert_eq!(run["steps"][0]["model"], json!("mammouth/gpt-4.1"));
}
