//! One workflow file: its inputs, triggers, defaults, steps and output.
//!
//! Codes: `unknown-trigger`, `no-steps`, and those of the parts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::component::{ActionDeclaration, Allow, Arguments, Kinds, SecretsIn};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap, Span, did_you_mean};
use crate::event::TriggerId;
use crate::ids::is_workflow_name;
use crate::syntax::ast;
pub use crate::syntax::ast::{Limits, Overflow};
use crate::syntax::credentials::literal_credentials;
use crate::syntax::tree::Kind;
use crate::syntax::yaml;
use crate::template::types::Presence;
use crate::template::{Expr, Template, Tree, Ty};

use super::arguments::Spelling;
use super::cost;
use super::data;
use super::dead::unreachable_steps;
use super::defaults::{defaults, written};
use super::flow::StepList;
use super::inputs::{Filler, Input, Inputs, fill, inputs};
use super::names::{Export, Visible};
use super::order::Line;
use super::prompts::{self, Loan, Prompts};
use super::steps::{self, Call, StepChecker};
pub use super::texts::Reads;
use super::texts::{Texts, Used};
use super::types::{ERROR, fixed, may_end};
use super::unused;

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
    /// The type of that.
    pub gives: Ty,
    /// What happens when it failed.
    pub on_failure: StepList<Call>,
    /// What happens at the end in any case.
    pub finally: StepList<Call>,
    /// What it may cost and how long it may take.
    pub limits: Limits,
    /// How many of its runs are under way at once.
    pub concurrency: Option<Concurrency>,
    /// What data may choose in it beyond what is usual.
    pub allow: Arc<Allow>,
    /// The secrets it reads, each with its first place.
    pub secrets: Vec<(Arc<str>, Span)>,
    /// Which roots it reads, of those that somebody has to provide.
    pub reads: Reads,
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

/// How many runs of a workflow are under way at once.
#[derive(Clone, Debug)]
pub struct Concurrency {
    /// How many, for each value of the key.
    pub limit: usize,
    /// What tells runs apart; without one all runs count together.
    pub key: Option<Arc<Template>>,
    /// What happens to one more.
    pub overflow: Overflow,
}

/// A name of the workspace's configuration that workflows may read.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Under `vars`.
    pub name: Arc<str>,
    /// What it is.
    pub ty: Ty,
}

/// A workflow file that was checked.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What it means; none when it has errors, or a prompt file that it uses has.
    pub workflow: Option<Workflow>,
    /// The prompt files and partials that it uses, in order of their ids.
    pub uses: Vec<FileId>,
}

/// A workflow file that was read, before its names are looked up.
pub struct Read {
    file: FileId,
    path: PathBuf,
    /// What was found while reading.
    findings: Diagnostics,
    parts: Option<Parts>,
}

/// What a file that can be read is made of.
struct Parts {
    ast: ast::Workflow,
    /// Unique in the workspace, if it can be one.
    name: Option<Arc<str>>,
    inputs: Inputs,
}

/// What a workflow's texts are checked against, beside its own file.
pub struct World<'a> {
    /// The declarations of all actions and triggers.
    pub kinds: &'a Kinds,
    /// `vars` of the workspace.
    pub settings: &'a [Setting],
    /// The prompt files of the workspace.
    pub prompts: &'a Prompts,
    /// All workflows that can be called; none when they are not known here, as for a definition that
    /// is taken from the journal alone.
    pub signatures: Option<&'a Signatures>,
}

/// What callers need to know of each workflow, by name.
#[derive(Default)]
pub struct Signatures {
    known: HashMap<Arc<str>, Inputs>,
    /// What those give that have been checked already.
    outputs: HashMap<Arc<str>, Ty>,
}

impl Signatures {
    /// What can be called of these files.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a Read>) -> Self {
        let mut known = HashMap::new();
        for parts in files.into_iter().filter_map(|read| read.parts.as_ref()) {
            if let Some(name) = &parts.name {
                known.entry(name.clone()).or_insert_with(|| parts.inputs.clone());
            }
        }
        Self { known, outputs: HashMap::new() }
    }

    /// The inputs of the workflow of this name.
    pub(super) fn inputs(&self, name: &str) -> Option<&Inputs> {
        self.known.get(name)
    }

    /// Notes what a workflow gives, for those that call it and are checked later.
    pub fn learn(&mut self, workflow: &Workflow) {
        self.outputs.entry(workflow.name.clone()).or_insert_with(|| workflow.gives.clone());
    }

    /// What the workflow of this name gives; any value where that is not known yet.
    pub(super) fn output(&self, name: &str) -> Ty {
        self.outputs.get(name).cloned().unwrap_or_default()
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.known.keys().map(AsRef::as_ref)
    }
}

