//! What is said of codes and kinds is true: every code has a page, every page's wrong file gives the
//! code, and every example checks clean.

use std::collections::BTreeMap;

use howdah::component::forms;
use howdah::diagnostic::codes::{self, Page, PageKind};
use howdah::registry;
use serde_json::Value as Json;

use crate::bed::Bed;
use crate::tidy::{sources, without_tests};

/// The files of an example: `workflows/example.yaml`, or as its comments say.
fn files(text: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut path = "workflows/example.yaml".to_owned();
    let mut content = String::new();
    for line in text.lines() {
        match line.strip_prefix("# ").filter(|rest| !rest.contains(' ') && rest.contains('.')) {
            Some(next) => {
                let done = (std::mem::replace(&mut path, next.to_owned()), std::mem::take(&mut content));
                files.extend(Some(done).filter(|(_, content)| !content.is_empty()));
            }
            None => content.push_str(&format!("{line}\n")),
        }
    }
    files.push((path, content));
    files
}

/// What `check` finds in these files, as (code, severity).
fn found(text: &str) -> Vec<(String, String)> {
    let bed = Bed::new();
    // The key is nobody's: it only has to be there.
    bed.write(".env", "MAMMOUTH_API_KEY=none\n");
    files(text).iter().for_each(|(path, content)| bed.write(path, content));
    let found = bed.howdah(&["check", "--json"]).json();
    let text = |one: &Json, key: &str| one[key].as_str().unwrap().replace('_', "-");
    found["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(one, "code"), text(one, "severity")))
        .collect()
}

#[test]
fn every_wrong_example_gives_its_code_and_every_right_one_is_clean() {
    let mut wrong = Vec::new();
    for (page, example) in codes::all().filter_map(|page| Some((page, page.example?))) {
        let expected = (page.code.to_owned(), page.kind.as_str().to_owned());
        let findings = found(example.wrong);
        if findings.is_empty() || findings.iter().any(|one| *one != expected) {
            wrong.push(format!("{}: the wrong one gives {findings:?}", page.code));
        }
        let findings = found(example.right);
        if !findings.is_empty() {
            wrong.push(format!("{}: the right one gives {findings:?}", page.code));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What stands before a code where it is raised.
const RAISED: [&str; 13] = [
    "Diagnostic::error(",
    "Diagnostic::warning(",
    "TemplateError::new(",
    "Failure::new(",
    "Fault::new(",
    "ModelError::new(",
    "Misfit {",
    "code: ",
    "at(node, ",
    "needs_quotes(",
    "error(",
    "failed(",
    "self.refuse(node, ",
];

/// Codes that answer requests rather than tell of files or runs, and words that are no codes.
fn is_other(file: &str) -> bool {
    ["simulator", "server", "journal/s", "triggers/webhook/", "cli/", "diagnostic/codes"]
        .iter()
        .any(|room| file.starts_with(room))
}

/// Every code that the sources raise, with a file that does.
fn raised() -> BTreeMap<String, String> {
    let mut raised = BTreeMap::new();
    for (file, text) in sources() {
        let file = file.display().to_string();
        let text = without_tests(&text);
        // Headers list them: "Codes raised here: `a`, `b` (with words), `c`."
        let header: String =
            text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join(" ");
        if is_other(&file) {
            continue;
        }
        let code: String =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for mark in RAISED {
            for (at, _) in code.match_indices(mark) {
                let rest = code[at + mark.len()..].trim_start();
                raised.extend(quoted_code(rest).map(|code| (code, file.clone())));
            }
        }
        let listed = header.split("Code").nth(1).unwrap_or_default();
        let listed = listed.split('`').skip(1).step_by(2).filter(|word| is_code(word) && word.contains('-'));
        raised.extend(listed.map(|code| (code.to_owned(), file.clone())));
    }
    raised
}

fn quoted_code(text: &str) -> Option<String> {
    let (word, _) = text.strip_prefix('"')?.split_once('"')?;
    is_code(word).then(|| word.to_owned())
}

fn is_code(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'8'))
}

#[test]
fn every_code_that_is_raised_has_a_page() {
    let raised = raised();
    assert!(raised.len() > 80, "only {} codes were found", raised.len());
    let missing: Vec<_> = raised.iter().filter(|(code, _)| codes::find(code).is_empty()).collect();
    assert!(missing.is_empty(), "no page: {missing:#?}");
}

#[test]
fn every_page_is_of_a_code_that_is_raised() {
    let all: String = sources()
        .iter()
        .filter(|(file, _)| !file.starts_with("diagnostic/codes"))
        .map(|(_, text)| without_tests(text))
        .collect();
    let is_raised = |code: &str| {
        [code.to_owned(), code.replace('-', "_")].iter().any(|word| all.contains(&format!("\"{word}\"")))
    };
    let idle: Vec<_> = codes::all().map(|page| page.code).filter(|code| !is_raised(code)).collect();
    assert!(idle.is_empty(), "nobody raises {idle:?}");
}

#[test]
fn a_page_says_whether_it_is_an_error_a_warning_or_a_failure() {
    let wrong = |page: &&Page| match page.kind {
        PageKind::Error | PageKind::Warning => page.code.contains('_'),
        PageKind::Failure => page.code.contains('-'),
    };
    let found: Vec<_> = codes::all().filter(wrong).map(|page| page.code).collect();
    assert_eq!(found, [""; 0]);
}

/// The errors among them: an example shows one thing, and what it gives is read by nobody.
fn errors(text: &str) -> Vec<(String, String)> {
    found(text).into_iter().filter(|(_, severity)| severity == "error").collect()
}

#[test]
fn every_example_of_a_form_and_a_key_is_right() {
    let indented = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    let step = |example: &str| {
        format!(
            "inputs: {{ urgency: integer, loud: boolean, queue: string, ticket: string }}\nsteps:\n\
             \x20 - id: first\n    set: {{ a: 1 }}\n  - id: second\n    set: {{ b: 1 }}\n{}",
            indented(example)
        )
    };
    let callee = "# workflows/triage.yaml\ninputs: { ticket: string }\nsteps:\n  - set: { a: 1 }\n# workflows/example.yaml\n";
    for example in
        forms::FORMS.iter().map(|form| form.example).chain(forms::STEP.iter().map(|key| key.example))
    {
        let text = format!(
            "{callee}{}",
            step(
                &example
                    .replace("parallel:\n    - id: first", "parallel:\n    - id: third")
                    .replace("    - id: second", "    - id: fourth")
            )
        );
        let found = errors(&text);
        assert!(found.is_empty(), "{found:?}\n{text}");
    }
    let secrets = "# .env\nOPS_URL=http://127.0.0.1:9/\nMAMMOUTH_API_KEY=none\n# workflows/example.yaml\n";
    for key in forms::TOP {
        let steps = match key.field.name {
            "steps" => "inputs: { text: string }\n",
            "output" => "steps:\n  - id: label\n    set: { queue: a }\n",
            "inputs" | "on" if key.field.name == "on" => {
                "inputs: { ticket: string }\nsteps:\n  - set: { a: 1 }\n"
            }
            "concurrency" => "inputs: { language: string }\nsteps:\n  - set: { a: 1 }\n",
            _ => "steps:\n  - set: { a: 1 }\n",
        };
        let text = format!("{secrets}{steps}{}", key.example);
        let found = errors(&text);
        assert!(found.is_empty(), "{found:?}\n{text}");
    }
}

#[test]
fn a_word_is_explained_with_all_its_meanings() {
    let bed = Bed::new();
    let told = bed.howdah(&["explain", "unknown_key"]).exits(0).stdout;
    assert!(told.starts_with("error unknown-key\n"), "{told}");
    assert!(told.contains("wrong\n") && told.contains("    steps:\n"), "{told}");
    let told = bed.howdah(&["explain", "chat"]).exits(0).stdout;
    assert!(told.contains("  model  text, or a list; required\n") && told.contains("; 0 to 2\n"), "{told}");
    for part in ["action chat", "default: 2", "output\n  text; with `schema`", "example\n"] {
        assert!(told.contains(part), "{part} in\n{told}");
    }
    let both = bed.howdah(&["explain", "webhook", "--json"]).exits(0).json();
    let kinds: Vec<_> =
        both["topics"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["action", "trigger"]);
    let foreach = bed.howdah(&["explain", "foreach"]).exits(0).stdout;
    assert!(foreach.contains("on_item_error") && foreach.contains("default: item"), "{foreach}");
    let missed = bed.howdah(&["explain", "unkown-key"]).exits(2).stderr;
    assert!(missed.contains("did you mean `unknown-key`?"), "{missed}");
    let all = bed.howdah(&["explain"]).exits(0).stdout;
    for declaration in registry::kinds().actions() {
        assert!(all.contains(declaration.name), "{all}");
    }
}

#[test]
fn functions_are_listed() {
    let bed = Bed::new();
    let all = bed.howdah(&["functions"]).exits(0).stdout;
    assert!(all.contains("truncate(text, length, end?)\n"), "{all}");
    let one = bed.howdah(&["functions", "truncate"]).exits(0).stdout;
    assert!(one.contains("{{truncate text length end}}") && one.contains("'abc…'"), "{one}");
    let json = bed.howdah(&["functions", "--json"]).exits(0).json();
    assert!(json["functions"].as_array().unwrap().len() > 30);
    let missed = bed.howdah(&["functions", "truncat"]).exits(2).stderr;
    assert!(missed.contains("did you mean `truncate`?"), "{missed}");
}

#[test]
fn secrets_are_listed_without_their_values() {
    let bed = Bed::of(&[
        (
            "howdah.yaml",
            "providers:\n  cloud: { base_url: \"https://api.example.org/v1\", api_key: \"{{secrets.CLOUD_KEY}}\" }\n",
        ),
        ("workflows/a.yaml", "steps:\n  - webhook: { url: \"{{secrets.PAGER_URL}}\", json: { a: 1 } }\n"),
        ("workflows/broken.yaml", "steps: 5\n"),
        (".env", "PAGER_URL=very-secret-value\n"),
    ]);
    let listed = bed.howdah(&["secrets"]).exits(0);
    assert!(!format!("{listed:?}").contains("very-secret-value"));
    assert!(listed.stderr.contains("1 workflow with errors left out"), "{listed:?}");
    let expected = "CLOUD_KEY  missing\n    provider cloud\nMAMMOUTH_API_KEY  missing\n    provider mammouth\n\
                    PAGER_URL  set (.env)\n    workflow a (workflows/a.yaml:2)\n\n\
                    2 secrets missing: write `NAME=value` lines into `.env`\n";
    assert_eq!(listed.stdout, expected);
    let json = bed.howdah(&["secrets", "--json"]).exits(0).json();
    assert_eq!(json["secrets"][2]["needed_by"][0]["line"], 2);
    assert_eq!(
        (&json["secrets"][0]["set"], &json["secrets"][2]["from"]),
        (&Json::Bool(false), &".env".into())
    );
}

#[test]
fn a_provider_without_its_key_is_told_once_at_the_model() {
    let workflow = "defaults: { chat: { model: gpt-4.1-mini } }\nsteps:\n  - chat: one\n  - chat: { model: gpt-4.1-nano, prompt: two }\n  - chat: three\n";
    let bed = Bed::of(&[("workflows/w.yaml", workflow)]);
    let found = bed.howdah(&["check", "--json"]).exits(0).json()["diagnostics"].clone();
    let [one] = found.as_array().unwrap().as_slice() else { panic!("{found:#}") };
    assert_eq!((&one["code"], &one["severity"]), (&"missing-secret".into(), &"warning".into()));
    assert!(one["message"].as_str().unwrap().contains("`MAMMOUTH_API_KEY`"), "{one}");
}
