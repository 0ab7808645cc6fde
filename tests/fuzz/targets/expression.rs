//! Any text as an expression: compiled, and evaluated over a small scope, without a panic, soon.

#![no_main]

use howdah::template::{Expr, Scope};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(expression) = Expr::compile(text) else { return };
    let scope = Scope::new()
        .with("inputs", json!({"a": [1, 2.5, "x", null, {"b": true}], "n": i64::MAX, "s": "é\u{0}{{x}}"}))
        .with("event", json!({"body": {"list": [[], {}], "text": "t"}}));
    let _ = expression.evaluate(&scope);
    let _ = expression.evaluate_bool(&scope);
});
