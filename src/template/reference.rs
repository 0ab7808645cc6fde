//! What a template or an expression reads, as absolute paths: `{{name}}` inside
//! `{{#each steps.list.output}}` reads `steps.list.output[*].name`.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A field of a map.
    Key(Arc<str>),
    /// An item of a list, counted from 0.
    Index(usize),
    /// Any item of a list, or any value of a map: what a loop goes over. Only in references.
    Each,
}

/// Whether the path has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// A missing path fails the step.
    Required,
    /// The path stands in `default`, `exists` or `has`.
    Optional,
}

/// A path that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The path from the root; its first segment is the root's name.
    pub path: Vec<Segment>,
    /// Where it is written: bytes of the template's or the expression's text. For a path inside a
    /// partial, the tag that includes the partial.
    pub range: Range<usize>,
    /// Whether it has to be there.
    pub need: Need,
}

impl Reference {
    /// The name of the root that the path starts from.
    pub fn root(&self) -> &str {
        match self.path.first() {
            Some(Segment::Key(name)) => name,
            _ => "",
        }
    }

    /// The secret that is read, where it is one.
    pub fn secret(&self) -> Option<&str> {
        match self.path.as_slice() {
            [Segment::Key(root), Segment::Key(name)] if &**root == "secrets" => Some(name),
            _ => None,
        }
    }
}

/// `steps.a.output[*].name`, `x["a-b"]`: a path as CEL would spell it.
pub fn path_text(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Key(key) if !is_name(key) => {
                let _ = write!(text, "[{}]", serde_json::Value::from(key.as_ref()));
            }
            Segment::Key(key) => {
                text.push_str(if text.is_empty() { "" } else { "." });
                text.push_str(key);
            }
            Segment::Index(index) => {
                let _ = write!(text, "[{index}]");
            }
            Segment::Each => text.push_str("[*]"),
        }
    }
    text
}

/// Whether a word is `[A-Za-z_][A-Za-z0-9_]*`.
pub(super) fn is_name(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_spelled_as_in_an_expression() {
        let path = [
            Segment::Key("steps".into()),
            Segment::Key("a".into()),
            Segment::Each,
            Segment::Key("x-y".into()),
            Segment::Index(2),
        ];
        assert_eq!(path_text(&path), r#"steps.a[*]["x-y"][2]"#);
    }
}
