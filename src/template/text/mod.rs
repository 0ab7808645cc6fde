//! Text with `{{…}}` in it: Handlebars, read by its library and rendered here.
//!
//! The library's own renderer is not used: it takes a missing path in `{{#if}}` for false, has no
//! limit on what loops do, and copies its data for each rendering. What is a template is decided by
//! the library's grammar; [`guard`] looks at the raw text first, and [`compile`] makes of the
//! library's tree the parts that [`render`] goes through.

mod compile;
mod context;
mod guard;
mod helpers;
mod operand;
mod part;
mod path;
mod render;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::value::{Failure, Json};

use super::TemplateError;
use super::evaluate::Evaluator;
use super::reference::Reference;
use super::scope::Scope;

use part::Part;

/// A compiled template. It holds no borrowed text and can be kept as long as its workflow.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
    references: Vec<Reference>,
    /// How many of `references`, counted from the first, can stand in a URL's scheme or host.
    host: usize,
    partials: Vec<Arc<str>>,
}

/// The partials that templates can include with `{{> name}}`: their texts by name.
#[derive(Clone, Debug, Default)]
pub struct Partials {
    texts: BTreeMap<Arc<str>, Arc<str>>,
}

/// Where a rendered text goes, which decides what its values may do there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// A prompt, a file's content, a header: values stand as they are.
    Text,
    /// A URL: a value after the host is percent-encoded as one segment or query value, unless the
    /// template is one value and so the whole URL.
    Url,
    /// A path of a file: a value from data may not hold `/`, `\` or NUL, or be `.` or `..`.
    Path,
}

impl Partials {
    /// No partials.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, or replaces the text of one.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) {
        self.texts.insert(name.into(), text.into());
    }

    /// The text of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<str>> {
        self.texts.get(name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.texts.keys().map(AsRef::as_ref)
    }
}

impl<N: Into<Arc<str>>, T: Into<Arc<str>>> FromIterator<(N, T)> for Partials {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(texts: I) -> Self {
        Self { texts: texts.into_iter().map(|(name, text)| (name.into(), text.into())).collect() }
    }
}

impl Template {
    /// Compiles a text of at most [`TEXT_LIMIT`](super::TEXT_LIMIT) bytes.
    ///
    /// # Errors
    /// Everything that is wrong with the text: syntax, limits, unknown functions and partials.
    /// Whether the paths lead anywhere is not looked at; see [`references`](Self::references).
    pub fn compile(text: &str, partials: &Partials) -> Result<Self, Vec<TemplateError>> {
        compile::compile(text, partials)
    }

    /// The text, if there is no value in it.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Every path that is read, in the order of the text.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// The partials that are included, by themselves or by each other.
    pub fn partials(&self) -> &[Arc<str>] {
        &self.partials
    }

    /// Whether the text is exactly one `{{path}}` or `{{function …}}`, so that it can have a value
    /// of any type.
    pub fn is_single_value(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Value(_)])
    }

    /// The paths whose values can stand in the scheme or the host of the URL that this text is.
    pub fn host_references(&self) -> &[Reference] {
        &self.references[..self.host]
    }

    /// Whether data can stand in the scheme or the host of the URL that this text is: anything but
    /// `vars`, `run` and `secrets`.
    pub fn host_is_dynamic(&self) -> bool {
        self.host_references().iter().any(|reference| !compile::is_authors(reference.root()))
    }

    /// The text with its values.
    ///
    /// # Errors
    /// `missing_path`, `template_type`, `function_error`, `template_limit` (more than
    /// [`OUTPUT_LIMIT`](super::OUTPUT_LIMIT) bytes, too many rounds, too much work), and
    /// `unsafe_path` for a sink that a value does not fit.
    pub fn render(&self, scope: &Scope, sink: Sink) -> Result<String, Failure> {
        render::render(&self.parts, scope, sink)
    }

    /// The value itself where the text [is a single value](Self::is_single_value), else the
    /// rendered text.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn evaluate(&self, scope: &Scope) -> Result<Json, Failure> {
        match self.parts.as_slice() {
            [Part::Value(value)] => Evaluator::new(scope).own(&value.term, None).map_err(Failure::from),
            _ => self.render(scope, Sink::Text).map(Json::String),
        }
    }
}

#[cfg(test)]
mod tests;
