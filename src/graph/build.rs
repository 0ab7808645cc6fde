//! From a checked workflow to what a drawing shows of it.

use crate::check::flow::{Body, Foreach, OnError, Repeat, StepList};
use crate::check::{Call, Workflow};
use crate::component::{Argument, Arguments};
use crate::template::{Expr, Tree};

use super::{Branch, Graph, Role, Shape, Step, Trigger};

impl Graph {
    /// What a drawing of this workflow shows.
    pub fn of(workflow: &Workflow) -> Self {
        let trigger = |trigger: &crate::check::Trigger| Trigger {
            what: match subject(&trigger.arguments) {
                Some(subject) => format!("{} {}", trigger.id, subject),
                None => trigger.id.to_string(),
            },
            condition: trigger.condition.as_deref().map(expression),
        };
        Self {
            name: line(&workflow.name),
            description: workflow.description.as_deref().map(line),
            triggers: workflow.triggers.iter().map(trigger).collect(),
            steps: list(&workflow.steps, Line::Written),
            on_failure: list(&workflow.on_failure, Line::Written),
            finally: list(&workflow.finally, Line::Written),
        }
    }
}

/// Which order a list has where its steps do not say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Written,
    Together,
}

fn list(steps: &StepList<Call>, order: Line) -> Vec<Step> {
    let step = |(at, one): (usize, &crate::check::flow::Step<Call>)| {
        let settings = &one.settings;
        let usual = match order {
            Line::Written => at.checked_sub(1),
            Line::Together => None,
        };
        let (shape, what, mut branches) = body(&one.body);
        match &one.on_error {
            OnError::Fail | OnError::Continue => {}
            OnError::Handle(steps) => branches.push(branch(Role::OnError, steps)),
        }
        Step {
            label: settings.name.as_ref().or(settings.id.as_ref()).map(|label| line(label)),
            what,
            shape,
            condition: settings.condition.as_deref().map(expression),
            after: settings.after.iter().copied().filter(|before| *before < at).collect(),
            in_line: settings.after.iter().eq(usual.as_ref()),
            may_fail: matches!(one.on_error, OnError::Continue),
            branches,
        }
    };
    steps.steps.iter().enumerate().map(step).collect()
}

fn branch(role: Role, steps: &StepList<Call>) -> Branch {
    Branch { role, steps: list(steps, Line::Written) }
}

fn body(body: &Body<Call>) -> (Shape, String, Vec<Branch>) {
    match body {
        Body::Action(call) => (Shape::Action, call.kind.to_owned(), Vec::new()),
        Body::Approve { action, notify } => {
            let notify = Some(notify).filter(|notify| !notify.steps.is_empty());
            (
                Shape::Approval,
                action.kind.to_owned(),
                notify.map(|list| branch(Role::Notify, list)).into_iter().collect(),
            )
        }
        Body::Group { steps, otherwise } => {
            let otherwise = otherwise.as_ref().map(|list| branch(Role::Otherwise, list));
            let branches = [branch(Role::Body, steps)].into_iter().chain(otherwise);
            (Shape::Group, "steps".to_owned(), branches.collect())
        }
        Body::Parallel(steps) => {
            let branches = vec![Branch { role: Role::Body, steps: list(steps, Line::Together) }];
            (Shape::Group, "parallel".to_owned(), branches)
        }
        Body::Foreach(each) => (Shape::Loop, foreach(each), vec![branch(Role::Body, &each.steps)]),
        Body::Repeat(again) => (Shape::Loop, repeat(again), vec![branch(Role::Body, &again.steps)]),
        Body::Call(child) => (Shape::Call, format!("call {}", line(&child.workflow)), Vec::new()),
        Body::Switch { on, cases, default } => {
            let cases = cases.iter().map(|(value, list)| branch(Role::Case(line(value)), list));
            let default = default.as_ref().map(|list| branch(Role::Otherwise, list));
            (Shape::Choice, format!("switch {}", expression(on)), cases.chain(default).collect())
        }
    }
}

/// `foreach story in take(…), 4 at once`
fn foreach(each: &Foreach<Call>) -> String {
    let over = match &each.over {
        Tree::Expr(over) => expression(over),
        Tree::Literal(list) => {
            list.as_array().map_or_else(|| "a value".to_owned(), |items| count(items.len()))
        }
        Tree::List(items) => count(items.len()),
        Tree::Text(_) | Tree::Map(_) => "a value".to_owned(),
    };
    let mut what = format!("foreach {} in {over}", each.item);
    if let Some(batch) = each.batch {
        what.push_str(&format!(", {batch} together"));
    }
    if each.concurrency > 1 {
        what.push_str(&format!(", {} at once", each.concurrency));
    }
    if each.once.is_some() {
        what.push_str(", each only once");
    }
    what
}

fn repeat(again: &Repeat<Call>) -> String {
    match &again.until {
        Some(until) => format!("repeat until {}, at most {} times", expression(until), again.max),
        None => format!("repeat {} times", again.max),
    }
}

fn count(items: usize) -> String {
    format!("{items} item{}", if items == 1 { "" } else { "s" })
}

fn expression(expression: &Expr) -> String {
    line(expression.source())
}

/// What a trigger looks at: its first setting, where that is plain text.
fn subject(arguments: &Arguments) -> Option<String> {
    let (_, first) = arguments.iter().next()?;
    plain(first).map(|text| line(&text)).filter(|text| !text.is_empty())
}

fn plain(argument: &Argument) -> Option<String> {
    match argument {
        Argument::Text(template, _) | Argument::File(template) => template.literal().map(str::to_owned),
        Argument::Tree(Tree::Text(template)) => template.literal().map(str::to_owned),
        Argument::Tree(Tree::Literal(value)) => value.as_str().map(str::to_owned),
        Argument::List(items) => {
            items.iter().map(plain).collect::<Option<Vec<_>>>().map(|items| items.join(", "))
        }
        Argument::Tree(_)
        | Argument::Map(_)
        | Argument::Schema(_)
        | Argument::Later(_)
        | Argument::Prompt(_) => None,
    }
}

/// One line, without characters that control anything.
fn line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}
