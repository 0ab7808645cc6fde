//! Control flow, held against what others expect of a workflow engine: the features of the conformance
//! tests of the CNCF Serverless Workflow DSL (`ctk/features`), as behaviours, not as syntax. Each test is
//! named after one, so that the list can be read from the names.
//!
//! What is left out, and why:
//!
//! | feature | why not |
//! |---|---|
//! | flow: explicit sequence (`then: TASK`, `end`, `exit`) | A jump to a step by name makes every reader walk the file to know what runs. Order is what is written, or `needs`; a list that ends early is a group with `if` |
//! | branch/fork: competing sub tasks (`compete: true`) | The first answer wins and the others are dropped half way, with effects that nobody has recorded. What it is used for, a chain of models, is a list under `model` |
//! | call: OpenAPI, AsyncAPI, gRPC | A document fetched at run time decides what is sent, which no check can see before. The same request is an `http` step; a service with a catalog of its own is a plugin |
//! | emit, listen | There is no bus between workflows. One starts another by `call`, or by a webhook; a run that waits for an event does so at an address of its own |
//! | data flow: `export` and one shared context | Steps read each other's outputs by name, so that it is known which step gives what; `vars` and `state` are the shared values |
//! | raise: an error of an own `type` | `error.code` is one of the program's classes; `fail` says why in words |
//! | for: `while` beside `in` | A loop has its items from the start; one that goes on until a condition holds is `repeat` |

use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver};

/// The output of a workflow of this text, run with these inputs.
#[track_caller]
fn output(text: &str, inputs: &Json) -> Json {
    let bed = Bed::of(&[("workflows/w.yaml", text)]);
    bed.write("in.json", inputs.to_string());
    bed.howdah(&["run", "w", "--inputs", "in.json", "--json"]).exits(0).json()["output"].clone()
}

#[test]
fn flow_implicit_sequence() {
    let seen = output(
        "steps:
  - id: red
    set: { colors: [red] }
  - id: green
    compute: { colors: \"steps.red.output.colors + ['green']\" }
  - id: blue
    compute: { colors: \"steps.green.output.colors + ['blue']\" }
",
        &json!({}),
    );
    assert_eq!(seen, json!({ "colors": ["red", "green", "blue"] }));
}

#[test]
fn flow_order_by_what_a_step_needs() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "steps:
  - id: first
    set: { n: 1 }
  - id: third
    needs: [second]
    compute: { n: steps.second.output.n + 1 }
  - id: second
    needs: [first]
    compute: { n: steps.first.output.n + 1 }
output: \"{{steps.third.output.n}}\"
",
    )]);
    let seen = bed.howdah(&["run", "w", "--json"]).exits(0).json();
    let order: Vec<_> = seen["steps"].as_array().unwrap().iter().map(|step| step["path"].clone()).collect();
    assert_eq!((&seen["output"], order), (&json!(3), vec![json!("first"), json!("second"), json!("third")]));
}

#[test]
fn do_sequential_sub_tasks() {
    let seen = output(
        "steps:
  - id: composite
    steps:
      - id: red
        set: { colors: [red] }
      - compute: { colors: \"steps.red.output.colors + ['green']\" }
output: \"{{steps.composite.output.colors}}\"
",
        &json!({}),
    );
    assert_eq!(seen, json!(["red", "green"]));
}

#[test]
fn branch_concurrent_sub_tasks() {
    let seen = output(
        "steps:
  - id: all
    parallel:
      - id: red
        set: { color: red }
      - id: green
        set: { color: green }
output: \"{{steps.all.output}}\"
",
        &json!({}),
    );
    assert_eq!(seen, json!({ "red": { "color": "red" }, "green": { "color": "green" } }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_http_with_content_and_with_response_output() {
    let receiver = Receiver::start().await;
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        &format!(
            "inputs: {{ pet: string }}\nallow: {{ hosts: [127.0.0.1] }}\nsteps:\n  - id: get\n    http: {{ get: \"{}/pets/{{{{inputs.pet}}}}\" }}\noutput: {{ status: \"{{{{steps.get.output.status}}}}\", body: \"{{{{steps.get.output.body}}}}\" }}\n",
            receiver.url
        ),
    )]);
    let seen = bed.howdah(&["run", "w", "-i", "pet=a b", "--json"]).exits(0).json();
    assert_eq!(seen["output"], json!({ "status": 200, "body": null }));
    assert_eq!(receiver.requests()[0]["path"], "/pets/a%20b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_http_using_basic_authentication() {
    let receiver = Receiver::start().await;
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        &format!(
            "steps:\n  - http: {{ get: \"{}\", auth: {{ basic: {{ user: me, password: \"{{{{secrets.PASSWORD}}}}\" }} }} }}\n",
            receiver.url
        ),
    )]);
    bed.write(".env", "PASSWORD=conformance\n");
    bed.howdah(&["run", "w"]).exits(0);
    assert_eq!(receiver.requests()[0]["headers"]["authorization"], "Basic bWU6Y29uZm9ybWFuY2U=");
}

#[test]
fn call_another_workflow() {
    let bed = Bed::of(&[
        (
            "workflows/w.yaml",
            "steps:\n  - id: c\n    call: v\n    with: { n: 20 }\noutput: \"{{steps.c.output}}\"\n",
        ),
        ("workflows/v.yaml", "inputs: { n: integer }\nsteps:\n  - compute: { n: inputs.n + 1 }\n"),
    ]);
    assert_eq!(bed.howdah(&["run", "w", "--json"]).exits(0).json()["output"], json!({ "n": 21 }));
}

