//! Tests against the workflows that they test: every name leads somewhere, every value that stands in
//! for a step is one that the step could give.
//!
//! Codes: `unknown-workflow`, `unknown-step`, `mock-mismatch`, `unknown-input`, `missing-input`,
//! `bad-input`, `unknown-trigger`, `no-effect`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::check::Workflow;
use crate::component::{Arguments, Kinds, OutputType, Type};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, did_you_mean, quoted};
use crate::syntax::tree::{Kind, Node};
use crate::template::Schema;

use super::mock::{Mock, misfit, value_of};
use super::outline::{Form, Known, outline};
use super::read::{Named, Test, TestFile};

/// What tests are checked against.
pub struct World<'a> {
    /// All workflows without errors.
    pub workflows: Vec<&'a Workflow>,
    /// The paths of all workflow files, those with errors too.
    pub files: Vec<&'a Path>,
    /// The declarations of all actions.
    pub kinds: &'a Kinds,
}

impl<'a> World<'a> {
    /// The workflow of this name.
    pub fn workflow(&self, name: &str) -> Option<&'a Workflow> {
        self.workflows.iter().copied().find(|workflow| *workflow.name == *name)
    }

    /// The workflow that a file of tests is about; none when it is not there, or has errors itself.
    pub fn subject(&self, tests: &TestFile, path: &Path) -> Option<&'a Workflow> {
        match &tests.workflow {
            Some(name) => self.workflow(&name.value),
            None => self.workflows.iter().copied().find(|workflow| is_beside(path, &workflow.path)),
        }
    }
}

/// Whether a file of tests is that of a workflow file: `a.test.yaml` of `a.yaml`.
fn is_beside(tests: &Path, workflow: &Path) -> bool {
    let stem = tests.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.strip_suffix(".test"));
    let own = workflow.file_stem().and_then(|stem| stem.to_str());
    stem.is_some() && stem == own && tests.parent() == workflow.parent()
}

/// Checks the tests of a file, which lies at this path.
pub fn check(tests: &TestFile, path: &Path, world: &World<'_>, diagnostics: &mut Diagnostics) {
    let Some(workflow) = world.subject(tests, path) else {
        no_subject(tests, path, world, diagnostics);
        return;
    };
    let steps = outline(workflow);
    for test in &tests.tests {
        Checker { workflow, steps: &steps, world, diagnostics }.test(test);
    }
}

fn no_subject(tests: &TestFile, path: &Path, world: &World<'_>, diagnostics: &mut Diagnostics) {
    // A workflow with errors of its own is told of there.
    let is_broken = match &tests.workflow {
        Some(name) => {
            world.files.iter().any(|file| file.file_stem().is_some_and(|stem| stem == &*name.value))
        }
        None => world.files.iter().any(|file| is_beside(path, file)),
    };
    if is_broken {
        return;
    }
    let names = || world.workflows.iter().map(|workflow| &*workflow.name).collect::<Vec<_>>();
    diagnostics.push(match &tests.workflow {
        Some(name) => {
            let message = format!("there is no workflow {}", quoted(&name.value));
            Diagnostic::error("unknown-workflow", name.span, message)
                .with_help_if(did_you_mean(&name.value, names()))
        }
        None => {
            let message = "there is no workflow beside these tests";
            Diagnostic::error("unknown-workflow", Span::new(tests.file, 0, 0), message)
                .with_help("give the file the workflow's name, or write `workflow: NAME` at its top")
        }
    });
}

struct Checker<'a, 'd> {
    workflow: &'a Workflow,
    steps: &'d BTreeMap<&'a str, Known<'a>>,
    world: &'d World<'a>,
    diagnostics: &'d mut Diagnostics,
}

impl Checker<'_, '_> {
    fn test(&mut self, test: &Test) {
        self.inputs(test);
        self.trigger(test);
        for (id, node) in &test.mocks {
            self.mock(&id.value, id.span, node);
        }
        for (id, _) in &test.expect.steps {
            if !self.steps.contains_key(&*id.value) {
                self.unknown_step(&id.value, id.span, self.workflow, self.steps.keys().copied().collect());
            }
        }
        for (id, _) in &test.approvals {
            match self.steps.get(&*id.value).map(|known| known.form) {
                Some(Form::Approval(_)) => {}
                Some(Form::Action(call)) if call.kind == "approve" => {}
                Some(_) => {
                    let message = format!("the step `{}` asks nobody", id.value);
                    let found = Diagnostic::error("no-effect", id.span, message);
                    self.diagnostics.push(found.with_help(
                        "`approvals` answers steps with `approve`; say what others give with `mock`",
                    ));
                }
                None => {
                    self.unknown_step(
                        &id.value,
                        id.span,
                        self.workflow,
                        self.steps.keys().copied().collect(),
                    );
                }
            }
        }
    }

