//! The forms of control flow: what stands in each, and what can be read there.
//!
//! Codes: `unknown-workflow`, `once-without-id`, `unknown-case`, `missing-case`, `bad-id`, and those of the parts.

use std::collections::HashSet;
use std::sync::Arc;

use crate::component::SecretsIn;
use crate::diagnostic::{Diagnostic, did_you_mean, quoted};
use crate::syntax::ast;
use crate::syntax::tree::{Kind, Node};
use crate::template::types::{Kind as ValueKind, Presence};
use crate::template::{Expr, ROOTS, Tree, Ty};
use crate::value::Json;

use super::flow::{Body, Child, Foreach, OnItemError, Once, Repeat};
use super::inputs::{Filler, fill};
use super::names::Visible;
use super::order::Line;
use super::steps::{Call, Exports, StepChecker, under};
use super::types::{APPROVAL, ERROR, fixed, round};

/// What a step does, the steps in it that later ones may read, and its output.
type Checked = (Option<Body<Call>>, Exports, Ty);

impl StepChecker<'_, '_> {
    /// What a step does, the steps in it that later ones may read, and the type of its output.
    /// `visible` is what can be read where the step's condition holds, `otherwise` where it does not.
    pub(super) fn body(&mut self, step: &ast::Step, visible: &Visible, otherwise: &Visible) -> Checked {
        match &step.body {
            ast::Body::Action(name, node) => {
                let Some((call, output)) = self.action(name, node, step.span, visible) else {
                    return (None, Vec::new(), Ty::any());
                };
                (Some(Body::Action(call)), Vec::new(), output)
            }
            ast::Body::Group { steps, otherwise: list } => {
                self.group(step, (steps, visible), list.as_deref().map(|list| (list, otherwise)))
            }
            ast::Body::Parallel(steps) => {
                let list = self.list(steps, Line::Together, visible);
                let own: HashSet<_> =
                    steps.iter().filter_map(|step| Some(&step.id.as_ref()?.value)).collect();
                let outputs = list.exports.iter().filter(|step| own.contains(&step.id)).map(|step| {
                    let output = step.ty.field("output").map_or_else(Ty::any, |(ty, _)| ty);
                    (step.id.clone(), output, Presence::Required)
                });
                let outputs = Ty::map(outputs);
                (Some(Body::Parallel(list.steps)), list.exports, outputs)
            }
            ast::Body::Approve { name, node, notify } => {
                let told = visible.clone().with_root("approval", fixed(APPROVAL));
                let notify = self.list(notify, Line::Written, &told).steps;
                let Some((action, output)) = self.action(name, node, step.span, visible) else {
                    return (None, Vec::new(), Ty::any());
                };
                (Some(Body::Approve { action, notify }), Vec::new(), output)
            }
            ast::Body::Repeat(repeat) => alone(self.repeat(repeat, visible)),
            ast::Body::Call { workflow, with } => {
                let output = self.signatures.map_or_else(Ty::any, |known| known.output(&workflow.value));
                (Some(Body::Call(self.call(workflow, with, visible))), Vec::new(), output)
            }
            ast::Body::Foreach(each) => alone(self.foreach(step, each, visible)),
            ast::Body::Switch { on, cases, default } => {
                alone(self.switch(on, cases, default.as_deref(), visible))
            }
            ast::Body::Broken => (None, Vec::new(), Ty::any()),
        }
    }

    /// A group, or one of two by the step's condition.
    fn group(
        &mut self,
        step: &ast::Step,
        (then, visible): (&[ast::Step], &Visible),
        otherwise: Option<(&[ast::Step], &Visible)>,
    ) -> Checked {
        let then = self.list(then, Line::Written, visible);
        let Some((list, visible)) = otherwise else {
            let body = Body::Group { steps: then.steps, otherwise: None };
            return (Some(body), then.exports, then.last);
        };
        let otherwise = self.list(list, Line::Written, visible);
        let (mut exports, mut others) = (then.exports, otherwise.exports);
        if let Some(node) = &step.condition {
            let why: Arc<str> = "it lies in one of two branches, and the other may be taken".into();
            let condition = node.as_scalar().and_then(|scalar| Expr::compile(&scalar.text).ok());
            exports = under(exports, node, condition.as_ref(), &why);
            others = under(others, node, None, &why);
        }
        exports.extend(others);
        let output = then.last.or(&otherwise.last);
        (Some(Body::Group { steps: then.steps, otherwise: Some(otherwise.steps) }), exports, output)
    }

