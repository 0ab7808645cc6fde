//! `write`: a file of the workspace, whole or not at all.

use serde::Deserialize;
use serde_json::json;

use crate::component::{
    Action, ActionDeclaration, Argument, Arguments, Attempt, Effect, Field, FieldType, OutputType,
    StepFuture, Type,
};
use crate::files::{Mode, Roots};
use crate::template::Tree;
use crate::value::{Json, Output};

/// `write`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "write",
    summary: "Writes a file of the workspace; folders on the way are made.",
    fields: &[
        Field::required("path", FieldType::Path, "The file; data in it may not lead to another folder"),
        Field::required("content", FieldType::Json, "What is written: text as it is, all else as JSON"),
        Field::optional(
            "mode",
            FieldType::Choice(&["replace", "create", "append"]),
            "`replace` is atomic, `create` refuses a file that is there",
        )
        .with_default("replace"),
    ],
    shorthand: None,
    open: None,
    output: OutputType::Fixed(Type::Record(&[("path", Type::Text), ("bytes", Type::Integer)])),
    effect: Effect::Idempotent,
    rules: None,
    example: "- write:\n    path: \"out/{{event.stem}}.md\"\n    content: \"{{steps.summary.output}}\"\n",
};

/// The action.
pub struct Write {
    files: Roots,
}

#[derive(Deserialize)]
struct Values {
    path: String,
    content: Json,
    #[serde(default)]
    mode: How,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    #[default]
    Replace,
    Create,
    Append,
}

impl Write {
    pub fn new(files: Roots) -> Self {
        Self { files }
    }
}

impl Action for Write {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let again = attempt.context.attempt() > 1;
            let values: Values = attempt.values.decode()?;
            let text = match values.content {
                Json::String(text) => text,
                Json::Null => String::new(),
                other => format!("{other:#}\n"),
            };
            let bytes = bytes::Bytes::from(text);
            let mode = match values.mode {
                How::Replace => Mode::Replace,
                How::Create => Mode::Create,
                How::Append => Mode::Append { at: self.files.size(&values.path).await?.unwrap_or_default() },
            };
            match self.files.write(&values.path, bytes.clone(), mode).await {
                Ok(_) => {}
                // An attempt before this one may have made the file: then it is done.
                Err(failure) if again && failure.code == "file_exists" => {
                    let there = self.files.read(&values.path, bytes.len() as u64).await;
                    if there.ok().as_deref() != Some(&bytes[..]) {
                        return Err(failure.into());
                    }
                }
                Err(failure) => return Err(failure.into()),
            }
            Ok(Output::new(json!({ "path": values.path, "bytes": bytes.len() })))
        })
    }

    fn effect(&self, arguments: &Arguments) -> Effect {
        match arguments.get("mode") {
            None => Effect::Idempotent,
            Some(Argument::Tree(Tree::Literal(mode))) if mode.as_str() != Some("append") => {
                Effect::Idempotent
            }
            // Appending twice is not appending once; and so may a mode be that is known only later.
            Some(_) => Effect::Once,
        }
    }
}
