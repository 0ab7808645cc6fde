//! Calls that cannot end well: of a workflow that needs an event, and in a circle without a way out.
//!
//! A call is certain where nothing decides whether it is made: no `if`, no loop, no case, no handler.
//!
//! Codes: `needs-event`, `endless-call`.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, Diagnostics};

use super::flow::{Body, Child, OnError, Step, StepList};
use super::steps::Call;
use super::workflow::Workflow;

/// Whether a call is made whenever its workflow runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Certain,
    Perhaps,
}

/// A call, where it leads, and whether it is made.
struct Arrow<'a> {
    child: &'a Child,
    to: usize,
    certainty: Certainty,
}

/// Finds the calls that cannot end well.
pub(super) fn find(workflows: &[&Workflow], diagnostics: &mut Diagnostics) {
    // Of two with one name the first has it.
    let named: HashMap<&str, usize> =
        workflows.iter().enumerate().rev().map(|(at, workflow)| (&*workflow.name, at)).collect();
    let arrows: Vec<_> = workflows.iter().map(|workflow| arrows(workflow, &named)).collect();
    for (at, own) in arrows.iter().enumerate() {
        for Arrow { child, to, .. } in own.iter().filter(|arrow| workflows[arrow.to].reads.event) {
            let name = &workflows[*to].name;
            let message = format!("the workflow `{name}` reads `event`, and a call gives none");
            diagnostics.push(
                Diagnostic::error("needs-event", child.span, message)
                    .with_help(format!("give `{name}` inputs, and let its triggers fill them with `with:`")),
            );
        }
        if let Some(circle) = circle(&arrows, at) {
            diagnostics.push(endless(&circle, workflows));
        }
    }
}

/// The calls of a workflow that lead to one that there is.
fn arrows<'a>(workflow: &'a Workflow, named: &HashMap<&str, usize>) -> Vec<Arrow<'a>> {
    let mut arrows = Vec::new();
    let mut see = |child: &'a Child, certainty| {
        let to = named.get(&*child.workflow).copied();
        arrows.extend(to.map(|to| Arrow { child, to, certainty }));
    };
    in_list(&workflow.steps, Certainty::Certain, &mut see);
    in_list(&workflow.on_failure, Certainty::Perhaps, &mut see);
    in_list(&workflow.finally, Certainty::Certain, &mut see);
    arrows
}

fn endless(circle: &[&Arrow<'_>], workflows: &[&Workflow]) -> Diagnostic {
    let names = circle.iter().map(|arrow| format!("`{}`", workflows[arrow.to].name));
    let (first, rest) = (circle.first(), circle.get(1..).unwrap_or_default());
    let message = match rest {
        [] => "this workflow always calls itself, without end".to_owned(),
        _ => format!("this call always comes back here, by way of {}", names.collect::<Vec<_>>().join(", ")),
    };
    let span = first.map_or(workflows[0].span, |arrow| arrow.child.span);
    let problem = Diagnostic::error("endless-call", span, message)
        .with_help("give one of the calls an `if`, or take one out");
    rest.iter().fold(problem, |problem, arrow| problem.with_related(arrow.child.span, "which calls this"))
}

/// The shortest way back to a workflow by calls that are certain.
fn circle<'a>(arrows: &'a [Vec<Arrow<'a>>], start: usize) -> Option<Vec<&'a Arrow<'a>>> {
    // By which call each was reached, and from where.
    let mut reached: HashMap<usize, (usize, &Arrow<'_>)> = HashMap::new();
    let mut next = std::collections::VecDeque::from([start]);
    while let Some(at) = next.pop_front() {
        for arrow in arrows[at].iter().filter(|arrow| arrow.certainty == Certainty::Certain) {
            if reached.contains_key(&arrow.to) {
                continue;
            }
            reached.insert(arrow.to, (at, arrow));
            if arrow.to != start {
                next.push_back(arrow.to);
                continue;
            }
            let (mut back, mut at) = (Vec::new(), start);
            while let Some((from, arrow)) = reached.get(&at) {
                back.push(*arrow);
                at = *from;
                if at == start {
                    break;
                }
            }
            back.reverse();
            return Some(back);
        }
    }
    None
}

fn in_list<'a>(list: &'a StepList<Call>, certainty: Certainty, see: &mut dyn FnMut(&'a Child, Certainty)) {
    list.steps.iter().for_each(|step| in_step(step, certainty, see));
}

fn in_step<'a>(step: &'a Step<Call>, outer: Certainty, see: &mut dyn FnMut(&'a Child, Certainty)) {
    let own = if step.settings.condition.is_some() { Certainty::Perhaps } else { outer };
    match &step.body {
        Body::Action(_) => {}
        Body::Call(child) => see(child, own),
        Body::Approve { notify, .. } => in_list(notify, own, see),
        Body::Group { steps, otherwise } => {
            in_list(steps, own, see);
            otherwise.iter().for_each(|list| in_list(list, Certainty::Perhaps, see));
        }
        Body::Parallel(steps) => in_list(steps, own, see),
        Body::Foreach(each) => in_list(&each.steps, Certainty::Perhaps, see),
        Body::Repeat(repeat) => in_list(&repeat.steps, Certainty::Perhaps, see),
        Body::Switch { cases, default, .. } => {
            cases.iter().for_each(|(_, list)| in_list(list, Certainty::Perhaps, see));
            default.iter().for_each(|list| in_list(list, Certainty::Perhaps, see));
        }
    }
    if let OnError::Handle(list) = &step.on_error {
        in_list(list, Certainty::Perhaps, see);
    }
}
