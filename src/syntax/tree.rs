//! A YAML document as a tree in which every node knows its place.
//!
//! Anchors are expanded and merge keys applied; a scalar keeps its style, so that `"5"` is text and
//! `5` a number, and can tell where each byte of its value stands in the file.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::{Span, Spanned};
use crate::value::Json;

/// A node and its place. The place of an expanded alias is that of the node it stands for.
#[derive(Clone, Debug)]
pub struct Node {
    /// The whole node.
    pub span: Span,
    /// Where the alias (`*name`) stands through which this node was reached, if any.
    pub alias: Option<Span>,
    /// What it is.
    pub kind: Kind,
}

/// The three shapes of YAML.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text, a number, a boolean or null.
    Scalar(Scalar),
    /// A list.
    Sequence(Arc<[Node]>),
    /// A map, in the order written; keys are unique texts.
    Mapping(Arc<[(Spanned<Arc<str>>, Node)]>),
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Bare: only here can a word be a number, a boolean or null.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// A scalar as written.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// The text after unquoting and unfolding.
    pub text: Arc<str>,
    /// How it was written.
    pub style: Style,
    /// The `#` of the comment that follows on its line, if it is bare: what was meant may go on there.
    pub comment: Option<Span>,
    /// For each stretch of `text` where it stands in the file: (first byte in `text`, first byte in
    /// the file), in order; within a stretch both run alike.
    pub(super) places: Arc<[(u32, u32)]>,
}

impl Scalar {
    /// What the scalar means by the core schema of YAML 1.2, of which only one spelling each is kept:
    /// `true`, `false`, `null` (or `~`, or nothing), numbers without needless zeros in front.
    /// Everything else is text, and so is everything in quotes or in a block.
    pub fn value(&self) -> Json {
        match self.meaning() {
            Meaning::Null => Json::Null,
            Meaning::Bool(value) => value.into(),
            Meaning::Integer(value) => value.into(),
            Meaning::Float(value) => value.into(),
            Meaning::Text => Json::String(self.text.to_string()),
        }
    }

    /// Whether [`Scalar::value`] is a string.
    pub fn is_text(&self) -> bool {
        matches!(self.meaning(), Meaning::Text)
    }

    /// The place of these bytes of the text, in a scalar that stands at `node`. Where the text is
    /// escaped or folded, the place covers what was written for it.
    pub fn locate(&self, node: Span, range: Range<usize>) -> Span {
        let offset = |at: usize| u32::try_from(at.min(self.text.len())).unwrap_or(u32::MAX);
        let (start, end) = (offset(range.start), offset(range.end));
        let (Some(first), Some(last)) = (self.start_of(start), self.end_of(end)) else { return node };
        Span { start: first, end: if end > start { last.max(first) } else { first }, ..node }
    }

    /// Where the character at this byte of the text begins in the file. Of two stretches that begin
    /// at the same byte of the text, the first only says where what stands before it ends.
    fn start_of(&self, at: u32) -> Option<u32> {
        let index = self.places.partition_point(|(text, _)| *text <= at).checked_sub(1)?;
        self.places.get(index).map(|(text, file)| file.saturating_add(at - text))
    }

    /// Where the character before this byte of the text ends in the file.
    fn end_of(&self, at: u32) -> Option<u32> {
        let index = self.places.partition_point(|(text, _)| *text < at);
        match self.places.get(index) {
            Some((text, file)) if *text == at => Some(*file),
            _ => self.places.get(index.checked_sub(1)?).map(|(text, file)| file.saturating_add(at - text)),
        }
    }

    fn meaning(&self) -> Meaning {
        if self.style != Style::Plain {
            return Meaning::Text;
        }
        match &*self.text {
            "" | "~" | "null" => Meaning::Null,
            "true" => Meaning::Bool(true),
            "false" => Meaning::Bool(false),
            text => number(text).unwrap_or(Meaning::Text),
        }
    }
}

/// What a bare word means.
enum Meaning {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text,
}

