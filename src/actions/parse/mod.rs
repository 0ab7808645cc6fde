//! What bytes mean: `parse` of every action that takes bytes in.
//!
//! One row of a table is one word of `parse`: what it gives, and how it is read. All but `bytes` are
//! text first ([`charset`]) and a value then; `bytes` are kept as a file. Reading takes bounded time
//! and memory whatever the bytes are, and an error says what was found and where.

mod charset;
mod feed;
mod html;
mod lines;
mod time;
mod xml;

use bytes::Bytes;
use serde::Deserialize;
use url::Url;

use crate::component::{Arguments, FieldType, Type};
use crate::files::Roots;
use crate::template::functions::{read_front_matter, read_yaml};
use crate::value::{Failure, Json};

/// How bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text as it is.
    Text,
    /// One JSON value.
    Json,
    /// A list, from one JSON value a line.
    Ndjson,
    /// One YAML document.
    Yaml,
    /// A list of maps by the names in the first row; the delimiter is seen from that row.
    Csv,
    /// A map of the root element; attributes are `@name`, text beside them `#text`.
    Xml,
    /// The title and the items of an RSS, Atom or JSON feed.
    Feed,
    /// The title, the readable text and the links of a page.
    Html,
    /// `front_matter` and `content`.
    FrontMatter,
    /// A list of lines.
    Lines,
    /// A file that is kept, as a reference.
    Bytes,
}

/// One word of `parse`.
struct Row {
    word: &'static str,
    format: Format,
    /// What it gives.
    value: Type,
    /// What `read` gives for a glob.
    listed: Type,
    /// What `http` gives.
    answer: Type,
}

macro_rules! row {
    ($word:literal, $format:ident, $value:expr) => {
        Row {
            word: $word,
            format: Format::$format,
            value: $value,
            listed: Type::List(&Type::Record(&[("path", Type::Text), ("value", $value)])),
            answer: Type::Record(&[("status", Type::Integer), ("headers", Type::Any), ("body", $value)]),
        }
    };
}

const TABLE: [Row; 11] = [
    row!("text", Text, Type::Text),
    row!("json", Json, Type::Any),
    row!("ndjson", Ndjson, Type::List(&Type::Any)),
    row!("yaml", Yaml, Type::Any),
    row!("csv", Csv, Type::List(&Type::Any)),
    row!("xml", Xml, Type::Any),
    row!("feed", Feed, feed::TYPE),
    row!("html", Html, html::TYPE),
    row!("front_matter", FrontMatter, Type::Record(&[("front_matter", Type::Any), ("content", Type::Text)])),
    row!("lines", Lines, Type::List(&Type::Text)),
    row!("bytes", Bytes, FILE),
];

/// What a file reference holds.
pub const FILE: Type = Type::Record(&[
    ("path", Type::Text),
    ("size", Type::Integer),
    ("type", Type::Text),
    ("sha256", Type::Text),
]);

/// The words for [`Format`].
pub const FORMATS: FieldType = FieldType::Choice(&[
    "text",
    "json",
    "ndjson",
    "yaml",
    "csv",
    "xml",
    "feed",
    "html",
    "front_matter",
    "lines",
    "bytes",
]);

/// The row of the word that is written in `parse`, or of `otherwise` where none is; none where only
/// the run will tell.
fn row(arguments: &Arguments, otherwise: Option<Format>) -> Option<&'static Row> {
    static ROWS: [Row; 11] = TABLE;
    match arguments.get("parse") {
        Some(_) => ROWS.iter().find(|row| arguments.word("parse") == Some(row.word)),
        None => ROWS.iter().find(|row| otherwise == Some(row.format)),
    }
}

/// The type of a value that these arguments have parsed.
pub fn value_type(arguments: &Arguments, otherwise: Format) -> Type {
    row(arguments, Some(otherwise)).map_or(Type::Any, |row| row.value)
}

/// The type of a list of files that these arguments have parsed.
pub fn listed_type(arguments: &Arguments, otherwise: Format) -> Type {
    let unknown = Type::List(&Type::Record(&[("path", Type::Text), ("value", Type::Any)]));
    row(arguments, Some(otherwise)).map_or(unknown, |row| row.listed)
}

/// The type of an answer whose body these arguments have parsed; by its content type where they do
/// not say how.
pub fn answer_type(arguments: &Arguments) -> Type {
    row(arguments, None).map_or(ANSWER, |row| row.answer)
}

/// An answer whose body may be anything.
pub const ANSWER: Type =
    Type::Record(&[("status", Type::Integer), ("headers", Type::Any), ("body", Type::Any)]);

