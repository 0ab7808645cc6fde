//! `write`: a file of the workspace, whole or not at all.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Field, FieldType, Files, OutputType, StepFuture,
    Type, Written,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::{self, FileRef, Mode, Roots, Whole};
use crate::ids::Digest;
use crate::value::{Failure, Json, Output, VALUE_LIMIT};

/// `write`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "write",
    summary: "Writes a file of the workspace; folders on the way are made.",
    fields: &[
        Field::required("path", FieldType::Path, "The file; data in it may not lead to another folder")
            .with_files(Files::Written),
        Field::required(
            "content",
            FieldType::Json,
            "What is written: text as it is, the bytes of a file reference, all else as JSON",
        ),
        Field::optional(
            "front_matter",
            FieldType::Map(&FieldType::Json),
            "Written before the text as YAML, between lines of `---`",
        ),
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
    worst_case: None,
    rules: Some(rules),
    example: "- write:\n    path: \"out/{{event.stem}}.md\"\n    content: \"{{steps.summary.output}}\"\n",
};

fn rules(written: &Written<'_>, diagnostics: &mut Diagnostics) {
    if let [(_, at)] = written.keys_among(&["front_matter"])[..]
        && written.get("mode").and_then(|mode| mode.as_text()) == Some("append")
    {
        let message = "front matter stands at the beginning of a file, and `append` writes at its end";
        diagnostics.push(Diagnostic::error("conflicting-keys", at, message));
    }
}

/// The action.
pub struct Write {
    files: Roots,
}

#[derive(Deserialize)]
struct Values {
    path: String,
    content: Json,
    front_matter: Option<serde_json::Map<String, Json>>,
    #[serde(default)]
    mode: How,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    #[default]
    Replace,
    Create,
    Append,
}

/// What is written.
enum Content {
    Bytes(Bytes),
    Kept(FileRef),
}

impl Write {
    pub fn new(files: Roots) -> Self {
        Self { files }
    }

    async fn write(&self, path: &str, content: &Content, how: How) -> Result<files::Written, Failure> {
        match (content, how) {
            (Content::Bytes(bytes), How::Replace) => {
                self.files.write(path, bytes.clone(), Mode::Replace).await
            }
            (Content::Bytes(bytes), How::Create) => self.files.write(path, bytes.clone(), Mode::Create).await,
            (Content::Kept(file), How::Replace) => self.files.write_kept(path, file, Whole::Replace).await,
            (Content::Kept(file), How::Create) => self.files.write_kept(path, file, Whole::Create).await,
            (Content::Bytes(bytes), How::Append) => self.append(path, bytes.clone()).await,
            (Content::Kept(file), How::Append) => {
                let bytes = self.files.kept(file, VALUE_LIMIT as u64).await?;
                self.append(path, bytes).await
            }
        }
    }

    async fn append(&self, path: &str, bytes: Bytes) -> Result<files::Written, Failure> {
        let at = self.files.size(path).await?.unwrap_or_default();
        self.files.write(path, bytes, Mode::Append { at }).await
    }

    /// Whether the file holds this content already.
    async fn holds(&self, path: &str, content: &Content) -> bool {
        let (digest, size) = match content {
            Content::Bytes(bytes) => (Digest::of(bytes), bytes.len() as u64),
            Content::Kept(file) => (file.sha256, file.size),
        };
        let there = self.files.read(path, size).await;
        there.is_ok_and(|bytes| Digest::of(&bytes) == digest)
    }
}

/// What the values say to write.
fn content(content: Json, front_matter: Option<serde_json::Map<String, Json>>) -> Result<Content, Failure> {
    let text = match content {
        Json::String(text) => text,
        Json::Null => String::new(),
        other => match FileRef::of(&other) {
            Some(_) if front_matter.is_some() => {
                let message = "`front_matter` is written before text, and `content` is a file reference";
                return Err(Failure::new("wrong_value", message));
            }
            Some(file) => return Ok(Content::Kept(file)),
            None => format!("{other:#}\n"),
        },
    };
    let Some(fields) = front_matter else { return Ok(Content::Bytes(text.into())) };
    let head = match fields.is_empty() {
        true => String::new(),
        false => serde_yaml::to_string(&fields)
            .map_err(|error| Failure::new("wrong_value", format!("`front_matter`: {error}")))?,
    };
    Ok(Content::Bytes(format!("---\n{head}---\n{text}").into()))
}

impl Action for Write {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let again = attempt.context.attempt() > 1;
            let values: Values = attempt.values.decode()?;
            let content = content(values.content, values.front_matter)?;
            let bytes = match self.write(&values.path, &content, values.mode).await {
                Ok(written) => written.bytes,
                // An attempt before this one may have made the file: then it is done.
                Err(failure) if again && failure.code == "file_exists" => {
                    if !self.holds(&values.path, &content).await {
                        return Err(failure.into());
                    }
                    match content {
                        Content::Bytes(bytes) => bytes.len() as u64,
                        Content::Kept(file) => file.size,
                    }
                }
                Err(failure) => return Err(failure.into()),
            };
            Ok(Output::new(json!({ "path": values.path, "bytes": bytes })))
        })
    }

    fn effect(&self, arguments: &Arguments) -> Effect {
        match (arguments.get("mode"), arguments.word("mode")) {
            (None, _) => Effect::Idempotent,
            (Some(_), Some(mode)) if mode != "append" => Effect::Idempotent,
            // Appending twice is not appending once; and so may a mode be that is known only later.
            (Some(_), _) => Effect::Once,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_stands_before_the_text() {
        let text = |value: Json, fields: Option<Json>| {
            let fields = fields.and_then(|fields| fields.as_object().cloned());
            match content(value, fields) {
                Ok(Content::Bytes(bytes)) => Ok(String::from_utf8(bytes.to_vec()).unwrap()),
                Ok(Content::Kept(_)) => Err("kept".to_owned()),
                Err(failure) => Err(failure.message),
            }
        };
        let fields = json!({"title": "a: b", "tags": ["x"], "n": 1});
        let whole = text("Hi\n".into(), Some(fields.clone())).unwrap();
        assert_eq!(whole, "---\ntitle: 'a: b'\ntags:\n- x\nn: 1\n---\nHi\n");
        let parted = crate::template::functions::read_front_matter(&whole).unwrap();
        assert_eq!(parted, json!({"front_matter": fields, "content": "Hi\n"}));
        assert_eq!(text(json!({"a": 1}), None).unwrap(), "{\n  \"a\": 1\n}\n");
        assert_eq!(text(Json::Null, Some(json!({}))).unwrap(), "---\n---\n");
        let digest = Digest::of(b"x");
        let path = format!(".howdah/blobs/{}", digest.shelf());
        let file = json!({"path": path, "size": 1, "type": "text/plain", "sha256": digest.to_string()});
        assert_eq!(text(file.clone(), None).unwrap_err(), "kept");
        assert!(text(file, Some(json!({}))).unwrap_err().contains("front_matter"));
    }
}
