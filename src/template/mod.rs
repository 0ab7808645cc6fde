//! The values that people write: text with `{{…}}` ([`Template`], Handlebars), decisions ([`Expr`],
//! CEL), trees of both ([`Tree`]), conversations ([`prompt`], Dotprompt), and schemas ([`Schema`],
//! JSON Schema and Picoschema).
//!
//! Libraries read the two languages; both are then lowered to one small tree of [`term`]s that is
//! evaluated here over a [`Scope`]. So the languages see the same names, share one table of
//! [`functions`], fail in the same words, and stay within the same budget.
//!
//! It says what a text reads ([`Reference`]), and by the types of that ([`Names`]) what its value is
//! and what is wrong with it ([`Inference`]). Whether a name exists at some place it leaves to others.
//! It does no I/O, apart from the time-zone rules that `date` looks up.
//!
//! What must stay true: data is never compiled and rendered text is never rendered again; nothing
//! that a text or a value holds can panic, overflow a stack, or pass the limits below; a path that
//! is missing fails by name, unless it stands in `default` or `exists`; a secret is a placeholder
//! here and an error wherever its value would be needed.

mod evaluate;
pub mod foresight;
pub mod functions;
mod logic;
pub mod prompt;
mod reference;
pub mod schema;
mod scope;
mod stack;
mod term;
mod text;
mod tree;
pub mod types;
mod values;

use std::ops::Range;
use std::sync::Arc;

pub use logic::Expr;
pub use reference::{Need, Reference, Segment, path_text};
pub use schema::{Part as SchemaPart, Schema, SchemaError, Violation, field_name};
pub use scope::{Branch, Node, Scope};
pub use text::{Partials, Piece, Sink, Template};
pub use tree::Tree;
pub use types::{Finding, Inference, Names, Outcome, Ty};

/// The longest template, in bytes.
pub const TEXT_LIMIT: usize = 64 * 1024;

/// The longest expression, in bytes.
pub const EXPRESSION_LIMIT: usize = 4 * 1024;

/// The longest rendered text, in bytes.
pub const OUTPUT_LIMIT: usize = 4 * 1024 * 1024;

/// How many rounds all loops of one rendering may take together.
pub const ROUND_LIMIT: usize = 100_000;

/// The most items that one comprehension (`map`, `filter`, `all`, …) of an expression looks at.
pub const ITEM_LIMIT: usize = 10_000;

/// The names that a workflow can read, apart from those that `as` gives. A loop's own fields never
/// hide them by accident: inside `each` and `with` one of these is written `@root.NAME` or `this.NAME`.
pub const ROOTS: [&str; 13] = [
    "event", "inputs", "vars", "secrets", "state", "previous", "steps", "run", "error", "item", "index",
    "round", "approval",
];

/// What is wrong with a template or an expression, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// A stable word for the class of error.
    pub code: &'static str,
    /// A lower-case sentence with names in backticks.
    pub message: String,
    /// The bytes of the text that it is about.
    pub range: Range<usize>,
    /// What to write instead.
    pub help: Option<String>,
    /// Where it is inside a partial; `range` is then the tag that includes the partial.
    pub partial: Option<InPartial>,
}

/// A place inside a partial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InPartial {
    /// The partial's name.
    pub name: Arc<str>,
    /// The bytes of its text.
    pub range: Range<usize>,
}

impl TemplateError {
    /// An error at these bytes of the text.
    pub(crate) fn new(code: &'static str, range: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), range, help: None, partial: None }
    }

    /// The same, with what to write instead.
    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same, with what to write instead, if that is known.
    pub(crate) fn with_help_if(self, help: Option<String>) -> Self {
        Self { help: help.or(self.help), ..self }
    }
}
