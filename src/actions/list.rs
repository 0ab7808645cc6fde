//! `list`: the files that match a glob, without their content.

use serde::Deserialize;
use serde_json::json;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Field, FieldType, OutputType, StepFuture, Type,
};
use crate::files::{FileInfo, Roots};
use crate::value::{Failure, Json, Output};

/// The most files that a step lists.
const LIMIT: usize = 10_000;

/// `list`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "list",
    summary: "Lists the files that match a glob, in order of their paths.",
    fields: &[Field::required(
        "path",
        FieldType::Glob,
        "The glob; a value from data stands for one name in it, and its `*` for itself",
    )],
    shorthand: Some("path"),
    open: None,
    output: OutputType::Fixed(Type::List(&Type::Record(&[
        ("path", Type::Text),
        ("name", Type::Text),
        ("stem", Type::Text),
        ("ext", Type::Text),
        ("dir", Type::Text),
        ("size", Type::Integer),
        ("modified", Type::Text),
    ]))),
    effect: Effect::None,
    worst_case: None,
    rules: None,
    example: "- id: notes\n  list: notes/**/*.md\n",
};

/// The action.
pub struct List {
    files: Roots,
}

#[derive(Deserialize)]
struct Values {
    path: String,
}

impl List {
    pub fn new(files: Roots) -> Self {
        Self { files }
    }
}

fn describe(file: &FileInfo) -> Json {
    let path = std::path::Path::new(&file.path);
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let dir = file.path.rsplit_once('/').map_or(".", |(dir, _)| dir);
    json!({
        "path": file.path,
        "name": part(path.file_name()),
        "stem": part(path.file_stem()),
        "ext": part(path.extension()),
        "dir": dir,
        "size": file.size,
        "modified": file.modified.to_string(),
    })
}

impl Action for List {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let Values { path } = attempt.values.decode()?;
            let found = self.files.list(&path).await?;
            if found.len() > LIMIT {
                let message = format!(
                    "`{path}` matches {} files, and a list has at most {LIMIT}: write a narrower glob",
                    found.len()
                );
                return Err(Failure::new("too_many_files", message).into());
            }
            Ok(Output::new(found.iter().map(describe).collect()))
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::None
    }
}
