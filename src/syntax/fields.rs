//! Reading a map key by key, so that what nobody asked for is an error with a caret and a near miss.
//!
//! [`Fields`] is the cursor; the functions read one value of a given type each. All of them push what
//! is wrong to the diagnostics and go on. Whether a text is a template, and what a name refers to,
//! is not known here.
//!
//! Codes raised here: `wrong-type`, `unknown-key`, `missing-key`, `invalid-value`, `out-of-range`.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::tree::{Kind, Node};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, Spanned, did_you_mean, nearest, quoted};
use crate::ids::is_identifier;
use crate::money::Money;
use crate::units::{ByteSize, parse_duration};
use crate::value::Json;

/// One entry of a map.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The key.
    pub key: &'a Spanned<Arc<str>>,
    /// Its value.
    pub node: &'a Node,
}

/// The entries of a map that nobody has taken yet.
///
/// Take what may be there, and [`finish`](Self::finish): what is left is then an unknown key.
#[derive(Debug)]
pub struct Fields<'a> {
    what: String,
    /// Where to say that something is missing.
    place: Span,
    left: Vec<Field<'a>>,
    /// The names asked for.
    known: Vec<String>,
}

impl<'a> Fields<'a> {
    /// The entries of a map; `what` it is, with its article: `a step`. Anything else is an error.
    pub fn open(node: &'a Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Mapping(entries) = &node.kind else {
            let message = format!("{what} must be a map, found {}", found(node));
            diagnostics.push(
                at(node, "wrong-type", message).with_help("write `key: value` lines, indented below it"),
            );
            return None;
        };
        let left: Vec<_> = entries.iter().map(|(key, node)| Field { key, node }).collect();
        let place = node.alias.or_else(|| left.first().map(|field| field.key.span)).unwrap_or(node.span);
        Some(Self { what: what.to_owned(), place, left, known: Vec::new() })
    }

    /// The same, saying at `place` what is missing: the key that introduces the map.
    #[must_use]
    pub fn placed(self, place: Span) -> Self {
        Self { place, ..self }
    }

    /// Takes the field of this name, if it is there.
    pub fn take(&mut self, name: &str) -> Option<Field<'a>> {
        self.known.push(name.to_owned());
        let index = self.left.iter().position(|field| &*field.key.value == name)?;
        Some(self.left.remove(index))
    }

    /// Takes the field of this name, or else one whose key is a slip of it and of no other of `names`:
    /// the slip is reported, and what stands there is read as what was meant, so that it is one error.
    pub fn take_meant(
        &mut self,
        name: &str,
        names: &[&str],
        diagnostics: &mut Diagnostics,
    ) -> Option<Field<'a>> {
        if let Some(field) = self.take(name) {
            return Some(field);
        }
        let is_slip = |key: &str| !names.contains(&key) && nearest(key, names.iter().copied()) == Some(name);
        let index = self.left.iter().position(|field| is_slip(&field.key.value))?;
        let field = self.left.remove(index);
        let message = format!("unknown key {} in {}", quoted(&field.key.value), self.what);
        let found = Diagnostic::error("unknown-key", field.key.span, message);
        diagnostics.push(through_alias(found, field.node).with_help(format!("did you mean `{name}`?")));
        Some(field)
    }

    /// Takes the field of this name; it is an error if it is not there.
    pub fn require(&mut self, name: &str, diagnostics: &mut Diagnostics) -> Option<Field<'a>> {
        let field = self.take(name);
        // One that is misspelled is told as an unknown key.
        if field.is_none() && !self.left.iter().any(|field| nearest(&field.key.value, [name]).is_some()) {
            let message = format!("`{name}` is missing in {}", self.what);
            let found = Diagnostic::error("missing-key", self.place, message);
            diagnostics.push(found.with_help(format!("add `{name}: …`")));
        }
        field
    }

    /// Takes all fields whose names begin so.
    pub fn take_prefixed(&mut self, prefix: &str) -> Vec<Field<'a>> {
        self.left.extract_if(.., |field| field.key.value.starts_with(prefix)).collect()
    }

    /// The keys that are left, in the order written.
    pub fn keys(&self) -> impl Iterator<Item = &'a Spanned<Arc<str>>> {
        self.left.iter().map(|field| field.key)
    }

    /// Every key that is left is an error.
    pub fn finish(self, diagnostics: &mut Diagnostics) {
        for Field { key, node } in self.left {
            if diagnostics.is_full(key.span.file) {
                return;
            }
            let message = format!("unknown key {} in {}", quoted(&key.value), self.what);
            let found = Diagnostic::error("unknown-key", key.span, message);
            let help = did_you_mean(&key.value, self.known.iter().map(String::as_str));
            diagnostics.push(through_alias(found, node).with_help_if(help));
        }
    }
}

