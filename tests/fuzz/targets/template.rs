//! Any text as a template: compiled, and rendered over a small scope, without a panic, soon.

#![no_main]

use howdah::template::{Partials, Scope, Sink, Template};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(template) = Template::compile(text, &Partials::new()) else { return };
    let scope = Scope::new()
        .with("inputs", json!({"a": [1, 2.5, "x", null, {"b": true}], "n": i64::MAX, "s": "é\u{0}{{x}}"}))
        .with("event", json!({"body": {"list": [[], {}], "text": "t"}}));
    for sink in [Sink::Text, Sink::Url, Sink::Path] {
        let _ = template.render(&scope, sink);
    }
    let _ = template.evaluate(&scope);
});
