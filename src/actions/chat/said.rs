//! What a prompt file says, as a model server takes it.
//!
//! Pictures, sounds and files are sent as they are written, a `data:` or `https:` URL each. What a
//! picture holds, or where a file lies, is not looked at.

use serde_json::json;

use crate::llm::{Content, ImageUrl, Message, Part, Role};
use crate::template::prompt;
use crate::value::Failure;

/// One message for the wire: text where it is only that, else its parts.
///
/// # Errors
/// When something is shown that has no URL that a server takes.
pub(super) fn message(said: prompt::Message) -> Result<Message, Failure> {
    let role = match said.role {
        prompt::Role::System => Role::System,
        prompt::Role::User => Role::User,
        prompt::Role::Model => Role::Assistant,
    };
    let mut parts = Vec::new();
    for part in said.content {
        match part {
            prompt::Part::Text(more) => match parts.last_mut() {
                Some(Part::Text { text }) => text.push_str(&more),
                _ => parts.push(Part::Text { text: more }),
            },
            prompt::Part::Media(media) => parts.push(shown(media)?),
            prompt::Part::Metadata(_) => {}
        }
    }
    let content = match <[Part; 1]>::try_from(parts) {
        Ok([Part::Text { text }]) => Content::Text(text),
        Ok(one) => Content::Parts(one.into()),
        Err(parts) => Content::Parts(parts),
    };
    Ok(Message::new(role, content))
}

fn shown(media: prompt::Media) -> Result<Part, Failure> {
    let prompt::Media { url, content_type } = media;
    let inline = url.strip_prefix("data:");
    if inline.is_none() && !url.starts_with("https://") && !url.starts_with("http://") {
        let start: String = url.chars().take(40).collect();
        let message =
            format!("`media` shows a `data:` or an `https:` URL, found one that begins with `{start}`");
        return Err(Failure::new("wrong_value", message));
    }
    let told = inline.and_then(|data| data.split([';', ',']).next()).filter(|told| !told.is_empty());
    let kind = content_type.as_deref().or(told).unwrap_or("image/*").to_ascii_lowercase();
    Ok(match (kind.split_once('/'), inline.and_then(|data| data.split_once(";base64,"))) {
        (Some(("image", _)), _) => Part::ImageUrl { image_url: ImageUrl { url, detail: None } },
        (Some(("audio", format)), Some((_, data))) => {
            let format = if format == "mpeg" { "mp3" } else { format.trim_start_matches("x-") };
            Part::InputAudio { input_audio: json!({ "data": data, "format": format }) }
        }
        _ => Part::File { file: json!({ "file_data": url }) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Json;

    fn wire(said: Json) -> Result<Json, String> {
        let said = serde_json::from_value(said).unwrap();
        message(said).map(|message| serde_json::to_value(message).unwrap()).map_err(|failure| failure.message)
    }

    #[test]
    fn text_stays_text_and_sections_are_not_sent() {
        let section = json!({ "metadata": { "purpose": "code", "pending": true } });
        let said = json!({ "role": "model", "content": [{ "text": "a" }, section, { "text": "b" }] });
        assert_eq!(wire(said).unwrap(), json!({ "role": "assistant", "content": "ab" }));
    }

    #[test]
    fn what_is_shown_is_a_part_of_its_kind() {
        let part =
            |media: Json| wire(json!({ "role": "user", "content": [{ "text": "see" }, { "media": media }] }));
        let cases = [
            (
                json!({ "url": "https://x/y" }),
                json!({ "type": "image_url", "image_url": { "url": "https://x/y" } }),
            ),
            (
                json!({ "url": "data:image/png;base64,AA==" }),
                json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } }),
            ),
            (
                json!({ "url": "data:audio/mpeg;base64,AA==" }),
                json!({ "type": "input_audio", "input_audio": { "data": "AA==", "format": "mp3" } }),
            ),
            (
                json!({ "url": "data:application/pdf;base64,AA==", "contentType": "application/pdf" }),
                json!({ "type": "file", "file": { "file_data": "data:application/pdf;base64,AA==" } }),
            ),
        ];
        for (media, expected) in cases {
            assert_eq!(part(media).unwrap()["content"], json!([{ "type": "text", "text": "see" }, expected]));
        }
        let refused = part(json!({ "url": "file:///etc/passwd" })).unwrap_err();
        assert!(refused.contains("found one that begins with `file:///etc/passwd`"), "{refused}");
    }
}
