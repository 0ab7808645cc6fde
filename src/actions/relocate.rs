//! `move` and `remove`: files of the workspace, where they may be written.
//!
//! Both are recorded before they start and may be made again: what an attempt that was lost has
//! done is found done.

use serde::Deserialize;
use serde_json::json;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Field, FieldType, Files, OutputType, StepFuture,
    Type,
};
use crate::files::{Existing, Removed, Roots, Turn};
use crate::value::Output;

/// `move`.
pub const MOVE: ActionDeclaration = ActionDeclaration {
    name: "move",
    summary: "Moves a file of the workspace to another path; folders on the way are made.",
    fields: &[
        Field::required("from", FieldType::Path, "The file"),
        Field::required("to", FieldType::Path, "Its new path; a folder, where it ends in `/`")
            .with_files(Files::Written),
        Field::optional(
            "existing",
            FieldType::Choice(&["fail", "replace", "number"]),
            "When a file is there: `fail`, `replace` it, or take the first free `number` (`report-1.pdf`)",
        )
        .with_default("fail"),
    ],
    shorthand: None,
    open: None,
    output: OutputType::Fixed(Type::Record(&[("path", Type::Text)])),
    effect: Effect::Idempotent,
    worst_case: None,
    rules: None,
    example: "- move: { from: \"{{event.path}}\", to: \"done/{{event.name}}\", existing: number }\n",
};

/// `remove`.
pub const REMOVE: ActionDeclaration = ActionDeclaration {
    name: "remove",
    summary: "Removes a file of the workspace; one that is not there is no failure.",
    fields: &[Field::required("path", FieldType::Path, "The file; folders are refused")],
    shorthand: Some("path"),
    open: None,
    output: OutputType::Fixed(Type::Record(&[("path", Type::Text), ("removed", Type::Boolean)])),
    effect: Effect::Idempotent,
    worst_case: None,
    rules: None,
    example: "- remove: \"{{event.path}}\"\n",
};

/// `move`, bound.
pub struct Move {
    files: Roots,
}

/// `remove`, bound.
pub struct Remove {
    files: Roots,
}

#[derive(Deserialize)]
struct Moving {
    from: String,
    to: String,
    #[serde(default)]
    existing: Existing,
}

#[derive(Deserialize)]
struct Removing {
    path: String,
}

impl Move {
    pub fn new(files: Roots) -> Self {
        Self { files }
    }
}

impl Remove {
    pub fn new(files: Roots) -> Self {
        Self { files }
    }
}

fn turn(attempt: &Attempt<'_>) -> Turn {
    if attempt.context.attempt() > 1 { Turn::Again } else { Turn::First }
}

impl Action for Move {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let turn = turn(&attempt);
            let Moving { from, to, existing } = attempt.values.decode()?;
            let path = self.files.relocate(&from, &to, existing, turn).await?;
            Ok(Output::new(json!({ "path": path })))
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::Idempotent
    }
}

impl Action for Remove {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let turn = turn(&attempt);
            let Removing { path } = attempt.values.decode()?;
            let removed = match self.files.remove(&path).await? {
                Removed::Yes => true,
                // It was there when the lost attempt was made, or that would have ended at once.
                Removed::NotThere => turn == Turn::Again,
            };
            Ok(Output::new(json!({ "path": path, "removed": removed })))
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::Idempotent
    }
}
