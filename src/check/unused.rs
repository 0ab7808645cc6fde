//! What is written and never read. Told only where a file is right otherwise: before that it is
//! mostly a consequence of something else.
//!
//! Codes: `unused-input`, `unused-var`, `unused-step`.

use crate::component::{Effect, Kinds, OutputType, Type};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::syntax::ast::{Body, Name, OnError, Step, Workflow};
use crate::template::field_name;

use super::texts::Used;

/// Warns of inputs and vars that nothing reads, and of steps that do nothing but give a value nobody reads.
pub(super) fn warn(workflow: &Workflow, used: &Used, kinds: &Kinds, diagnostics: &mut Diagnostics) {
    if diagnostics.has_errors() {
        return;
    }
    let mut found = Vec::new();
    for (name, _) in &workflow.inputs {
        let (bare, _) = field_name(&name.value);
        if !used.has("inputs", bare) {
            let message = format!("nothing reads the input `{bare}`");
            found.push(unread("unused-input", name, message, &format!("inputs.{bare}")));
        }
    }
    for (name, _) in &workflow.vars {
        if !used.has("vars", &name.value) {
            let message = format!("nothing reads the var `{}`", name.value);
            found.push(unread("unused-var", name, message, &format!("vars.{}", name.value)));
        }
    }
    let mut steps = Steps { used, kinds, found };
    steps.list(&workflow.steps, workflow.output.is_none());
    steps.list(&workflow.on_failure, false);
    steps.list(&workflow.finally, false);
    diagnostics.extend(steps.found);
}

fn unread(code: &'static str, name: &Name, message: String, path: &str) -> Diagnostic {
    Diagnostic::warning(code, name.span, message).with_help(format!("read it as `{path}`, or take it out"))
}

struct Steps<'a> {
    used: &'a Used,
    kinds: &'a Kinds,
    found: Vec<Diagnostic>,
}

impl Steps<'_> {
    /// Looks through a list; what its last step gives may be what the whole list gives.
    fn list(&mut self, steps: &[Step], gives: bool) {
        for (at, step) in steps.iter().enumerate() {
            let read = step.id.as_ref().is_some_and(|id| self.used.has("steps", &id.value));
            let gives = read || (gives && at + 1 == steps.len());
            self.step(step, gives);
            if let OnError::Handle(list) = &step.on_error {
                self.list(list, gives);
            }
        }
    }

    fn step(&mut self, step: &Step, gives: bool) {
        match &step.body {
            Body::Action(name, _) if !gives && self.only_gives(name) => {
                let message = format!("nothing reads what this `{}` gives", name.value);
                let help = match &step.id {
                    Some(id) => format!("read `steps.{}.output`, or take the step out", id.value),
                    None => "give it an `id` and read its output, or take the step out".to_owned(),
                };
                self.found.push(Diagnostic::warning("unused-step", name.span, message).with_help(help));
            }
            Body::Action(..) | Body::Call { .. } | Body::Broken => {}
            Body::Approve { notify, .. } => self.list(notify, false),
            Body::Group { steps, otherwise } => {
                self.list(steps, gives);
                otherwise.iter().for_each(|list| self.list(list, gives));
            }
            // Each step of it is a part of what it gives.
            Body::Parallel(steps) => {
                for step in steps {
                    let read = step.id.as_ref().is_some_and(|id| gives || self.used.has("steps", &id.value));
                    self.step(step, read);
                }
            }
            Body::Foreach(each) => self.list(&each.steps, gives && each.collect.is_none()),
            // A round is seen by the next one.
            Body::Repeat(repeat) => self.list(&repeat.steps, repeat.collect.is_none()),
            Body::Switch { cases, default, .. } => {
                cases.iter().for_each(|(_, list)| self.list(list, gives));
                default.iter().for_each(|list| self.list(list, gives));
            }
        }
    }

    /// Whether a step of this kind does nothing but give a value.
    fn only_gives(&self, name: &Name) -> bool {
        self.kinds.action(&name.value).is_some_and(|kind| {
            kind.effect == Effect::None && !matches!(kind.output, OutputType::Fixed(Type::Null | Type::Never))
        })
    }
}
