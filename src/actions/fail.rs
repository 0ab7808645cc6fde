//! `fail`: ends the run with a message of the author's.

use serde::Deserialize;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Field, FieldType, OutputType, StepError,
    StepFuture, Type,
};
use crate::value::Failure;

/// `fail`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "fail",
    summary: "Ends the run with a message.",
    fields: &[Field::required("message", FieldType::Text, "Why the run cannot succeed")],
    shorthand: Some("message"),
    open: None,
    output: OutputType::Fixed(Type::Never),
    effect: Effect::None,
    worst_case: None,
    rules: None,
    example: "- if: steps.label.output.queue == 'unknown'\n  fail: \"no queue fits {{inputs.ticket}}\"\n",
};

/// The action.
pub struct Fail;

#[derive(Deserialize)]
struct Values {
    message: String,
}

impl Action for Fail {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let values: Values = attempt.values.decode()?;
            Err(StepError::fatal(Failure::new("failed", values.message)))
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::None
    }
}
