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
mod infer;
mod loose;
mod mark;
mod operand;
mod outline;
mod part;
mod partial;
mod path;
mod render;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::value::{Failure, Json};

use super::TemplateError;
use super::evaluate::Evaluator;
use super::foresight::Foreseen;
use super::reference::Reference;
use super::scope::Scope;
use super::types::{Finding, Inference, Names, Ty};

pub(super) use mark::{Mark, Marked};
pub use outline::Piece;
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

/// A compiled text that holds marks: where another speaks, where media stand. Its `{{name}}`s are
/// those of one value that it is rendered with.
#[derive(Debug)]
pub(super) struct Markup {
    parts: Vec<Part>,
    references: Vec<Reference>,
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
    /// A glob: a value from data is one name in it, as in a path, and its wildcards stand for
    /// themselves.
    Glob,
    /// A path of a file whose folders data may name too: a value may hold `/`, but no `\\` or NUL, and no
    /// part of it may be `.` or `..`. For paths that are checked once they are whole.
    Folders,
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

    /// The type of the value that [`evaluate`](Self::evaluate) gives, where names have these types.
    pub fn infer(&self, names: &Names) -> Inference {
        infer::infer(&self.parts, names)
    }

    /// Whether a value from data stands in this text that could hold a `/`, so that a path of it may be
    /// refused.
    pub fn has_loose_values(&self) -> bool {
        loose::is_loose(&self.parts)
    }

    /// What is known of the text before it is rendered.
    pub fn outline(&self) -> Vec<Piece<'_>> {
        outline::outline(&self.parts)
    }

    /// The text with its values.
    ///
    /// # Errors
    /// `missing_path`, `template_type`, `function_error`, `template_limit` (more than
    /// [`OUTPUT_LIMIT`](super::OUTPUT_LIMIT) bytes, too many rounds, too much work), and
    /// `unsafe_path` for a sink that a value does not fit.
    pub fn render(&self, scope: &Scope, sink: Sink) -> Result<String, Failure> {
        render::render(&self.parts, Evaluator::new(scope), sink)
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

    /// As [`render`](Self::render), with a mark for each value that is not known yet.
    ///
    /// # Errors
    /// As [`render`](Self::render); what depends on something unknown does not fail yet.
    pub fn foresee(&self, scope: &Scope, sink: Sink) -> Result<Foreseen<String>, Failure> {
        render::foresee(&self.parts, scope, sink)
    }
}

impl Markup {
    /// Compiles a text as [`Template::compile`] does, with the tags that make marks.
    pub(super) fn compile(text: &str, partials: &Partials) -> Result<Self, Vec<TemplateError>> {
        compile::compile_markup(text, partials)
    }

    /// What is wrong with a partial, whatever stands around it where it is included.
    pub(super) fn check_partial(text: &str, partials: &Partials) -> Vec<TemplateError> {
        compile::check_partial(text, partials)
    }

    /// Every path below the value that is read, in the order of the text. One without segments is the
    /// value as a whole.
    pub(super) fn references(&self) -> &[Reference] {
        &self.references
    }

    /// The partials that are included, by themselves or by each other.
    pub(super) fn partials(&self) -> &[Arc<str>] {
        &self.partials
    }

    /// What is wrong with the text over a value of this type.
    pub(super) fn infer(&self, value: &Ty) -> Vec<Finding> {
        infer::infer_markup(&self.parts, value)
    }

    /// The text over a value, with the marks in it; `variables` are the names that `@` leads to.
    pub(super) fn render(&self, value: &Json, variables: &Scope) -> Result<Marked, Failure> {
        render::render_markup(&self.parts, value, variables)
    }
}

#[cfg(test)]
mod tests;
