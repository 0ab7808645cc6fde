//! The helpers that Handlebars has beside the shared functions: what they are made of.

use crate::template::functions;
use crate::template::term::{Comparison, Logic, Term};

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
pub(super) const BLOCKS: [&str; 4] = ["if", "unless", "each", "with"];

/// Whether this can be called inside a tag.
pub(super) fn is_inline(name: &str) -> bool {
    functions::find(name).is_some() || INLINE.iter().any(|(known, ..)| *known == name)
}

/// The term of an inline helper; none if there is no such helper. The number of arguments has been
/// checked.
pub(super) fn inline(name: &str, arguments: Vec<Term>) -> Option<Term> {
    let comparison = match name {
        "eq" => Comparison::Equal,
        "ne" => Comparison::Unequal,
        "lt" => Comparison::Less,
        "lte" => Comparison::LessOrEqual,
        "gt" => Comparison::Greater,
        "gte" => Comparison::GreaterOrEqual,
        "lookup" => return two(arguments).map(Term::Index),
        "not" => return arguments.into_iter().next().map(|term| Term::Falsy(Box::new(term))),
        "and" => return Some(Term::Truths(Logic::And, arguments)),
        "or" => return Some(Term::Truths(Logic::Or, arguments)),
        _ => return None,
    };
    two(arguments).map(|both| Term::Compare(comparison, both))
}

fn two(arguments: Vec<Term>) -> Option<Box<[Term; 2]>> {
    arguments.try_into().ok().map(Box::new)
}
