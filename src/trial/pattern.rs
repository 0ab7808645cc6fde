//! What a test wants of a value: the value itself, parts of it, or a word about it.
//!
//! A map wants at least its own keys, a list wants item by item, a scalar wants itself. A map whose
//! keys are all operators says something about a value without naming it.
//!
//! Codes: `bad-expectation`, and those of the fields.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::diagnostic::{Diagnostic, Diagnostics, Span, Spanned, quoted};
use crate::syntax::fields;
use crate::syntax::tree::{Kind, Node};
use crate::value::Json;

/// The largest compiled expression, in bytes.
const REGEX_SIZE: usize = 1 << 20;

/// How much of a value is shown, in characters.
const SHOWN: usize = 200;

/// What a test wants of a value, and where it says so.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Where it is written.
    pub span: Span,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    Exactly(Json),
    Glob(Arc<str>, Regex),
    Map(Vec<(Spanned<Arc<str>>, Pattern)>),
    List(Vec<Pattern>),
    Operators(Vec<(Span, Operator)>),
}

/// A word about a value.
#[derive(Clone, Debug)]
enum Operator {
    Contains(Box<Pattern>),
    Matches(Regex),
    StartsWith(Arc<str>),
    EndsWith(Arc<str>),
    Above(f64),
    Below(f64),
    Any,
    Absent,
    Length(Box<Pattern>),
    Equals(Json),
    Not(Box<Pattern>),
}

/// The keys of operators.
pub const OPERATORS: [&str; 11] = [
    "contains",
    "matches",
    "starts_with",
    "ends_with",
    "above",
    "below",
    "any",
    "absent",
    "length",
    "equals",
    "not",
];

/// A place where what was found is not what was wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Which part of the outcome: `output.queue`.
    pub path: String,
    /// Where the test says what it wants.
    pub span: Span,
    /// What it wants, in words.
    pub wanted: String,
    /// What there is, in words.
    pub found: String,
    /// Both as texts, where they are texts of several lines.
    pub texts: Option<(String, String)>,
}

impl Pattern {
    /// Reads what is written at a node. What cannot be a pattern is told, and read as any value.
    pub fn read(node: &Node, diagnostics: &mut Diagnostics) -> Self {
        let shape = match &node.kind {
            Kind::Scalar(scalar) => Shape::Exactly(scalar.value()),
            Kind::Sequence(items) => {
                Shape::List(items.iter().map(|item| Self::read(item, diagnostics)).collect())
            }
            Kind::Mapping(entries) if is_operators(node) => Shape::Operators(
                entries
                    .iter()
                    .filter_map(|(key, value)| Some((key.span, operator(&key.value, value, diagnostics)?)))
                    .collect(),
            ),
            Kind::Mapping(entries) => Shape::Map(
                entries.iter().map(|(key, value)| (key.clone(), Self::read(value, diagnostics))).collect(),
            ),
        };
        Self { span: node.span, shape }
    }

    /// The same, where `*` in a text stands for anything, and upper case for lower case.
    pub fn read_glob(node: &Node, diagnostics: &mut Diagnostics) -> Self {
        match node.as_text().filter(|text| text.contains('*')) {
            None => Self::read(node, diagnostics),
            Some(text) => {
                let parts: Vec<_> = text.split('*').map(regex::escape).collect();
                let compiled = compile(&format!("^(?is:{})$", parts.join(".*")), node, diagnostics);
                let shape =
                    compiled.map_or(Shape::Operators(Vec::new()), |glob| Shape::Glob(text.into(), glob));
                Self { span: node.span, shape }
            }
        }
    }

    /// The pattern of a map that has been read key by key.
    pub fn of_fields(span: Span, fields: Vec<(Spanned<Arc<str>>, Self)>) -> Self {
        Self { span, shape: Shape::Map(fields) }
    }

    /// The pattern of a list of these items.
    pub fn of_items(span: Span, items: Vec<Self>) -> Self {
        Self { span, shape: Shape::List(items) }
    }

    /// The items, where it is a list.
    pub fn items(&self) -> Option<&[Self]> {
        match &self.shape {
            Shape::List(items) => Some(items),
            _ => None,
        }
    }

