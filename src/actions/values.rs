//! `set` and `compute`: named values, from templates or from expressions. Their fields are the
//! author's, and rendering them is all the work.

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, FieldType, OutputType, StepFuture,
};
use crate::value::{Json, Output};

/// `set`.
pub const SET: ActionDeclaration = ActionDeclaration {
    name: "set",
    summary: "Names values, from templates or as written.",
    fields: &[],
    shorthand: None,
    open: Some(&FieldType::Json),
    output: OutputType::Named,
    effect: Effect::None,
    worst_case: None,
    rules: None,
    example: "- id: letter\n  set:\n    subject: \"Re: {{inputs.subject}}\"\n    urgent: true\n",
};

/// `compute`.
pub const COMPUTE: ActionDeclaration = ActionDeclaration {
    name: "compute",
    summary: "Names values, each from a CEL expression.",
    fields: &[],
    shorthand: None,
    open: Some(&FieldType::Expression),
    output: OutputType::Named,
    effect: Effect::None,
    worst_case: None,
    rules: None,
    example: "- id: totals\n  compute:\n    open: steps.tickets.output.filter(t, t.open).size()\n",
};

/// Both of them.
pub struct Values;

impl Action for Values {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move { Ok(Output::new(Json::Object(attempt.values.values))) })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::None
    }
}
