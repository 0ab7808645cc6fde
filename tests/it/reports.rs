//! Findings in every form, the warnings that an author allows, and what shells and editors get.

use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::bed::Bed;

/// One warning on line 2, one error on line 3.
const BOTH: &str = "on:\n  webhook: { path: /a, auth: none, respond_within: 5s }\nstepz: []\n";

fn codes(bed: &Bed, arguments: &[&str]) -> Vec<String> {
    let found = bed.howdah(arguments).json();
    let list = found["diagnostics"].as_array().unwrap();
    list.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_same_findings_in_every_form() {
    let bed = Bed::of(&[("workflows/a b.yaml", BOTH)]);
    let json = bed.howdah(&["check", "--json"]).exits(2).json();
    assert_eq!(json, bed.howdah(&["check", "--format", "json"]).exits(2).json());
    let listed = json["diagnostics"].as_array().unwrap();
    assert!(listed.len() >= 2, "{json:#}");

    let sarif = bed.howdah(&["check", "--format", "sarif"]).exits(2).json();
    assert_eq!((&sarif["version"], sarif["runs"].as_array().unwrap().len()), (&json!("2.1.0"), 1));
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), listed.len());
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for (result, one) in results.iter().zip(listed) {
        assert_eq!((&result["ruleId"], &result["level"]), (&one["code"], &one["severity"]));
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], one["code"]);
        assert!(rule["help"]["text"].as_str().is_some_and(|help| !help.is_empty()), "{rule}");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "workflows/a%20b.yaml");
        assert_eq!(
            (&place["region"]["startLine"], &place["region"]["endColumn"]),
            (&one["line"], &one["end_column"])
        );
    }

    let lines = bed.howdah(&["check", "--format", "github"]).exits(2).stdout;
    assert_eq!(lines.lines().count(), listed.len());
    assert!(lines.contains("\n::warning file=workflows/a b.yaml,line=2,col="), "{lines}");
    let human = bed.howdah(&["check", "--format", "human"]).exits(2).stdout;
    assert_eq!(human, bed.howdah(&["check"]).exits(2).stdout);
    assert!(bed.howdah(&["check", "--json", "--format", "sarif"]).exits(2).stdout.is_empty());
}

#[test]
fn nothing_found_is_a_whole_report_too() {
    let bed = Bed::of(&[("workflows/a.yaml", "steps:\n  - set: { a: 1 }\n")]);
    assert_eq!(bed.howdah(&["check", "--format", "sarif"]).exits(0).json()["runs"][0]["results"], json!([]));
    assert_eq!(bed.howdah(&["check", "--format", "github"]).exits(0).stdout, "");
}

#[test]
fn an_allowed_warning_is_silent_everywhere() {
    let allowed = "steps:\n  # howdah: allow(missing-secret): it is set where this runs\n  - webhook: { url: \"{{secrets.PAGER}}\", json: 1 }\n";
    let bed = Bed::of(&[("workflows/a.yaml", allowed)]);
    assert!(codes(&bed, &["check", "--json"]).is_empty());
    bed.write("workflows/a.yaml", allowed.replace("missing-secret", "missing-secrets"));
    assert_eq!(codes(&bed, &["check", "--json"]), ["unknown-allow", "missing-secret"]);
    bed.write("workflows/a.yaml", "on: { webhook: { path: /a, auth: none, respond_within: 5s } } # howdah: allow(no-effect)\nsteps:\n  - set: { a: 1 }\n");
    assert!(codes(&bed, &["check", "--json"]).is_empty());
    bed.write("workflows/a.yaml", "steps:\n  - set: { a: 1 } # howdah: allow(no-effect, unknown-key)\n");
    assert_eq!(codes(&bed, &["check", "--json"]), ["unused-allow", "unused-allow"]);
    bed.write(
        "howdah.yaml",
        "# howdah: allow(plain-http)\nproviders:\n  a: { base_url: \"http://api.example.org/v1\" }\n",
    );
    bed.write("workflows/a.yaml", "steps:\n  - set: { a: 1 }\n");
    assert_eq!(codes(&bed, &["check", "--json"]), ["unused-allow", "plain-http"]);
    bed.write(
        "howdah.yaml",
        "providers:\n  # howdah: allow(plain-http)\n  a: { base_url: \"http://api.example.org/v1\" }\n",
    );
    assert!(codes(&bed, &["check", "--json"]).is_empty());
}

