//! `state`: sets, adds to and takes away small values that outlive the run, in the commit in which
//! the step itself succeeds.

use serde::Deserialize;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Field, FieldType, OutputType, Reach, StateEdit,
    StepFuture, Type, Written,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::value::{Json, Output};

/// `state`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "state",
    summary: "Changes values that outlive the run; any text reads them as `state.NAME` or `state.workspace.NAME`.",
    fields: &[
        Field::optional("set", FieldType::Map(&FieldType::Json), "New values by name, 64 KiB of JSON each"),
        Field::optional(
            "add",
            FieldType::Map(&FieldType::Json),
            "Numbers added to what is there; a name that is not there counts as 0",
        ),
        Field::optional("delete", FieldType::OneOrMany(&FieldType::Text), "Names that are taken away"),
        Field::optional(
            "scope",
            FieldType::Choice(&["workflow", "workspace"]),
            "Whose values: this workflow's, or everybody's",
        )
        .with_default("workflow"),
    ],
    shorthand: None,
    open: None,
    output: OutputType::Fixed(Type::Any),
    effect: Effect::None,
    rules: Some(rules),
    worst_case: None,
    example: "- state:\n    add: { seen: 1 }\n    set: { last: \"{{inputs.ticket}}\" }\n",
};

fn rules(written: &Written<'_>, diagnostics: &mut Diagnostics) {
    if written.keys_among(&["set", "add", "delete"]).is_empty() {
        let problem = Diagnostic::error("missing-key", written.name, "`state` does not say what to change");
        diagnostics
            .push(problem.with_help("write `set:`, `add:` or `delete:`; values are read as `state.NAME`"));
    }
}

/// The action.
pub struct State;

#[derive(Deserialize)]
struct Values {
    #[serde(default)]
    set: serde_json::Map<String, Json>,
    #[serde(default)]
    add: serde_json::Map<String, Json>,
    #[serde(default)]
    delete: Vec<String>,
    #[serde(default)]
    scope: Reach,
}

impl Action for State {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let Values { set, add, delete, scope } = attempt.values.decode()?;
            let edit = StateEdit { reach: scope, set, add, delete };
            let changed = attempt.context.edit_state(edit).await?;
            Ok(Output::new(Json::Object(changed)))
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::None
    }
}
