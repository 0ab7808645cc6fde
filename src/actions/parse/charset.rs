//! From bytes to text, in the charset that their sender, a byte-order mark or they themselves say.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use super::Format;

/// How many bytes from the start a document has to say what it is in.
const DECLARATION: usize = 1024;

/// The text of some bytes. A byte-order mark decides, then the content type, then what an XML or an
/// HTML document says of itself; else it is UTF-8.
///
/// # Errors
/// What was found instead, as a clause that goes on after the name of the bytes. In a page, bytes
/// that are no text become `�`.
pub(super) fn decode<'b>(
    bytes: &'b [u8],
    content_type: Option<&str>,
    format: Format,
) -> Result<Cow<'b, str>, String> {
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => (encoding, &bytes[mark..]),
        None => (said(bytes, content_type, format)?, bytes),
    };
    if encoding == UTF_8
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Ok(Cow::Borrowed(text));
    }
    let (text, malformed) = encoding.decode_without_bom_handling(bytes);
    if !malformed || format == Format::Html {
        return Ok(text);
    }
    let advice = "name its charset where it is sent, convert it, or take it with `parse: bytes`";
    let place = match std::str::from_utf8(bytes) {
        Err(error) if encoding == UTF_8 => format!(" (byte {})", error.valid_up_to()),
        _ => String::new(),
    };
    Err(format!("is not {} text{place}: {advice}", encoding.name()))
}

/// The charset that is said.
fn said(bytes: &[u8], content_type: Option<&str>, format: Format) -> Result<&'static Encoding, String> {
    if let Some(label) = content_type.and_then(charset) {
        return Encoding::for_label(label.as_bytes()).ok_or_else(|| {
            let label: String = label.chars().take(40).collect();
            format!("is said to be in the charset `{label}`, which is not known; take it with `parse: bytes`")
        });
    }
    let declared = match format {
        Format::Xml | Format::Feed if bytes.starts_with(b"<?xml") => declared(bytes, "encoding"),
        Format::Html => declared(bytes, "charset"),
        _ => None,
    };
    // A document that names UTF-16 in bytes that are no UTF-16 could not have been read this far.
    Ok(declared.filter(|encoding| encoding.is_ascii_compatible()).unwrap_or(UTF_8))
}

/// The `charset` of a content type.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// The encoding in the first `key=…` at the start of a document.
fn declared(bytes: &[u8], key: &str) -> Option<&'static Encoding> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION)]).to_ascii_lowercase();
    let (_, rest) = start.split_once(key)?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c)).unwrap_or(value.len());
    Encoding::for_label(&value.as_bytes()[..end])
}

/// A content type without its parameters, in lower case.
pub(super) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