    /// Compares a value, none where there is nothing; what differs is added to `wrong`.
    pub fn compare(&self, found: Option<&Json>, path: &str, wrong: &mut Vec<Mismatch>) {
        match (&self.shape, found) {
            (Shape::Operators(operators), _) => {
                for (span, operator) in operators {
                    operator.compare(found, *span, path, wrong);
                }
            }
            (Shape::Exactly(wanted), Some(found)) if equal(wanted, found) => {}
            (Shape::Exactly(Json::String(wanted)), Some(Json::String(text))) => {
                let lines = wanted.trim_end().contains('\n') || text.trim_end().contains('\n');
                let mismatch = self.mismatch(path, shown_text(wanted), found);
                wrong.push(Mismatch { texts: lines.then(|| (wanted.clone(), text.clone())), ..mismatch });
            }
            (Shape::Glob(_, glob), Some(Json::String(text))) if glob.is_match(text) => {}
            (Shape::Map(fields), Some(Json::Object(values))) => {
                for (key, pattern) in fields {
                    let path = format!("{path}.{}", key.value);
                    let before = wrong.len();
                    pattern.compare(values.get(&*key.value), &path, wrong);
                    // A key that is not there is told at the key.
                    if values.get(&*key.value).is_none() {
                        wrong.iter_mut().skip(before).for_each(|one| one.span = key.span);
                    }
                }
            }
            (Shape::List(patterns), Some(Json::Array(values))) if patterns.len() == values.len() => {
                for (index, (pattern, value)) in patterns.iter().zip(values).enumerate() {
                    pattern.compare(Some(value), &format!("{path}[{index}]"), wrong);
                }
            }
            (Shape::List(_), Some(Json::Array(values))) => {
                let found = format!("{}: {}", items(values.len()), shown(&Json::from(values.clone())));
                let wanted = self.describe();
                wrong.push(Mismatch { found, ..self.mismatch(path, wanted, None) });
            }
            _ => wrong.push(self.mismatch(path, self.describe(), found)),
        }
    }

    fn mismatch(&self, path: &str, wanted: String, found: Option<&Json>) -> Mismatch {
        mismatch(path, self.span, wanted, found)
    }

    /// What it wants, in words.
    fn describe(&self) -> String {
        match &self.shape {
            Shape::Exactly(value) => shown(value),
            Shape::Glob(text, _) => format!("text like {}", shown_text(text)),
            Shape::Map(fields) => {
                let names: Vec<_> =
                    fields.iter().take(8).map(|(key, _)| format!("`{}`", key.value)).collect();
                if names.is_empty() { "a map".to_owned() } else { format!("a map with {}", names.join(", ")) }
            }
            Shape::List(patterns) => format!("a list of {}", items(patterns.len())),
            Shape::Operators(operators) => {
                let words: Vec<_> = operators.iter().map(|(_, operator)| operator.describe()).collect();
                words.join(" and ")
            }
        }
    }
}

fn is_operators(node: &Node) -> bool {
    match &node.kind {
        Kind::Mapping(entries) => {
            !entries.is_empty() && entries.iter().all(|(key, _)| OPERATORS.contains(&&*key.value))
        }
        _ => false,
    }
}

fn operator(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<Operator> {
    let inner = |diagnostics: &mut Diagnostics| Box::new(Pattern::read(node, diagnostics));
    Some(match name {
        "contains" => Operator::Contains(inner(diagnostics)),
        "length" => Operator::Length(inner(diagnostics)),
        "not" => Operator::Not(inner(diagnostics)),
        "equals" => Operator::Equals(node.to_json()),
        "starts_with" => Operator::StartsWith(fields::text(node, name, diagnostics)?.into()),
        "ends_with" => Operator::EndsWith(fields::text(node, name, diagnostics)?.into()),
        "above" => Operator::Above(fields::number(node, name, diagnostics)?),
        "below" => Operator::Below(fields::number(node, name, diagnostics)?),
        "matches" => Operator::Matches(compile(fields::text(node, name, diagnostics)?, node, diagnostics)?),
        _ => {
            // `any` and `absent` have nothing to say but that they hold.
            if fields::boolean(node, name, diagnostics)? {
                return Some(if name == "any" { Operator::Any } else { Operator::Absent });
            }
            let other = if name == "any" { "absent" } else { "any" };
            let found =
                Diagnostic::error("bad-expectation", node.span, format!("`{name}` is `true` or left out"));
            diagnostics.push(found.with_help(format!("write `{other}: true` for the opposite")));
            return None;
        }
    })
}

fn compile(text: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<Regex> {
    match RegexBuilder::new(text).size_limit(REGEX_SIZE).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let message = format!("{} is no regular expression: {why}", quoted(text));
            diagnostics.push(Diagnostic::error("bad-expectation", node.span, message));
            None
        }
    }
}

