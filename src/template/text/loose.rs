//! Whether data stands in a text as it is, where in a path it would be refused if it named a folder.

use crate::template::reference::Segment;
use crate::template::term::{Op, Root};

use super::part::{Origin, Part, Value};

/// Functions whose values never hold a `/`.
const CONFINING: [&str; 6] = ["filename", "slug", "sha256", "length", "tokens", "url_encode"];

/// Values from data that never hold one either: parts of a file's name, and places in a loop.
const CONFINED: [&[&str]; 5] =
    [&["event", "name"], &["event", "stem"], &["event", "ext"], &["index"], &["round", "index"]];

/// Whether one of these parts writes such a value.
pub(super) fn is_loose(parts: &[Part]) -> bool {
    parts.iter().any(|part| match part {
        Part::Text(_) | Part::Mark(_) => false,
        Part::Value(value) => is_loose_value(value),
        Part::If { then, otherwise, .. } => is_loose(then) || is_loose(otherwise),
        Part::Each { body, otherwise, .. } | Part::With { body, otherwise, .. } => {
            is_loose(body) || is_loose(otherwise)
        }
        Part::Bind { body, .. } => is_loose(body),
    })
}

fn is_loose_value(value: &Value) -> bool {
    value.origin == Origin::Data
        && match &value.term.op {
            Op::Round(..) => false,
            Op::Call(function, _) => !CONFINING.contains(&function.name),
            Op::Path(path) if path.root == Root::Scope => {
                let is_same = |names: &&&[&str]| {
                    names.len() == path.path.len()
                        && names.iter().zip(&path.path).all(|(name, segment)| match segment {
                            Segment::Key(key) => **key == **name,
                            Segment::Index(_) | Segment::Each => false,
                        })
                };
                !CONFINED.iter().any(|names| is_same(&names))
            }
            _ => true,
        }
}
