//! What is given to a run on the command line and in files, as JSON values.
//!
//! Whether the values fit is the plan's to say; here only text becomes what its input asks for.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::check::Input;
use crate::cli::problem::Problem;
use crate::template::functions::read_yaml;
use crate::value::{Json, VALUE_LIMIT};

/// `name=value`.
///
/// # Errors
/// When there is no `=`, or nothing before it.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("expected `NAME=VALUE`, like `-i language=fr`".to_owned()),
    }
}

/// All inputs: those of the file, and over them those of the command line.
///
/// # Errors
/// When the file cannot be read or is no map.
pub fn gather(
    declared: &[Input],
    file: Option<&Path>,
    pairs: &[(String, String)],
) -> Result<serde_json::Map<String, Json>, Problem> {
    let mut inputs = match file.map(document).transpose()? {
        None => serde_json::Map::new(),
        Some(Json::Object(inputs)) => inputs,
        Some(other) => {
            let found = format!("`--inputs` needs a map of names and values, and found {}", kind(&other));
            return Err(Problem::invalid(found));
        }
    };
    for (name, text) in pairs {
        let input = declared.iter().find(|input| *input.name == **name);
        inputs.insert(name.clone(), value(input, text));
    }
    Ok(inputs)
}

/// A JSON or YAML file; `-` is standard input.
///
/// # Errors
/// When it cannot be read, is too large, or is neither.
pub fn document(path: &Path) -> Result<Json, Problem> {
    let name =
        if path == Path::new("-") { "standard input".to_owned() } else { format!("`{}`", path.display()) };
    let read = || match name.as_str() {
        "standard input" => bounded(io::stdin().lock()),
        _ => bounded(File::open(path)?),
    };
    let text = read().map_err(|error| Problem::invalid(format!("cannot read {name}: {error}")))?;
    // What is meant as JSON gets JSON's errors, which know the line.
    let parsed = match text.trim_start().starts_with(['{', '[']) {
        true => serde_json::from_str(&text)
            .or_else(|error| read_yaml(&text).map_err(|_| format!("it is no JSON: {error}"))),
        false => read_yaml(&text).map_err(|error| format!("it is no YAML: {error}")),
    };
    parsed.map_err(|error| Problem::invalid(format!("cannot understand {name}: {error}")))
}

fn bounded(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    reader.take(VALUE_LIMIT as u64 + 1).read_to_string(&mut text)?;
    match text.len() > VALUE_LIMIT {
        true => Err(io::Error::other("it has more than 16 MiB")),
        false => Ok(text),
    }
}

/// What a text stands for: itself where the input takes text only, else the YAML in it.
fn value(input: Option<&Input>, text: &str) -> Json {
    let fits = |value: &Json| input.is_none_or(|input| input.schema.validate(value).is_ok());
    let raw = Json::from(text);
    match read_yaml(text) {
        Ok(yaml) if !yaml.is_string() && fits(&yaml) => yaml,
        _ if fits(&raw) => raw,
        // Neither fits; the message about the value that was meant is the better one.
        Ok(yaml) => yaml,
        Err(_) => raw,
    }
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "nothing",
        Json::Bool(_) => "a truth value",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::template::Schema;

    fn input(schema: Json) -> Input {
        let schema = Arc::new(Schema::parse(&schema).unwrap());
        Input { name: "x".into(), schema, default: None, required: true }
    }

    #[test]
    fn a_value_is_what_its_input_asks_for() {
        let cases = [
            (json!({ "type": "string" }), "5", json!("5")),
            (json!({ "type": "string" }), "a: b", json!("a: b")),
            (json!({ "type": "string" }), "\"quoted\"", json!("\"quoted\"")),
            (json!({ "type": "integer" }), "5", json!(5)),
            (json!({ "type": "boolean" }), "true", json!(true)),
            (json!({ "type": "array" }), "[a, 1]", json!(["a", 1])),
            (json!({ "type": "object" }), "{\"a\": 1}", json!({ "a": 1 })),
            (json!({}), "5", json!(5)),
            (json!({}), "five", json!("five")),
            // It does not fit, and is told as what it was meant to be.
            (json!({ "type": "integer" }), "5.5", json!(5.5)),
        ];
        for (schema, text, wanted) in cases {
            assert_eq!(value(Some(&input(schema.clone())), text), wanted, "{text} for {schema}");
        }
    }

    #[test]
    fn the_command_line_goes_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inputs.yaml");
        std::fs::write(&path, "x: 1\ny: two\n").unwrap();
        let given = gather(&[input(json!({ "type": "integer" }))], Some(&path), &[("x".into(), "3".into())]);
        assert_eq!(Json::from(given.unwrap()), json!({ "x": 3, "y": "two" }));
        std::fs::write(&path, "- 1\n").unwrap();
        let refused = gather(&[], Some(&path), &[]).unwrap_err();
        assert!(refused.to_string().ends_with("found a list"), "{refused}");
    }

    #[test]
    fn a_pair_needs_a_name() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("=b").is_err() && pair("a").is_err());
    }
}