    fn inputs(&mut self, test: &Test) {
        // Else the trigger's `with` makes them of the event.
        let given: &[Named<Node>] = match (&test.inputs, &test.event) {
            (Some(inputs), _) => inputs,
            (None, None) => &[],
            (None, Some(_)) if self.workflow.triggers.is_empty() => &[],
            (None, Some(_)) => return,
        };
        for (name, node) in given {
            let Some(input) = self.workflow.inputs.iter().find(|input| input.name == name.value) else {
                let message = format!("`{}` has no input {}", self.workflow.name, quoted(&name.value));
                let names: Vec<_> = self.workflow.inputs.iter().map(|input| &*input.name).collect();
                let found = Diagnostic::error("unknown-input", name.span, message);
                self.diagnostics.push(found.with_help_if(did_you_mean(&name.value, names)));
                continue;
            };
            let is_left_out = node.is_null() && input.default.as_ref().is_some_and(|value| value.is_null());
            if !is_left_out && let Err(violations) = input.schema.validate(&node.to_json()) {
                for violation in violations {
                    let message = format!("the input `{}` does not fit: {}", name.value, violation.message);
                    let at = place(node, &violation.pointer);
                    self.diagnostics.push(Diagnostic::error("bad-input", at, message));
                }
            }
        }
        for input in &self.workflow.inputs {
            let is_given = given.iter().any(|(name, _)| name.value == input.name);
            if !is_given && input.default.is_none() {
                let message = format!("the input `{}` is missing", input.name);
                let found = Diagnostic::error("missing-input", test.name.span, message);
                self.diagnostics.push(found.with_help(format!("add `inputs: {{ {}: … }}`", input.name)));
            }
        }
    }

    fn trigger(&mut self, test: &Test) {
        let Some(trigger) = &test.trigger else { return };
        let kinds: Vec<_> = self.workflow.triggers.iter().map(|one| one.id.to_string()).collect();
        if test.event.is_none() {
            let message = "`trigger` does nothing without `event`";
            let found = Diagnostic::error("no-effect", trigger.span, message);
            self.diagnostics.push(found.with_help("add `event:` with what the trigger sees"));
        } else if !kinds.iter().any(|kind| *kind == *trigger.value) {
            let message = format!("`{}` has no trigger {}", self.workflow.name, quoted(&trigger.value));
            let help = did_you_mean(&trigger.value, kinds.iter().map(String::as_str).collect::<Vec<_>>());
            let found = Diagnostic::error("unknown-trigger", trigger.span, message);
            self.diagnostics.push(found.with_help_if(help));
        }
    }

    fn unknown_step(&mut self, id: &str, span: Span, workflow: &Workflow, known: Vec<&str>) {
        let message = format!("`{}` has no step {}", workflow.name, quoted(id));
        let help = did_you_mean(id, known);
        self.diagnostics.push(Diagnostic::error("unknown-step", span, message).with_help_if(help));
    }

    fn mock(&mut self, id: &str, span: Span, node: &Node) {
        let Some((name, inner)) = id.split_once('/') else {
            match self.steps.get(id) {
                Some(known) => self.stand_in(id, known, span, node),
                None => {
                    let known = self.steps.keys().copied().collect();
                    self.unknown_step(id, span, self.workflow, known);
                }
            }
            return;
        };
        let Some(workflow) = self.world.workflow(name) else {
            let names: Vec<_> = self.world.workflows.iter().map(|workflow| &*workflow.name).collect();
            let found =
                Diagnostic::error("unknown-workflow", span, format!("there is no workflow {}", quoted(name)));
            self.diagnostics.push(found.with_help_if(did_you_mean(name, names)));
            return;
        };
        let steps = outline(workflow);
        match steps.get(inner) {
            Some(known) => self.stand_in(inner, known, span, node),
            None => self.unknown_step(inner, span, workflow, steps.keys().copied().collect()),
        }
    }