/// Reads one workflow file, as far as that goes without knowing any other.
pub fn read(sources: &SourceMap, file: FileId, kinds: &Kinds) -> Read {
    let source = sources.file(file);
    let mut findings = Diagnostics::new();
    let parts = yaml::parse(file, &source.text, &mut findings).and_then(|root| {
        let named = |kind: &ActionDeclaration| ast::ActionName {
            name: kind.name,
            fields: kind.fields.iter().map(|field| field.name).collect(),
        };
        let actions: Vec<_> = kinds.actions().map(named).collect();
        let ast = ast::workflow(&root, &actions, &mut findings)?;
        let name = name(&ast, &source.path, &mut findings);
        if ast.steps.is_empty() && !findings.has_errors() {
            let problem = Diagnostic::warning("no-steps", root.span.at_start(), "this workflow does nothing");
            findings.push(problem.with_help("add a step below `steps:`"));
        }
        let inputs = inputs(&ast, &mut findings);
        literal_credentials(&root, &mut findings);
        unreachable_steps(&ast, &mut findings);
        Some(Parts { ast, name, inputs })
    });
    Read { file, path: source.path.clone(), findings, parts }
}

impl Read {
    /// The file.
    pub fn file(&self) -> FileId {
        self.file
    }

    /// The name of the workflow, if it can be one.
    pub(super) fn name(&self) -> Option<&str> {
        self.parts.as_ref()?.name.as_deref()
    }

    /// The steps of the workflow, and those of its handlers.
    pub(super) fn lists(&self) -> impl Iterator<Item = &[ast::Step]> {
        self.parts.iter().flat_map(|Parts { ast, .. }| {
            [&ast.steps, &ast.on_failure, &ast.finally].into_iter().map(Vec::as_slice)
        })
    }

    /// Checks the workflow. All that is wrong with it is in `diagnostics` then; what is wrong with a
    /// prompt file was told when that was read.
    pub fn check(&self, world: &World<'_>, diagnostics: &mut Diagnostics) -> Checked {
        let mut own = self.findings.clone();
        let mut used = prompts::Used::default();
        let loan = Loan::new(world.prompts, &self.path, &mut used);
        let workflow = self.parts.as_ref().and_then(|parts| parts.check(&self.path, world, loan, &mut own));
        // What is wrong in a partial stands there.
        let elsewhere = own.iter().map(|found| found.primary.span.file).filter(|file| *file != self.file);
        used.files.extend(elsewhere);
        let failed = own.has_errors() || !used.broken.is_empty();
        diagnostics.extend(own);
        Checked { workflow: workflow.filter(|_| !failed), uses: used.files.into_iter().collect() }
    }
}

