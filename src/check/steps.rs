//! Lists of steps: their order, what each may read, and what each does.
//!
//! Codes: `duplicate-id`, `unknown-action`, `bad-id`, and those of the parts.

use std::collections::HashSet;
use std::sync::Arc;

use crate::component::{
    ActionDeclaration, Argument, Arguments, FieldType, Kinds, OutputType, SecretsIn, Type,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, did_you_mean};
use crate::syntax::ast;
use crate::syntax::tree::{Kind, Node};
use crate::template::{ROOTS, Segment, Tree};

use super::arguments::{Compiled, Slot, Spelling, Texts};
use super::defaults::{Action, Defaults, spelling, written};
use super::flow::{Body, Foreach, OnError, Settings, Step, StepList};
use super::names::{ERROR, Ids, Inside, Place, Visible};
use super::order::{Line, Order, order};
use super::shape::Shape;

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
pub(super) fn ids(lists: &[&[ast::Step]], diagnostics: &mut Diagnostics) -> Ids {
    let mut ids = Ids::new();
    lists.iter().for_each(|list| collect(list, None, &mut ids, diagnostics));
    ids
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
                    ids.insert(id.value.clone(), Place { span: id.span, inside: inside.cloned() });
                }
            }
        }
        let closed = |what| Inside { what, id: own.clone() };
        match &step.body {
            ast::Body::Action(..) | ast::Body::Broken => {}
            ast::Body::Group { steps, otherwise } => {
                collect(steps, inside, ids, diagnostics);
                otherwise.iter().for_each(|list| collect(list, inside, ids, diagnostics));
            }
            ast::Body::Parallel(steps) => collect(steps, inside, ids, diagnostics),
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

/// The steps that later ones may read, with what is known of their outputs.
type Exports = Vec<(Arc<str>, Shape)>;

/// A list of steps after checking.
pub(super) struct Checked {
    /// The steps.
    pub steps: StepList<Call>,
    /// The steps that later ones may read, those of transparent groups included.
    pub exports: Exports,
    /// What the last step gives.
    pub last: Shape,
}

/// Checks lists of steps, one in another.
pub(super) struct StepChecker<'a, 'b> {
    /// The declarations of all actions.
    pub kinds: &'a Kinds,
    /// The workflow's defaults, by action.
    pub defaults: &'a [Defaults<'a>],
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
        let mut last = Shape::Unknown;
        for index in runnable_order(&order) {
            let mut seen = visible.clone();
            for (earlier, exports) in exports.iter().enumerate() {
                if order.guarantees(earlier, index) {
                    exports.iter().for_each(|(id, shape)| seen.add_step(id.clone(), shape.clone()));
                }
            }
            let after = order.after[index].clone();
            let (step, own, shape) = self.step(&steps[index], index, after, &seen);
            if index + 1 == steps.len() {
                last = shape;
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
    ) -> (Option<Step<Call>>, Exports, Shape) {
        let condition = step.condition.as_ref().and_then(|node| self.texts.expression(node, visible));
        let (body, mut exports, shape) = self.body(step, visible);
        let on_error = match &step.on_error {
            ast::OnError::Fail => OnError::Fail,
            ast::OnError::Continue => OnError::Continue,
            ast::OnError::Handle(list) => {
                let visible = visible.clone().with_root("error", Shape::Declared(ERROR));
                OnError::Handle(self.list(list, Line::Written, &visible).steps)
            }
        };
        // A handler's output stands in for the step's, and is something else.
        let shape = if matches!(on_error, OnError::Handle(_)) { Shape::Unknown } else { shape };
        if let Some(id) = &step.id {
            exports.push((id.value.clone(), shape.clone()));
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
        };
        let checked = body.map(|body| Step { settings, on_error, body });
        (checked, exports, shape)
    }

    fn body(&mut self, step: &ast::Step, visible: &Visible) -> (Option<Body<Call>>, Exports, Shape) {
        match &step.body {
            ast::Body::Action(name, node) => {
                let Some((call, shape)) = self.action(name, node, visible) else {
                    return (None, Vec::new(), Shape::Unknown);
                };
                (Some(Body::Action(call)), Vec::new(), shape)
            }
            ast::Body::Group { steps, otherwise } => {
                let then = self.list(steps, Line::Written, visible);
                let otherwise = otherwise.as_ref().map(|list| self.list(list, Line::Written, visible));
                let mut exports = then.exports;
                let shape = if otherwise.is_some() { Shape::Unknown } else { then.last };
                let otherwise = otherwise.map(|list| {
                    exports.extend(list.exports);
                    list.steps
                });
                (Some(Body::Group { steps: then.steps, otherwise }), exports, shape)
            }
            ast::Body::Parallel(steps) => {
                let list = self.list(steps, Line::Together, visible);
                let own: HashSet<_> =
                    steps.iter().filter_map(|step| Some(&step.id.as_ref()?.value)).collect();
                let outputs = list.exports.iter().filter(|(id, _)| own.contains(id)).cloned().collect();
                (Some(Body::Parallel(list.steps)), list.exports, Shape::Map(outputs))
            }
            ast::Body::Foreach(each) => (self.foreach(each, visible), Vec::new(), Shape::Unknown),
            ast::Body::Switch { on, cases, default } => {
                let on = self.texts.expression(on, visible);
                let cases = cases
                    .iter()
                    .map(|(value, list)| (value.value.clone(), self.list(list, Line::Written, visible).steps))
                    .collect();
                let default = default.as_ref().map(|list| self.list(list, Line::Written, visible).steps);
                (on.map(|on| Body::Switch { on, cases, default }), Vec::new(), Shape::Unknown)
            }
            ast::Body::Broken => (None, Vec::new(), Shape::Unknown),
        }
    }

    fn foreach(&mut self, each: &ast::Foreach, visible: &Visible) -> Option<Body<Call>> {
        let over = match &each.over.kind {
            Kind::Sequence(_) => self.texts.tree(&each.over, SecretsIn::Refused, visible),
            _ => self.texts.expression(&each.over, visible).map(Tree::Expr),
        };
        let item = over.as_ref().map_or(Shape::Unknown, |over| item_shape(over, visible));
        if &*each.item.value != "item" && ROOTS.contains(&&*each.item.value) {
            let message = format!("`{}` has a meaning of its own and cannot name an item", each.item.value);
            self.texts.diagnostics.push(
                Diagnostic::error("bad-id", each.item.span, message)
                    .with_help("choose another name, or leave `as` out and read `item`"),
            );
        }
        let inner = visible
            .clone()
            .with_root(&each.item.value, item)
            .with_root("index", Shape::Declared(Type::Integer));
        let steps = self.list(&each.steps, Line::Written, &inner);
        let mut after = inner;
        steps.exports.into_iter().for_each(|(id, shape)| after.add_step(id, shape));
        let collect = each.collect.as_ref().map(|node| {
            // CEL where it is a text, a value with templates where it is a list or a map.
            if node.as_scalar().is_some_and(|scalar| !scalar.text.contains("{{")) {
                self.texts.expression(node, &after).map(Tree::Expr)
            } else {
                self.texts.tree(node, SecretsIn::Refused, &after)
            }
        });
        let collect = match collect {
            Some(None) => return None,
            Some(tree) => tree,
            None => None,
        };
        Some(Body::Foreach(Foreach {
            over: over?,
            item: each.item.value.clone(),
            concurrency: each.concurrency,
            steps: steps.steps,
            collect,
            on_item_error: each.on_item_error,
        }))
    }

    fn action(&mut self, name: &ast::Name, node: &Node, visible: &Visible) -> Option<(Call, Shape)> {
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
        let compiled = compile(self.texts, declaration, node, visible)?;
        let defaults = self.defaults.iter().find(|defaults| defaults.action == name.value);
        let action = Action { name: declaration.name, defaults };
        self.texts.report_missing(declaration.fields, &compiled, name.span, Some(action));
        if let Some(rules) = declaration.rules
            && spelling(&compiled, defaults) == Spelling::Right
        {
            rules(&written(node, name.span, declaration.shorthand, defaults), self.texts.diagnostics);
        }
        let shape = output_shape(declaration, node, &compiled, defaults);
        let Compiled { mut arguments, places, .. } = compiled;
        if let Some(defaults) = defaults {
            arguments = arguments.over(&defaults.compiled.arguments);
        }
        Some((Call { kind: declaration.name, name: name.span, arguments, places }, shape))
    }
}

/// Compiles what is written in an action: a map of its fields, its shorthand, or nothing.
fn compile(
    texts: &mut Texts<'_>,
    declaration: &ActionDeclaration,
    node: &Node,
    visible: &Visible,
) -> Option<Compiled> {
    let whole = |arguments, places| Some(Compiled { arguments, places, spelling: Spelling::Right });
    let what = format!("`{}`", declaration.name);
    if let Some(ty) = declaration.open {
        let slot = Slot { what: &what, secrets: SecretsIn::Refused, visible };
        let Some(Argument::Map(entries)) = texts.argument(node, &FieldType::Map(ty), slot) else {
            return None;
        };
        return whole(Arguments::new(entries), Vec::new());
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

/// What is known of an action's output; nothing where a mistake, told already, hides it.
fn output_shape(
    declaration: &ActionDeclaration,
    node: &Node,
    compiled: &Compiled,
    defaults: Option<&Defaults<'_>>,
) -> Shape {
    match declaration.output {
        OutputType::Fixed(ty) => Shape::Declared(ty),
        OutputType::FromSchema(field, otherwise) => {
            let layers = [Some(compiled), defaults.map(|defaults| &defaults.compiled)];
            match layers.into_iter().flatten().find(|layer| layer.wrote(field)) {
                Some(layer) => layer
                    .arguments
                    .schema(field)
                    .map_or(Shape::Unknown, |schema| Shape::Schema(Arc::new(schema.json().clone()))),
                None if spelling(compiled, defaults) == Spelling::Wrong => Shape::Unknown,
                None => Shape::Declared(otherwise),
            }
        }
        OutputType::Named => match &node.kind {
            Kind::Mapping(entries) => {
                Shape::Map(entries.iter().map(|(name, _)| (name.value.clone(), Shape::Unknown)).collect())
            }
            _ => Shape::Unknown,
        },
    }
}

/// What is known of an item of the list that a loop is over: something where it is a path.
fn item_shape(over: &Tree, visible: &Visible) -> Shape {
    let Tree::Expr(over) = over else { return Shape::Unknown };
    match over.references() {
        [reference] if over.is_path() => {
            visible.shape(&reference.path).at(&[Segment::Each]).unwrap_or(Shape::Unknown)
        }
        _ => Shape::Unknown,
    }
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
