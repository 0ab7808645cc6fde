//! The steps of a workflow as tests name them: by id, with what may stand in for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::check::flow::{Body, OnError, Step, StepList};
use crate::check::{Call, Workflow};

/// A step that a test can name.
pub(super) struct Known<'a> {
    /// What it does.
    pub form: Form<'a>,
    /// How many loops it is in.
    pub loops: usize,
}

/// What a step does, as far as tests care.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    /// An action.
    Action(&'a Call),
    /// An action that asks a person.
    Approval(&'a Call),
    /// Another workflow.
    Workflow,
    /// Steps in it; the key that makes it so.
    Steps(&'static str),
}

/// Every step with an id.
pub(super) fn outline(workflow: &Workflow) -> BTreeMap<&str, Known<'_>> {
    let mut known = BTreeMap::new();
    for list in [&workflow.steps, &workflow.on_failure, &workflow.finally] {
        enter(list, 0, &mut known);
    }
    known
}

/// The workflows that this one calls.
pub(super) fn called(workflow: &Workflow) -> Vec<Arc<str>> {
    let mut names = Vec::new();
    for list in [&workflow.steps, &workflow.on_failure, &workflow.finally] {
        each_step(list, &mut |step| {
            if let Body::Call(child) = &step.body {
                names.push(child.workflow.clone());
            }
        });
    }
    names
}

fn each_step<'a>(list: &'a StepList<Call>, see: &mut dyn FnMut(&'a Step<Call>)) {
    for step in &list.steps {
        see(step);
        lists(step).into_iter().for_each(|(inner, _)| each_step(inner, see));
    }
}

fn enter<'a>(list: &'a StepList<Call>, loops: usize, known: &mut BTreeMap<&'a str, Known<'a>>) {
    for step in &list.steps {
        let form = match &step.body {
            Body::Action(call) => Form::Action(call),
            Body::Approve { action, .. } => Form::Approval(action),
            Body::Call(_) => Form::Workflow,
            Body::Group { .. } => Form::Steps("steps"),
            Body::Parallel(_) => Form::Steps("parallel"),
            Body::Foreach(_) => Form::Steps("foreach"),
            Body::Repeat(_) => Form::Steps("repeat"),
            Body::Switch { .. } => Form::Steps("switch"),
        };
        if let Some(id) = &step.settings.id {
            known.insert(id, Known { form, loops });
        }
        for (inner, more) in lists(step) {
            enter(inner, loops + more, known);
        }
    }
}

/// The lists inside of a step, each with how many loops it adds.
fn lists(step: &Step<Call>) -> Vec<(&StepList<Call>, usize)> {
    let mut lists = match &step.body {
        Body::Action(_) | Body::Call(_) => Vec::new(),
        Body::Approve { notify, .. } => vec![(notify, 0)],
        Body::Group { steps, otherwise } => {
            std::iter::once(steps).chain(otherwise).map(|list| (list, 0)).collect()
        }
        Body::Parallel(steps) => vec![(steps, 0)],
        Body::Foreach(each) => vec![(&each.steps, 1)],
        Body::Repeat(repeat) => vec![(&repeat.steps, 1)],
        Body::Switch { cases, default, .. } => {
            cases.iter().map(|(_, list)| list).chain(default).map(|list| (list, 0)).collect()
        }
    };
    if let OnError::Handle(list) = &step.on_error {
        lists.push((list, 0));
    }
    lists
}
