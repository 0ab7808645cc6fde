//! The schemas are sound, take what `check` takes, flag what it flags, and know the same words.

use jsonschema::Validator;

use super::*;
use crate::component::{FieldType, forms};
use crate::config::Config;
use crate::diagnostic::{Diagnostics, FileId, codes};
use crate::syntax::{ast, yaml};

fn validator(of: Of) -> Validator {
    let schema = of.schema();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn json(text: &str) -> Json {
    let mut found = Diagnostics::new();
    let node = yaml::parse(FileId(0), text, &mut found).unwrap();
    assert!(!found.has_errors(), "{text}\n{found:?}");
    node.to_json()
}

#[track_caller]
fn takes(schema: &Validator, text: &str) {
    let problems: Vec<_> = schema.iter_errors(&json(text)).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}\n{text}");
}

fn flags(schema: &Validator, text: &str) -> bool {
    !schema.is_valid(&json(text))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

#[test]
fn what_is_right_is_not_flagged() {
    let schema = validator(Of::Workflow);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("workflows"), root.join("src/cli/init"), root.join("src/cli/demo")];
    let files =
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let workflows: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .filter(|path| !path.ends_with("howdah.yaml") && !path.to_string_lossy().ends_with(".test.yaml"))
        .collect();
    assert!(workflows.len() > 6);
    workflows.iter().for_each(|path| takes(&schema, &fs::read_to_string(path).unwrap()));

    let kinds = registry::kinds();
    let steps = kinds.actions().map(|kind| kind.example).chain(forms::FORMS.iter().map(|form| form.example));
    for example in steps.chain(forms::STEP.iter().map(|key| key.example)) {
        takes(&schema, &format!("steps:\n{}", indented(example)));
    }
    let triggers =
        kinds.triggers().map(|kind| kind.example).chain(forms::TRIGGER.iter().map(|key| key.example));
    triggers.for_each(|example| takes(&schema, &format!("{example}steps: []\n")));
    for key in forms::TOP {
        let steps = if key.field.name == "steps" { "" } else { "steps: []\n" };
        takes(&schema, &format!("{}{steps}", key.example));
    }
    for written in [
        "steps:\n  - chat:\n",
        "steps:\n  - chat: { model: \"{{vars.model}}\", temperature: \"{{inputs.t}}\", stop: a }\n",
        "on:\nsteps:\n  - http: { get: \"{{secrets.URL}}\", accept_status: [200, 404] }\n    retry: 3\n    timeout: 1h30m\n",
        "on:\n  file:\n    - { paths: a }\n    - { paths: [b] }\nsteps:\n  - foreach: [1, 2]\n    steps: []\n",
        "x-base: &base { model: m }\nconcurrency: 2\nsteps:\n  - github.create_issue: { title: a }\n",
    ] {
        takes(&schema, written);
    }
}

#[test]
fn pages_are_judged_alike() {
    let schema = validator(Of::Workflow);
    let is_one_workflow =
        |text: &str| [".yaml\n", ".env\n", ".prompt\n"].iter().all(|file| !text.contains(file));
    for (page, example) in codes::all().filter_map(|page| Some((page, page.example?))) {
        if is_one_workflow(example.right) {
            takes(&schema, example.right);
        }
        let is_seen = ["unknown-key", "wrong-type", "unknown-word", "unknown-action", "unknown-trigger"];
        if is_seen.contains(&page.code) {
            assert!(flags(&schema, example.wrong), "{}", page.code);
        }
    }
    for wrong in [
        "stepz: []\n",
        "on: { webhook: { path: /a } }\nsteps: []\n",
        "steps:\n  - chat: { modle: m }\n",
        "steps:\n  - chat: { temperature: 3 }\n",
        "steps:\n  - chat: { temperature: warm }\n",
        "steps:\n  - foreach: x\n    on_item_error: ignore\n    steps: []\n",
        "steps:\n  - http: { get: example.org }\n",
        "limits: { run: { cost: much } }\nsteps: []\n",
    ] {
        assert!(flags(&schema, wrong), "{wrong}");
    }
}

#[test]
fn the_tables_know_the_words_that_are_read() {
    fn names<'a>(keys: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let mut names: Vec<_> = keys.into_iter().collect();
        names.sort_unstable();
        names
    }
    assert_eq!(names(forms::TOP.iter().map(|key| key.field.name)), names(ast::WORKFLOW_KEYS));
    assert_eq!(names(forms::STEP.iter().map(|key| key.field.name)), names(ast::STEP_KEYS));
    assert_eq!(names(forms::FORMS.iter().map(|form| form.head.name)), names(ast::CONTROL_FLOW));
}

/// The keys that the reader of the configuration offers for one that is unknown.
fn offered(text: &str) -> Vec<String> {
    let mut found = Diagnostics::new();
    Config::decode(&[(FileId(0), text)], &mut found);
    let unknown = found.iter().find(|one| one.code == "unknown-key").unwrap();
    let help = unknown.help.clone().unwrap();
    let mut names: Vec<_> = help.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn the_schema_of_the_configuration_knows_the_words_that_are_read() {
    /// The fields of the map at this key.
    fn inside<'a>(fields: &'a [crate::component::Field], key: &str) -> &'a [crate::component::Field] {
        let field = fields.iter().find(|field| field.name == key).unwrap();
        match field.ty {
            FieldType::Record(inner) | FieldType::Map(&FieldType::Record(inner)) => inner,
            _ => panic!("{key} is no map"),
        }
    }
    let names = |fields: &[crate::component::Field]| {
        let mut names: Vec<_> = fields.iter().map(|field| field.name.to_owned()).collect();
        names.sort();
        names
    };
    let top = config::FIELDS;
    assert_eq!(names(top), offered("zzzzzzzz: 1\n"));
    for key in ["limits", "files", "exec", "server", "history"] {
        assert_eq!(names(inside(top, key)), offered(&format!("{key}: {{ zzzzzzzz: 1 }}\n")), "{key}");
    }
    let provider = inside(top, "providers");
    assert_eq!(
        names(provider),
        offered("providers: { a: { base_url: \"http://127.0.0.1/\", zzzzzzzz: 1 } }\n")
    );
    for key in ["limits", "timeouts"] {
        let text =
            format!("providers: {{ a: {{ base_url: \"http://127.0.0.1/\", {key}: {{ zzzzzzzz: 1 }} }} }}\n");
        assert_eq!(names(inside(provider, key)), offered(&text), "{key}");
    }
    assert_eq!(
        names(inside(top, "prices")),
        offered("prices: { m: { input: 1, output: 1, zzzzzzzz: 1 } }\n")
    );

    let schema = validator(Of::Config);
    takes(
        &schema,
        "providers:\n  local: { base_url: \"http://127.0.0.1:8080/v1\", stream: true, timeouts: { total: 5m } }\n\
         models: { fast: [a, local/b], slow: c }\nprices: { local/b: { input: $0, output: 0.5 } }\n\
         vars: { vault: notes }\nlimits: { day: { cost: $5 } }\nfiles: { read: [inbox], write: [out] }\n",
    );
    assert!(flags(&schema, "provider: {}\n"));
    assert!(flags(&schema, "providers: { a: { base_url: \"http://x/\", stream: sometimes } }\n"));
}
