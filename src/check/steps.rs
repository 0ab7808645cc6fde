//! Lists of steps: their order, what each may read, and what each does.
//!
//! Codes: `duplicate-id`, `unknown-action`, `bad-id`, and those of the parts.

use std::sync::Arc;

use crate::component::{
    ActionDeclaration, Argument, Arguments, FieldType, Kinds, OutputType, SecretsIn, Type,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, did_you_mean};
use crate::syntax::ast;
use crate::syntax::tree::{Kind, Node};
use crate::template::types::Presence;
use crate::template::{Expr, Tree, Ty};

use super::arguments::{Compiled, Slot, Spelling};
use super::defaults::{Action, Defaults, spelling, written};
use super::flow::{OnError, Settings, Step, StepList};
use super::names::{Export, Holder, Ids, Inside, Place, Visible, clauses};
use super::order::{Line, Order, order};
use super::texts::Texts;
use super::types::{ERROR, called_a_model, failed, fixed, may_end, step as step_ty};
use super::workflow::Signatures;

/// What a step does: an action by name, and its arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// The action's name.
    pub kind: &'static str,
    /// Where the name stands.
    pub name: Span,
    /// Its arguments, with the workflow's defaults filled in.
    pub arguments: Arguments,
    /// Where each field's value stands.
    pub places: Vec<(String, Span)>,
}

/// Finds every step's place and reports ids that stand twice.
pub(super) fn ids(workflow: &ast::Workflow, diagnostics: &mut Diagnostics) -> Ids {
    let mut ids = Ids::new();
    collect(&workflow.steps, None, &mut ids, diagnostics);
    for (what, list) in [("`on_failure`", &workflow.on_failure), ("`finally`", &workflow.finally)] {
        let inside = whole(list).map(|span| Inside { what, holder: Holder::Workflow, span });
        collect(list, inside.as_ref(), &mut ids, diagnostics);
    }
    ids
}

/// From the first step of a list to its last.
fn whole(steps: &[ast::Step]) -> Option<Span> {
    Some(steps.first()?.span.to(steps.last()?.span))
}

fn collect(steps: &[ast::Step], inside: Option<&Inside>, ids: &mut Ids, diagnostics: &mut Diagnostics) {
    for step in steps {
        let own = step.id.as_ref().map(|id| id.value.clone());
        if let Some(id) = &step.id {
            match ids.get(&id.value) {
                Some(first) => {
                    let message = format!("the id `{}` stands twice", id.value);
                    let problem = Diagnostic::error("duplicate-id", id.span, message)
                        .with_related(first.span, "first here")
                        .with_help("ids are unique in the whole file");
                    diagnostics.push(problem);
                }
                None => {
                    let place = Place { span: id.span, step: step.span, inside: inside.cloned() };
                    ids.insert(id.value.clone(), place);
                }
            }
        }
        let closed = |what| Inside { what, holder: Holder::Step(own.clone()), span: step.span };
        match &step.body {
            ast::Body::Action(..) | ast::Body::Broken => {}
            ast::Body::Group { steps, otherwise } => {
                collect(steps, inside, ids, diagnostics);
                otherwise.iter().for_each(|list| collect(list, inside, ids, diagnostics));
            }
            ast::Body::Parallel(steps) => collect(steps, inside, ids, diagnostics),
            ast::Body::Approve { notify, .. } => {
                collect(notify, Some(&closed("what tells of a wait")), ids, diagnostics);
            }
            ast::Body::Repeat(repeat) => collect(&repeat.steps, Some(&closed("a loop")), ids, diagnostics),
            ast::Body::Call { .. } => {}
            ast::Body::Foreach(each) => collect(&each.steps, Some(&closed("a loop")), ids, diagnostics),
            ast::Body::Switch { cases, default, .. } => {
                let inside = closed("a case of a `switch`");
                cases.iter().for_each(|(_, list)| collect(list, Some(&inside), ids, diagnostics));
                default.iter().for_each(|list| collect(list, Some(&inside), ids, diagnostics));
            }
        }
        if let ast::OnError::Handle(list) = &step.on_error {
            collect(list, Some(&closed("an error handler")), ids, diagnostics);
        }
    }
}

/// The steps that later ones may read.
pub(super) type Exports = Vec<Export>;

