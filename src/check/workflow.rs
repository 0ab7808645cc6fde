//! One workflow file: its inputs, triggers, defaults, steps and output.
//!
//! Codes: `unknown-trigger`, `unknown-input`, `missing-input`, `bad-default`, `no-steps`, and those
//! of the parts.

use std::path::PathBuf;
use std::sync::Arc;

use crate::component::{Arguments, Kinds, SecretsIn, Type};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap, Span, did_you_mean};
use crate::event::TriggerId;
use crate::ids::{is_identifier, is_workflow_name};
use crate::syntax::ast;
use crate::syntax::tree::{Kind, Node};
use crate::syntax::yaml;
use crate::template::{Expr, Partials, Schema, Tree};
use crate::value::Json;

use super::arguments::{Spelling, Texts};
use super::defaults::{defaults, written};
use super::flow::StepList;
use super::names::{ERROR, Visible};
use super::order::Line;
use super::shape::Shape;
use super::steps::{self, Call, StepChecker};

/// A workflow in which every name leads somewhere.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Unique in the workspace.
    pub name: Arc<str>,
    /// Where the name stands, or the start of the file.
    pub span: Span,
    /// The file, relative to the workspace.
    pub path: PathBuf,
    /// In the author's words.
    pub description: Option<Arc<str>>,
    /// What every trigger fills.
    pub inputs: Vec<Input>,
    /// What starts it, beside people.
    pub triggers: Vec<Trigger>,
    /// Values evaluated once at the start, in order.
    pub vars: Vec<(Arc<str>, Tree)>,
    /// What it does.
    pub steps: StepList<Call>,
    /// What it gives; without one, the output of the last step.
    pub output: Option<Tree>,
    /// What happens when it failed.
    pub on_failure: StepList<Call>,
    /// What happens at the end in any case.
    pub finally: StepList<Call>,
    /// The secrets it reads, each with its first place.
    pub secrets: Vec<(Arc<str>, Span)>,
    /// Whether its steps read `event`, so that a person must give one.
    pub reads_event: bool,
}

/// An input of a workflow.
#[derive(Clone, Debug)]
pub struct Input {
    /// Under which steps read it.
    pub name: Arc<str>,
    /// What it must be.
    pub schema: Arc<Schema>,
    /// What it is when nobody gives it.
    pub default: Option<Json>,
    /// Whether somebody must give it.
    pub required: bool,
}

/// A trigger of a workflow.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Its kind and place.
    pub id: TriggerId,
    /// Where its kind is written.
    pub span: Span,
    /// Which events it wants; without one, all.
    pub condition: Option<Arc<Expr>>,
    /// What each input is, from the event.
    pub with: Vec<(Arc<str>, Tree)>,
    /// Its settings.
    pub arguments: Arguments,
}

/// A name of the workspace's configuration that workflows may read.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Under `vars`.
    pub name: Arc<str>,
}

/// Checks one workflow file. `None` when it has errors; all of them are in `diagnostics` then.
pub fn check(
    sources: &SourceMap,
    file: FileId,
    kinds: &Kinds,
    settings: &[Setting],
    diagnostics: &mut Diagnostics,
) -> Option<Workflow> {
    let source = sources.file(file);
    let mut own = Diagnostics::new();
    let workflow = read(file, &source.text, &source.path, kinds, settings, &mut own);
    let failed = own.has_errors();
    diagnostics.extend(own);
    workflow.filter(|_| !failed)
}

