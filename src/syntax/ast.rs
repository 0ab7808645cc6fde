//! A workflow as it was written: every part in its place, nothing resolved.
//!
//! What stands inside an action or a trigger stays a tree here; only the checker, which knows the
//! kinds, gives it a meaning. What a list of steps, a step and a form of control flow are is
//! decided here, and every key that has no place is reported here.
//!
//! Codes: `missing-key`, `no-action`, `two-actions`, `bad-id`, and those of [`fields`](mod@super::fields).

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics, Span, Spanned, did_you_mean, nearest, quoted};
use crate::ids::{is_identifier, is_workflow_name};

use super::fields::{self, Fields};
use super::tree::{Kind, Node};

/// How deep lists of steps may lie in each other.
const NESTING_LIMIT: usize = 32;

/// How many steps a workflow may have, all lists together.
const STEP_LIMIT: usize = 1_000;

/// A name and its place.
pub type Name = Spanned<Arc<str>>;

/// A workflow file.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// The whole document.
    pub span: Span,
    /// Its name, where it is written.
    pub name: Option<Name>,
    /// What it does, in the author's words.
    pub description: Option<Arc<str>>,
    /// What every trigger fills, in order; a name that ends in `?` may be left out.
    pub inputs: Vec<(Name, Node)>,
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// Values evaluated once at the start, in order.
    pub vars: Vec<(Name, Node)>,
    /// Defaults by action.
    pub defaults: Vec<(Name, Node)>,
    /// What it does.
    pub steps: Vec<Step>,
    /// What it gives.
    pub output: Option<Node>,
    /// What happens when it failed.
    pub on_failure: Vec<Step>,
    /// What happens at the end in any case.
    pub finally: Vec<Step>,
}

/// One trigger.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The key that names its kind.
    pub kind: Name,
    /// Its place among the triggers of that kind.
    pub index: usize,
    /// Its settings, with `if` and `with` among them.
    pub node: Node,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// The whole step.
    pub span: Span,
    /// Under which it can be read.
    pub id: Option<Name>,
    /// What people see instead of the id.
    pub name: Option<Arc<str>>,
    /// Whether it runs.
    pub condition: Option<Node>,
    /// What it waits for instead of the step before it.
    pub needs: Option<Vec<Name>>,
    /// How often and how soon it is tried again.
    pub retry: Option<Retry>,
    /// Attempts and waits together.
    pub timeout: Option<Duration>,
    /// What happens when it failed for good.
    pub on_error: OnError,
    /// Whether doing it twice is as good as once, where the author says so.
    pub idempotent: Option<bool>,
    /// What it does.
    pub body: Body,
}

/// The `retry` of a step, as far as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Retry {
    /// In all, the first included.
    pub attempts: Option<u32>,
    /// Before the second attempt.
    pub delay: Option<Duration>,
    /// How much longer each wait is than the one before.
    pub factor: Option<f64>,
    /// The longest wait.
    pub max_delay: Option<Duration>,
}

/// What happens when a step failed for good.
#[derive(Clone, Debug, Default)]
pub enum OnError {
    /// The run fails.
    #[default]
    Fail,
    /// The run goes on; the step's output is null.
    Continue,
    /// These run and see `error`; when they succeed, so has the step.
    Handle(Vec<Step>),
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Body {
    /// An action and what is written in it.
    Action(Name, Node),
    /// A list of steps, and another for when the step's `if` does not hold.
    Group {
        /// The steps.
        steps: Vec<Step>,
        /// The steps when the condition does not hold.
        otherwise: Option<Vec<Step>>,
    },
    /// Steps that start together.
    Parallel(Vec<Step>),
    /// Steps for each item of a list.
    Foreach(Foreach),
    /// One of several lists of steps.
    Switch {
        /// The expression whose value chooses.
        on: Node,
        /// The lists by value.
        cases: Vec<(Name, Vec<Step>)>,
        /// The list for every other value.
        default: Option<Vec<Step>>,
    },
    /// Nothing that could be read, and that was reported. The step keeps its place, so that others
    /// can still name it.
    Broken,
}

impl Body {
    /// The key of a form of control flow; nothing for an action.
    fn form(&self) -> Option<&'static str> {
        match self {
            Self::Action(..) | Self::Broken => None,
            Self::Group { .. } => Some("steps"),
            Self::Parallel(_) => Some("parallel"),
            Self::Foreach(_) => Some("foreach"),
            Self::Switch { .. } => Some("switch"),
        }
    }
}

