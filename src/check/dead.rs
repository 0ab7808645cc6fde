//! Steps that never run, as far as the file alone tells.
//!
//! Code: `unreachable-step`.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::syntax::ast::{Body, OnError, Step, Workflow};
use crate::syntax::tree::Node;

/// Warns of every step that never runs.
pub(super) fn unreachable_steps(workflow: &Workflow, diagnostics: &mut Diagnostics) {
    for list in [&workflow.steps, &workflow.on_failure, &workflow.finally] {
        in_list(list, diagnostics);
    }
}

fn in_list(steps: &[Step], diagnostics: &mut Diagnostics) {
    // What ends the list for all that stand in line after it.
    let mut end: Option<&Step> = None;
    for step in steps {
        if let (Some(end), None) = (end, &step.needs) {
            diagnostics.push(
                Diagnostic::warning("unreachable-step", step.span, "this step never runs")
                    .with_related(end.span, "the list always ends here")
                    .with_help("give the `fail` step an `if`, or take this step out"),
            );
            break;
        }
        if let Some(condition) = step.condition.as_ref().filter(|condition| is_false(condition)) {
            diagnostics.push(
                Diagnostic::warning(
                    "unreachable-step",
                    condition.span,
                    "this step never runs: its `if` is always false",
                )
                .with_help("take the step out, or give it a condition that can hold"),
            );
        }
        inside(step, diagnostics);
        if ends_the_list(step) {
            end = Some(step);
        }
    }
}

fn inside(step: &Step, diagnostics: &mut Diagnostics) {
    match &step.body {
        Body::Action(..) | Body::Call { .. } | Body::Broken => {}
        Body::Approve { notify, .. } => in_list(notify, diagnostics),
        Body::Group { steps, otherwise } => {
            in_list(steps, diagnostics);
            otherwise.iter().for_each(|list| in_list(list, diagnostics));
        }
        // They start together: none stands in line after another.
        Body::Parallel(steps) => {
            steps.iter().for_each(|step| in_list(std::slice::from_ref(step), diagnostics))
        }
        Body::Foreach(each) => in_list(&each.steps, diagnostics),
        Body::Repeat(repeat) => in_list(&repeat.steps, diagnostics),
        Body::Switch { cases, default, .. } => {
            cases.iter().for_each(|(_, list)| in_list(list, diagnostics));
            default.iter().for_each(|list| in_list(list, diagnostics));
        }
    }
    if let OnError::Handle(list) = &step.on_error {
        in_list(list, diagnostics);
    }
}

/// Whether nothing in line after this step can run: it fails without a condition, and nothing
/// takes that up.
fn ends_the_list(step: &Step) -> bool {
    matches!(&step.body, Body::Action(name, _) if &*name.value == "fail")
        && step.condition.is_none()
        && step.needs.is_none()
        && matches!(step.on_error, OnError::Fail)
}

fn is_false(condition: &Node) -> bool {
    condition.as_scalar().is_some_and(|scalar| scalar.text.trim() == "false")
}