fn read(
    file: FileId,
    text: &str,
    path: &std::path::Path,
    kinds: &Kinds,
    settings: &[Setting],
    diagnostics: &mut Diagnostics,
) -> Option<Workflow> {
    let root = yaml::parse(file, text, diagnostics)?;
    let actions: Vec<_> = kinds.actions().map(|kind| kind.name).collect();
    let ast = ast::workflow(&root, &actions, diagnostics)?;
    let name = name(&ast, path, diagnostics);
    if ast.steps.is_empty() && !diagnostics.has_errors() {
        let problem = Diagnostic::warning("no-steps", root.span.at_start(), "this workflow does nothing");
        diagnostics.push(problem.with_help("add a step below `steps:`"));
    }
    let ids = steps::ids(&[&ast.steps, &ast.on_failure, &ast.finally], diagnostics);
    let inputs = inputs(&ast, diagnostics);
    let partials = Partials::default();
    let mut secrets = Vec::new();
    let mut texts =
        Texts { ids: &ids, partials: &partials, diagnostics, secrets: &mut secrets, reads_event: false };

    let workspace: Vec<_> = settings.iter().map(|setting| (setting.name.clone(), Shape::Unknown)).collect();
    let outside = Visible::nothing().with_root("vars", Shape::Map(workspace.clone()));
    let triggers = ast
        .triggers
        .iter()
        .filter_map(|trigger| self::trigger(trigger, kinds, &inputs, &outside, &mut texts));
    let triggers: Vec<Trigger> = triggers.collect();
    texts.reads_event = false;

    let mut start = outside.clone().with_run().with_root("inputs", Shape::Map(inputs.known.clone()));
    if let Some(event) = event_shape(&ast, kinds) {
        start = start.with_root("event", event);
    }
    let mut known = workspace;
    let mut vars = Vec::new();
    for (name, node) in &ast.vars {
        let visible = start.clone().with_root("vars", Shape::Map(known.clone()));
        if let Some(tree) = texts.tree(node, SecretsIn::Refused, &visible) {
            vars.push((name.value.clone(), tree));
        }
        known.retain(|(other, _)| *other != name.value);
        known.push((name.value.clone(), Shape::Unknown));
    }
    let start = start.with_root("vars", Shape::Map(known));
    let defaults = defaults(&ast, kinds, &start, &mut texts);

    let mut checker = StepChecker { kinds, defaults: &defaults, texts: &mut texts };
    let visible = start.clone().with_steps();
    let main = checker.list(&ast.steps, Line::Written, &visible);
    let mut ended = visible.clone();
    main.exports.iter().for_each(|(id, shape)| ended.add_step(id.clone(), shape.clone()));
    // Which steps a failed run got to nobody knows, so none can be read without a guard; they are
    // known by name all the same.
    let failed = ended.clone().with_root("error", Shape::Declared(ERROR));
    let on_failure = checker.list(&ast.on_failure, Line::Written, &failed);
    let finally = checker.list(&ast.finally, Line::Written, &ended);
    let output = match &ast.output {
        Some(node) => Some(texts.tree(node, SecretsIn::Refused, &ended)?),
        None => None,
    };
    let reads_event = texts.reads_event;
    Some(Workflow {
        reads_event,
        span: ast.name.as_ref().map_or(root.span.at_start(), |name| name.span),
        name: name?,
        path: path.to_owned(),
        description: ast.description.clone(),
        inputs: inputs.declared,
        triggers,
        vars,
        steps: main.steps,
        output,
        on_failure: on_failure.steps,
        finally: finally.steps,
        secrets,
    })
}

