//! A workflow as it was written: every part in its place, nothing resolved.
//!
//! What stands inside an action or a trigger stays a tree here; only the checker, which knows the
//! kinds, gives it a meaning. What a list of steps, a step and a form of control flow are is
//! decided here, and every key that has no place is reported here. This file has the types;
//! [`mod@workflow`] reads a file's top level, [`steps`] its lists of steps, [`forms`] control flow.
//!
//! Codes: `missing-key`, `no-action`, `two-actions`, `bad-id`, and those of [`fields`](mod@super::fields).

mod forms;
mod habits;
mod steps;
mod workflow;

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics, Span, Spanned, did_you_mean, quoted};
use crate::ids::is_identifier;
use crate::money::Money;

use super::fields;
use super::tree::{Kind, Node};

pub use forms::CONTROL_FLOW;
pub use habits::report_fields;
pub use steps::STEP_KEYS;
pub use workflow::{WORKFLOW_KEYS, workflow};

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
    /// What it may cost and how long it may take.
    pub limits: Limits,
    /// How many of its runs are under way at once.
    pub concurrency: Option<Concurrency>,
    /// What data may choose in it beyond what is usual.
    pub allow: Allow,
    /// Keys whose content could not be read, so that nobody knows what it declares.
    pub unread: Vec<&'static str>,
}

/// An action, as far as it matters for what is written beside it.
#[derive(Clone, Debug)]
pub struct ActionName<'a> {
    /// The key under which a step writes it.
    pub name: &'a str,
    /// The names of its fields.
    pub fields: Vec<&'a str>,
}

/// What a workflow may cost and how long it may take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// What one run may cost.
    pub run_cost: Option<Spanned<Money>>,
    /// How long one run may take, from its first step to its last; handlers come after.
    pub run_time: Option<Duration>,
    /// What all runs of one day may cost.
    pub day_cost: Option<Spanned<Money>>,
}

/// How many runs of a workflow are under way at once.
#[derive(Clone, Debug)]
pub struct Concurrency {
    /// How many, for each value of the key.
    pub limit: usize,
    /// What tells runs apart: text with templates; without one all runs count together.
    pub key: Option<Node>,
    /// What happens to one more.
    pub overflow: Overflow,
}

/// What happens to a run that is one too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It waits its turn.
    #[default]
    Queue,
    /// It is not started.
    Skip,
    /// The oldest one under way is cancelled for it.
    CancelOldest,
}

/// What data may choose in a workflow beyond what is usual.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    /// Hosts that data may name in an address: `api.example.org`, `*.example.org`.
    pub hosts: Vec<Name>,
    /// Globs of files that data may name with folders in a path that is written.
    pub files: Vec<Name>,
    /// How many of both stand there, with those that cannot be read.
    pub written: usize,
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
    /// What all its attempts together may cost.
    pub cost_limit: Option<Spanned<Money>>,
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
    /// `approve`: an action that waits for a person, and the steps that tell people of it.
    Approve {
        /// The key.
        name: Name,
        /// What is written in it, `notify` included.
        node: Node,
        /// What tells people, before it waits.
        notify: Vec<Step>,
    },
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
    /// Steps that are done again and again.
    Repeat(Repeat),
    /// Another workflow, as a run of its own.
    Call {
        /// Its name.
        workflow: Name,
        /// Its inputs.
        with: Vec<(Name, Node)>,
    },
    /// Nothing that could be read, and that was reported. The step keeps its place, so that others
    /// can still name it.
    Broken,
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
    /// How many items are taken together: then the item is a list of so many.
    pub batch: Option<usize>,
    /// Which items an earlier run has done already.
    pub once: Option<Once>,
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

/// Items that are done once and for all: a later run passes them over.
#[derive(Clone, Debug)]
pub struct Once {
    /// The expression that tells items apart.
    pub key: Node,
    /// How long an item is remembered; without it, for ever.
    pub keep: Option<Duration>,
}

/// A loop that goes on until a condition holds.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// When it ends: looked at after each round. Without one all rounds are done.
    pub until: Option<Node>,
    /// The most rounds.
    pub max: usize,
    /// What happens when the rounds are used up and the condition does not hold.
    pub on_limit: OnLimit,
    /// What is done in each round.
    pub steps: Vec<Step>,
    /// What each round gives to a list, instead of the last round's output.
    pub collect: Option<Node>,
}

/// What happens when a loop's rounds are used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLimit {
    /// The step fails.
    #[default]
    Fail,
    /// The step gives what it has.
    Continue,
}

/// The entries of a map.
fn entries(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Vec<(Name, Node)> {
    match &node.kind {
        Kind::Mapping(entries) => entries.iter().map(|(key, node)| (key.clone(), node.clone())).collect(),
        _ if node.is_null() => Vec::new(),
        _ => {
            let message = format!("`{what}` takes a map, found {}", node.describe());
            let problem = Diagnostic::error("wrong-type", node.span, message);
            diagnostics.push(problem.with_help("write `key: value` lines below it, without `-`"));
            Vec::new()
        }
    }
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