/// `-5`, `0x1F`, `0o17`, `2.5`, `1e3`. A number with a leading zero is text (a postcode, a date), and so
/// are infinities and what does not fit; a decimal integer beyond 64 bits becomes a float.
fn number(text: &str) -> Option<Meaning> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            let rest = Some(rest).filter(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            return i64::from_str_radix(rest, radix).ok().map(Meaning::Integer);
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let padded = whole.len() > 1 && whole.starts_with('0');
    let shaped = (digits(whole) || (whole.is_empty() && fraction.is_some_and(digits)))
        && fraction.is_none_or(|fraction| fraction.is_empty() || digits(fraction))
        && exponent.is_none_or(digits);
    if !shaped || padded {
        return None;
    }
    if fraction.is_none()
        && exponent.is_none()
        && let Ok(integer) = text.parse()
    {
        return Some(Meaning::Integer(integer));
    }
    text.parse().ok().filter(|float: &f64| float.is_finite()).map(Meaning::Float)
}

impl Node {
    /// The scalar here, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar that is text: quoted, or a bare word that YAML 1.2 reads as nothing else.
    pub fn as_text(&self) -> Option<&str> {
        self.as_scalar().filter(|scalar| scalar.is_text()).map(|scalar| &*scalar.text)
    }

    /// Whether this is null, written or left out.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(|scalar| matches!(scalar.meaning(), Meaning::Null))
    }

    /// `a list`, `a map`, `a number` …: for messages.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a map",
            Kind::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => "nothing",
                Meaning::Bool(_) => "a boolean",
                Meaning::Integer(_) | Meaning::Float(_) => "a number",
                Meaning::Text => "text",
            },
        }
    }

    /// The node as JSON.
    pub fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.value(),
            Kind::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Kind::Mapping(entries) => Json::Object(
                entries.iter().map(|(key, node)| (key.value.to_string(), node.to_json())).collect(),
            ),
        }
    }

    /// The place of these bytes of a scalar's text; the whole node for anything else.
    pub fn locate(&self, range: Range<usize>) -> Span {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.locate(self.span, range),
            _ => self.span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;
    use serde_json::json;

    fn plain(text: &str) -> Scalar {
        Scalar { text: text.into(), style: Style::Plain, comment: None, places: [].into() }
    }

    #[test]
    fn bare_words_mean_what_the_core_schema_says() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("true", json!(true)),
            ("false", json!(false)),
            ("0", json!(0)),
            ("-7", json!(-7)),
            ("+7", json!(7)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("2.50", json!(2.5)),
            ("-.5", json!(-0.5)),
            ("1.", json!(1.0)),
            ("1e3", json!(1000.0)),
            ("1.5E-1", json!(0.15)),
            ("9223372036854775807", json!(i64::MAX)),
            ("9223372036854775808", json!(9_223_372_036_854_775_808.0)),
        ] {
            assert_eq!(plain(text).value(), value, "{text}");
        }
    }

    #[test]
    fn everything_else_is_text() {
        for text in [
            "on",
            "off",
            "yes",
            "no",
            "y",
            "True",
            "TRUE",
            "Null",
            "010",
            "-010",
            "00",
            "01.5",
            "1_000",
            "0x",
            "0xZZ",
            "0x-1",
            "0b1",
            "0x9f86d081884c7d659a2feaa0c55ad015",
            ".inf",
            "-.Inf",
            ".nan",
            "inf",
            "1e999",
            ".",
            "+",
            "-",
            "e3",
            "1e",
            "1.2.3",
            "12:30",
            "2026-11-23",
        ] {
            assert_eq!(plain(text).value(), json!(text), "{text}");
            assert!(plain(text).is_text(), "{text}");
        }
        assert_eq!(Scalar { style: Style::DoubleQuoted, ..plain("5") }.value(), json!("5"));
    }

    #[test]
    fn a_place_in_the_text_is_found_in_the_file() {
        // `"a\n b"` at byte 10: the text is `a`, a line break, ` b`.
        let node = Span::new(FileId(0), 10, 17);
        let places = [(0, 11), (1, 12), (2, 14)].into();
        let scalar = Scalar { text: "a\n b".into(), style: Style::DoubleQuoted, comment: None, places };
        assert_eq!(scalar.locate(node, 0..1), Span::new(FileId(0), 11, 12));
        assert_eq!(scalar.locate(node, 1..2), Span::new(FileId(0), 12, 14));
        assert_eq!(scalar.locate(node, 3..4), Span::new(FileId(0), 15, 16));
        assert_eq!(scalar.locate(node, 0..4), Span::new(FileId(0), 11, 16));
        assert_eq!(scalar.locate(node, 4..4), Span::new(FileId(0), 16, 16));
        assert_eq!(scalar.locate(node, 90..usize::MAX), Span::new(FileId(0), 16, 16));
        assert_eq!(plain("x").locate(node, 0..1), node);
    }
}
