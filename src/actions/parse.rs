//! What bytes mean: `parse` of `read` and `http`.

use serde::Deserialize;

use crate::component::FieldType;
use crate::value::{Failure, Json};

/// How bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// UTF-8 text as it is.
    Text,
    /// One JSON value.
    Json,
    /// A list, from one JSON value a line.
    Ndjson,
    /// One YAML document.
    Yaml,
    /// A list of lines.
    Lines,
}

/// The words for [`Format`].
pub const FORMATS: FieldType = FieldType::Choice(&["text", "json", "ndjson", "yaml", "lines"]);

impl Format {
    /// The format that a content type promises.
    pub fn of_content_type(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-ndjson" | "application/jsonl" => Self::Ndjson,
            json if json == "application/json" || json.ends_with("+json") => Self::Json,
            _ => Self::Text,
        }
    }

    /// The value that the bytes mean. `what` is named in errors.
    ///
    /// # Errors
    /// When they are not of this format.
    pub fn read(self, bytes: &[u8], what: &str) -> Result<Json, Failure> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            Failure::new("not_utf8", format!("{what} is not UTF-8 text (byte {})", error.valid_up_to()))
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let wrong = |format: &str, error: String| {
            Failure::new("not_parsed", format!("{what} is not {format}: {error}"))
        };
        match self {
            Self::Text => Ok(text.into()),
            Self::Json => serde_json::from_str(text).map_err(|error| wrong("JSON", error.to_string())),
            Self::Ndjson => text
                .lines()
                .enumerate()
                .filter(|(_, line)| !line.trim().is_empty())
                .map(|(index, line)| {
                    serde_json::from_str::<Json>(line)
                        .map_err(|error| wrong("JSON", format!("line {}: {error}", index + 1)))
                })
                .collect(),
            Self::Yaml => crate::template::functions::read_yaml(text).map_err(|error| wrong("YAML", error)),
            Self::Lines => Ok(text.lines().map(Json::from).collect()),
        }
    }
}