impl Operator {
    fn compare(&self, found: Option<&Json>, span: Span, path: &str, wrong: &mut Vec<Mismatch>) {
        if let (Self::Length(pattern), Some(value)) = (self, found)
            && let Some(length) = length(value)
        {
            return pattern.compare(Some(&length.into()), &format!("{path}.length"), wrong);
        }
        if !self.holds(found) {
            wrong.push(mismatch(path, span, self.describe(), found));
        }
    }

    fn holds(&self, found: Option<&Json>) -> bool {
        let text = || found.and_then(Json::as_str);
        match self {
            Self::Any => found.is_some(),
            Self::Absent => found.is_none(),
            Self::Equals(wanted) => found.is_some_and(|found| equal(wanted, found)),
            Self::Not(pattern) => !pattern.fits(found),
            Self::StartsWith(start) => text().is_some_and(|text| text.starts_with(&**start)),
            Self::EndsWith(end) => text().is_some_and(|text| text.ends_with(&**end)),
            Self::Matches(regex) => text().is_some_and(|text| regex.is_match(text)),
            Self::Above(limit) => found.and_then(Json::as_f64).is_some_and(|number| number > *limit),
            Self::Below(limit) => found.and_then(Json::as_f64).is_some_and(|number| number < *limit),
            // What has a length was compared before.
            Self::Length(_) => false,
            Self::Contains(pattern) => match (found, &pattern.shape) {
                (Some(Json::String(text)), Shape::Exactly(Json::String(part))) => text.contains(part),
                (Some(Json::String(text)), Shape::Exactly(part)) => text.contains(&part.to_string()),
                (Some(Json::Array(items)), _) => items.iter().any(|item| pattern.fits(Some(item))),
                (Some(Json::Object(fields)), Shape::Exactly(Json::String(key))) => fields.contains_key(key),
                _ => false,
            },
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Contains(pattern) => format!("something that contains {}", pattern.describe()),
            Self::Matches(regex) => format!("text that matches `{}`", excerpt(regex.as_str())),
            Self::StartsWith(start) => format!("text that starts with {}", shown_text(start)),
            Self::EndsWith(end) => format!("text that ends with {}", shown_text(end)),
            Self::Above(limit) => format!("a number above {limit}"),
            Self::Below(limit) => format!("a number below {limit}"),
            Self::Any => "any value".to_owned(),
            Self::Absent => "nothing".to_owned(),
            Self::Length(pattern) => format!("something of length {}", pattern.describe()),
            Self::Equals(value) => shown(value),
            Self::Not(pattern) => format!("anything but {}", pattern.describe()),
        }
    }
}

impl Pattern {
    fn fits(&self, found: Option<&Json>) -> bool {
        let mut wrong = Vec::new();
        self.compare(found, "", &mut wrong);
        wrong.is_empty()
    }
}

fn mismatch(path: &str, span: Span, wanted: String, found: Option<&Json>) -> Mismatch {
    let found = found.map_or_else(|| "nothing".to_owned(), shown);
    Mismatch { path: path.to_owned(), span, wanted, found, texts: None }
}

/// Numbers are compared by their value, whole or not; maps without regard to order.
fn equal(wanted: &Json, found: &Json) -> bool {
    match (wanted, found) {
        (Json::Number(one), Json::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|found| equal(value, found)))
        }
        (one, other) => one == other,
    }
}

/// In characters, items or keys.
fn length(value: &Json) -> Option<usize> {
    match value {
        Json::String(text) => Some(text.chars().count()),
        Json::Array(items) => Some(items.len()),
        Json::Object(fields) => Some(fields.len()),
        _ => None,
    }
}

fn items(count: usize) -> String {
    format!("{count} item{}", if count == 1 { "" } else { "s" })
}

/// A value as messages show it.
pub fn shown(value: &Json) -> String {
    excerpt(&value.to_string())
}