#[test]
fn standard_input_stands_for_a_file() {
    let bed = Bed::of(&[
        ("workflows/a.yaml", "stepz: []\n"),
        ("workflows/b.yaml", "name: other\nsteps:\n  - set: { a: 1 }\n"),
    ]);
    let right = "inputs: { t: string }\nsteps:\n  - set: { a: \"{{inputs.t}}\" }\n";
    let at = ["check", "-", "--stdin-path", "workflows/a.yaml", "--json"];
    assert_eq!(bed.howdah_with(&at, right).exits(0).json()["diagnostics"], json!([]));
    // Beside the others of its workspace.
    let clash = bed.howdah_with(&at, &format!("name: other\n{right}")).exits(2).json();
    assert_eq!(clash["diagnostics"].as_array().map(Vec::len), Some(1), "{clash:#}");
    let wrong = bed.howdah_with(&at, "steps:\n  - st: { a: 1 }\n").exits(2).json();
    let one = &wrong["diagnostics"][0];
    assert_eq!((&one["file"], &one["line"]), (&json!("workflows/a.yaml"), &json!(2)));
    let bare = bed.howdah_with(&["check", "-", "--json"], "stepz: []\n").exits(2).json();
    assert_eq!(bare["diagnostics"][0]["file"], "stdin.yaml");
    let config = ["check", "-", "--stdin-path", "howdah.yaml", "--json"];
    let config = bed.howdah_with(&config, "providrs: {}\n").exits(2).json();
    assert_eq!(config["diagnostics"][0]["file"], "howdah.yaml");
    assert!(bed.howdah(&["check", "-", "workflows"]).exits(2).stderr.contains("`-` stands alone"));
    assert!(bed.howdah(&["check", "--stdin-path", "a.yaml"]).exits(2).stderr.contains("standard input"));
    assert!(
        bed.howdah(&["check", "-", "--stdin-path", "no/such/a.yaml"])
            .exits(2)
            .stderr
            .contains("no/such/a.yaml")
    );
}

#[test]
fn shells_get_completions_and_people_a_manual() {
    let bed = Bed::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bed.howdah(&["completions", shell]).exits(0).stdout;
        assert!(script.contains("howdah") && script.contains("explain"), "{shell}");
        if shell == "bash" {
            bed.write("howdah.bash", &script);
        }
    }
    let parsed = Command::new("bash")
        .args(["-n", "howdah.bash"])
        .current_dir(bed.path())
        .stdin(Stdio::null())
        .output();
    let parsed = parsed.unwrap();
    assert!(parsed.status.success() && parsed.stderr.is_empty(), "{parsed:?}");

    let first = bed.howdah(&["man"]).exits(0).stdout;
    assert!(first.contains(".TH howdah 1") && first.contains("howdah\\-check"), "{first}");
    bed.howdah(&["man", "--out", "pages"]).exits(0);
    assert!(bed.read("pages/howdah-check.1").contains("stdin"));
    assert!(bed.has("pages/howdah-runs-list.1"));
}

#[test]
fn the_schemas_of_this_repository_are_those_of_this_program() {
    let bed = Bed::new();
    bed.howdah(&["schema", "--write"]).exits(0);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["workflow.json", "config.json"] {
        let kept = std::fs::read_to_string(root.join(".schemas").join(name)).unwrap_or_default();
        assert!(
            bed.read(&format!(".schemas/{name}")) == kept,
            "`.schemas/{name}` is of another version: run `cargo run -- schema --write`"
        );
    }
    let printed: Json = bed.howdah(&["schema", "config"]).exits(0).json();
    assert_eq!(
        printed.to_string(),
        serde_json::from_str::<Json>(&bed.read(".schemas/config.json")).unwrap().to_string()
    );
}
