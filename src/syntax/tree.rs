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
    /// For each stretch of `text` where it stands in the file: (first byte in `text`, first byte in
    /// the file), in order; within a stretch both run alike.
    pub(super) places: Arc<[(u32, u32)]>,
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
        self.as_scalar().filter(|scalar| scalar.value().is_string()).map(|scalar| &*scalar.text)
    }

    /// Whether this is null, written or left out.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(|scalar| scalar.value().is_null())
    }

    /// `a list`, `a map`, `a number` …: for messages.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a map",
            Kind::Scalar(scalar) => match scalar.value() {
                Json::Null => "nothing",
                Json::Bool(_) => "a boolean",
                Json::Number(_) => "a number",
                _ => "text",
            },
        }
    }

    /// The node as JSON.
    pub fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.value(),
            Kind::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Kind::Mapping(entries) => {
                Json::Object(entries.iter().map(|(key, node)| (key.value.to_string(), node.to_json())).collect())
            }
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
