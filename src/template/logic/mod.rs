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

use crate::value::{Failure, Json};

use super::evaluate::{Evaluator, Fault};
use super::reference::Reference;
use super::scope::Scope;
use super::term::Term;
use super::values::{DEPTH_LIMIT, kind};
use super::{TemplateError, stack};
use crate::value::fits_depth;

/// A compiled expression. It holds no borrowed text and can be kept as long as its workflow.
#[derive(Debug)]
pub struct Expr {
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
        Ok(Self { term, references })
    }

    /// Every path that is read, in the order of the text.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Whether the whole expression is one path, so that its value is what stands there.
    pub fn is_path(&self) -> bool {
        matches!(self.term, Term::Path(_))
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
