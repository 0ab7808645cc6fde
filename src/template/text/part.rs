//! What a compiled template is made of.

use crate::template::term::Term;

use super::mark::Marker;

/// One part of a template's body.
#[derive(Debug)]
pub(super) enum Part {
    Text(String),
    Value(Value),
    /// What is no text: only in a conversation.
    Mark(Marker),
    /// `if` and `unless`, by Handlebars' truth.
    If {
        condition: Term,
        then: Vec<Part>,
        otherwise: Vec<Part>,
    },
    /// Each round is a frame.
    Each {
        over: Term,
        body: Vec<Part>,
        otherwise: Vec<Part>,
    },
    /// The value is a frame.
    With {
        value: Term,
        body: Vec<Part>,
        otherwise: Vec<Part>,
    },
    /// Each value is a frame, whatever it is; the last is the innermost.
    Bind {
        values: Vec<Term>,
        body: Vec<Part>,
    },
}

/// A value that is written out.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) term: Term,
    pub(super) origin: Origin,
}

/// Who decides what a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// The author: nothing is read but `vars`, `run` and `secrets`.
    Author,
    /// The author by way of a path that is confined where it is used: `event.path`, `event.dir`.
    Confined,
    /// An event, an input, a model, another server.
    Data,
}
