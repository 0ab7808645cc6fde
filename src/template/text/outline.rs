//! What is known of a text before it is rendered: what stands in it as it is, and where values go.

use crate::template::term::{Op, Path, Root};

use super::part::{Origin, Part};

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// It stands there as it is.
    Text(&'t str),
    /// The value of this path, which is the same in every run that reads the same settings.
    Setting(&'t str),
    /// A value; in a path it has no `/`.
    Value,
    /// A value that may be a path with folders: `event.path`, `event.dir`.
    Folders,
}

/// The pieces of these parts, in order. A block is one value.
pub(super) fn outline(parts: &[Part]) -> Vec<Piece<'_>> {
    parts.iter().map(piece).collect()
}

fn piece(part: &Part) -> Piece<'_> {
    match part {
        Part::Text(text) => Piece::Text(text),
        Part::Value(value) => match (value.origin, &value.term.op) {
            (Origin::Confined, _) => Piece::Folders,
            (Origin::Author, Op::Path(Path { root: Root::Scope, spelled, .. }))
                if !spelled.starts_with("run.") =>
            {
                Piece::Setting(spelled)
            }
            _ => Piece::Value,
        },
        _ => Piece::Value,
    }
}