/// Text. A bare number or `true` is not: it needs quotes. `what` is the field's name here and below.
pub fn text<'a>(node: &'a Node, what: &str, diagnostics: &mut Diagnostics) -> Option<&'a str> {
    if let Some(text) = node.as_text() {
        return Some(text);
    }
    let wrong = wrong_type(node, what, "text");
    diagnostics.push(match node.as_scalar().filter(|_| !node.is_null()) {
        Some(scalar) => {
            wrong.with_help(format!("put quotes around it: {}", quoted(&format!("\"{}\"", scalar.text))))
        }
        None => wrong,
    });
    None
}

/// A name of letters, digits and `_` that does not begin with a digit.
pub fn identifier<'a>(node: &'a Node, what: &str, diagnostics: &mut Diagnostics) -> Option<&'a str> {
    let name = text(node, what, diagnostics)?;
    if is_identifier(name) {
        return Some(name);
    }
    let message = format!("`{what}` must be a name, found {}", quoted(name));
    let suggestion: String =
        name.chars().take(100).map(|char| if char.is_ascii_alphanumeric() { char } else { '_' }).collect();
    let help = match is_identifier(&suggestion) {
        true => format!("write {}", quoted(&suggestion)),
        false => "a name has letters, digits and `_`, and does not begin with a digit".to_owned(),
    };
    diagnostics.push(at(node, "invalid-value", message).with_help(help));
    None
}

/// `true` or `false`.
pub fn boolean(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<bool> {
    if let Some(Json::Bool(value)) = scalar_value(node) {
        return Some(value);
    }
    let help = node.as_text().and_then(boolean_word);
    diagnostics.push(wrong_type(node, what, "`true` or `false`").with_help_if(help));
    None
}

/// What to write for a word that means a boolean elsewhere.
pub fn boolean_word(word: &str) -> Option<String> {
    match &*word.to_ascii_lowercase() {
        "true" | "yes" | "on" | "y" => Some("write `true`".to_owned()),
        "false" | "no" | "off" | "n" => Some("write `false`".to_owned()),
        _ => None,
    }
}

/// A whole number within a range; `4.0` is one too.
pub fn integer(
    node: &Node,
    what: &str,
    range: RangeInclusive<i64>,
    diagnostics: &mut Diagnostics,
) -> Option<i64> {
    let value =
        scalar_value(node).and_then(|value| value.as_i64().or_else(|| value.as_f64().and_then(whole)));
    let Some(value) = value else {
        diagnostics.push(wrong_type(node, what, "a whole number"));
        return None;
    };
    if range.contains(&value) {
        return Some(value);
    }
    let allowed = match (*range.start(), *range.end()) {
        (low, i64::MAX) => format!("at least {low}"),
        (i64::MIN, high) => format!("at most {high}"),
        (low, high) => format!("between {low} and {high}"),
    };
    diagnostics.push(at(node, "out-of-range", format!("`{what}` must be {allowed}, found {value}")));
    None
}

/// A number.
pub fn number(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<f64> {
    let value = scalar_value(node).and_then(|value| value.as_f64());
    if value.is_none() {
        diagnostics.push(wrong_type(node, what, "a number"));
    }
    value
}

/// `500ms`, `30s`, `1h30m`.
pub fn duration(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let read = |text: &str| parse_duration(text);
    unit(node, what, "a duration", "expected a duration like `500ms`, `30s` or `5m`", read, diagnostics)
}

/// `64KiB`, `2MiB`.
pub fn byte_size(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<ByteSize> {
    let read = |text: &str| text.parse();
    unit(node, what, "a size", "expected a size like `512B`, `64KiB` or `2MiB`", read, diagnostics)
}

/// `$0.02`, or the bare number.
pub fn money(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Money> {
    match node.as_scalar().map(|scalar| scalar.text.parse()) {
        Some(Ok(amount)) => Some(amount),
        Some(Err(error)) if !node.is_null() => {
            diagnostics.push(wrong_type(node, what, "an amount of money").with_help(format!("{error}")));
            None
        }
        _ => {
            diagnostics.push(wrong_type(node, what, "an amount of money"));
            None
        }
    }
}

/// The items of a list.
pub fn list<'a>(node: &'a Node, what: &str, diagnostics: &mut Diagnostics) -> Option<&'a [Node]> {
    if let Kind::Sequence(items) = &node.kind {
        return Some(items);
    }
    let help = "begin each item with `- ` on a line of its own, or write `[a, b]`";
    diagnostics.push(wrong_type(node, what, "a list").with_help(help));
    None
}

/// The items of a list, or the one thing that stands in its place.
pub fn one_or_many(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::Sequence(items) => items,
        _ => std::slice::from_ref(node),
    }
}

/// A number with a unit, written as text.
fn unit<T, E: fmt::Display>(
    node: &Node,
    what: &str,
    expected: &str,
    help: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let wrong = wrong_type(node, what, expected);
    match node.as_text().map(read) {
        Some(Ok(value)) => return Some(value),
        Some(Err(error)) => diagnostics.push(wrong.with_help(error.to_string())),
        None => diagnostics.push(wrong.with_help(help)),
    }
    None
}

fn scalar_value(node: &Node) -> Option<Json> {
    node.as_scalar().filter(|scalar| !scalar.is_text()).map(|scalar| scalar.value())
}

/// The integer that a float is, where it is exactly one.
fn whole(float: f64) -> Option<i64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    (float.fract() == 0.0 && float.abs() <= LARGEST).then_some(float as i64)
}

