//! What kind of file some bytes are, told by how they begin and by what they are called.
//!
//! It is a hint for whoever takes the file next, never a reason to trust it.

/// How files of a kind begin: at this offset, with these bytes.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\0asm", "application/wasm"),
    (0, b"\x7fELF", "application/x-elf"),
];

/// What the ends of names say.
const EXTENSIONS: &[(&str, &str)] = &[
    ("txt", "text/plain"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("tsv", "text/tab-separated-values"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("css", "text/css"),
    ("js", "text/javascript"),
    ("ics", "text/calendar"),
    ("vcf", "text/vcard"),
    ("json", "application/json"),
    ("ndjson", "application/x-ndjson"),
    ("jsonl", "application/x-ndjson"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("toml", "application/toml"),
    ("xml", "application/xml"),
    ("rss", "application/rss+xml"),
    ("atom", "application/atom+xml"),
    ("svg", "image/svg+xml"),
    ("ico", "image/x-icon"),
    ("eml", "message/rfc822"),
    ("rtf", "application/rtf"),
    ("tar", "application/x-tar"),
];

/// Kinds that are another kind inside, which only their names tell.
const INSIDE: &[(&str, &str, &str)] = &[
    ("application/zip", "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("application/zip", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("application/zip", "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("application/zip", "odt", "application/vnd.oasis.opendocument.text"),
    ("application/zip", "ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("application/zip", "epub", "application/epub+zip"),
    ("video/webm", "mkv", "video/x-matroska"),
    ("video/mp4", "m4a", "audio/mp4"),
    ("audio/ogg", "ogv", "video/ogg"),
];

/// How many bytes from the start are enough to tell.
pub(super) const START: usize = 512;

/// The media type of bytes that begin so and are called so; `said` is what their sender says. The
/// first 512 bytes are enough.
pub fn media_type(start: &[u8], name: &str, said: Option<&str>) -> String {
    let extension = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
    let signature = SIGNATURES
        .iter()
        .find(|(offset, bytes, _)| start.get(*offset..).is_some_and(|rest| rest.starts_with(bytes)));
    if let Some((.., outer)) = signature {
        let inner = INSIDE.iter().find(|(kind, end, _)| kind == outer && *end == extension);
        return inner.map_or(*outer, |(.., inner)| inner).to_owned();
    }
    let said = said.map(essence).filter(|said| is_media_type(said) && said != GENERIC);
    let by_name = EXTENSIONS.iter().find(|(end, _)| *end == extension).map(|(_, kind)| (*kind).to_owned());
    said.or(by_name).unwrap_or_else(|| {
        let text = match std::str::from_utf8(start) {
            Ok(text) => text,
            // A character may be cut at the end of the start.
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or("\0")
            }
            Err(_) => "\0",
        };
        if text.contains('\0') { GENERIC } else { "text/plain" }.to_owned()
    })
}

/// Bytes of which nothing is known.
const GENERIC: &str = "application/octet-stream";

/// A content type without its parameters.
fn essence(said: &str) -> String {
    said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a text is one type and one subtype.
fn is_media_type(text: &str) -> bool {
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.len() <= 100 && text.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_outweigh_names_and_names_outweigh_nothing() {
        let cases: [(&[u8], &str, Option<&str>, &str); 9] = [
            (b"\x89PNG\r\n\x1a\n....", "a.txt", Some("text/html"), "image/png"),
            (b"RIFF....WEBPVP8 ", "a", None, "image/webp"),
            (
                b"PK\x03\x04....",
                "Report.DOCX",
                None,
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            ),
            (b"PK\x03\x04....", "a.bin", None, "application/zip"),
            (b"a,b\n", "a.csv", None, "text/csv"),
            (b"a,b\n", "a.csv", Some("Text/HTML; charset=utf-8"), "text/html"),
            (b"a,b\n", "a", Some("application/octet-stream"), "text/plain"),
            (b"caf\xc3", "a", Some("x\r\ny"), "text/plain"),
            (b"\0\x01", "a", None, "application/octet-stream"),
        ];
        for (start, name, said, expected) in cases {
            assert_eq!(media_type(start, name, said), expected, "{name} {said:?}");
        }
    }
}