    fn foreach(
        &mut self,
        step: &ast::Step,
        each: &ast::Foreach,
        visible: &Visible,
    ) -> (Option<Body<Call>>, Ty) {
        let over = match &each.over.kind {
            Kind::Sequence(_) => self.texts.tree_of(&each.over, SecretsIn::Refused, visible),
            _ => {
                let range = self.texts.range(&each.over, "foreach", visible);
                range.map(|(expression, ty)| (Tree::Expr(expression), ty))
            }
        };
        let list = over.as_ref().map_or_else(Ty::any, |(_, ty)| ty.clone());
        let item = match each.batch {
            None => list.item(),
            Some(_) => Ty::filled_list(list.item()),
        };
        if &*each.item.value != "item" && ROOTS.contains(&&*each.item.value) {
            let message = format!("`{}` has a meaning of its own and cannot name an item", each.item.value);
            self.texts.diagnostics.push(
                Diagnostic::error("bad-id", each.item.span, message)
                    .with_help("choose another name, or leave `as` out and read `item`"),
            );
        }
        let inner = visible.clone().with_root(&each.item.value, item).with_root("index", Ty::integer());
        let steps = self.list(&each.steps, Line::Written, &inner);
        let mut after = inner.clone();
        steps.exports.iter().for_each(|step| after.add_step(step));
        let once = match &each.once {
            Some(once) => {
                self.warn_of_no_id(step, once);
                self.texts.expression(&once.key, &inner).map(|key| Some(Once { key, keep: once.keep }))
            }
            None => Some(None),
        };
        let collect = self.collect(each.collect.as_ref(), &after);
        let given = match &collect {
            Some(Some((_, ty))) => ty.clone(),
            Some(None) => steps.last,
            None => Ty::any(),
        };
        let output = match each.on_item_error {
            OnItemError::Fail if list.is_filled_list() && each.once.is_none() => Ty::filled_list(given),
            OnItemError::Fail | OnItemError::Skip => Ty::list(given),
            OnItemError::Keep => Ty::list(given.or(&Ty::map([("error", fixed(ERROR), Presence::Required)]))),
        };
        let (Some((over, _)), Some(once), Some(collect)) = (over, once, collect) else {
            return (None, output);
        };
        let each = Foreach {
            over,
            item: each.item.value.clone(),
            concurrency: each.concurrency,
            batch: each.batch,
            once,
            steps: steps.steps,
            collect: collect.map(|(tree, _)| tree),
            on_item_error: each.on_item_error,
        };
        (Some(Body::Foreach(each)), output)
    }

    /// What was done is remembered under the loop's id, or else under its place in the list.
    fn warn_of_no_id(&mut self, step: &ast::Step, once: &ast::Once) {
        if step.id.is_some() {
            return;
        }
        let message = "without an `id` this loop forgets what it has done when it moves to another place";
        let problem = Diagnostic::warning("once-without-id", once.key.span, message);
        self.texts.diagnostics.push(problem.with_help("give the loop an `id`, and keep it"));
    }

    /// What a round gives: `Some(None)` where that is the output of its last step.
    ///
    /// CEL where it is a text, a value with templates where it is a list or a map.
    fn collect(&mut self, written: Option<&Node>, visible: &Visible) -> Option<Option<(Tree, Ty)>> {
        let Some(node) = written else { return Some(None) };
        let tree = if node.as_scalar().is_some_and(|scalar| !scalar.text.contains("{{")) {
            self.texts.expression_of(node, visible).map(|(expression, ty)| (Tree::Expr(expression), ty))
        } else {
            self.texts.tree_of(node, SecretsIn::Refused, visible)
        };
        tree.map(Some)
    }

    /// Inside a case the value is that case.
    fn switch(
        &mut self,
        on: &Node,
        cases: &[(ast::Name, Vec<ast::Step>)],
        default: Option<&[ast::Step]>,
        visible: &Visible,
    ) -> (Option<Body<Call>>, Ty) {
        let compiled = self.texts.expression_of(on, visible);
        let ty = compiled.as_ref().map_or_else(Ty::any, |(_, ty)| ty.clone());
        let path = compiled.as_ref().and_then(|(on, _)| on.path());
        // A value that is written out is there to be changed.
        let values = ty.as_values().filter(|values| values.len() > usize::from(path.is_none()));
        self.check_cases(on, cases, default.is_none(), values.as_deref());
        let mut left = ty.clone();
        let mut output: Option<Ty> = None;
        let mut lists = Vec::new();
        for (case, list) in cases {
            let value = match &values {
                Some(values) => values.iter().find(|value| as_text(value) == *case.value).cloned(),
                None if ty.kinds().is_some_and(|mut kinds| kinds.all(|kind| kind == ValueKind::Text)) => {
                    Some(Json::from(&*case.value))
                }
                None => None,
            };
            let inside = match (path, &value) {
                (Some(path), Some(value)) => visible.with_at(path, &Ty::of_value(value)),
                _ => visible.clone(),
            };
            left = value.iter().fold(left, |left, value| left.without(value));
            let list = self.list(list, Line::Written, &inside);
            output = Some(output.map_or(list.last.clone(), |output| output.or(&list.last)));
            lists.push((case.value.clone(), list.steps));
        }
        let default = default.map(|list| {
            let inside = path.map_or_else(|| visible.clone(), |path| visible.with_at(path, &left));
            self.list(list, Line::Written, &inside)
        });
        let all = values.is_some_and(|values| {
            !ty.may_be_null()
                && values.iter().all(|value| cases.iter().any(|(case, _)| *case.value == *as_text(value)))
        });
        // What no case takes gives null.
        let rest = match &default {
            Some(list) => Some(list.last.clone()),
            None => (!all).then(Ty::null),
        };
        let output = output.into_iter().chain(rest).reduce(|a, b| a.or(&b)).unwrap_or_else(Ty::null);
        let body = compiled.map(|(on, _)| Body::Switch {
            on,
            cases: lists,
            default: default.map(|list| list.steps),
        });
        (body, output)
    }

