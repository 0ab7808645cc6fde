//! The top level of a workflow file.

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics, Spanned};
use crate::ids::is_workflow_name;
use crate::money::Money;
use crate::syntax::fields::{self, Field, Fields};
use crate::syntax::tree::{Kind, Node};

use super::steps::Reader;
use super::{ActionName, Allow, Concurrency, Limits, Name, Overflow, Trigger, Workflow};
use super::{check_identifier, choice, entries, habits};

/// What may stand at the top of a workflow, beside `x-…`.
pub const WORKFLOW_KEYS: [&str; 13] = [
    "name",
    "description",
    "on",
    "inputs",
    "vars",
    "defaults",
    "limits",
    "concurrency",
    "allow",
    "steps",
    "output",
    "on_failure",
    "finally",
];

/// Reads a workflow from its tree. `actions` are all that there are, for what is offered.
pub fn workflow(root: &Node, actions: &[ActionName<'_>], diagnostics: &mut Diagnostics) -> Option<Workflow> {
    let mut fields = Fields::open(root, "a workflow", diagnostics)?;
    // Their content is read where an alias leads to it.
    fields.take_prefixed("x-");
    habits::report(&mut fields, "a workflow", habits::WORKFLOW, diagnostics);
    let mut take =
        |name: &str, diagnostics: &mut Diagnostics| fields.take_meant(name, &WORKFLOW_KEYS, diagnostics);
    let name = take("name", diagnostics).and_then(|field| workflow_name(field.node, diagnostics));
    let mut unread = Vec::new();
    let description = take("description", diagnostics)
        .and_then(|field| fields::text(field.node, "description", diagnostics))
        .map(Into::into);
    let mut declared = |name: &'static str, field: &Field<'_>| {
        let is_map = matches!(field.node.kind, Kind::Mapping(_)) || field.node.is_null();
        unread.extend((!is_map).then_some(name));
    };
    let inputs = take("inputs", diagnostics).map(|field| {
        declared("inputs", &field);
        entries(field.node, "inputs", diagnostics)
    });
    let triggers = take("on", diagnostics).map(|field| triggers(field.node, diagnostics));
    let vars = take("vars", diagnostics).map(|field| {
        declared("vars", &field);
        named(field.node, "vars", diagnostics)
    });
    let defaults = take("defaults", diagnostics).map(|field| entries(field.node, "defaults", diagnostics));
    let limits = take("limits", diagnostics).map(|field| limits(&field, diagnostics));
    let concurrency = take("concurrency", diagnostics).and_then(|field| concurrency(&field, diagnostics));
    let allow = take("allow", diagnostics).map(|field| allow(&field, diagnostics));
    let output = take("output", diagnostics).map(|field| field.node.clone());
    let steps = take("steps", diagnostics);
    let on_failure = take("on_failure", diagnostics);
    let finally = take("finally", diagnostics);
    fields.finish(diagnostics);
    let has_steps = steps.is_some();
    let mut reader = Reader::new(actions, diagnostics);
    let mut list =
        |field: Option<Field<'_>>| field.map(|field| reader.list(field.node, 0)).unwrap_or_default();
    let (steps, on_failure, finally) = (list(steps), list(on_failure), list(finally));
    // What stands under a key of another program, told already, are the steps that are missed.
    if !has_steps && !diagnostics.has_errors() {
        let problem = Diagnostic::error("missing-key", root.span.at_start(), "a workflow needs `steps`")
            .with_help("add a list: `steps:` and below it `- chat: …` or another action");
        diagnostics.push(problem);
    }
    Some(Workflow {
        span: root.span,
        name,
        description,
        inputs: inputs.unwrap_or_default(),
        triggers: triggers.unwrap_or_default(),
        vars: vars.unwrap_or_default(),
        defaults: defaults.unwrap_or_default(),
        steps,
        output,
        on_failure,
        finally,
        limits: limits.unwrap_or_default(),
        concurrency,
        allow: allow.unwrap_or_default(),
        unread,
    })
}

fn workflow_name(node: &Node, diagnostics: &mut Diagnostics) -> Option<Name> {
    let text = fields::text(node, "name", diagnostics)?;
    if !is_workflow_name(text) {
        let problem = Diagnostic::error("bad-id", node.span, format!("`{text}` cannot be a workflow's name"))
            .with_help("use letters, digits, `_`, `-` and `.`, and begin with a letter or a digit");
        diagnostics.push(problem);
        return None;
    }
    Some(Spanned::new(text.into(), node.span))
}

/// The entries of a map whose keys are names of the author's.
fn named(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Vec<(Name, Node)> {
    let entries = entries(node, what, diagnostics);
    entries.iter().for_each(|(name, _)| check_identifier(name, diagnostics));
    entries
}

fn triggers(node: &Node, diagnostics: &mut Diagnostics) -> Vec<Trigger> {
    if !matches!(node.kind, Kind::Mapping(_)) && !node.is_null() {
        let message = format!("`on` takes a map of triggers, found {}", fields::found(node));
        let help = "write each with its settings, like `on: { webhook: { path: /tickets, auth: none } }`";
        diagnostics.push(Diagnostic::error("wrong-type", node.span, message).with_help(help));
        return Vec::new();
    }
    let mut triggers = Vec::new();
    for (kind, node) in entries(node, "on", diagnostics) {
        let of_kind: Vec<Node> = match &node.kind {
            Kind::Sequence(items) => items.to_vec(),
            _ => vec![node],
        };
        for (index, node) in of_kind.into_iter().enumerate() {
            triggers.push(Trigger { kind: kind.clone(), index, node });
        }
    }
    triggers
}

fn limits(field: &Field<'_>, diagnostics: &mut Diagnostics) -> Limits {
    let mut limits = Limits::default();
    let Some(mut fields) = Fields::open(field.node, "`limits`", diagnostics) else { return limits };
    if let Some(run) = fields.take("run")
        && let Some(mut run) = Fields::open(run.node, "`limits.run`", diagnostics)
    {
        limits.run_cost = cost(&mut run, diagnostics);
        limits.run_time = run.take("time").and_then(|field| time(&field, diagnostics));
        run.finish(diagnostics);
    }
    if let Some(day) = fields.take("day")
        && let Some(mut day) = Fields::open(day.node, "`limits.day`", diagnostics)
    {
        limits.day_cost = cost(&mut day, diagnostics);
        day.finish(diagnostics);
    }
    for key in ["cost", "time"] {
        if let Some(field) = fields.take(key) {
            let message = format!("`limits` does not say what this `{key}` is of");
            diagnostics.push(
                Diagnostic::error("unknown-key", field.key.span, message)
                    .with_help(format!("write it under `run:`, like `limits: {{ run: {{ {key}: … }} }}`")),
            );
        }
    }
    fields.finish(diagnostics);
    limits
}

/// The `cost` among these.
pub(super) fn cost(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Spanned<Money>> {
    let field = fields.take("cost")?;
    Some(Spanned::new(fields::money(field.node, "cost", diagnostics)?, field.node.span))
}

fn time(field: &Field<'_>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let time = fields::duration(field.node, "time", diagnostics)?;
    if time.is_zero() {
        let message = "`time` must be more than nothing";
        diagnostics.push(Diagnostic::error("out-of-range", field.node.span, message));
        return None;
    }
    Some(time)
}

fn concurrency(field: &Field<'_>, diagnostics: &mut Diagnostics) -> Option<Concurrency> {
    let limit = |node: &Node, diagnostics: &mut Diagnostics| {
        let limit = fields::integer(node, "limit", 1..=10_000, diagnostics)?;
        usize::try_from(limit).ok()
    };
    // `concurrency: 1` is what many people write.
    if field.node.as_scalar().is_some_and(|scalar| !scalar.is_text()) && !field.node.is_null() {
        let limit = limit(field.node, diagnostics)?;
        return Some(Concurrency { limit, key: None, overflow: Overflow::Queue });
    }
    let mut fields = Fields::open(field.node, "`concurrency`", diagnostics)?.placed(field.key.span);
    let left = fields.keys().count();
    habits::report_fields(&mut fields, "`concurrency`", diagnostics);
    let is_foreign = fields.keys().count() < left;
    let written = if is_foreign { fields.take("limit") } else { fields.require("limit", diagnostics) };
    let limit = written.and_then(|field| limit(field.node, diagnostics));
    let key = fields.take("key").map(|field| field.node.clone());
    let overflow = fields.take("overflow").and_then(|field| {
        let words =
            [("queue", Overflow::Queue), ("skip", Overflow::Skip), ("cancel_oldest", Overflow::CancelOldest)];
        choice(field.node, "overflow", &words, diagnostics)
    });
    fields.finish(diagnostics);
    Some(Concurrency { limit: limit?, key, overflow: overflow.unwrap_or_default() })
}

fn allow(field: &Field<'_>, diagnostics: &mut Diagnostics) -> Allow {
    let mut allow = Allow::default();
    let Some(mut fields) = Fields::open(field.node, "`allow`", diagnostics) else { return allow };
    let mut written = 0;
    let mut texts = |name: &str| -> Vec<Name> {
        let Some(field) = fields.take(name) else { return Vec::new() };
        written += fields::one_or_many(field.node).len();
        fields::one_or_many(field.node)
            .iter()
            .filter_map(|node| {
                let text: Arc<str> = fields::text(node, name, diagnostics)?.into();
                if text.contains("{{") {
                    let message = format!("`{name}` is what the author allows, and takes no templates");
                    let problem = Diagnostic::error("invalid-value", node.span, message);
                    diagnostics
                        .push(problem.with_help("write out what may be meant, with `*` for any part of it"));
                    return None;
                }
                Some(Spanned::new(text, node.span))
            })
            .collect()
    };
    allow.hosts = texts("hosts");
    allow.files = texts("files");
    allow.written = written;
    fields.finish(diagnostics);
    allow
}