/// A loop over a list.
#[derive(Clone, Debug)]
pub struct Foreach {
    /// The expression that gives the list, or the list itself.
    pub over: Node,
    /// The name of the item in it.
    pub item: Name,
    /// How many items are under way at once.
    pub concurrency: usize,
    /// What is done for each.
    pub steps: Vec<Step>,
    /// What each item gives, instead of its last output.
    pub collect: Option<Node>,
    /// What happens when an item fails.
    pub on_item_error: OnItemError,
}

/// What happens when one item of a loop fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnItemError {
    /// The loop fails.
    #[default]
    Fail,
    /// The item is left out of the result.
    Skip,
    /// The result holds `{error}` in its place.
    Keep,
}

/// The forms of control flow: keys that no action may have.
pub const CONTROL_FLOW: [&str; 4] = ["steps", "parallel", "foreach", "switch"];

/// What may stand in a step beside its action.
const STEP_KEYS: [&str; 8] = ["id", "name", "if", "needs", "retry", "timeout", "on_error", "idempotent"];

/// What may stand beside a form of control flow, and belongs to it.
const FORM_KEYS: [&str; 7] = ["else", "as", "concurrency", "collect", "on_item_error", "cases", "default"];

/// What says how an action is tried again; control flow is not.
const AGAIN: [&str; 2] = ["retry", "idempotent"];