/// A list of steps after checking.
pub(super) struct Checked {
    /// The steps.
    pub steps: StepList<Call>,
    /// The steps that later ones may read, those of transparent groups included.
    pub exports: Exports,
    /// What the last step gives; null where there is none.
    pub last: Ty,
}

/// Checks lists of steps, one in another.
pub(super) struct StepChecker<'a, 'b> {
    /// The name of the workflow.
    pub own: &'a str,
    /// The declarations of all actions.
    pub kinds: &'a Kinds,
    /// The workflow's defaults, by action.
    pub defaults: &'a [Defaults<'a>],
    /// All workflows that can be called, where they are known.
    pub signatures: Option<&'a Signatures>,
    /// For compiling texts.
    pub texts: &'a mut Texts<'b>,
}

impl StepChecker<'_, '_> {
    /// Checks a list whose steps may read what `visible` says and those before them.
    pub fn list(&mut self, steps: &[ast::Step], line: Line, visible: &Visible) -> Checked {
        let order = order(steps, line, self.texts.diagnostics);
        // A step that did not compile leaves a hole: the workflow has errors and will not run. Later
        // steps may read it all the same.
        let mut done: Vec<Option<Step<Call>>> = steps.iter().map(|_| None).collect();
        let mut exports: Vec<Exports> = vec![Exports::new(); steps.len()];
        let mut last = Ty::null();
        for index in runnable_order(&order) {
            let mut seen = visible.clone();
            for (earlier, exports) in exports.iter().enumerate() {
                if order.guarantees(earlier, index) {
                    exports.iter().for_each(|step| seen.add_step(step));
                }
            }
            let after = order.after[index].clone();
            let (step, own, output) = self.step(&steps[index], index, after, &seen);
            if index + 1 == steps.len() {
                last = output;
            }
            done[index] = step;
            exports[index] = own;
        }
        let steps = StepList { steps: done.into_iter().flatten().collect() };
        Checked { steps, exports: exports.into_iter().flatten().collect(), last }
    }

    fn step(
        &mut self,
        step: &ast::Step,
        index: usize,
        after: Vec<usize>,
        visible: &Visible,
    ) -> (Option<Step<Call>>, Exports, Ty) {
        let condition = step.condition.as_ref().and_then(|node| self.texts.condition(node, "if", visible));
        let (inside, otherwise) = match (&step.condition, &condition) {
            (Some(node), Some(condition)) => Texts::branches(node, condition, visible),
            _ => (visible.clone(), visible.clone()),
        };
        let (body, mut exports, mut output) = self.body(step, &inside, &otherwise);
        if self.is_spoiled(step) {
            output = Ty::any();
        }
        let on_error = match &step.on_error {
            ast::OnError::Fail => OnError::Fail,
            ast::OnError::Continue => OnError::Continue,
            ast::OnError::Handle(list) => {
                let handler = self.list(list, Line::Written, &inside.with_root("error", fixed(ERROR)));
                // The last output of a handler stands in for the step's.
                output = output.or(&handler.last);
                OnError::Handle(handler.steps)
            }
        };
        if let Some(id) = &step.id {
            let ty = step_ty(output.clone());
            let ty = if self.may_call_a_model(step) { called_a_model(&ty) } else { ty };
            exports.push(Export { id: id.value.clone(), ty, sure: Some(Vec::new()) });
        }
        let name = match (&step.id, step.body.form()) {
            (Some(id), _) => format!("step `{}`", id.value),
            (None, Some(_)) => "the group that it lies in".to_owned(),
            (None, None) => "a step before".to_owned(),
        };
        if matches!(on_error, OnError::Continue) {
            let why: Arc<str> = format!("{name} may fail, and the run goes on").into();
            for step in &mut exports {
                let own = step.ty.field("output").is_some_and(|(output, _)| output.is_never());
                let ty = if own { failed(&step.ty) } else { may_end(&step.ty, "failed", &why) };
                *step = Export { ty, sure: None, id: step.id.clone() };
            }
            output = if output.is_never() { Ty::null() } else { output.or_absent(why) };
        }
        let chooses = matches!(step.body, ast::Body::Group { otherwise: Some(_), .. });
        if let (Some(node), false) = (&step.condition, chooses) {
            let why: Arc<str> = format!("{name} may be skipped").into();
            exports = under(exports, node, condition.as_deref(), &why);
            output = output.or_absent(why);
        }
        let id = step.id.as_ref().map(|id| id.value.clone());
        let settings = Settings {
            key: id.clone().unwrap_or_else(|| (index + 1).to_string().into()),
            id,
            name: step.name.clone(),
            span: step.span,
            condition,
            after,
            retry: step.retry.unwrap_or_default(),
            timeout: step.timeout,
            idempotent: step.idempotent,
            cost_limit: step.cost_limit.as_ref().map(|cost| cost.value),
        };
        let checked = body.map(|body| Step { settings, on_error, body });
        (checked, exports, output)
    }