fn wrong_type(node: &Node, what: &str, expected: &str) -> Diagnostic {
    at(node, "wrong-type", format!("`{what}` must be {expected}, found {}", found(node)))
}

/// `a list`, `the number `5``.
pub fn found(node: &Node) -> String {
    match node.as_scalar() {
        Some(scalar) if !node.is_null() => {
            let noun = node.describe().trim_start_matches("a ");
            format!("the {noun} {}", quoted(&scalar.text))
        }
        _ => node.describe().to_owned(),
    }
}

fn at(node: &Node, code: &'static str, message: String) -> Diagnostic {
    through_alias(Diagnostic::error(code, node.span, message), node)
}

fn through_alias(diagnostic: Diagnostic, node: &Node) -> Diagnostic {
    match node.alias {
        Some(alias) => diagnostic.with_related(alias, "used here through this alias"),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;
    use crate::syntax::yaml::parse;

    fn tree(source: &str) -> Node {
        let mut diagnostics = Diagnostics::new();
        let node = parse(FileId(0), source, &mut diagnostics).expect("a document");
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        node
    }

    /// What a reader gives for a value, or its complaint and its help.
    fn read<T: fmt::Debug>(
        source: &str,
        reader: impl Fn(&Node, &str, &mut Diagnostics) -> Option<T>,
    ) -> Result<T, String> {
        let mut diagnostics = Diagnostics::new();
        let value = reader(&tree(source), "field", &mut diagnostics);
        match (value, diagnostics.into_iter().next()) {
            (Some(value), None) => Ok(value),
            (None, Some(found)) => {
                Err(format!("{}: {}; {}", found.code, found.message, found.help.unwrap_or_default()))
            }
            both => panic!("{both:?}"),
        }
    }

    #[test]
    fn leftovers_are_errors_with_a_near_miss() {
        let node = tree("modle: a\nx-base: 1\nprompt: b\nzzz: c\n");
        let mut diagnostics = Diagnostics::new();
        let mut fields = Fields::open(&node, "a chat step", &mut diagnostics).expect("a map");
        assert_eq!(fields.take("prompt").map(|field| field.node.as_text()), Some(Some("b")));
        assert!(fields.take("model").is_none());
        assert!(fields.take("system").is_none());
        assert_eq!(fields.take_prefixed("x-").len(), 1);
        assert_eq!(fields.keys().map(|key| &*key.value).collect::<Vec<_>>(), ["modle", "zzz"]);
        fields.finish(&mut diagnostics);
        let told: Vec<_> = diagnostics.iter().map(|found| (&*found.message, found.help.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("unknown key `modle` in a chat step", Some("did you mean `model`?")),
                ("unknown key `zzz` in a chat step", Some("known here: `prompt`, `model`, `system`")),
            ]
        );
    }

    #[test]
    fn everything_missing_is_told() {
        let node = tree("a: 1");
        let mut diagnostics = Diagnostics::new();
        let mut fields = Fields::open(&node, "a webhook", &mut diagnostics).expect("a map");
        assert!(fields.require("a", &mut diagnostics).is_some());
        assert!(fields.require("path", &mut diagnostics).is_none());
        assert!(fields.require("auth", &mut diagnostics).is_none());
        let told: Vec<_> = diagnostics.iter().map(|found| &*found.message).collect();
        assert_eq!(told, ["`path` is missing in a webhook", "`auth` is missing in a webhook"]);
    }

    #[test]
    fn a_map_is_wanted() {
        let mut diagnostics = Diagnostics::new();
        for source in ["", "5", "[a]", "some text"] {
            assert!(Fields::open(&tree(source), "a step", &mut diagnostics).is_none());
        }
        let told: Vec<_> = diagnostics.iter().map(|found| &*found.message).collect();
        assert_eq!(
            told,
            [
                "a step must be a map, found nothing",
                "a step must be a map, found the number `5`",
                "a step must be a map, found a list",
                "a step must be a map, found the text `some text`",
            ]
        );
    }

    #[test]
    fn an_alias_is_named_with_what_it_stands_for() {
        let node = tree("a: &x 5\nb: *x\n");
        let mut diagnostics = Diagnostics::new();
        let mut fields = Fields::open(&node, "a map", &mut diagnostics).expect("a map");
        let field = fields.take("b").expect("there");
        assert_eq!(text(field.node, "b", &mut diagnostics), None);
        let found = diagnostics.into_iter().next().expect("an error");
        assert_eq!((found.primary.span.start, found.related[0].span.start), (6, 11));
    }

    #[test]
    fn texts_and_names() {
        let owned =
            |node: &Node, what: &str, found: &mut Diagnostics| text(node, what, found).map(str::to_owned);
        assert_eq!(read("hello", owned), Ok("hello".into()));
        assert_eq!(read("'5'", owned), Ok("5".into()));
        assert_eq!(
            read("5", owned),
            Err("wrong-type: `field` must be text, found the number `5`; put quotes around it: `\"5\"`"
                .into())
        );
        assert_eq!(read("", owned), Err("wrong-type: `field` must be text, found nothing; ".into()));
        assert_eq!(read("[]", owned), Err("wrong-type: `field` must be text, found a list; ".into()));
        let name = |node: &Node, what: &str, found: &mut Diagnostics| {
            identifier(node, what, found).map(str::to_owned)
        };
        assert_eq!(read("_a1", name), Ok("_a1".into()));
        assert_eq!(
            read("my-step", name),
            Err("invalid-value: `field` must be a name, found `my-step`; write `my_step`".into())
        );
        assert!(read("1a", name).unwrap_err().contains("does not begin with a digit"));
        assert!(read("''", name).is_err());
    }

    #[test]
    fn booleans_and_numbers() {
        assert_eq!(read("true", boolean), Ok(true));
        assert_eq!(
            read("Yes", boolean),
            Err("wrong-type: `field` must be `true` or `false`, found the text `Yes`; write `true`".into())
        );
        assert!(read("'true'", boolean).unwrap_err().ends_with("write `true`"));
        let percent = |node: &Node, what: &str, found: &mut Diagnostics| integer(node, what, 0..=100, found);
        assert_eq!(read("4.0", percent), Ok(4));
        assert_eq!(
            read("101", percent),
            Err("out-of-range: `field` must be between 0 and 100, found 101; ".into())
        );
        assert!(
            read("4.5", percent)
                .unwrap_err()
                .starts_with("wrong-type: `field` must be a whole number, found")
        );
        assert!(read("1e300", percent).is_err());
        let positive =
            |node: &Node, what: &str, found: &mut Diagnostics| integer(node, what, 1..=i64::MAX, found);
        assert!(read("0", positive).unwrap_err().contains("at least 1, found 0"));
        assert_eq!(read("2", number), Ok(2.0));
        assert_eq!(read("0.5", number), Ok(0.5));
        assert!(read("half", number).is_err());
    }

    #[test]
    fn units() {
        assert_eq!(read("1m30s", duration), Ok(Duration::from_secs(90)));
        assert_eq!(
            read("30", duration),
            Err("wrong-type: `field` must be a duration, found the number `30`; \
                 expected a duration like `500ms`, `30s` or `5m`"
                .into())
        );
        assert!(read("soon", duration).is_err());
        assert_eq!(read("2MiB", byte_size), Ok(ByteSize(2 << 20)));
        assert!(read("2", byte_size).is_err());
        assert_eq!(read("$0.02", money), Ok(Money::from_pico(20_000_000_000)));
        assert_eq!(read("0.02", money), Ok(Money::from_pico(20_000_000_000)));
        assert!(read("cheap", money).unwrap_err().ends_with("expected an amount in dollars, like `$0.02`"));
        assert!(read("", money).unwrap_err().ends_with("found nothing; "));
    }

    #[test]
    fn lists() {
        let count =
            |node: &Node, what: &str, found: &mut Diagnostics| list(node, what, found).map(<[_]>::len);
        assert_eq!(read("[a, b]", count), Ok(2));
        assert!(
            read("a", count)
                .unwrap_err()
                .starts_with("wrong-type: `field` must be a list, found the text `a`")
        );
        assert_eq!(one_or_many(&tree("[a, b]")).len(), 2);
        assert_eq!(one_or_many(&tree("a")).len(), 1);
    }
}