/// Checks a value against the `schema` that was written, if one was; `what` it is, for messages.
///
/// # Errors
/// When it does not fit.
pub fn check_schema(arguments: &Arguments, value: &Json, what: &str) -> Result<(), Failure> {
    let Some(Err(violations)) = arguments.schema("schema").map(|schema| schema.validate(value)) else {
        return Ok(());
    };
    let told = violations.iter().take(5).map(|violation| match violation.pointer.as_str() {
        "" => violation.message.clone(),
        pointer => format!("`{pointer}`: {}", violation.message),
    });
    let told = told.collect::<Vec<_>>().join("; ");
    Err(Failure::new("schema_mismatch", format!("{what} does not fit the `schema`: {told}")))
}

/// What is known of some bytes beside themselves.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// What errors call them: `` `feeds/a.xml` ``.
    pub what: String,
    /// What they are called where they come from, for telling what kind of file they are.
    pub name: String,
    /// The content type that their sender says.
    pub content_type: Option<String>,
    /// Where they were got, so that links in them can be made whole.
    pub base: Option<Url>,
}

impl Source {
    /// A file of the workspace.
    pub fn file(path: &str) -> Self {
        Self { what: format!("`{path}`"), name: path.to_owned(), ..Self::default() }
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let row = TABLE.iter().find(|row| row.word == word);
        row.map(|row| row.format).ok_or_else(|| {
            let words: Vec<_> = TABLE.iter().map(|row| format!("`{}`", row.word)).collect();
            serde::de::Error::custom(format!("`parse` is one of {}, found `{word}`", words.join(", ")))
        })
    }
}

impl Format {
    /// The format that a content type promises: JSON for its family, text for all else.
    pub fn of_content_type(content_type: &str) -> Self {
        match charset::essence(content_type).as_str() {
            "application/x-ndjson" | "application/jsonl" => Self::Ndjson,
            json if json == "application/json" || json.ends_with("+json") => Self::Json,
            _ => Self::Text,
        }
    }

    /// The value that bytes mean, read where it blocks no task.
    ///
    /// # Errors
    /// `not_text` and `not_parsed` when they are not of this format, or pass one of its limits; for
    /// bytes, those of [`Roots::new_file`].
    pub async fn value(self, bytes: Bytes, source: Source, files: &Roots) -> Result<Json, Failure> {
        if self == Self::Bytes {
            let file = files.new_file().await?.add(bytes).await?;
            let kept = file.keep(&source.name, source.content_type.as_deref()).await?;
            return reference(&kept);
        }
        tokio::task::spawn_blocking(move || self.read(&bytes, &source))
            .await
            .unwrap_or_else(|_| Err(Failure::new("not_parsed", "reading the value was broken off")))
    }

    /// The value that bytes mean as text; `bytes` are text here as well. Blocking.
    ///
    /// # Errors
    /// `not_text` and `not_parsed`.
    pub fn read(self, bytes: &[u8], source: &Source) -> Result<Json, Failure> {
        let what = &source.what;
        let text = charset::decode(bytes, source.content_type.as_deref(), self)
            .map_err(|found| Failure::new("not_text", format!("{what} {found}")))?;
        let wrong = |name: &'static str| {
            move |error| Failure::new("not_parsed", format!("{what} is no {name}: {error}"))
        };
        match self {
            Self::Text | Self::Bytes => Ok(text.into_owned().into()),
            Self::Json => {
                serde_json::from_str(&text).map_err(|error| error.to_string()).map_err(wrong("JSON"))
            }
            Self::Ndjson => lines::read_ndjson(&text).map_err(wrong("JSON of a value a line")),
            Self::Yaml => read_yaml(&text).map_err(wrong("YAML")),
            Self::Csv => lines::read_csv(&text).map_err(wrong("CSV")),
            Self::Xml => xml::read(&text).map(|root| root.to_json()).map_err(wrong("XML")),
            Self::Feed => feed::read(&text, source.base.as_ref()).map_err(wrong("feed")),
            Self::Html => html::read(&text, source.base.as_ref()).map_err(wrong("page")),
            Self::FrontMatter => read_front_matter(&text).map_err(wrong("text with front matter")),
            Self::Lines => lines::read_lines(&text).map_err(wrong("list of lines")),
        }
    }
}

