//! `allow`: what data may choose, and what it may not.

use serde_json::json;

use crate::bed::{Bed, Receiver};

/// The codes and lines of what `check` finds in this workflow.
fn found(text: &str) -> Vec<String> {
    let bed = Bed::of(&[("workflows/w.yaml", text)]);
    let found = bed.howdah(&["check", "--json"]).json();
    let found = found["diagnostics"].as_array().unwrap().iter();
    found.map(|one| format!("{} {}", one["code"].as_str().unwrap(), one["line"])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_from_data_is_called_only_where_the_author_allows_it() {
    let receiver = Receiver::start().await;
    let workflow = |allow: &str| {
        format!(
            "inputs: {{ url: string }}\n{allow}steps:\n  - webhook: {{ url: \"{{{{inputs.url}}}}/hook\", json: 1 }}\n  - http: {{ get: \"{{{{inputs.url}}}}/page\" }}\n"
        )
    };
    let input = format!("url={}", receiver.url);
    for allow in ["", "allow: { hosts: [\"*.example.org\", api.example.com] }\n"] {
        let bed = Bed::of(&[("workflows/w.yaml", &workflow(allow))]);
        let run = bed.howdah(&["run", "w", "-i", &input, "--json"]).exits(1).json();
        assert_eq!(run["error"]["code"], "address_refused", "{run:#}");
        assert!(run["error"]["message"].as_str().unwrap().contains("`127.0.0.1`"), "{run:#}");
    }
    assert!(receiver.requests().is_empty());
    let bed = Bed::of(&[("workflows/w.yaml", &workflow("allow: { hosts: 127.0.0.1 }\n"))]);
    bed.howdah(&["run", "w", "-i", &input]).exits(0);
    assert_eq!(receiver.requests().len(), 2);
    // What the author wrote into the configuration or set as a secret is the author's word.
    let bed = Bed::of(&[
        ("howdah.yaml", &format!("vars: {{ url: \"{}\" }}\n", receiver.url)),
        (".env", &format!("URL={}\n", receiver.url)),
        (
            "workflows/w.yaml",
            "steps:\n  - webhook: { url: \"{{vars.url}}/hook\", json: 1 }\n  - http: { get: \"{{secrets.URL}}/page\" }\n",
        ),
    ]);
    bed.howdah(&["run", "w"]).exits(0);
    assert_eq!(receiver.requests().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_from_data_are_written_only_where_the_author_allows_it() {
    let workflow = |allow: &str| {
        format!(
            "inputs: {{ name: string }}\n{allow}steps:\n  - write: {{ path: \"out/{{{{inputs.name}}}}.md\", content: hi }}\n"
        )
    };
    let ran = |allow: &str, name: &str| {
        let bed = Bed::of(&[("workflows/w.yaml", &workflow(allow))]);
        let ran = bed.howdah(&["run", "w", "-i", &format!("name={name}"), "--json"]);
        (ran.json()["error"]["code"].clone(), bed)
    };
    let (code, _) = ran("", "notes/a");
    assert_eq!(code, "unsafe_path");
    let allow = "allow: { files: \"out/notes/**\" }\n";
    let (code, bed) = ran(allow, "notes/2026/a");
    assert_eq!((code, bed.read("out/notes/2026/a.md").as_str()), (json!(null), "hi"));
    for name in ["other/a", "notes/../../a", "../out/notes/a", "notes/./a"] {
        assert_eq!(ran(allow, name).0, "unsafe_path", "{name}");
    }
    // Where files may be written at all is not widened by it.
    let (code, bed) = ran("allow: { files: \"**\" }\n", "a/../../workflows/w");
    assert!(code.is_string() && bed.read("workflows/w.yaml").contains("inputs"));
}

#[test]
fn the_author_hears_of_it_before() {
    let steps = "steps:\n  - webhook: { url: \"https://{{inputs.x}}/\", json: 1 }\n  - write: { path: \"out/{{inputs.x}}.md\", content: hi }\n  - read: \"{{inputs.x}}\"\n";
    assert_eq!(found(&format!("inputs: {{ x: string }}\n{steps}")), ["host-from-data 3", "path-from-data 4"]);
    let allow = "allow: { hosts: a.example, files: \"out/**\" }\n";
    assert_eq!(found(&format!("inputs: {{ x: string }}\n{allow}{steps}")), [""; 0]);
    let confined = "inputs: { x: string }\nsteps:\n  - webhook: { url: \"https://a.example/{{inputs.x}}\", json: 1 }\n  - write: { path: \"out/{{filename inputs.x}}-{{run.id}}.md\", content: hi }\n";
    assert_eq!(found(confined), [""; 0]);
    let wrong = "allow: { hosts: \"https://a.example\", files: \"../x\" }\nsteps: [{ set: { a: 1 } }]\n";
    assert_eq!(found(wrong), ["invalid-value 1", "invalid-value 1"]);
}