    /// Whether a step shows what a call of a model cost; also where it is not sure what it does.
    fn may_call_a_model(&self, step: &ast::Step) -> bool {
        match &step.body {
            ast::Body::Action(name, _) => {
                self.kinds.action(&name.value).is_none_or(|kind| kind.worst_case.is_some())
            }
            ast::Body::Broken => true,
            _ => false,
        }
    }

    /// Whether it is not sure what a step does: what is known of its output may be wrong then.
    fn is_spoiled(&self, step: &ast::Step) -> bool {
        self.texts.diagnostics.iter().any(|found| {
            let at = found.primary.span;
            matches!(found.code, "unknown-action" | "two-actions") && lies_in(at, step.span)
        })
    }

    fn has_unknown_key(&self, step: Span) -> bool {
        let mut found = self.texts.diagnostics.iter();
        found.any(|found| found.code == "unknown-key" && lies_in(found.primary.span, step))
    }

    /// Compiles what an action is given; `step` is the whole step that it stands in.
    pub(super) fn action(
        &mut self,
        name: &ast::Name,
        node: &Node,
        step: Span,
        visible: &Visible,
    ) -> Option<(Call, Ty)> {
        let Some(declaration) = self.kinds.action(&name.value) else {
            let names: Vec<_> = self.kinds.actions().map(|kind| kind.name).chain(ast::CONTROL_FLOW).collect();
            let problem = Diagnostic::error(
                "unknown-action",
                name.span,
                format!("there is no action `{}`", name.value),
            )
            .with_help_if(did_you_mean(&name.value, names));
            self.texts.diagnostics.push(problem);
            return None;
        };
        let mut compiled = compile(self.texts, declaration, node, visible)?;
        // A field that stands beside its action was told as an unknown key of the step.
        if self.has_unknown_key(step) || self.texts.is_unreadable(node) {
            compiled.spelling = Spelling::Wrong;
        }
        let defaults = self.defaults.iter().find(|defaults| defaults.action == name.value);
        self.texts.front_matter(&mut compiled, defaults.map(|defaults| &defaults.compiled));
        let action = Action { name: declaration.name, defaults };
        self.texts.report_missing(declaration.fields, &compiled, name.span, Some(action));
        if let Some(rules) = declaration.rules
            && spelling(&compiled, defaults) == Spelling::Right
        {
            rules(&written(node, name.span, declaration.shorthand, defaults), self.texts.diagnostics);
        }
        let output = output_of(declaration, node, &compiled, defaults);
        let Compiled { mut arguments, places, .. } = compiled;
        if let Some(defaults) = defaults {
            arguments = arguments.over(&defaults.compiled.arguments);
        }
        Some((Call { kind: declaration.name, name: name.span, arguments, places }, output))
    }
}

/// Whether something begins within something else.
pub(super) fn lies_in(at: Span, whole: Span) -> bool {
    at.file == whole.file && (whole.start..whole.end).contains(&at.start)
}

/// Compiles what is written in an action: a map of its fields, its shorthand, or nothing.
fn compile(
    texts: &mut Texts<'_>,
    declaration: &ActionDeclaration,
    node: &Node,
    visible: &Visible,
) -> Option<Compiled> {
    let whole = |arguments, places| {
        Some(Compiled { arguments, places, types: Vec::new(), spelling: Spelling::Right })
    };
    let what = format!("`{}`", declaration.name);
    if let Some(ty) = declaration.open {
        return named(texts, node, ty, visible);
    }
    if node.is_null() {
        return whole(Arguments::default(), Vec::new());
    }
    if node.as_scalar().is_some()
        && let Some(field) = declaration.fields.iter().find(|field| declaration.shorthand == Some(field.name))
    {
        let slot = Slot { what: &what, secrets: field.secrets, visible };
        let argument = texts.argument(node, &field.ty, slot)?;
        let arguments = Arguments::new(vec![(field.name.into(), argument)]);
        return whole(arguments, vec![(field.name.to_owned(), node.span)]);
    }
    texts.arguments(node, &what, declaration.fields, &[], visible)
}

