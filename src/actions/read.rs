//! `read`: a file of the workspace as a value, or all files of a glob.

use serde::Deserialize;
use serde_json::json;

use crate::component::{
    Action, ActionDeclaration, Argument, Arguments, Attempt, Effect, Field, FieldType, OutputType,
    StepFuture, Type,
};
use crate::files::Roots;
use crate::value::{Failure, Json, Output, VALUE_LIMIT};

use super::parse::{FORMATS, Format};

/// `read`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "read",
    summary: "Reads a file of the workspace, or all files of a glob.",
    fields: &[
        Field::required(
            "path",
            FieldType::Path,
            "The file; a glob that the author wrote gives a list of `{path, value}`",
        ),
        Field::optional("parse", FORMATS, "What the bytes mean").with_default("text"),
    ],
    shorthand: Some("path"),
    open: None,
    output: OutputType::Fixed(Type::Any),
    effect: Effect::None,
    rules: None,
    example: "- id: feed\n  read: { path: feeds/news.json, parse: json }\n",
};

/// The action.
pub struct Read {
    files: Roots,
}

#[derive(Deserialize)]
struct Values {
    path: String,
    #[serde(default = "text")]
    parse: Format,
}

fn text() -> Format {
    Format::Text
}

impl Read {
    pub fn new(files: Roots) -> Self {
        Self { files }
    }

    async fn one(&self, path: &str, parse: Format) -> Result<Json, Failure> {
        let bytes = self.files.read(path, VALUE_LIMIT as u64).await?;
        parse.read(&bytes, &format!("`{path}`"))
    }
}

/// Whether the path is a glob: only what the author wrote can be, so that a file's name cannot.
fn is_glob(arguments: &Arguments) -> bool {
    match arguments.get("path") {
        Some(Argument::Text(template, _)) => {
            template.literal().is_some_and(|path| path.contains(['*', '?', '[', '{']))
        }
        _ => false,
    }
}

impl Action for Read {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let values: Values = attempt.values.decode()?;
            if !is_glob(attempt.arguments) {
                return Ok(Output::new(self.one(&values.path, values.parse).await?));
            }
            let mut found = Vec::new();
            let mut size = 0;
            for file in self.files.list(&values.path).await? {
                size += file.size;
                if size > VALUE_LIMIT as u64 {
                    let message =
                        format!("the files of `{}` have more than {VALUE_LIMIT} bytes together", values.path);
                    return Err(Failure::new("file_too_large", message).into());
                }
                found.push(json!({ "path": file.path, "value": self.one(&file.path, values.parse).await? }));
            }
            Ok(Output::new(Json::Array(found)))
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::None
    }
}
