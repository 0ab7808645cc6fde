//! Decisions: CEL, read by its library and evaluated here.
//!
//! The library's own evaluator is not used: it copies all data into values of its own, loses the
//! order of keys, cannot be stopped, and names only the last part of a missing path. What is an
//! expression, and what its macros mean, is decided by the library; [`lower`] makes terms of its
//! tree. Values are JSON, so a few things of CEL have no place: bytes, timestamps, types as values.
//! Two things are wider: integers and floats calculate with each other, and the functions of
//! templates are there.

mod guard;
mod lower;
mod pattern;
mod unknown;

use std::ops::Range;

use crate::value::{Failure, Json};

use super::evaluate::{Evaluator, Fault};
use super::reference::{Reference, Segment};
use super::scope::Scope;
use super::term::{Logic, Op, Path, Root, Term};
use super::types::{self, Env, Inference, Inferrer, Language, Names, Outcome, Reading, Ty};
use super::values::{DEPTH_LIMIT, kind};
use super::{TemplateError, stack};
use crate::value::fits_depth;

/// A compiled expression. It holds no borrowed text and can be kept as long as its workflow.
#[derive(Debug)]
pub struct Expr {
    source: Box<str>,
    term: Term,
    references: Vec<Reference>,
}

impl Expr {
    /// Compiles a text of at most [`EXPRESSION_LIMIT`](super::EXPRESSION_LIMIT) bytes.
    ///
    /// # Errors
    /// Everything that is wrong with the text: syntax, limits, unknown functions, secrets. Whether
    /// the paths lead anywhere is not looked at; see [`references`](Self::references).
    pub fn compile(text: &str) -> Result<Self, Vec<TemplateError>> {
        let depth = guard::scan(text).map_err(|error| vec![error])?;
        let lowered = stack::run(depth, || lower::compile(text));
        let unreadable = || vec![guard::syntax(0..text.len(), "the expression can't be read")];
        let (term, references) = lowered.unwrap_or_else(|| Err(unreadable()))?;
        Ok(Self { source: text.into(), term, references })
    }

    /// The text, as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Every path that is read, in the order of the text.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Whether the whole expression is one path, so that its value is what stands there.
    pub fn is_path(&self) -> bool {
        matches!(self.term.op, Op::Path(_))
    }

    /// The type of the value, where names have these types.
    pub fn infer(&self, names: &Names) -> Inference {
        let mut inferrer = Inferrer::new(Language::Cel);
        let ty = inferrer.term(&self.term, Reading::Used, &Env::new(names));
        inferrer.finish(ty)
    }

    /// What is wrong with the expression as a condition; `what` it is, for messages: `if`.
    pub fn infer_condition(&self, names: &Names, what: &str) -> Inference {
        let mut inferrer = Inferrer::new(Language::Cel);
        inferrer.condition(&self.term, what, Reading::Used, &Env::new(names));
        inferrer.finish(Ty::boolean())
    }

    /// The type of what a loop over this goes over; `what` it is, for messages: `foreach`.
    pub fn infer_range(&self, names: &Names, what: &str) -> Inference {
        let mut inferrer = Inferrer::new(Language::Cel);
        let env = Env::new(names);
        let ty = inferrer.list(&self.term, what, &env);
        inferrer.finish(ty)
    }

    /// What is known of names after this condition came out like that.
    #[must_use]
    pub fn assume(&self, names: &Names, outcome: Outcome) -> Names {
        types::assume(&Env::new(names), &self.term, outcome).into_names()
    }

    /// The parts of the text that all hold when it holds: what stands between its outermost `&&`.
    pub fn clauses(&self) -> Vec<Range<usize>> {
        let mut terms = Vec::new();
        types::flatten(&self.term, Logic::And, &mut terms);
        terms.into_iter().map(|term| term.range.clone()).collect()
    }

    /// The path whose value this is, where it is one from a root.
    pub fn path(&self) -> Option<&[Segment]> {
        match &self.term.op {
            Op::Path(Path { root: Root::Scope, path, .. }) => Some(path),
            _ => None,
        }
    }

    /// The value.
    ///
    /// # Errors
    /// `missing_path`, `template_type`, `function_error` and `template_limit`.
    pub fn evaluate(&self, scope: &Scope) -> Result<Json, Failure> {
        let value = Evaluator::new(scope).own(&self.term, None)?;
        match fits_depth(&value, DEPTH_LIMIT) {
            true => Ok(value),
            false => {
                let message = format!("the value nests deeper than {DEPTH_LIMIT} levels");
                Err(Fault::new("template_limit", message).into())
            }
        }
    }

    /// The value of a condition.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and `template_type` for anything but true and false.
    pub fn evaluate_bool(&self, scope: &Scope) -> Result<bool, Failure> {
        let value = Evaluator::new(scope).value(&self.term, None)?.into_owned();
        value.as_bool().ok_or_else(|| {
            let message = format!(
                "a condition is true or false, found {}; compare it, as in `x != null`",
                kind(&value)
            );
            Failure::new("template_type", message)
        })
    }
}

#[cfg(test)]
mod tests;