impl Parts {
    fn check(
        &self,
        path: &Path,
        world: &World<'_>,
        prompts: Loan<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Workflow> {
        let Self { ast, name, inputs } = self;
        let World { kinds, settings, signatures, .. } = *world;
        let ids = steps::ids(ast, diagnostics);
        let mut secrets = Vec::new();
        let mut texts = Texts {
            ids: &ids,
            prompts,
            diagnostics,
            secrets: &mut secrets,
            reads: Reads::default(),
            used: Used::default(),
        };

        let workspace = Ty::map(
            settings.iter().map(|setting| (setting.name.clone(), setting.ty.clone(), Presence::Required)),
        );
        let outside = Visible::nothing().with_root("vars", workspace.clone());
        let mut triggers = Vec::new();
        // What `event` is in the steps: what any of the triggers gives.
        let mut event: Option<Ty> = None;
        for trigger in &ast.triggers {
            let (trigger, own) = trigger_of(trigger, kinds, inputs, &outside, &mut texts);
            triggers.extend(trigger);
            event = Some(event.map_or(own.clone(), |event| event.or(&own)));
        }
        texts.reads = Reads::default();

        let mut start = outside.clone().with_run().with_root("inputs", inputs.ty());
        if let Some(event) = event {
            start = start.with_root("event", event);
        }
        let at_acceptance = start.clone();
        // What may change while runs wait for their turn is read when one begins.
        let start = start.with_root("state", Ty::any()).with_root("previous", Ty::any());
        let mut known = workspace;
        let mut vars = Vec::new();
        for (at, (name, node)) in ast.vars.iter().enumerate() {
            let later = ast.vars.iter().skip(at).map(|(later, _)| later.value.clone());
            let visible = start.clone().with_root("vars", known.clone()).with_later_vars(later);
            let var = texts.tree_of(node, SecretsIn::Refused, &visible);
            let ty = var.as_ref().map_or_else(Ty::any, |(_, ty)| ty.clone());
            known = known.with_field(name.value.clone(), ty, Presence::Required);
            vars.extend(var.map(|(tree, _)| (name.value.clone(), tree)));
        }
        let known = if ast.unread.contains(&"vars") { Ty::any() } else { known };
        let keyed = at_acceptance.with_root("vars", known.clone());
        let start = start.with_root("vars", known);
        let defaults = defaults(ast, kinds, &start, &mut texts);

        let concurrency = ast.concurrency.as_ref().map(|written| Concurrency {
            limit: written.limit,
            key: written.key.as_ref().and_then(|node| texts.text(node, SecretsIn::Refused, &keyed)),
            overflow: written.overflow,
        });

        let own = name.as_deref().unwrap_or_default();
        let mut checker = StepChecker { own, kinds, defaults: &defaults, signatures, texts: &mut texts };
        let visible = start.clone().with_steps();
        let main = checker.list(&ast.steps, Line::Written, &visible);
        let mut ended = visible.clone();
        main.exports.iter().for_each(|step| ended.add_step(step));
        // Which steps a failed run got to nobody knows, so none can be read without a guard.
        let mut perhaps = visible.clone();
        let why: Arc<str> = "the run may have failed before it".into();
        for step in &main.exports {
            perhaps.add_step(&Export {
                ty: may_end(&step.ty, "failed", &why),
                sure: None,
                id: step.id.clone(),
            });
        }
        let failed = perhaps.clone().with_root("error", fixed(ERROR));
        let on_failure = checker.list(&ast.on_failure, Line::Written, &failed);
        let finally = checker.list(&ast.finally, Line::Written, &perhaps);
        let allow = data::allow(&ast.allow, texts.diagnostics);
        let allow_is_whole = ast.allow.hosts.len() + ast.allow.files.len() == ast.allow.written;
        for steps in [&main.steps, &on_failure.steps, &finally.steps].into_iter().filter(|_| allow_is_whole) {
            data::warn(steps, kinds, &allow, texts.diagnostics);
        }
        cost::warn(&main.steps, kinds, ast.limits.run_cost.as_ref(), texts.diagnostics);
        let output = match &ast.output {
            Some(node) => Some(texts.tree_of(node, SecretsIn::Refused, &ended)?),
            None => None,
        };
        unused::warn(ast, &texts.used, kinds, texts.diagnostics);
        let reads = texts.reads;
        Some(Workflow {
            reads,
            span: ast.name.as_ref().map_or(ast.span.at_start(), |name| name.span),
            name: name.clone()?,
            path: path.to_owned(),
            description: ast.description.clone(),
            inputs: inputs.declared.clone(),
            triggers,
            vars,
            steps: main.steps,
            gives: output.as_ref().map_or(main.last, |(_, ty)| ty.clone()),
            output: output.map(|(tree, _)| tree),
            on_failure: on_failure.steps,
            finally: finally.steps,
            limits: ast.limits.clone(),
            concurrency,
            allow,
            secrets,
        })
    }
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

/// A trigger, and what `event` is when it is the one that starts a run.
fn trigger_of(
    trigger: &ast::Trigger,
    kinds: &Kinds,
    inputs: &Inputs,
    outside: &Visible,
    texts: &mut Texts<'_>,
) -> (Option<Trigger>, Ty) {
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
        return (None, Ty::any());
    };
    let entries = match &trigger.node.kind {
        Kind::Mapping(entries) => &**entries,
        _ => &[],
    };
    let get = |key: &str| entries.iter().find(|(name, _)| &*name.value == key).map(|(_, node)| node);
    let compiled = texts.arguments(
        &trigger.node,
        &format!("`{}`", declaration.name),
        declaration.fields,
        &["if", "with"],
        outside,
    );
    let Some(compiled) = compiled else { return (None, Ty::any()) };
    let event = match compiled.spelling {
        Spelling::Right => declaration.event.with(&compiled.arguments),
        // The schema of a part may be just what could not be read.
        Spelling::Wrong => Ty::any(),
    };
    let mut inside = outside.clone().with_root("event", event);
    let condition = get("if").and_then(|node| {
        let condition = texts.condition(node, "if", &inside)?;
        (inside, _) = Texts::branches(node, &condition, &inside);
        Some(condition)
    });
    // Only what fits the condition starts a run.
    let event = inside.names().root("event").cloned().unwrap_or_default();
    texts.report_missing(declaration.fields, &compiled, trigger.kind.span, None);
    if let Some(rules) = declaration.rules
        && compiled.spelling == Spelling::Right
    {
        rules(&written(&trigger.node, trigger.kind.span, None, None), texts.diagnostics);
    }
    let with = match get("with") {
        Some(node) => match &node.kind {
            Kind::Mapping(entries) => fill(entries, node.span, inputs, Filler::Trigger, &inside, texts),
            _ => {
                let message = format!("`with` takes a map of inputs, found {}", node.describe());
                texts.diagnostics.push(Diagnostic::error("wrong-type", node.span, message));
                Vec::new()
            }
        },
        None => fill(&[], trigger.kind.span, inputs, Filler::Trigger, &inside, texts),
    };
    let trigger = Trigger {
        id: TriggerId { kind: declaration.name.to_owned(), index: trigger.index },
        span: trigger.kind.span,
        condition,
        with,
        arguments: compiled.arguments,
    };
    (Some(trigger), event)
}
