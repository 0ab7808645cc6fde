//! `multipart`: a form whose parts may be files, as RFC 7578 and browsers write it.
//!
//! What must stay true: no name, file name or type can add a header or a part.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use crate::component::{Field, FieldType};
use crate::files::{FileRef, media_type};
use crate::secret::MissingSecret;
use crate::value::{Failure, Json};

use super::body::{LIMIT, kept, told, too_large};
use super::{Http, as_text};

/// `multipart`: from the names of parts to a part, or several.
pub(super) const PARTS: FieldType =
    FieldType::Map(&FieldType::OneOrMany(&FieldType::Either(&FieldType::Json, &FieldType::Record(PART))));

const PART: &[Field] = &[
    Field::required("file", FieldType::File, "A file of the workspace, or a file reference"),
    Field::optional("name", FieldType::Text, "The file's name").with_default("its own"),
    Field::optional("type", FieldType::Text, "Its media type").with_default("seen from its bytes"),
];

/// The parts by name, in order.
pub(super) type Parts = serde_json::Map<String, Json>;

/// The most parts of one request.
const PART_LIMIT: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    file: Json,
    name: Option<String>,
    #[serde(rename = "type")]
    media_type: Option<String>,
}

/// One part, ready to be written.
struct Content {
    bytes: Bytes,
    /// A file's name and its type.
    file: Option<(String, String)>,
}

/// The body and its content type; secrets in texts are filled in.
///
/// # Errors
/// When a file cannot be read, or the parts are too many or too large.
pub(super) async fn encode(parts: Parts, http: &Http) -> Result<(Bytes, String), Failure> {
    let boundary = format!("howdah-{}", uuid::Uuid::new_v4().simple());
    let mut body = BytesMut::new();
    let mut count = 0;
    for (name, values) in parts {
        let values = match values {
            Json::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            count += 1;
            if count > PART_LIMIT {
                let message = format!("`multipart` has more than {PART_LIMIT} parts");
                return Err(Failure::new("request_too_large", message));
            }
            let left = LIMIT.saturating_sub(body.len() as u64);
            let content = content(value, left, http).await?;
            write(&mut body, &boundary, &name, &content);
            if body.len() as u64 > LIMIT {
                return Err(too_large());
            }
        }
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((body.freeze(), format!("multipart/form-data; boundary={boundary}")))
}

async fn content(value: Json, left: u64, http: &Http) -> Result<Content, Failure> {
    if let Some(file) = FileRef::of(&value) {
        return of_reference(file, None, None, left, http).await;
    }
    let part = match value {
        Json::Object(fields) if fields.contains_key("file") => Part::deserialize(Json::Object(fields))
            .map_err(|error| Failure::new("wrong_value", format!("a part of `multipart`: {error}")))?,
        value => {
            let missing = |missing: MissingSecret| Failure::new("missing_secret", missing.to_string());
            let text = http.net.secrets().fill(&as_text(&value)).map_err(missing)?;
            return Ok(Content { bytes: text.into(), file: None });
        }
    };
    if let Some(file) = FileRef::of(&part.file) {
        return of_reference(file, part.name, part.media_type, left, http).await;
    }
    let Json::String(path) = part.file else {
        let message = "`file` in `multipart` is a path or a file reference, found another value";
        return Err(Failure::new("wrong_value", message));
    };
    let bytes = http.files.read(&path, left).await.map_err(told)?;
    let name = part.name.unwrap_or_else(|| path.rsplit('/').next().unwrap_or(&path).to_owned());
    let media_type =
        part.media_type.unwrap_or_else(|| media_type(&bytes[..bytes.len().min(512)], &path, None));
    Ok(Content { bytes: bytes.into(), file: Some((name, media_type)) })
}

async fn of_reference(
    file: FileRef,
    name: Option<String>,
    media_type: Option<String>,
    left: u64,
    http: &Http,
) -> Result<Content, Failure> {
    let bytes = kept(&file, left, http).await?;
    // A file that was kept has no name of its own but its digest.
    let name = name.unwrap_or_else(|| file.sha256.to_string());
    Ok(Content { bytes, file: Some((name, media_type.unwrap_or(file.media_type))) })
}

fn write(body: &mut BytesMut, boundary: &str, name: &str, content: &Content) {
    let mut head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", escape(name));
    if let Some((file, media_type)) = &content.file {
        let media_type: String = media_type.chars().filter(|c| !c.is_control()).collect();
        head.push_str(&format!("; filename=\"{}\"\r\ncontent-type: {media_type}", escape(file)));
    }
    head.push_str("\r\n\r\n");
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&content.bytes);
    body.extend_from_slice(b"\r\n");
}

/// A name between quotes, as browsers write it.
fn escape(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control() || matches!(c, '\r' | '\n')).collect();
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_adds_a_header() {
        let mut body = BytesMut::new();
        let file = Some(("a\"\r\nx: 1.txt".to_owned(), "text/plain\r\nx-evil: 1".to_owned()));
        write(&mut body, "B", "n\"\r\n", &Content { bytes: Bytes::from_static(b"hi"), file });
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(
            text,
            "--B\r\ncontent-disposition: form-data; name=\"n%22%0D%0A\"; filename=\"a%22%0D%0Ax: 1.txt\"\r\n\
             content-type: text/plainx-evil: 1\r\n\r\nhi\r\n"
        );
    }
}
