//! JSON in what a model wrote: found, not guessed.
//!
//! Models wrap it in fences and prose. This takes the first whole value; what is not JSON is not
//! mended here, and whether the value fits a schema is for the caller to say.

use serde_json::Deserializer;

use crate::value::Json;

/// Places at which a value is looked for before giving up, which bounds the time.
const PLACES: usize = 64;

/// A value that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Extracted {
    /// The value.
    pub value: Json,
    /// What stood around it.
    pub around: Around,
}

/// What stood around a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// White space at most.
    Nothing,
    /// Fences or prose.
    Text,
    /// Another value follows: the answer is ambiguous.
    AnotherValue,
}

/// An answer without a whole JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer holds no whole JSON value")]
pub struct NoJson;

/// The first whole JSON value of a text: the text itself, or the first object or list in it.
///
/// # Errors
/// When there is none.
pub fn extract(text: &str) -> Result<Extracted, NoJson> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(Extracted { value, around: Around::Nothing });
    }
    let fenced = inside_fence(text);
    if let Some(value) = fenced.and_then(|inside| serde_json::from_str(inside.trim()).ok()) {
        return Ok(Extracted { value, around: Around::Text });
    }
    let (value, rest) = first_value(text).ok_or(NoJson)?;
    let around = if first_value(rest).is_some() { Around::AnotherValue } else { Around::Text };
    Ok(Extracted { value, around })
}

/// The content of the only fenced block.
fn inside_fence(text: &str) -> Option<&str> {
    let mut parts = text.split("```");
    let (_, inside, _) = (parts.next()?, parts.next()?, parts.next()?);
    // The first line may name the language.
    let (info, body) = inside.split_once('\n')?;
    (parts.next().is_none() && !info.contains(['{', '[', '"'])).then_some(body)
}

/// The first object or list, and what follows it.
fn first_value(text: &str) -> Option<(Json, &str)> {
    text.match_indices(['{', '[']).take(PLACES).find_map(|(at, _)| {
        let mut values = Deserializer::from_str(&text[at..]).into_iter::<Json>();
        let value = values.next()?.ok()?;
        Some((value, &text[at + values.byte_offset()..]))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn found(text: &str, value: Json, around: Around) {
        assert_eq!(extract(text), Ok(Extracted { value, around }), "{text}");
    }

    #[test]
    fn a_value_is_found_in_what_stands_around_it() {
        found("\u{feff} {\"a\": 1}\n", json!({ "a": 1 }), Around::Nothing);
        found("42", json!(42), Around::Nothing);
        found("```json\n\"text\"\n```", json!("text"), Around::Text);
        found("Here:\n```\n{\"a\": [1]}\n```\nDone.", json!({ "a": [1] }), Around::Text);
        found("Sure {x}! {\"a\": \"}\"} ok", json!({ "a": "}" }), Around::Text);
        found("{\"a\": 1} or {\"a\": 2}", json!({ "a": 1 }), Around::AnotherValue);
    }

    #[test]
    fn what_is_not_whole_is_not_taken() {
        for text in ["", "no", "{\"a\": 1", "{a: 1}", &"[".repeat(100_000), &"{\"a\":".repeat(100_000)] {
            assert_eq!(extract(text), Err(NoJson));
        }
    }
}