fn shown_text(text: &str) -> String {
    shown(&Json::from(text))
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::FileId;
    use crate::syntax::yaml::parse;

    fn pattern(text: &str) -> Pattern {
        let mut diagnostics = Diagnostics::new();
        let node = parse(FileId(0), text, &mut diagnostics).unwrap();
        let pattern = Pattern::read(&node, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        pattern
    }

    /// Each mismatch as `path: wanted, not found`.
    fn told(text: &str, found: &Json) -> Vec<String> {
        let mut wrong = Vec::new();
        pattern(text).compare(Some(found), "o", &mut wrong);
        wrong.iter().map(|one| format!("{}: {}, not {}", one.path, one.wanted, one.found)).collect()
    }

    #[test]
    fn maps_are_parts_lists_are_whole_and_scalars_are_exact() {
        let found = json!({ "a": 1, "b": [1, 2.0], "c": "x", "d": null });
        assert_eq!(told("{ a: 1, b: [1, 2], d: null }", &found), [""; 0]);
        assert_eq!(told("{ a: '1' }", &found), ["o.a: \"1\", not 1"]);
        assert_eq!(told("{ b: [1] }", &found), ["o.b: a list of 1 item, not 2 items: [1,2.0]"]);
        assert_eq!(told("{ b: [1, 3] }", &found), ["o.b[1]: 3, not 2.0"]);
        assert_eq!(told("{ e: 1 }", &found), ["o.e: 1, not nothing"]);
        assert_eq!(told("{ c: { x: 1 } }", &found), ["o.c: a map with `x`, not \"x\""]);
    }

    #[test]
    fn each_operator_holds_and_fails() {
        for (text, good, bad) in [
            ("{ contains: b }", json!("abc"), json!("ac")),
            ("{ contains: { x: 1 } }", json!([{ "x": 1, "y": 2 }]), json!([{ "x": 2 }])),
            ("{ contains: k }", json!({ "k": 1 }), json!({ "l": 1 })),
            ("{ matches: '^a.c$' }", json!("abc"), json!("abcd")),
            ("{ starts_with: a }", json!("ab"), json!("ba")),
            ("{ ends_with: b }", json!("ab"), json!("ba")),
            ("{ above: 2 }", json!(2.5), json!(2)),
            ("{ below: 2 }", json!(1), json!("1")),
            ("{ above: 1, below: 3 }", json!(2), json!(3)),
            ("{ length: 2 }", json!([1, 2]), json!([1])),
            ("{ length: { above: 1 } }", json!("été"), json!("é")),
            ("{ length: 0 }", json!({}), json!(0)),
            ("{ equals: { a: 1 } }", json!({ "a": 1.0 }), json!({ "a": 1, "b": 2 })),
            ("{ not: { contains: x } }", json!("a"), json!("x")),
        ] {
            assert_eq!(told(text, &good), [""; 0], "{text}");
            assert_eq!(told(text, &bad).len(), 1, "{text}");
        }
        let found = json!({ "a": null });
        assert_eq!(told("{ a: { any: true }, b: { absent: true } }", &found), [""; 0]);
        assert_eq!(
            told("{ a: { absent: true }, b: { any: true } }", &found),
            ["o.a: nothing, not null", "o.b: any value, not nothing"]
        );
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (text, words) in [
            ("{ matches: '(' }", "is no regular expression: unclosed group"),
            ("{ above: many }", "`above` must be a number"),
            ("{ any: false }", "`any` is `true` or left out"),
        ] {
            let mut diagnostics = Diagnostics::new();
            let node = parse(FileId(0), text, &mut diagnostics).unwrap();
            Pattern::read(&node, &mut diagnostics);
            let told: Vec<_> = diagnostics.iter().map(|one| one.message.clone()).collect();
            assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
        }
    }

    #[test]
    fn a_star_stands_for_anything_in_an_address() {
        let mut diagnostics = Diagnostics::new();
        let node = parse(FileId(0), "'*pager*.org'", &mut diagnostics).unwrap();
        let glob = Pattern::read_glob(&node, &mut diagnostics);
        assert!(glob.fits(Some(&json!("https://PAGER.example.org"))));
        assert!(!glob.fits(Some(&json!("https://pager.exampleXorg"))));
    }
}
