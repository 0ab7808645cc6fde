//! The helpers that Handlebars has beside the shared functions: what they are made of.

use crate::template::functions;
use crate::template::term::{Comparison, Logic, Op, Term};

/// The inline helpers of Handlebars and how few and how many arguments they take.
pub(super) const INLINE: &[(&str, usize, usize)] = &[
    ("lookup", 2, 2),
    ("eq", 2, 2),
    ("ne", 2, 2),
    ("lt", 2, 2),
    ("lte", 2, 2),
    ("gt", 2, 2),
    ("gte", 2, 2),
    ("and", 2, usize::MAX),
    ("or", 2, usize::MAX),
    ("not", 1, 1),
];

/// The blocks.
pub(super) const BLOCKS: [&str; 6] = ["if", "unless", "each", "with", "ifEquals", "unlessEquals"];

/// Those of them that are about whether two values are equal.
pub(super) const COMPARING: [&str; 2] = ["ifEquals", "unlessEquals"];

/// Whether this can be called inside a tag.
pub(super) fn is_inline(name: &str) -> bool {
    functions::find(name).is_some() || INLINE.iter().any(|(known, ..)| *known == name)
}

/// What an inline helper does; none if there is no such helper. The number of arguments has been
/// checked.
pub(super) fn inline(name: &str, arguments: Vec<Term>) -> Option<Op> {
    let comparison = match name {
        "eq" => Comparison::Equal,
        "ne" => Comparison::Unequal,
        "lt" => Comparison::Less,
        "lte" => Comparison::LessOrEqual,
        "gt" => Comparison::Greater,
        "gte" => Comparison::GreaterOrEqual,
        "lookup" => return two(arguments).map(Op::Index),
        "not" => return arguments.into_iter().next().map(|term| Op::Falsy(Box::new(term))),
        "and" => return Some(Op::Truths(Logic::And, arguments)),
        "or" => return Some(Op::Truths(Logic::Or, arguments)),
        _ => return None,
    };
    two(arguments).map(|both| Op::Compare(comparison, both))
}

fn two(arguments: Vec<Term>) -> Option<Box<[Term; 2]>> {
    arguments.try_into().ok().map(Box::new)
}