    /// Every case can be met, and where there is no default every value has a case.
    fn check_cases(
        &mut self,
        on: &Node,
        cases: &[(ast::Name, Vec<ast::Step>)],
        must_be_all: bool,
        values: Option<&[Json]>,
    ) {
        let Some(values) = values else { return };
        let names: Vec<String> = values.iter().map(as_text).collect();
        let mut astray = false;
        for (case, _) in cases.iter().filter(|(case, _)| !names.iter().any(|name| **name == *case.value)) {
            astray = true;
            let message = format!("the value is never {}, so this case is never taken", quoted(&case.value));
            let problem = Diagnostic::error("unknown-case", case.span, message)
                .with_help_if(did_you_mean(&case.value, names.iter().map(String::as_str)));
            self.texts.diagnostics.push(problem.with_related(on.span, "the value"));
        }
        let missing: Vec<String> = names
            .iter()
            .filter(|name| !cases.iter().any(|(case, _)| *case.value == ***name))
            .map(|name| quoted(name))
            .collect();
        // A misspelled case is most likely the one that is missing.
        if must_be_all && !missing.is_empty() && !astray {
            let message = format!("no case takes {}", missing.join(", "));
            let help = format!(
                "add {} below `cases` (`[]` does nothing), or a `default`",
                missing
                    .iter()
                    .map(|name| format!("{}: []`", name.trim_end_matches('`')))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            self.texts.diagnostics.push(Diagnostic::error("missing-case", on.span, message).with_help(help));
        }
    }

    fn repeat(&mut self, repeat: &ast::Repeat, visible: &Visible) -> (Option<Body<Call>>, Ty) {
        let inner = visible.clone().with_root("round", round());
        let steps = self.list(&repeat.steps, Line::Written, &inner);
        let mut after = inner;
        steps.exports.iter().for_each(|step| after.add_step(step));
        let until = match &repeat.until {
            Some(until) => self.texts.condition(until, "until", &after).map(Some),
            None => Some(None),
        };
        let collect = self.collect(repeat.collect.as_ref(), &after);
        let output = match &collect {
            Some(Some((_, ty))) => Ty::filled_list(ty.clone()),
            Some(None) => steps.last,
            None => Ty::any(),
        };
        let (Some(until), Some(collect)) = (until, collect) else { return (None, output) };
        let (max, on_limit) = (repeat.max, repeat.on_limit);
        let collect = collect.map(|(tree, _)| tree);
        (Some(Body::Repeat(Repeat { until, max, on_limit, steps: steps.steps, collect })), output)
    }

    fn call(&mut self, workflow: &ast::Name, with: &[(ast::Name, Node)], visible: &Visible) -> Child {
        let name = &workflow.value;
        let called = self.signatures.and_then(|signatures| signatures.inputs(name));
        let with = match (called, self.signatures) {
            (Some(inputs), _) => fill(with, workflow.span, inputs, Filler::Call(name), visible, self.texts),
            (None, signatures) => {
                if let Some(signatures) = signatures {
                    let message = format!("there is no workflow `{name}`");
                    let problem = Diagnostic::error("unknown-workflow", workflow.span, message);
                    self.texts.diagnostics.push(problem.with_help_if(did_you_mean(
                        name,
                        signatures.names().filter(|known| **known != *self.own),
                    )));
                }
                let tree = |(name, node): &(ast::Name, Node)| {
                    Some((name.value.clone(), self.texts.tree(node, SecretsIn::Refused, visible)?))
                };
                with.iter().filter_map(tree).collect()
            }
        };
        Child { workflow: name.clone(), span: workflow.span, with }
    }
}

/// A form whose steps are read inside it only.
fn alone((body, output): (Option<Body<Call>>, Ty)) -> Checked {
    (body, Vec::new(), output)
}

/// A value as cases are compared with it.
fn as_text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