/// Reads a workflow from its tree. `actions` are the names of all actions, for what is offered.
pub fn workflow(root: &Node, actions: &[&str], diagnostics: &mut Diagnostics) -> Option<Workflow> {
    let mut fields = Fields::open(root, "a workflow", diagnostics)?;
    let name = fields.take("name").and_then(|field| workflow_name(field.node, diagnostics));
    let description =
        fields.take("description").and_then(|field| fields::text(field.node, "description", diagnostics));
    let inputs = fields.take("inputs").map(|field| entries(field.node, "inputs", diagnostics));
    let triggers = fields.take("on").map(|field| triggers(field.node, diagnostics));
    let vars = fields.take("vars").map(|field| named(field.node, "vars", diagnostics));
    let defaults = fields.take("defaults").map(|field| entries(field.node, "defaults", diagnostics));
    let mut reader = Reader { actions, steps: 0, diagnostics };
    let steps = fields.take("steps").map(|field| reader.list(field.node, 0));
    let on_failure = fields.take("on_failure").map(|field| reader.list(field.node, 0));
    let finally = fields.take("finally").map(|field| reader.list(field.node, 0));
    let output = fields.take("output").map(|field| field.node.clone());
    // Their content is read where an alias leads to it.
    fields.take_prefixed("x-");
    // A key that is nearly `steps` is told of as what it is.
    let misspelled = fields.keys().any(|key| nearest(&key.value, ["steps"]).is_some());
    if steps.is_none() && !misspelled {
        let problem = Diagnostic::error("missing-key", root.span.at_start(), "a workflow needs `steps`")
            .with_help("add a list: `steps:` and below it `- chat: …` or another action");
        diagnostics.push(problem);
    }
    fields.finish(diagnostics);
    Some(Workflow {
        span: root.span,
        name,
        description: description.map(Into::into),
        inputs: inputs.unwrap_or_default(),
        triggers: triggers.unwrap_or_default(),
        vars: vars.unwrap_or_default(),
        defaults: defaults.unwrap_or_default(),
        steps: steps.unwrap_or_default(),
        output,
        on_failure: on_failure.unwrap_or_default(),
        finally: finally.unwrap_or_default(),
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

/// The entries of a map.
fn entries(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Vec<(Name, Node)> {
    match &node.kind {
        Kind::Mapping(entries) => entries.iter().map(|(key, node)| (key.clone(), node.clone())).collect(),
        _ if node.is_null() => Vec::new(),
        _ => {
            let message = format!("`{what}` takes a map, found {}", node.describe());
            diagnostics.push(Diagnostic::error("wrong-type", node.span, message));
            Vec::new()
        }
    }
}

/// The entries of a map whose keys are names of the author's.
fn named(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Vec<(Name, Node)> {
    let entries = entries(node, what, diagnostics);
    entries.iter().for_each(|(name, _)| check_identifier(name, diagnostics));
    entries
}

/// Reports a name that is none. It is kept all the same: whoever reads it makes no second mistake.
fn check_identifier(name: &Name, diagnostics: &mut Diagnostics) {
    if !is_identifier(name) {
        let problem = Diagnostic::error("bad-id", name.span, format!("`{}` cannot be a name", name.value))
            .with_help(format!(
                "use letters, digits and `_`, and begin with a letter: `{}`",
                name.value.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
            ));
        diagnostics.push(problem);
    }
}

fn triggers(node: &Node, diagnostics: &mut Diagnostics) -> Vec<Trigger> {
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

/// Reads lists of steps, one in another.
struct Reader<'a> {
    actions: &'a [&'a str],
    /// How many steps were read so far.
    steps: usize,
    diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn list(&mut self, node: &Node, depth: usize) -> Vec<Step> {
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
                let message = format!("a workflow has at most {STEP_LIMIT} steps");
                self.diagnostics.push(Diagnostic::error("too-many-steps", node.span, message));
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
        let body = self.body(&mut fields, node, depth).unwrap_or(Body::Broken);
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
            body,
        })
    }

    fn identifier(&mut self, node: &Node, what: &str) -> Option<Name> {
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
        let known =
            |key: &str| CONTROL_FLOW.contains(&key) || self.actions.contains(&key) || key.contains('.');
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
            let names: Vec<_> = self.actions.iter().copied().chain(CONTROL_FLOW).chain(STEP_KEYS).collect();
            let meant = nearest(&key.value, names.iter().copied());
            let problem =
                Diagnostic::error("unknown-action", key.span, format!("there is no action `{}`", key.value))
                    .with_help_if(did_you_mean(&key.value, names));
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

    /// What stands at this key, which means this form of control flow, or else an action.
    fn form(&mut self, form: &str, key: &Name, fields: &mut Fields<'_>, depth: usize) -> Option<Body> {
        let node = fields.take(&key.value)?.node.clone();
        match form {
            "steps" => {
                let otherwise = fields.take("else").map(|field| self.list(field.node, depth + 1));
                Some(Body::Group { steps: self.list(&node, depth + 1), otherwise })
            }
            "parallel" => Some(Body::Parallel(self.list(&node, depth + 1))),
            "foreach" => self.foreach(node, fields, key.span, depth),
            "switch" => self.switch(node, fields, key.span, depth),
            _ => Some(Body::Action(key.clone(), node)),
        }
    }

    fn foreach(&mut self, over: Node, fields: &mut Fields<'_>, key: Span, depth: usize) -> Option<Body> {
        let item = fields.take("as").and_then(|field| self.identifier(field.node, "as"));
        let concurrency = fields
            .take("concurrency")
            .and_then(|field| fields::integer(field.node, "concurrency", 1..=1_000, self.diagnostics));
        let collect = fields.take("collect").map(|field| field.node.clone());
        let on_item_error = fields.take("on_item_error").and_then(|field| {
            let words =
                [("fail", OnItemError::Fail), ("skip", OnItemError::Skip), ("keep", OnItemError::Keep)];
            choice(field.node, "on_item_error", &words, self.diagnostics)
        });
        let Some(steps) = fields.take("steps") else {
            let problem = Diagnostic::error("missing-key", key, "`foreach` needs `steps`")
                .with_help("add `steps:` with what to do for each item");
            self.diagnostics.push(problem);
            return None;
        };
        let steps = self.list(steps.node, depth + 1);
        Some(Body::Foreach(Foreach {
            item: item.unwrap_or_else(|| Spanned::new("item".into(), over.span)),
            over,
            concurrency: concurrency.and_then(|count| usize::try_from(count).ok()).unwrap_or(1),
            steps,
            collect,
            on_item_error: on_item_error.unwrap_or_default(),
        }))
    }

    fn switch(&mut self, on: Node, fields: &mut Fields<'_>, key: Span, depth: usize) -> Option<Body> {
        let default = fields.take("default").map(|field| self.list(field.node, depth + 1));
        let Some(cases) = fields.take("cases") else {
            let problem = Diagnostic::error("missing-key", key, "`switch` needs `cases`")
                .with_help("add `cases:` and below it each value with its list of steps");
            self.diagnostics.push(problem);
            return None;
        };
        let cases = entries(cases.node, "cases", self.diagnostics);
        let cases = cases.into_iter().map(|(value, node)| (value, self.list(&node, depth + 1))).collect();
        Some(Body::Switch { on, cases, default })
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

/// One of these words.
fn choice<T: Clone>(
    node: &Node,
    what: &str,
    words: &[(&str, T)],
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let text = fields::text(node, what, diagnostics)?;
    let found = words.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let message = format!("`{what}` cannot be {}", quoted(text));
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let problem = Diagnostic::error("unknown-word", node.span, message);
        diagnostics.push(problem.with_help_if(did_you_mean(text, names)));
    }
    found.map(|(_, value)| value.clone())
}
