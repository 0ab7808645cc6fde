//! The one tree of terms that both languages are lowered to. Names of functions are resolved, paths
//! are split, and names that a loop gives are counted in frames: nothing here can be unknown.

use std::ops::Range;
use std::sync::Arc;

use regex::Regex;

use crate::value::Json;

use super::functions::Function;
use super::reference::Segment;

/// How deep terms may nest; what evaluates them recurses no deeper.
pub(super) const TERM_DEPTH: usize = 80;

/// Something that has a value, and where it is written.
#[derive(Debug)]
pub(super) struct Term {
    pub(super) op: Op,
    /// Bytes of the text that it was read from. In a template, those of the whole tag.
    pub(super) range: Range<usize>,
}

/// What a term does.
#[derive(Debug)]
pub(super) enum Op {
    Literal(Json),
    Path(Path),
    /// `@index`, `@key`, `@first`, `@last` of the loop so many frames out.
    Round(usize, RoundValue),
    /// The placeholder of this secret.
    Secret(Arc<str>),
    List(Vec<Term>),
    Map(Vec<(Term, Term)>),
    Call(&'static Function, Vec<Term>),
    /// The first, or the second where the first is missing or null.
    Default(Box<[Term; 2]>),
    /// Whether the value is there and not null.
    Exists(Box<Term>),
    /// Whether the value has this part, be it null.
    Has(Box<Term>, Segment),
    /// Whether a value is false by Handlebars' truth.
    Falsy(Box<Term>),
    /// Handlebars' `and` and `or`, in order, up to the first that decides.
    Truths(Logic, Vec<Term>),
    Not(Box<Term>),
    Negate(Box<Term>),
    /// CEL's `&&` and `||`: of true and false only, and one side that decides outweighs an error on the other.
    Logic(Logic, Box<[Term; 2]>),
    Compare(Comparison, Box<[Term; 2]>),
    Arithmetic(Arithmetic, Box<[Term; 2]>),
    /// `a ? b : c`.
    Conditional(Box<[Term; 3]>),
    /// Whether a list holds the value, or a map the key.
    In(Box<[Term; 2]>),
    /// A part of a value that is not a plain path.
    Select(Box<Term>, Segment),
    /// A part whose name is a value itself.
    Index(Box<[Term; 2]>),
    /// Whether text matches a pattern that was known beforehand.
    Matches(Box<Term>, Box<Regex>),
    Comprehension(Box<Comprehension>),
}

/// A path of fixed parts.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) root: Root,
    pub(super) path: Vec<Segment>,
    /// As it was written, for messages.
    pub(super) spelled: Arc<str>,
}

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// At the roots of the scope.
    Scope,
    /// At the value of the loop or block so many frames out, 0 being the innermost.
    Frame(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RoundValue {
    Index,
    Key,
    First,
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logic {
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    /// As it is written.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

impl Comparison {
    /// As it is written.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// `range.map(x, filter, item)` and its relatives: the terms see the item as the innermost frame.
#[derive(Debug)]
pub(super) struct Comprehension {
    pub(super) kind: ComprehensionKind,
    pub(super) range: Term,
    pub(super) filter: Option<Term>,
    /// What is collected, or the condition that is counted.
    pub(super) item: Term,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ComprehensionKind {
    /// `map` and `filter`.
    Collect,
    All,
    Any,
    ExactlyOne,
}
