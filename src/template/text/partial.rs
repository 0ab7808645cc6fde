//! Partials: expanded where they are included, as if their text stood there, and bounded together.
//!
//! What is wrong in a partial is told twice over: where it stands in the partial's own text, and
//! where that is included.

use std::ops::Range;
use std::sync::Arc;

use handlebars::template::DecoratorTemplate;

use crate::diagnostic::did_you_mean;
use crate::template::reference::Need;
use crate::template::term::Term;
use crate::template::{TEXT_LIMIT, TemplateError};

use super::compile::{Compiler, read};
use super::context::Context;
use super::operand::Operand;
use super::part::Part;

/// How deep partials may include each other.
const PARTIAL_DEPTH: usize = 16;

/// How many bytes all included partials may have together.
pub(super) const PARTIAL_BYTES: usize = 16 * TEXT_LIMIT;

/// How many values a partial may be given.
const PARTIAL_VALUES: usize = 16;

/// A partial that is being expanded.
pub(super) struct Including {
    pub(super) name: Arc<str>,
    /// Its text, as it was moved to the right.
    text: String,
    /// How far.
    indent: usize,
}

impl Including {
    /// These bytes of the moved text in the text as it was written.
    pub(super) fn written(&self, range: Range<usize>) -> Range<usize> {
        let back = |at: usize| {
            let before = self.text.get(..at).unwrap_or(&self.text);
            at.saturating_sub(self.indent * (1 + before.matches('\n').count()))
        };
        back(range.start)..back(range.end)
    }
}

impl Compiler<'_> {
    /// Expands a partial in its place.
    pub(super) fn partial(
        &mut self,
        tag: &DecoratorTemplate,
        indent: &str,
        range: Range<usize>,
        parts: &mut Vec<Part>,
    ) {
        let name = tag.name.as_name().unwrap_or_default().trim_matches(['[', ']', '\'']);
        let Some((name, text)) = self.partials.texts.get_key_value(name) else {
            let error = TemplateError::new("unknown-partial", range, format!("there is no partial `{name}`"));
            let help = did_you_mean(name, self.partials.names())
                .unwrap_or_else(|| format!("a partial is a file: write `prompts/_{name}.prompt`"));
            return self.error(error.with_help(help));
        };
        let (name, text) = (Arc::clone(name), Arc::clone(text));
        let is_open = self.including.iter().any(|outer| outer.name == name);
        if is_open || self.including.len() >= PARTIAL_DEPTH {
            let path: Vec<_> =
                self.including.iter().map(|outer| &outer.name).chain([&name]).map(AsRef::as_ref).collect();
            let message = match is_open {
                true => format!("the partial includes itself: `{}`", path.join("` → `")),
                false => format!("partials include each other at most {PARTIAL_DEPTH} levels deep"),
            };
            return self.error(TemplateError::new("template-limit", range, message));
        }
        let text = indented(&text, indent);
        let Some(left) = self.bytes_left.checked_sub(text.len()) else {
            let message = format!("the partials have more than {} KiB together", PARTIAL_BYTES >> 10);
            return self.error(TemplateError::new("template-limit", range, message));
        };
        self.bytes_left = left;
        let bound = self.bind(tag, &range);
        self.including.push(Including { name: Arc::clone(&name), text: text.clone(), indent: indent.len() });
        self.site = 0..0;
        if !self.included.contains(&name) {
            self.included.push(name);
        }
        let mut body = match read(&text) {
            Ok(source) => self.source(&source, Some(range)).0,
            Err(error) => {
                self.site = error.range.clone();
                self.error(TemplateError { range, ..error });
                Vec::new()
            }
        };
        self.including.pop();
        bound.iter().for_each(|_| self.contexts.pop());
        if bound.is_empty() {
            parts.append(&mut body);
        } else {
            parts.push(Part::Bind { values: bound, body });
        }
    }

    /// What a partial is given, each value as a context of its own: `{{> name context key=value}}`.
    fn bind(&mut self, tag: &DecoratorTemplate, range: &Range<usize>) -> Vec<Term> {
        let (values, named) = (tag.params.len(), tag.hash.len());
        if values > 1 || named > PARTIAL_VALUES {
            let message = format!("a partial takes one value and at most {PARTIAL_VALUES} of `name=value`");
            self.error(TemplateError::new("arguments", range.clone(), message));
            return Vec::new();
        }
        let mut named: Vec<_> = tag.hash.iter().map(|(name, value)| (Some(name.as_str()), value)).collect();
        named.sort_by_key(|(name, _)| *name);
        let given: Vec<_> = tag.params.iter().map(|value| (None, value)).chain(named).collect();
        // All are read in the surroundings of the tag, before any of them becomes a context.
        let operands: Vec<_> = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, self.parameter(value, range, Need::Required)?)))
            .collect();
        let mut terms = Vec::new();
        for (name, Operand { term, path, origin }) in operands {
            self.contexts.push(Context {
                name: name.map(Into::into),
                is_this: name.is_none(),
                ..Context::new(path, origin)
            });
            terms.push(term);
        }
        terms
    }
}

/// The text with each line moved to the right, for a partial that stands alone on its line.
fn indented(text: &str, indent: &str) -> String {
    let mut moved = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        moved.push_str(indent);
        moved.push_str(line);
    }
    moved
}