/// A file that was kept, as a value.
///
/// # Errors
/// Never; the library that writes it could.
pub fn reference(kept: &crate::files::FileRef) -> Result<Json, Failure> {
    serde_json::to_value(kept).map_err(|error| Failure::new("not_parsed", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(format: Format, bytes: &[u8], content_type: Option<&str>) -> Result<Json, String> {
        let source = Source {
            what: "`x`".to_owned(),
            content_type: content_type.map(str::to_owned),
            ..Source::default()
        };
        format.read(bytes, &source).map_err(|failure| failure.message)
    }

    #[test]
    fn every_word_has_one_row_and_can_be_read() {
        let FieldType::Choice(words) = FORMATS else { panic!("a choice") };
        assert_eq!(words, TABLE.map(|row| row.word));
        for row in TABLE {
            assert_eq!(serde_json::from_value::<Format>(row.word.into()).unwrap(), row.format);
        }
        assert!(serde_json::from_value::<Format>("zip".into()).is_err());
    }

    #[test]
    fn text_is_read_in_the_charset_that_is_said() {
        let latin = b"caf\xe9";
        let utf16 = b"\xff\xfec\0a\0f\0\xe9\0";
        assert_eq!(read(Format::Text, latin, Some("text/plain; charset=\"ISO-8859-1\"")), Ok(json!("café")));
        assert_eq!(read(Format::Text, utf16, Some("text/plain; charset=utf-8")), Ok(json!("café")));
        assert_eq!(read(Format::Text, "\u{feff}a".as_bytes(), None), Ok(json!("a")));
        assert_eq!(
            read(Format::Lines, latin, None),
            Err("`x` is not UTF-8 text (byte 3): name its charset where it is sent, convert it, or take it \
                 with `parse: bytes`"
                .to_owned())
        );
        let unknown = read(Format::Text, b"a", Some("text/plain; charset=klingon")).unwrap_err();
        assert!(
            unknown.starts_with("`x` is said to be in the charset `klingon`, which is not known"),
            "{unknown}"
        );
        let broken = read(Format::Text, b"\x81", Some("text/plain; charset=shift_jis")).unwrap_err();
        assert!(broken.starts_with("`x` is not Shift_JIS text"), "{broken}");
        let xml = b"<?xml version='1.0' encoding='iso-8859-15'?><a>\xa4</a>";
        assert_eq!(read(Format::Xml, xml, None), Ok(json!({"a": "€"})));
        let html = b"<html><head><meta charset=windows-1252><title>\x93a\x94</title>";
        assert_eq!(read(Format::Html, html, None).unwrap()["title"], "“a”");
        // A stray byte spoils no page.
        assert_eq!(read(Format::Html, b"<p>a\xffb", None).unwrap()["text"], "a\u{fffd}b");
    }

    #[test]
    fn hostile_bytes_are_refused_fast() {
        let deep = |open: &str| open.repeat(200_000);
        let cases = [
            (Format::Json, deep("["), "recursion limit"),
            (Format::Ndjson, deep("["), "recursion limit"),
            (Format::Yaml, deep("["), "64 levels"),
            (Format::Xml, deep("<a>"), "64 levels"),
            (Format::Feed, deep("<rss>"), "64 levels"),
            (Format::Csv, format!("{}\n", "a,".repeat(600_000)), "500000 fields"),
            (Format::Csv, format!("{}\n{}", "n".repeat(100_000), "x\n".repeat(400_000)), "16 MiB"),
            (Format::Lines, "\n".repeat(600_000), "500000 lines"),
            (Format::Ndjson, "1\n".repeat(600_000), "500000 lines"),
            (Format::Xml, format!("<a {}/>", "b='' ".repeat(300_000)), "twice"),
            (Format::Xml, format!("<a>{}</a>", "<b/>".repeat(300_000)), "200000 parts"),
            (Format::Html, "<a href=x>x".repeat(30_000), "20000 links"),
        ];
        for (format, text, said) in cases {
            let error = read(format, text.as_bytes(), None).unwrap_err();
            assert!(error.contains(said), "{format:?} {error}");
        }
        // Deep tags are no depth for a reader that keeps no tree.
        assert!(read(Format::Html, deep("<div><b>").as_bytes(), None).is_ok());
    }

    #[test]
    fn ten_thousand_columns_are_a_table_all_the_same() {
        let names: Vec<_> = (0..10_000).map(|n| format!("c{n}")).collect();
        let table = format!("{}\n{}\n", names.join(";"), vec!["v"; 10_000].join(";"));
        let value = read(Format::Csv, table.as_bytes(), None).unwrap();
        assert_eq!(value[0]["c9999"], "v");
    }

    #[test]
    fn front_matter_is_named_as_the_function_names_it() {
        let value = read(Format::FrontMatter, b"---\ntitle: T\n---\nBody\n", None);
        assert_eq!(value, Ok(json!({"front_matter": {"title": "T"}, "content": "Body\n"})));
    }
}
