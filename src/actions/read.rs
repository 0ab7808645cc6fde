//! `read`: a file of the workspace as a value, or all files of a glob.

use serde::Deserialize;
use serde_json::json;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Field, FieldType, OutputType, StepFuture, Type,
};
use crate::files::{FileRef, KEEP_LIMIT, Roots};
use crate::units::ByteSize;
use crate::value::{Failure, Json, Output, VALUE_LIMIT};

use super::parse::{self, FORMATS, Format, Source};

/// `read`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "read",
    summary: "Reads a file of the workspace, or all files of a glob.",
    fields: &[
        Field::required(
            "path",
            FieldType::File,
            "The file, or a file reference; a glob that the author wrote gives a list of `{path, value}`",
        ),
        Field::optional("parse", FORMATS, "What the bytes mean").with_default("text; with `schema` json"),
        Field::optional("schema", FieldType::Schema, "What each value must be; another one fails the step"),
    ],
    shorthand: Some("path"),
    open: None,
    output: OutputType::FromArguments(type_of, Type::Any),
    effect: Effect::None,
    worst_case: None,
    rules: None,
    example: "- id: feed\n  read: { path: feeds/news.json, parse: json }\n",
};

/// Whether the path is a glob: only what the author wrote can be, so that a file's name cannot.
fn is_glob(arguments: &Arguments) -> bool {
    arguments.word("path").is_some_and(|path| path.contains(['*', '?', '[', '{']))
}

/// A file whose value has a schema.
const DESCRIBED: Type = Type::Record(&[("path", Type::Text), ("value", Type::Schema("schema"))]);

fn type_of(arguments: &Arguments) -> Type {
    match is_glob(arguments) {
        true if arguments.schema("schema").is_some() => Type::List(&DESCRIBED),
        false if arguments.schema("schema").is_some() => Type::Schema("schema"),
        true => parse::listed_type(arguments, Format::Text),
        false => parse::value_type(arguments, Format::Text),
    }
}

/// The action.
pub struct Read {
    files: Roots,
}

#[derive(Deserialize)]
struct Values {
    path: Json,
    parse: Option<Format>,
}

impl Read {
    pub fn new(files: Roots) -> Self {
        Self { files }
    }

    async fn one(&self, path: &str, parse: Format) -> Result<Json, Failure> {
        if parse == Format::Bytes {
            return parse::reference(&self.files.keep(path).await?);
        }
        let bytes = self.files.read(path, VALUE_LIMIT as u64).await?;
        parse.value(bytes.into(), Source::file(path), &self.files).await
    }

    /// A file that an earlier step gave.
    async fn kept(&self, file: &FileRef, parse: Format) -> Result<Json, Failure> {
        if parse == Format::Bytes {
            return parse::reference(file);
        }
        let bytes = self.files.kept(file, VALUE_LIMIT as u64).await?;
        parse.value(bytes, Source::file(&file.path), &self.files).await
    }
}

impl Action for Read {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let glob = is_glob(attempt.arguments);
            let values: Values = attempt.values.decode()?;
            let described = attempt.arguments.schema("schema").is_some();
            let parse = values.parse.unwrap_or(if described { Format::Json } else { Format::Text });
            let path = match &values.path {
                Json::String(path) => path,
                other => match FileRef::of(other) {
                    Some(file) => {
                        let value = self.kept(&file, parse).await?;
                        parse::check_schema(attempt.arguments, &value, &format!("`{}`", file.path))?;
                        return Ok(Output::new(value));
                    }
                    None => {
                        let message = "`path` is a path or a file reference, found another value";
                        return Err(Failure::new("wrong_value", message).into());
                    }
                },
            };
            if !glob {
                let value = self.one(path, parse).await?;
                parse::check_schema(attempt.arguments, &value, &format!("`{path}`"))?;
                return Ok(Output::new(value));
            }
            // Files that are kept do not stand in the value.
            let limit = if parse == Format::Bytes { KEEP_LIMIT } else { VALUE_LIMIT as u64 };
            let mut found = Vec::new();
            let mut size = 0;
            for file in self.files.list(path).await? {
                size += file.size;
                if size > limit {
                    let message =
                        format!("the files of `{path}` have more than {} together", ByteSize(limit));
                    return Err(Failure::new("file_too_large", message).into());
                }
                let value = self.one(&file.path, parse).await?;
                parse::check_schema(attempt.arguments, &value, &format!("`{}`", file.path))?;
                found.push(json!({ "path": file.path, "value": value }));
            }
            Ok(Output::new(Json::Array(found)))
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::None
    }
}
