//! Lists of steps: what stands in each beside what it does.

use crate::diagnostic::{Diagnostic, Diagnostics, Spanned, did_you_mean, nearest};
use crate::syntax::fields::{self, Fields};
use crate::syntax::tree::{Kind, Node};

use super::forms::{CONTROL_FLOW, FORM_KEYS};
use super::{ActionName, Body, Name, OnError, Retry, Step, workflow::cost};
use super::{check_identifier, choice, habits};

/// How deep lists of steps may lie in each other.
const NESTING_LIMIT: usize = 32;

/// How many steps a workflow may have, all lists together.
const STEP_LIMIT: usize = 1_000;

/// What may stand in a step beside its action.
pub const STEP_KEYS: [&str; 9] =
    ["id", "name", "if", "needs", "retry", "timeout", "on_error", "idempotent", "limits"];

/// What says how an action is tried again; control flow is not.
const AGAIN: [&str; 2] = ["retry", "idempotent"];

/// Reads lists of steps, one in another.
pub(super) struct Reader<'a> {
    pub(super) actions: &'a [ActionName<'a>],
    /// How many steps were read so far.
    steps: usize,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl<'a> Reader<'a> {
    /// A reader that has read no step yet.
    pub(super) fn new(actions: &'a [ActionName<'a>], diagnostics: &'a mut Diagnostics) -> Self {
        Self { actions, steps: 0, diagnostics }
    }

    /// A list of steps that lies so many lists deep.
    pub(super) fn list(&mut self, node: &Node, depth: usize) -> Vec<Step> {
        if depth > NESTING_LIMIT {
            let message = format!("steps lie more than {NESTING_LIMIT} lists deep");
            self.diagnostics.push(Diagnostic::error("too-deep", node.span, message));
            return Vec::new();
        }
        let Kind::Sequence(items) = &node.kind else {
            if node.is_null() {
                let problem =
                    Diagnostic::error("missing-value", node.span, "a list of steps is missing here")
                        .with_help("write the steps below, each with a `-`, or `[]` for none");
                self.diagnostics.push(problem);
            } else {
                let message = format!("expected a list of steps, found {}", node.describe());
                self.diagnostics.push(
                    Diagnostic::error("wrong-type", node.span, message)
                        .with_help("begin each step with a `-`"),
                );
            }
            return Vec::new();
        };
        items.iter().filter_map(|item| self.step(item, depth)).collect()
    }

    fn step(&mut self, node: &Node, depth: usize) -> Option<Step> {
        self.steps += 1;
        if self.steps > STEP_LIMIT {
            if self.steps == STEP_LIMIT + 1 {
                let problem =
                    Diagnostic::error("too-many-steps", node.span, "a workflow has at most 1,000 steps")
                        .with_help("go over data with `foreach`, or move a part to a workflow and `call` it");
                self.diagnostics.push(problem);
            }
            return None;
        }
        let mut fields = Fields::open(node, "a step", self.diagnostics)?;
        let id = fields.take("id").and_then(|field| self.identifier(field.node, "id"));
        let name = fields.take("name").and_then(|field| fields::text(field.node, "name", self.diagnostics));
        let condition = fields.take("if").map(|field| field.node.clone());
        let needs = fields.take("needs").map(|field| {
            fields::one_or_many(field.node)
                .iter()
                .filter_map(|node| {
                    Some(Spanned::new(fields::text(node, "needs", self.diagnostics)?.into(), node.span))
                })
                .collect()
        });
        let again: Vec<Name> = fields.keys().filter(|key| AGAIN.contains(&&*key.value)).cloned().collect();
        let retry = fields.take("retry").and_then(|field| self.retry(field.node));
        let timeout = fields
            .take("timeout")
            .and_then(|field| fields::duration(field.node, "timeout", self.diagnostics));
        let on_error = fields.take("on_error").map(|field| self.on_error(field.node, depth));
        let idempotent = fields
            .take("idempotent")
            .and_then(|field| fields::boolean(field.node, "idempotent", self.diagnostics));
        let cost_limit = fields.take("limits").and_then(|field| {
            let mut limits = Fields::open(field.node, "`limits` of a step", self.diagnostics)?;
            let cost = cost(&mut limits, self.diagnostics);
            limits.finish(self.diagnostics);
            cost
        });
        let otherwise = fields.keys().find(|key| &*key.value == "else").map(|key| key.span);
        let body = self.body(&mut fields, node, depth).unwrap_or(Body::Broken);
        if let Body::Action(action, _) = &body {
            self.fields_of(action, &mut fields);
        }
        if let Body::Group { otherwise: Some(_), .. } = &body
            && condition.is_none()
            && let Some(key) = otherwise
        {
            let problem = Diagnostic::error("missing-key", key, "an `else` needs an `if` beside it")
                .with_help("add `if:` with the condition, or write these steps where they belong");
            self.diagnostics.push(problem);
        }
        habits::report(&mut fields, "a step", habits::STEP, self.diagnostics);
        fields.finish(self.diagnostics);
        if let Some(form) = body.form() {
            again.iter().for_each(|key| self.refuse_again(key, form));
        }
        Some(Step {
            span: node.span,
            id,
            name: name.map(Into::into),
            condition,
            needs,
            retry,
            timeout,
            on_error: on_error.unwrap_or_default(),
            idempotent,
            cost_limit,
            body,
        })
    }

    /// Reports fields of an action that stand beside it, and takes them.
    fn fields_of(&mut self, action: &Name, fields: &mut Fields<'_>) {
        let Some(known) = self.actions.iter().find(|known| *known.name == *action.value) else { return };
        let left: Vec<Name> =
            fields.keys().filter(|key| known.fields.contains(&&*key.value)).cloned().collect();
        for key in left {
            fields.take(&key.value);
            let message = format!("`{}` belongs to `{}`, and stands beside it", key.value, action.value);
            self.diagnostics.push(
                Diagnostic::error("unknown-key", key.span, message)
                    .with_related(action.span, "the action")
                    .with_help(format!(
                        "indent it below `{}:`, or write `{}: {{ {}: … }}`",
                        action.value, action.value, key.value
                    )),
            );
        }
    }

    pub(super) fn identifier(&mut self, node: &Node, what: &str) -> Option<Name> {
        let name = Spanned::new(fields::text(node, what, self.diagnostics)?.into(), node.span);
        check_identifier(&name, self.diagnostics);
        Some(name)
    }

    /// Reports a key on trying again that stands beside a form of control flow.
    fn refuse_again(&mut self, key: &Name, form: &str) {
        let message = format!("`{}` does nothing beside `{form}`: only actions are tried again", key.value);
        self.diagnostics.push(
            Diagnostic::error("unknown-key", key.span, message)
                .with_help("write it in each step inside that has an action"),
        );
    }

    /// What a step does: exactly one key that is an action's or a form of control flow.
    fn body(&mut self, fields: &mut Fields<'_>, node: &Node, depth: usize) -> Option<Body> {
        let left: Vec<Name> = fields.keys().cloned().collect();
        let is_action = |key: &str| self.actions.iter().any(|action| action.name == key);
        let known = |key: &str| CONTROL_FLOW.contains(&key) || is_action(key) || key.contains('.');
        // `steps` beside `foreach`, or what is nearly that, is the loop's list, not a group.
        let looped = left.iter().any(|key| !known(&key.value) && nearest(&key.value, ["foreach"]).is_some())
            || left.iter().any(|key| &*key.value == "foreach");
        let mut doing = left.iter().filter(|key| known(&key.value) && !(looped && &*key.value == "steps"));
        let Some(first) = doing.next() else {
            // One unknown key is most likely an action with a slip in its name.
            let Some(key) = left.iter().find(|key| !FORM_KEYS.contains(&&*key.value)) else {
                let problem = Diagnostic::error("no-action", node.span, "this step does nothing")
                    .with_help("add an action, like `chat:`, `http:` or `write:`");
                self.diagnostics.push(problem);
                take_all(fields, left.iter().map(|key| &*key.value));
                return None;
            };
            let actions = self.actions.iter().map(|action| action.name);
            let names: Vec<_> = actions.chain(CONTROL_FLOW).chain(STEP_KEYS).collect();
            let meant = nearest(&key.value, names.iter().copied());
            let habit = habits::STEP.iter().find(|(habit, _)| *habit == &*key.value);
            let help = habit.map(|(_, help)| (*help).to_owned()).or_else(|| did_you_mean(&key.value, names));
            let problem =
                Diagnostic::error("unknown-action", key.span, format!("there is no action `{}`", key.value))
                    .with_help_if(help);
            self.diagnostics.push(problem);
            // The steps inside are read all the same: what is wrong there is told now, and others
            // may name them.
            let body = meant
                .filter(|meant| CONTROL_FLOW.contains(meant))
                .and_then(|meant| self.form(meant, key, fields, depth));
            take_all(fields, left.iter().map(|key| &*key.value));
            return body;
        };
        let others: Vec<_> = doing.collect();
        if &*first.value == "foreach"
            && let Some(action) = others.first()
            && !left.iter().any(|key| &*key.value == "steps")
        {
            let message = format!("`{}` stands beside `foreach`, and not among its `steps`", action.value);
            let problem = Diagnostic::error("two-actions", action.span, message)
                .with_related(first.span, "the loop")
                .with_help(format!("write it below `steps:`, as `- {}: …`", action.value));
            self.diagnostics.push(problem);
            take_all(fields, left.iter().map(|key| &*key.value));
            return None;
        }
        let body = self.form(&first.value, first, fields, depth);
        if let Some(second) = others.first() {
            let problem = Diagnostic::error(
                "two-actions",
                second.span,
                format!("a step does one thing, and this one has `{}` and `{}`", first.value, second.value),
            )
            .with_related(first.span, "the first action")
            .with_help("make a step of each: begin the second with its own `-`");
            self.diagnostics.push(problem);
            take_all(fields, others.iter().map(|key| &*key.value).chain(FORM_KEYS));
        }
        body
    }

    fn on_error(&mut self, node: &Node, depth: usize) -> OnError {
        if matches!(node.kind, Kind::Sequence(_)) {
            return OnError::Handle(self.list(node, depth + 1));
        }
        let words = [("fail", OnError::Fail), ("continue", OnError::Continue)];
        choice(node, "on_error", &words, self.diagnostics).unwrap_or_default()
    }

    fn retry(&mut self, node: &Node) -> Option<Retry> {
        // `retry: 3` is what many people write.
        if node.as_scalar().is_some() {
            let attempts = fields::integer(node, "retry", 1..=100, self.diagnostics)?;
            return Some(Retry { attempts: u32::try_from(attempts).ok(), ..Retry::default() });
        }
        let mut fields = Fields::open(node, "`retry`", self.diagnostics)?;
        let mut duration = |fields: &mut Fields<'_>, name: &str| {
            let field = fields.take(name)?;
            fields::duration(field.node, name, self.diagnostics)
        };
        let delay = duration(&mut fields, "delay");
        let max_delay = duration(&mut fields, "max_delay");
        let attempts = fields
            .take("attempts")
            .and_then(|field| fields::integer(field.node, "attempts", 1..=100, self.diagnostics))
            .and_then(|attempts| u32::try_from(attempts).ok());
        let factor = fields.take("factor").and_then(|field| {
            let factor = fields::number(field.node, "factor", self.diagnostics)?;
            if !(1.0..=10.0).contains(&factor) {
                let message = "`factor` must lie between 1 and 10";
                self.diagnostics.push(Diagnostic::error("wrong-type", field.node.span, message));
                return None;
            }
            Some(factor)
        });
        fields.finish(self.diagnostics);
        Some(Retry { attempts, delay, factor, max_delay })
    }
}

/// Leaves none of these keys for a second error.
fn take_all<'a>(fields: &mut Fields<'_>, keys: impl Iterator<Item = &'a str>) {
    for key in keys {
        fields.take(key);
    }
}