#[test]
fn data_flow_input_filtering() {
    let seen = output(
        "inputs: { user: { type: object } }
steps:
  - id: player
    set: { id: \"{{inputs.user.claims.subject}}\" }
output: \"{{steps.player.output}}\"
",
        &json!({ "user": { "claims": { "subject": "6AsnRgGEB0q2" } } }),
    );
    assert_eq!(seen, json!({ "id": "6AsnRgGEB0q2" }));
}

#[test]
fn data_flow_output_filtering_and_outputs_that_are_no_objects() {
    let text = |output: &str| {
        format!(
            "steps:\n  - id: pets\n    set: {{ first: {{ id: 1 }}, second: {{ id: 2 }} }}\noutput: {output}\n"
        )
    };
    assert_eq!(output(&text("\"{{steps.pets.output.first.id}}\""), &json!({})), 1);
    let both = "[\"{{steps.pets.output.first.id}}\", \"{{steps.pets.output.second.id}}\"]";
    assert_eq!(output(&text(both), &json!({})), json!([1, 2]));
}

#[test]
fn for_each_item_with_its_index() {
    let seen = output(
        "inputs: { colors: { type: array } }
steps:
  - id: each
    foreach: inputs.colors
    as: color
    steps:
      - set: { color: \"{{color}}\", index: \"{{index}}\" }
output: \"{{steps.each.output}}\"
",
        &json!({ "colors": ["red", "green"] }),
    );
    assert_eq!(seen, json!([{ "color": "red", "index": 0 }, { "color": "green", "index": 1 }]));
}

#[test]
fn for_while_a_condition_does_not_hold() {
    let seen = output(
        "steps:
  - id: count
    repeat:
      max: 10
      until: steps.next.output.n >= 3
      steps:
        - id: next
          compute: { n: \"round.index + 1\" }
output: \"{{steps.count.output.n}}\"
",
        &json!({}),
    );
    assert_eq!(seen, 3);
}

#[test]
fn raise_an_error() {
    let bed = Bed::of(&[(
        "workflows/w.yaml",
        "steps:\n  - id: stop\n    fail: \"compliance: {{run.workflow}}\"\n  - set: { never: true }\n",
    )]);
    let seen = bed.howdah(&["run", "w", "--json"]).exits(1).json();
    let error = json!({ "code": "failed", "message": "compliance: w", "step": "stop" });
    assert_eq!((&seen["error"], seen["steps"].as_array().unwrap().len()), (&error, 1));
}

#[test]
fn set_values() {
    let seen = output(
        "inputs: { size: { type: object } }\nsteps:\n  - set: { shape: circle, size: \"{{inputs.size}}\", fill: { red: 69 } }\n",
        &json!({ "size": { "width": 6 } }),
    );
    assert_eq!(seen, json!({ "shape": "circle", "size": { "width": 6 }, "fill": { "red": 69 } }));
}

#[test]
fn switch_with_a_case_that_matches_an_implicit_and_an_explicit_default() {
    let text = |default: &str| {
        format!(
            "inputs: {{ color: string }}
steps:
  - id: s
    switch: inputs.color
    cases:
      red: [{{ set: {{ took: red }} }}]
      green: [{{ set: {{ took: green }} }}]
{default}output: \"{{{{steps.s.output}}}}\"
"
        )
    };
    let explicit = text("    default: [{ set: { took: \"{{inputs.color}}\" } }]\n");
    assert_eq!(output(&text(""), &json!({ "color": "red" })), json!({ "took": "red" }));
    assert_eq!(output(&text(""), &json!({ "color": "yellow" })), Json::Null);
    assert_eq!(output(&explicit, &json!({ "color": "yellow" })), json!({ "took": "yellow" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn try_handle_a_caught_error() {
    let receiver = Receiver::start().await;
    receiver.answer(&[404]);
    let text = format!(
        "steps:
  - id: pet
    http: {{ get: \"{}\" }}
    on_error:
      - set: {{ status: \"{{{{error.status}}}}\", code: \"{{{{error.code}}}}\", step: \"{{{{error.step}}}}\" }}
output: \"{{{{steps.pet.output}}}}\"
",
        receiver.url
    );
    assert_eq!(output(&text, &json!({})), json!({ "status": 404, "code": "http_status", "step": "pet" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn try_raise_an_error_that_is_not_caught() {
    let receiver = Receiver::start().await;
    receiver.answer(&[404]);
    // A handler that wants one kind of error alone gives the others on.
    let text = format!(
        "steps:
  - id: pet
    http: {{ get: \"{}\" }}
    on_error:
      - if: error.status != 503
        fail: \"{{{{error.message}}}}\"
",
        receiver.url
    );
    let bed = Bed::of(&[("workflows/w.yaml", &text)]);
    let seen = bed.howdah(&["run", "w", "--json"]).exits(1).json();
    assert_eq!(seen["error"]["step"], "pet!on_error/1", "{seen:#}");
    assert!(seen["error"]["message"].as_str().unwrap().contains("404"), "{seen:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn try_retry_until_it_works() {
    let receiver = Receiver::start().await;
    receiver.answer(&[503, 503]);
    let text = format!(
        "steps:\n  - id: pet\n    retry: {{ attempts: 3, delay: 1ms }}\n    http: {{ get: \"{}\" }}\noutput: \"{{{{steps.pet.attempts}}}}\"\n",
        receiver.url
    );
    assert_eq!(output(&text, &json!({})), 3);
}
