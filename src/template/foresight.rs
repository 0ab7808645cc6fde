//! Looking at texts before everything that they read is known.
//!
//! In a scope some names may stand for what is [not known yet](super::Node::Unknown). What depends on
//! them is not known either, and nothing is made up for it: in a text it is written as a mark,
//! `‹steps.label.output›`, and a value is the mark alone. What does not depend on them is what it
//! will be, in CEL by its own rule that one side of `&&` or `||` may decide alone.

use crate::value::{Failure, Json};

/// The code of the failure that something is not known yet.
const UNKNOWN: &str = "unknown_value";

/// What is known of something, and the paths that it depends on and that are not known yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Foreseen<T> {
    /// The value, with marks where it is not known.
    pub value: T,
    /// The unknown paths, each once; empty when the value is what it will be.
    pub unknown: Vec<String>,
}

impl<T> Foreseen<T> {
    /// Something that is known.
    pub fn known(value: T) -> Self {
        Self { value, unknown: Vec::new() }
    }

    /// Whether the value is what it will be.
    pub fn is_known(&self) -> bool {
        self.unknown.is_empty()
    }

    /// Takes a part in: the whole depends on what the part depends on. Gives the part's value.
    pub fn merge<U>(&mut self, other: Foreseen<U>) -> U {
        other.unknown.into_iter().for_each(|path| note(&mut self.unknown, path));
        other.value
    }
}

/// A value, or a mark where it is not known yet.
///
/// # Errors
/// Every other failure.
pub fn or_mark(value: Result<Json, Failure>) -> Result<Foreseen<Json>, Failure> {
    match value {
        Ok(value) => Ok(Foreseen::known(value)),
        Err(failure) => match unknown(&failure) {
            Some(path) => Ok(Foreseen { value: Json::String(mark(path)), unknown: vec![path.to_owned()] }),
            None => Err(failure),
        },
    }
}

/// How something that is not known is written: `‹steps.label.output›`.
pub fn mark(path: &str) -> String {
    format!("‹{path}›")
}

/// The path that is not known yet, where a failure says just that.
pub fn unknown(failure: &Failure) -> Option<&str> {
    (failure.code == UNKNOWN).then_some(failure.message.as_str())
}

/// The failure that says so of a path.
pub fn failure(path: &str) -> Failure {
    Failure::new(UNKNOWN, path)
}

/// Adds a path, once.
pub(super) fn note(unknown: &mut Vec<String>, path: String) {
    if !unknown.contains(&path) {
        unknown.push(path);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::template::{Branch, Expr, Node, Partials, Scope, Sink, Template, Tree};

    fn scope() -> Scope {
        let label = Branch::new().with("output", Node::Unknown).with("status", json!("succeeded"));
        Scope::new()
            .with("steps", Branch::new().with("label", label))
            .with("inputs", json!({ "n": 4, "s": "x" }))
    }

    #[track_caller]
    fn text(template: &str) -> (String, Vec<String>) {
        let compiled = Template::compile(template, &Partials::new()).unwrap();
        let Foreseen { value, unknown } = compiled.foresee(&scope(), Sink::Text).unwrap();
        (value, unknown)
    }

    #[test]
    fn what_is_not_known_is_marked_and_all_else_is_written() {
        let known = |text: &str| (text.to_owned(), Vec::new());
        let marked = |text: &str| (text.to_owned(), vec!["steps.label.output.queue".to_owned()]);
        assert_eq!(text("{{inputs.s}} {{steps.label.status}}"), known("x succeeded"));
        assert_eq!(
            text("{{inputs.s}} is {{steps.label.output.queue}}, {{upper steps.label.output.queue}}"),
            marked("x is ‹steps.label.output.queue›, ‹steps.label.output.queue›")
        );
        assert_eq!(
            text("{{default steps.label.output.queue 'none'}}"),
            marked("‹steps.label.output.queue›"),
            "a default is no answer to what is not known"
        );
        assert_eq!(
            text("a{{#if steps.label.output.queue}}b{{inputs.s}}{{else}}c{{/if}}d"),
            marked("a‹if steps.label.output.queue›bx‹else›c‹end›d")
        );
        assert_eq!(
            text("{{#each steps.label.output.queue}}{{this}}{{/each}}!"),
            marked("‹each steps.label.output.queue: …›!")
        );
    }

    #[test]
    fn a_known_failure_is_one_and_one_that_may_never_be_reached_is_none() {
        let failing = Template::compile("{{inputs.none}}", &Partials::new()).unwrap();
        assert_eq!(failing.foresee(&scope(), Sink::Text).unwrap_err().code, "missing_path");
        let (shown, _) = text("{{#if steps.label.output.x}}{{inputs.none}}{{/if}}");
        assert_eq!(shown, "‹if steps.label.output.x›‹…›‹end›");
    }

    #[test]
    fn an_expression_is_known_where_what_is_known_decides() {
        let value = |text: &str| Expr::compile(text).unwrap().evaluate(&scope());
        assert_eq!(value("inputs.n > 5 && steps.label.output.urgent"), Ok(json!(false)));
        assert_eq!(value("steps.label.output.urgent || inputs.n == 4"), Ok(json!(true)));
        assert_eq!(value("[1, 4].exists(n, n == steps.label.output.n || n == inputs.n)"), Ok(json!(true)));
        for unknown_yet in [
            "inputs.n == 4 && steps.label.output.urgent",
            "exists(steps.label.output.x)",
            "steps.label == null",
            "inputs.none || steps.label.output.urgent",
            "steps.label.output.urgent || inputs.none",
            "[1, 2].all(n, n == inputs.none || steps.label.output.x == n)",
        ] {
            let failure = value(unknown_yet).unwrap_err();
            assert!(unknown(&failure).is_some(), "{unknown_yet}: {failure:?}");
        }
    }

    #[test]
    fn of_a_tree_each_part_is_known_for_itself() {
        let text = |text: &str| Tree::Text(Arc::new(Template::compile(text, &Partials::new()).unwrap()));
        let tree = Tree::Map(vec![
            ("a".into(), text("{{inputs.n}}")),
            ("b".into(), Tree::List(vec![text("{{steps.label.output}}"), text("{{steps.label.output}}!")])),
        ]);
        let foreseen = tree.foresee(&scope()).unwrap();
        let expected = json!({ "a": 4, "b": ["‹steps.label.output›", "‹steps.label.output›!"] });
        assert_eq!((foreseen.value, foreseen.unknown), (expected, vec!["steps.label.output".to_owned()]));
    }
}