/// Compiles values under names of the author's choice.
fn named(texts: &mut Texts<'_>, node: &Node, ty: &'static FieldType, visible: &Visible) -> Option<Compiled> {
    let Kind::Mapping(entries) = &node.kind else {
        return texts.wrong(node, &FieldType::Map(ty));
    };
    let (mut values, mut types) = (Vec::new(), Vec::new());
    for (name, node) in entries.iter() {
        let value = match ty {
            FieldType::Expression => {
                texts.expression_of(node, visible).map(|(expression, ty)| (Tree::Expr(expression), ty))
            }
            _ => texts.tree_of(node, SecretsIn::Refused, visible),
        };
        types.push((name.value.clone(), value.as_ref().map_or_else(Ty::any, |(_, ty)| ty.clone())));
        values.extend(value.map(|(tree, _)| (name.value.clone(), Argument::Tree(tree))));
    }
    let arguments = Arguments::new(values);
    Some(Compiled { arguments, places: Vec::new(), types, spelling: Spelling::Right })
}

/// The type of an action's output; any value where a mistake, told already, hides it.
fn output_of(
    declaration: &ActionDeclaration,
    node: &Node,
    compiled: &Compiled,
    defaults: Option<&Defaults<'_>>,
) -> Ty {
    let wrong = spelling(compiled, defaults) == Spelling::Wrong;
    let all = || match defaults {
        Some(defaults) => compiled.arguments.clone().over(&defaults.compiled.arguments),
        None => compiled.arguments.clone(),
    };
    match declaration.output {
        OutputType::Fixed(ty) => ty.with(&if wrong { Arguments::default() } else { all() }),
        OutputType::FromArguments(..) if wrong => Ty::any(),
        OutputType::FromArguments(type_of, _) => {
            let all = all();
            type_of(&all).with(&all)
        }
        OutputType::FromSchema(field, otherwise) => {
            let layers = [Some(compiled), defaults.map(|defaults| &defaults.compiled)];
            match layers.into_iter().flatten().find(|layer| layer.wrote(field)) {
                Some(layer) => Type::Schema(field).with(&layer.arguments),
                None if wrong => Ty::any(),
                None => fixed(otherwise),
            }
        }
        OutputType::Named if matches!(node.kind, Kind::Mapping(_)) => {
            Ty::map(compiled.types.iter().map(|(name, ty)| (name.clone(), ty.clone(), Presence::Required)))
        }
        OutputType::Named => Ty::any(),
    }
}

/// Steps that run under a condition only, and so may be skipped.
pub(super) fn under(exports: Exports, node: &Node, condition: Option<&Expr>, why: &Arc<str>) -> Exports {
    let text = node.as_scalar().map_or("", |scalar| &scalar.text);
    let clauses: Option<Vec<Arc<str>>> =
        condition.map(|condition| clauses(condition, text).into_iter().map(Arc::from).collect());
    let whole = condition.map_or(0, |condition| condition.clauses().len());
    // Where a part of the condition may change, nothing makes sure that it still holds.
    let clauses = clauses.filter(|clauses| !clauses.is_empty() && clauses.len() == whole);
    let step = |step: Export| Export {
        ty: may_end(&step.ty, "skipped", why),
        sure: step.sure.zip(clauses.clone()).map(|(own, outer)| [own, outer].concat()),
        id: step.id,
    };
    exports.into_iter().map(step).collect()
}

/// An order in which everything a step waits for comes before it.
fn runnable_order(order: &Order) -> Vec<usize> {
    let mut ready = Vec::with_capacity(order.after.len());
    let mut done = vec![false; order.after.len()];
    while ready.len() < order.after.len() {
        let before = ready.len();
        for index in 0..order.after.len() {
            if !done[index] && order.after[index].iter().all(|earlier| done[*earlier]) {
                done[index] = true;
                ready.push(index);
            }
        }
        if ready.len() == before {
            break;
        }
    }
    ready
}