    /// Whether what stands in for a step could be its output.
    fn stand_in(&mut self, id: &str, known: &Known<'_>, span: Span, node: &Node) {
        let mut own = Diagnostics::new();
        Mock::read(node, known.loops, &mut own);
        let failed = own.has_errors();
        self.diagnostics.extend(own);
        match known.form {
            _ if failed => {}
            Form::Action(call) | Form::Approval(call) => {
                if let Some(declaration) = self.world.kinds.action(call.kind) {
                    let wanted = Wanted::of(&declaration.output, &call.arguments);
                    each_value(node, known.loops, &mut |value| wanted.check(id, value, self.diagnostics));
                }
            }
            Form::Workflow => {}
            Form::Steps(key) => {
                let message = format!("nothing can stand in for `{id}`, which is a `{key}`");
                let found = Diagnostic::error("mock-mismatch", span, message);
                self.diagnostics.push(found.with_help("mock the steps in it, each by its id"));
            }
        }
    }
}

/// What the output of a step has to be.
enum Wanted<'a> {
    Schema(&'a Schema),
    Type(Type),
    Anything,
}

impl<'a> Wanted<'a> {
    fn of(output: &OutputType, arguments: &'a Arguments) -> Self {
        match output {
            OutputType::Fixed(ty) => Self::Type(*ty),
            OutputType::FromArguments(type_of, _) => Self::Type(type_of(arguments)),
            OutputType::FromSchema(field, otherwise) => match arguments.schema(field) {
                Some(schema) => Self::Schema(schema),
                None => Self::Type(*otherwise),
            },
            OutputType::Named => Self::Anything,
        }
    }

    fn check(&self, id: &str, node: &Node, diagnostics: &mut Diagnostics) {
        match self {
            Self::Anything => {}
            Self::Type(ty) => fits(id, ty, node, diagnostics),
            Self::Schema(schema) => {
                for violation in schema.validate(&node.to_json()).err().into_iter().flatten() {
                    let message = format!("`{id}` never gives this: {}", violation.message);
                    let at = place(node, &violation.pointer);
                    diagnostics.push(Diagnostic::error("mock-mismatch", at, message));
                }
            }
        }
    }
}

/// Each value that stands in for a step, in the passes of its loops.
fn each_value<'n>(node: &'n Node, loops: usize, see: &mut dyn FnMut(&'n Node)) {
    match &node.kind {
        Kind::Sequence(items) if loops > 0 => items.iter().for_each(|item| each_value(item, loops - 1, see)),
        _ => value_of(node).into_iter().for_each(see),
    }
}

/// Whether a value is of a type that an action declares. What it leaves out is no mistake: a step that
/// reads it fails by name.
fn fits(id: &str, ty: &Type, node: &Node, diagnostics: &mut Diagnostics) {
    let value = node.to_json();
    let wanted = match ty {
        Type::Text if !value.is_string() => "text",
        Type::Integer if !value.is_i64() => "a whole number",
        Type::Boolean if !value.is_boolean() => "`true` or `false`",
        Type::List(_) if !value.is_array() => "a list",
        Type::Record(_) if !value.is_object() => "a map",
        Type::Record(fields) => {
            let Kind::Mapping(entries) = &node.kind else { return };
            for (key, value) in entries.iter() {
                match fields.iter().find(|(name, _)| *name == &*key.value) {
                    Some((_, ty)) => fits(id, ty, value, diagnostics),
                    None => {
                        let message = format!("`{id}` never gives {}", quoted(&key.value));
                        let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
                        let found = Diagnostic::error("mock-mismatch", key.span, message);
                        diagnostics.push(found.with_help_if(did_you_mean(&key.value, names)));
                    }
                }
            }
            return;
        }
        Type::List(of) => {
            if let Kind::Sequence(items) = &node.kind {
                items.iter().for_each(|item| fits(id, of, item, diagnostics));
            }
            return;
        }
        _ => return,
    };
    let message = format!("`{id}` never gives this: expected {wanted}, found {}", node.describe());
    diagnostics.push(misfit(node, message));
}

/// The place of what a JSON pointer leads to.
fn place(node: &Node, pointer: &str) -> Span {
    let mut node = node;
    for part in pointer.split('/').skip(1) {
        let part: Arc<str> = part.replace("~1", "/").replace("~0", "~").into();
        let next = match &node.kind {
            Kind::Mapping(entries) => entries.iter().find(|(key, _)| key.value == part).map(|(_, node)| node),
            Kind::Sequence(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
            Kind::Scalar(_) => None,
        };
        let Some(next) = next else { break };
        node = next;
    }
    node.span
}