/// The written name, or the file's stem.
fn name(ast: &ast::Workflow, path: &std::path::Path, diagnostics: &mut Diagnostics) -> Option<Arc<str>> {
    if let Some(name) = &ast.name {
        return Some(name.value.clone());
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if is_workflow_name(stem) {
        return Some(stem.into());
    }
    let message = format!("`{stem}` cannot be a workflow's name");
    diagnostics.push(
        Diagnostic::error("bad-id", ast.span.at_start(), message)
            .with_help("add `name:` with letters, digits, `_`, `-` and `.`, or rename the file"),
    );
    None
}

/// The inputs of a workflow.
#[derive(Default)]
struct Inputs {
    /// Those that were declared well.
    declared: Vec<Input>,
    /// What can be read of all of them: a bad declaration is one mistake, and to read it no second.
    known: Vec<(Arc<str>, Shape)>,
}

fn inputs(ast: &ast::Workflow, diagnostics: &mut Diagnostics) -> Inputs {
    let mut inputs = Inputs::default();
    for (name, node) in &ast.inputs {
        let bare = name.value.strip_suffix('?').unwrap_or(&name.value);
        let input = input(name, bare, node, diagnostics);
        let shape = input
            .as_ref()
            .map_or(Shape::Unknown, |input| Shape::Schema(Arc::new(input.schema.json().clone())));
        inputs.known.push((bare.into(), shape));
        inputs.declared.extend(input);
    }
    inputs
}

fn input(name: &ast::Name, bare: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<Input> {
    if !is_identifier(bare) {
        let message = format!("`{bare}` cannot be an input's name");
        let help = "use letters, digits and `_`, and begin with a letter";
        diagnostics.push(Diagnostic::error("bad-id", name.span, message).with_help(help));
        return None;
    }
    let schema = match Schema::parse(&node.to_json()) {
        Ok(schema) => schema,
        Err(error) => {
            let problem = Diagnostic::error("bad-schema", node.span, error.message);
            diagnostics.push(problem.with_help(
                "an input is declared by its type, like `string` or `{ type: string, default: fr }`",
            ));
            return None;
        }
    };
    let default = match &node.kind {
        Kind::Mapping(entries) => {
            entries.iter().find(|(key, _)| &*key.value == "default").map(|(_, node)| node)
        }
        _ => None,
    };
    if let Some(node) = default
        && let Err(violations) = schema.validate(&node.to_json())
    {
        let why = violations.into_iter().map(|violation| violation.message).collect::<Vec<_>>().join("; ");
        diagnostics.push(Diagnostic::error(
            "bad-default",
            node.span,
            format!("the default does not fit: {why}"),
        ));
    }
    let optional = bare.len() < name.value.len();
    Some(Input {
        name: bare.into(),
        schema: Arc::new(schema),
        default: default.map(Node::to_json).or(optional.then_some(Json::Null)),
        required: default.is_none() && !optional,
    })
}

/// What `event` is in the steps: what any of the triggers gives.
fn event_shape(ast: &ast::Workflow, kinds: &Kinds) -> Option<Shape> {
    let types: Vec<_> = ast.triggers.iter().map(|trigger| kinds.trigger(&trigger.kind.value)).collect();
    let mut names: Vec<(Arc<str>, Shape)> = Vec::new();
    for declaration in &types {
        let Some(Type::Record(fields)) = declaration.map(|declaration| declaration.event) else {
            return Some(Shape::Unknown);
        };
        for (name, ty) in fields {
            match names.iter_mut().find(|(known, _)| **known == **name) {
                Some((_, shape)) => *shape = Shape::Unknown,
                None => names.push(((*name).into(), Shape::Declared(*ty))),
            }
        }
    }
    (!types.is_empty()).then_some(Shape::Map(names))
}

fn trigger(
    trigger: &ast::Trigger,
    kinds: &Kinds,
    inputs: &Inputs,
    outside: &Visible,
    texts: &mut Texts<'_>,
) -> Option<Trigger> {
    let Some(declaration) = kinds.trigger(&trigger.kind.value) else {
        let message = format!("there is no trigger `{}`", trigger.kind.value);
        let help = if &*trigger.kind.value == "manual" {
            Some("every workflow can be started by hand; leave this out".to_owned())
        } else {
            did_you_mean(&trigger.kind.value, kinds.triggers().map(|kind| kind.name).collect::<Vec<_>>())
        };
        texts
            .diagnostics
            .push(Diagnostic::error("unknown-trigger", trigger.kind.span, message).with_help_if(help));
        return None;
    };
    let inside = outside.clone().with_root("event", Shape::Declared(declaration.event));
    let entries = match &trigger.node.kind {
        Kind::Mapping(entries) => &**entries,
        _ => &[],
    };
    let get = |key: &str| entries.iter().find(|(name, _)| &*name.value == key).map(|(_, node)| node);
    let condition = get("if").map(|node| texts.expression(node, &inside));
    let with = get("with").map(|node| with(node, inputs, &inside, texts)).unwrap_or_default();
    let compiled = texts.arguments(
        &trigger.node,
        &format!("`{}`", declaration.name),
        declaration.fields,
        &["if", "with"],
        outside,
    )?;
    texts.report_missing(declaration.fields, &compiled, trigger.kind.span, None);
    if let Some(rules) = declaration.rules
        && compiled.spelling == Spelling::Right
    {
        rules(&written(&trigger.node, trigger.kind.span, None, None), texts.diagnostics);
    }
    for input in inputs
        .declared
        .iter()
        .filter(|input| input.required && !with.iter().any(|(name, _)| *name == input.name))
    {
        let message = format!("this trigger does not fill the input `{}`", input.name);
        let place = get("with").map_or(trigger.kind.span, |node| node.span);
        let help =
            format!("add it below `with:`, like `{}: \"{{{{event.…}}}}\"`, or give it a default", input.name);
        texts.diagnostics.push(Diagnostic::error("missing-input", place, message).with_help(help));
    }
    Some(Trigger {
        id: TriggerId { kind: declaration.name.to_owned(), index: trigger.index },
        span: trigger.kind.span,
        condition: condition.flatten(),
        with,
        arguments: compiled.arguments,
    })
}

fn with(node: &Node, inputs: &Inputs, visible: &Visible, texts: &mut Texts<'_>) -> Vec<(Arc<str>, Tree)> {
    let Kind::Mapping(entries) = &node.kind else {
        let message = format!("`with` takes a map of inputs, found {}", node.describe());
        texts.diagnostics.push(Diagnostic::error("wrong-type", node.span, message));
        return Vec::new();
    };
    let mut values = Vec::new();
    for (name, node) in entries.iter() {
        if !inputs.known.iter().any(|(input, _)| *input == name.value) {
            let message = format!("the workflow has no input `{}`", name.value);
            let names: Vec<_> = inputs.known.iter().map(|(input, _)| &**input).collect();
            let help =
                did_you_mean(&name.value, names).unwrap_or_else(|| "declare it under `inputs:`".to_owned());
            texts.diagnostics.push(Diagnostic::error("unknown-input", name.span, message).with_help(help));
        }
        if let Some(tree) = texts.tree(node, SecretsIn::Refused, visible) {
            values.push((name.value.clone(), tree));
        }
    }
    values
}
