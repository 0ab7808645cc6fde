//! The specification of Dotprompt, case by case, with every expectation in it: also those on front
//! matter, which the reference runner passes over.

use std::collections::BTreeMap;
use std::path::Path;

use howdah::diagnostic::{Diagnostics, FileId};
use howdah::syntax::prompt::{FrontMatter, read};
use howdah::syntax::tree::Node;
use howdah::template::prompt::{Inputs, Message, Prompt};
use howdah::template::{Partials, Schema, Scope};
use serde_json::{Map, Value as Json, json};

const FILES: [&str; 13] = [
    "metadata",
    "partials",
    "picoschema",
    "unicode",
    "variables",
    "whitespace",
    "helpers/history",
    "helpers/ifEquals",
    "helpers/json",
    "helpers/media",
    "helpers/role",
    "helpers/section",
    "helpers/unlessEquals",
];

#[test]
fn every_case_of_the_specification_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dotprompt");
    let (mut groups, mut messages, mut others) = (0, 0, 0);
    let mut wrong = Vec::new();
    for name in FILES {
        let text = std::fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        let cases: Vec<Json> = serde_yaml::from_str(&text).unwrap();
        groups += cases.len();
        for case in &cases {
            for test in case["tests"].as_array().unwrap() {
                let told = format!("{name}: {}: {}", case["name"], test["desc"]);
                for (key, expected, found) in outcome(case, test) {
                    if key == "messages" {
                        messages += 1
                    } else {
                        others += 1
                    }
                    if expected != found {
                        wrong.push(format!("{told}: {key}\n  expected {expected}\n  found    {found}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // 117 cases, each of which expects messages; 145 expectations in all.
    assert_eq!((groups, messages, others), (69, 117, 28));
}

/// What a test expects and what comes, by the name of each expectation.
fn outcome(case: &Json, test: &Json) -> Vec<(String, Json, Json)> {
    let template = case["template"].as_str().unwrap();
    let mut found = Diagnostics::new();
    let file = read(FileId(0), template, &mut found).unwrap_or_else(|| panic!("{template}: {found:?}"));
    let front = &file.front;
    let mut data = object(&case["data"]);
    data.extend(object(&test["data"]));
    let mut defaults =
        front.input_default.as_ref().map(Node::to_json).map_or_else(Map::new, |json| object(&json));
    defaults.extend(object(&test["options"]["input"]["default"]));

    let expected = test["expect"].as_object().unwrap();
    // One case states its input beside what it expects, and not in it.
    let beside = test.get("input").map(|input| ("input".to_owned(), input.clone()));
    let expected = expected.iter().map(|(key, value)| (key.clone(), value.clone())).chain(beside);
    expected
        .map(|(key, expected)| {
            let found = match key.as_str() {
                "messages" => rendered(case, &template[file.body.clone()], &data, &defaults),
                "config" => Json::Object(
                    front.config.iter().map(|(key, node)| (key.value.to_string(), node.to_json())).collect(),
                ),
                "model" => front.model.as_ref().unwrap().to_json(),
                "input" => side(case, front.input_schema.as_ref(), &defaults),
                "output" => output(case, front),
                "ext" => Json::Object(front.ext.clone()),
                "raw" => Json::Object(front.raw.clone()),
                other => panic!("nothing is known of the expectation `{other}`"),
            };
            (key, expected, found)
        })
        .collect()
}

fn rendered(case: &Json, body: &str, data: &Map<String, Json>, defaults: &Map<String, Json>) -> Json {
    let partials: Partials = ["partials", "resolverPartials"]
        .into_iter()
        .flat_map(|key| object(&case[key]))
        .map(|(name, text)| (name, text.as_str().unwrap().to_owned()))
        .collect();
    let prompt = Prompt::compile(body, &partials).unwrap_or_else(|errors| panic!("{body}: {errors:?}"));
    let inputs = Inputs { schema: None, defaults: defaults.clone() };
    let given = data.get("input").cloned().unwrap_or_else(|| json!({}));
    let mut variables = Scope::new();
    for (name, value) in object(data.get("context").unwrap_or(&Json::Null)) {
        variables = variables.with(name, value);
    }
    let history: Vec<Message> = data
        .get("messages")
        .map(|messages| serde_json::from_value(messages.clone()).unwrap())
        .unwrap_or_default();
    let messages = prompt.render(&inputs.fill(given).unwrap(), &variables, history).unwrap();
    serde_json::to_value(messages).unwrap()
}

fn side(case: &Json, schema: Option<&Node>, defaults: &Map<String, Json>) -> Json {
    let named: BTreeMap<String, Json> =
        ["schemas", "resolverSchemas"].into_iter().flat_map(|key| object(&case[key])).collect();
    let mut side = Map::new();
    if let Some(schema) = schema {
        let schema = Schema::parse_with(&schema.to_json(), &named).unwrap();
        side.insert("schema".to_owned(), schema.json().clone());
    }
    if !defaults.is_empty() {
        side.insert("default".to_owned(), Json::Object(defaults.clone()));
    }
    Json::Object(side)
}

fn output(case: &Json, front: &FrontMatter) -> Json {
    let mut output = object(&side(case, front.output_schema.as_ref(), &Map::new()));
    output.extend(front.output_format.as_ref().map(|format| ("format".to_owned(), json!(*format.value))));
    Json::Object(output)
}

fn object(value: &Json) -> Map<String, Json> {
    value.as_object().cloned().unwrap_or_default()
}
