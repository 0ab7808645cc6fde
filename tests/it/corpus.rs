//! What fuzzing found worth keeping: every text of the corpus goes through the compiler again.
//!
//! `tests/fuzz/run.sh` makes more. A panic, an overflow or an endless loop on any of them fails here.

use std::fs;
use std::path::{Path, PathBuf};

use howdah::check;
use howdah::diagnostic::render::{self, Color, Style};
use howdah::diagnostic::{Diagnostics, SourceFile, SourceMap};
use howdah::template::{Expr, Partials, Scope, Sink, Template};
use serde_json::json;

/// The texts of one target, in order; bytes that are no text are left out, as the program refuses them.
fn corpus(target: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 3, "the corpus of {target} is missing");
    paths.into_iter().filter_map(|path| fs::read_to_string(&path).ok().map(|text| (path, text))).collect()
}

fn scope() -> Scope {
    Scope::new()
        .with("inputs", json!({"a": [1, 2.5, "x", null, {"b": true}], "n": i64::MAX, "s": "é\u{0}{{x}}"}))
        .with("event", json!({"body": {"list": [[], {}], "text": "t"}}))
}

#[test]
fn every_workflow_of_the_corpus_is_checked_and_drawn() {
    let kinds = howdah::registry::kinds();
    for (path, text) in corpus("loader") {
        let mut sources = SourceMap::default();
        let file = sources.add(SourceFile::new("workflows/fuzz.yaml", text));
        let read = check::read(&sources, file, &kinds);
        let signatures = check::Signatures::of([&read]);
        let prompts = check::Prompts::default();
        let world =
            check::World { kinds: &kinds, settings: &[], prompts: &prompts, signatures: Some(&signatures) };
        let mut diagnostics = Diagnostics::new();
        let workflow = read.check(&world, &mut diagnostics).workflow;
        assert_eq!(workflow.is_some(), !diagnostics.has_errors(), "{}", path.display());
        let found = diagnostics.sorted();
        let style = Style { color: Color::Off, width: 100 };
        let drawn = render::human(&found, &sources, style);
        assert_eq!(drawn.is_empty(), found.is_empty(), "{}", path.display());
    }
}

#[test]
fn every_template_of_the_corpus_is_rendered_or_refused() {
    for (_, text) in corpus("template") {
        let Ok(template) = Template::compile(&text, &Partials::new()) else { continue };
        for sink in [Sink::Text, Sink::Url, Sink::Path] {
            if let Ok(rendered) = template.render(&scope(), sink) {
                assert!(rendered.len() <= howdah::template::OUTPUT_LIMIT);
            }
        }
    }
}

/// As prompt files, and as partials that include themselves.
#[test]
fn every_text_of_the_corpus_is_read_as_a_prompt_and_drawn() {
    let kinds = howdah::registry::kinds();
    for (path, text) in corpus("template").into_iter().chain(corpus("loader")) {
        for file in ["prompts/fuzz.prompt", "prompts/_fuzz.prompt"] {
            for text in [text.clone(), format!("---\n{text}\n---\n{{{{> fuzz}}}}{text}")] {
                let mut sources = SourceMap::default();
                sources.add(SourceFile::new(file, text));
                let mut diagnostics = Diagnostics::new();
                check::Prompts::read(sources.files(), [], &kinds, &mut diagnostics);
                let found = diagnostics.sorted();
                let drawn = render::human(&found, &sources, Style { color: Color::Off, width: 100 });
                assert_eq!(drawn.is_empty(), found.is_empty(), "{}", path.display());
            }
        }
    }
}

#[test]
fn every_expression_of_the_corpus_is_evaluated_or_refused() {
    for (_, text) in corpus("expression") {
        let Ok(expression) = Expr::compile(&text) else { continue };
        let (value, truth) = (expression.evaluate(&scope()), expression.evaluate_bool(&scope()));
        assert!(value.is_ok() || truth.is_err(), "{text}");
    }
}
