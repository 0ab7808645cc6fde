//! Makes the parts of a template from the library's tree.
//!
//! The tree is walked in the order of the text, in step with the tags that the guard found, so that
//! every error and every reference has its place. Paths inside loops are resolved to where their
//! values come from.

use std::ops::Range;
use std::sync::Arc;

use handlebars::Template as LibraryTemplate;
use handlebars::template::{BlockParam, HelperTemplate, Parameter, TemplateElement};

use crate::diagnostic::did_you_mean;
use crate::template::reference::{Need, Reference, Segment, is_name};
use crate::template::term::{RoundValue, Term};
use crate::template::{InPartial, TemplateError, stack};

use super::context::{Context, Contexts};
use super::guard::{self, Kind, Scan, TAG_LIMIT, Tag, syntax};
use super::helpers::{self, BLOCKS, COMPARING};
use super::operand::Operand;
use super::part::{Origin, Part, Value};
use super::partial::{Including, PARTIAL_BYTES};
use super::{Markup, Partials, Template};

/// Compiles a template and the partials that it includes.
pub(super) fn compile(text: &str, partials: &Partials) -> Result<Template, Vec<TemplateError>> {
    let (parts, host, compiler) = run(text, partials, Dialect::Text)?;
    Ok(Template { parts, references: compiler.references, host, partials: compiler.included })
}

/// Compiles a text that holds marks, and the partials that it includes.
pub(super) fn compile_markup(text: &str, partials: &Partials) -> Result<Markup, Vec<TemplateError>> {
    let (parts, _, compiler) = run(text, partials, Dialect::Markup)?;
    Ok(Markup { parts, references: compiler.references, partials: compiler.included })
}

/// What is wrong with a partial, wherever it is included.
pub(super) fn check_partial(text: &str, partials: &Partials) -> Vec<TemplateError> {
    run(text, partials, Dialect::Partial).err().unwrap_or_default()
}

/// The parts of a text, how many references come before the end of its URL's host, and what else was
/// found on the way.
fn run<'p>(
    text: &str,
    partials: &'p Partials,
    dialect: Dialect,
) -> Result<(Vec<Part>, usize, Compiler<'p>), Vec<TemplateError>> {
    let source = read(text).map_err(|error| vec![error])?;
    let mut compiler = Compiler {
        dialect,
        partials,
        contexts: Contexts::default(),
        references: Vec::new(),
        errors: Vec::new(),
        including: Vec::new(),
        site: 0..0,
        included: Vec::new(),
        tags_left: TAG_LIMIT,
        bytes_left: PARTIAL_BYTES,
    };
    if dialect != Dialect::Text {
        // Names are those of the one value that is given.
        compiler.contexts.push(Context::new(Some(Vec::new()), Origin::Data));
    }
    let (parts, host) = compiler.source(&source, None);
    match compiler.errors.is_empty() {
        true => Ok((parts, host, compiler)),
        false => Err(compiler.errors),
    }
}

/// What a text may hold, and what its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Values in text; names are the roots of a workflow.
    Text,
    /// Values and marks; names are the fields of one value.
    Markup,
    /// A partial by itself: nobody knows what stands around it, so every name may lead somewhere.
    Partial,
}

/// A text, its tags, and what the library made of it.
pub(super) struct Source<'t> {
    text: &'t str,
    scan: Scan,
    tree: LibraryTemplate,
}

pub(super) fn read(text: &str) -> Result<Source<'_>, TemplateError> {
    let scan = guard::scan(text)?;
    match stack::run(scan.depth, || {
        LibraryTemplate::compile(text).map_err(|error| library_error(text, &error))
    }) {
        Some(Ok(tree)) => Ok(Source { text, scan, tree }),
        Some(Err(error)) => Err(error),
        None => Err(syntax(0..text.len(), "the template can't be read")),
    }
}

/// What the library says, at the tag or the line that it says it about.
fn library_error(text: &str, error: &handlebars::TemplateError) -> TemplateError {
    let (line, column) = error.pos().unwrap_or((1, 1));
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let at = start + rest.char_indices().nth(column.saturating_sub(1)).map_or(0, |(at, _)| at);
    let end = text[at..].find("}}").map_or(text.len(), |end| at + end + 2);
    let is_pipe = text[at..end].starts_with('|');
    if is_pipe {
        return syntax(at..at + 1, "`|` has no meaning in a tag")
            .with_help("a function stands first, as in `{{upper inputs.name}}`");
    }
    syntax(at..end, "this is not a valid tag")
        .with_help("a tag is `{{path}}`, `{{function argument …}}` or a block `{{#if …}}…{{/if}}`")
}

pub(super) struct Compiler<'p> {
    pub(super) dialect: Dialect,
    pub(super) partials: &'p Partials,
    pub(super) contexts: Contexts,
    pub(super) references: Vec<Reference>,
    pub(super) errors: Vec<TemplateError>,
    /// The partials that are being expanded, outermost first.
    pub(super) including: Vec<Including>,
    /// The tag that was read last, in its own text.
    pub(super) site: Range<usize>,
    pub(super) included: Vec<Arc<str>>,
    /// How many tags there may still be, partials expanded.
    tags_left: usize,
    pub(super) bytes_left: usize,
}

/// The tags of a text, one after another as the tree is walked.
struct Tags<'t> {
    text: &'t str,
    tags: std::slice::Iter<'t, Tag>,
    /// The place to report for all of them: that of the tag which includes the partial.
    instead: Option<Range<usize>>,
}

impl Tags<'_> {
    /// The space before the next tag, if there is nothing else on its line.
    fn indent(&self) -> &str {
        let Some(Tag { range, .. }) = self.tags.as_slice().first() else { return "" };
        let (before, after) = (&self.text[..range.start], &self.text[range.end..]);
        let before = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        let after = after.split('\n').next().unwrap_or_default();
        if before.trim().is_empty() && after.trim().is_empty() { before } else { "" }
    }

    /// What the next tag is.
    fn peek(&self) -> Option<Kind> {
        self.tags.as_slice().first().map(|tag| tag.kind)
    }
}

impl Compiler<'_> {
    /// An error here; inside a partial it says where in that.
    pub(super) fn error(&mut self, mut error: TemplateError) {
        if let Some(partial) = self.including.last() {
            let range = partial.written(self.site.clone());
            error.partial = Some(InPartial { name: partial.name.clone(), range });
        }
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// The place of the next tag, as it is reported.
    fn next(&mut self, tags: &mut Tags<'_>) -> Range<usize> {
        self.site = tags.tags.next().map(|tag| tag.range.clone()).unwrap_or_default();
        tags.instead.clone().unwrap_or_else(|| self.site.clone())
    }

    /// The parts of a text, and how many references come before the end of its URL's host.
    pub(super) fn source(
        &mut self,
        source: &Source<'_>,
        instead: Option<Range<usize>>,
    ) -> (Vec<Part>, usize) {
        let tags = &source.scan.tags;
        match self.tags_left.checked_sub(tags.len()) {
            Some(left) => self.tags_left = left,
            None => {
                let message = format!("with its partials the template has more than {TAG_LIMIT} tags");
                self.error(TemplateError::new("template-limit", instead.unwrap_or_default(), message));
                return (Vec::new(), 0);
            }
        }
        let mut tags = Tags { text: source.text, tags: tags.iter(), instead };
        let (mut parts, mut host, mut address) = (Vec::new(), None, String::new());
        for element in &source.tree.elements {
            match element {
                TemplateElement::RawString(text) => address.push_str(text),
                TemplateElement::Comment(_) => {}
                _ => address.push('\0'),
            }
            self.element(element, &mut tags, &mut parts);
            if host.is_none() && is_past_host(&address) {
                host = Some(self.references.len());
            }
        }
        (parts, host.unwrap_or(self.references.len()))
    }

    fn body(&mut self, tree: Option<&LibraryTemplate>, tags: &mut Tags<'_>) -> Vec<Part> {
        let mut parts = Vec::new();
        for element in tree.map(|tree| tree.elements.as_slice()).unwrap_or_default() {
            self.element(element, tags, &mut parts);
        }
        parts
    }

    fn element(&mut self, element: &TemplateElement, tags: &mut Tags<'_>, parts: &mut Vec<Part>) {
        match element {
            TemplateElement::RawString(text) => push_text(parts, text),
            TemplateElement::Comment(_) => {}
            TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag) => {
                let range = self.next(tags);
                match self.marker(tag, &range) {
                    Some(marker) => parts.extend(marker.map(Part::Mark)),
                    None => parts.extend(self.value(tag, range).map(Part::Value)),
                }
            }
            TemplateElement::HelperBlock(block) => {
                let range = self.next(tags);
                self.block(block, range, tags, parts);
                self.next(tags);
            }
            TemplateElement::PartialExpression(partial) => {
                let indent = tags.indent().to_owned();
                let range = self.next(tags);
                self.partial(partial, &indent, range, parts);
            }
            // Decorators, partial blocks, and what a later library may add.
            _ => {
                let range = self.next(tags);
                self.error(syntax(range, "decorators and partial blocks are not supported"));
            }
        }
    }

    fn value(&mut self, tag: &HelperTemplate, range: Range<usize>) -> Option<Value> {
        let Operand { term, origin, .. } = self.expression(tag, &range)?;
        Some(Value { term, origin })
    }

    /// A block, without the tag that closes it.
    fn block(
        &mut self,
        block: &HelperTemplate,
        range: Range<usize>,
        tags: &mut Tags<'_>,
        parts: &mut Vec<Part>,
    ) {
        let name = block.name.as_name().unwrap_or_default();
        if name == "raw" && block.params.is_empty() {
            return parts.append(&mut self.body(block.template.as_ref(), tags));
        }
        let subject = self.subject(block, name, &range);
        let subject = subject.unwrap_or_else(|| Operand::literal(serde_json::Value::Null, &range));
        match name {
            "each" | "with" => {
                let looping = name == "each";
                let context = self.context(block, &subject, looping, &range);
                self.contexts.push(context);
                let body = self.body(block.template.as_ref(), tags);
                self.contexts.pop();
                let otherwise = self.otherwise(block, tags);
                parts.push(match looping {
                    true => Part::Each { over: subject.term, body, otherwise },
                    false => Part::With { value: subject.term, body, otherwise },
                });
            }
            _ => {
                let body = self.body(block.template.as_ref(), tags);
                let otherwise = self.otherwise(block, tags);
                let negated = name.starts_with("unless");
                let (then, otherwise) = if negated { (otherwise, body) } else { (body, otherwise) };
                parts.push(Part::If { condition: subject.term, then, otherwise });
            }
        }
    }

    /// The value that a block is about: of two values, whether they are equal.
    fn subject(&mut self, block: &HelperTemplate, name: &str, range: &Range<usize>) -> Option<Operand> {
        if !BLOCKS.contains(&name) {
            let error =
                TemplateError::new("unknown-function", range.clone(), format!("there is no block `{name}`"));
            let help = match helpers::is_inline(name) {
                true => Some(format!(
                    "`{name}` is a function: write `{{{{{name} …}}}}` or `{{{{#if ({name} …)}}}}`"
                )),
                false => did_you_mean(name, BLOCKS),
            };
            self.error(error.with_help_if(help));
            return None;
        }
        let (wanted, words) = if COMPARING.contains(&name) { (2, "two values") } else { (1, "one value") };
        if block.params.len() != wanted || !block.hash.is_empty() {
            let found = block.params.len() + block.hash.len();
            let message = format!("`{{{{#{name}}}}}` takes {words}, found {found}");
            let error = TemplateError::new("arguments", range.clone(), message);
            let operator = block.params.get(1).and_then(Parameter::as_name).is_some_and(helpers::is_inline);
            let help = operator.then_some("write the function first, in parentheses: `{{#if (eq a b)}}`");
            self.error(error.with_help_if(help.map(str::to_owned)));
            return None;
        }
        let values: Vec<_> =
            block.params.iter().map(|value| self.parameter(value, range, Need::Required)).collect();
        let mut values: Vec<Operand> = values.into_iter().collect::<Option<_>>()?;
        if wanted == 1 {
            return values.pop();
        }
        let op = helpers::inline("eq", values.into_iter().map(|value| value.term).collect())?;
        let term = Term { op, range: range.clone() };
        Some(Operand { term, path: None, origin: Origin::Data })
    }

    /// What stands under `{{else}}`, which may be the block of an `{{else if}}`.
    fn otherwise(&mut self, block: &HelperTemplate, tags: &mut Tags<'_>) -> Vec<Part> {
        let elements = block.inverse.as_ref().map(|inverse| inverse.elements.as_slice()).unwrap_or_default();
        match (tags.peek(), elements) {
            (Some(Kind::ElseIf), [TemplateElement::HelperBlock(next)]) => {
                let range = self.next(tags);
                let mut parts = Vec::new();
                self.block(next, range, tags, &mut parts);
                parts
            }
            (Some(Kind::Else), _) => {
                self.next(tags);
                self.body(block.inverse.as_ref(), tags)
            }
            _ => Vec::new(),
        }
    }

    /// What `each` and `with` let their bodies see.
    fn context(
        &mut self,
        block: &HelperTemplate,
        subject: &Operand,
        looping: bool,
        range: &Range<usize>,
    ) -> Context {
        let mut path = subject.path.clone();
        if let Some(path) = path.as_mut().filter(|_| looping) {
            path.push(Segment::Each);
        }
        let mut context = Context { is_loop: looping, ..Context::new(path, subject.origin) };
        let names = match &block.block_param {
            Some(BlockParam::Single(one)) => vec![one],
            Some(BlockParam::Pair((one, two))) => vec![one, two],
            _ => Vec::new(),
        };
        for (at, name) in names.into_iter().filter_map(Parameter::as_name).enumerate() {
            match (at, looping) {
                _ if !is_name(name) => self
                    .error(syntax(range.clone(), format!("`{name}` is not a name: letters, digits and `_`"))),
                (0, _) => context.name = Some(name.into()),
                (_, true) => context.round_name = Some((name.into(), RoundValue::Key)),
                (_, false) => self.error(syntax(range.clone(), "`{{#with}}` gives one name")),
            }
        }
        context
    }
}

/// Adds text, to the text before it where there is some.
fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// Whether what follows this beginning of a URL comes after its host. NUL stands for values.
fn is_past_host(address: &str) -> bool {
    match address.split_once("//") {
        Some((_, host)) => host.contains(['/', '?', '#']),
        None => address.starts_with('\0') && address.contains(['/', '?', '#']),
    }
}

/// Whether what this root holds is the author's word.
pub(super) fn is_authors(root: &str) -> bool {
    matches!(root, "vars" | "run" | "secrets")
}

impl Origin {
    /// Who decides what stands at this path.
    pub(super) fn of(path: &[Segment]) -> Self {
        let name = |at: usize| match path.get(at) {
            Some(Segment::Key(key)) => key.as_ref(),
            _ => "",
        };
        match (name(0), name(1), path.len()) {
            (root, ..) if is_authors(root) => Self::Author,
            ("event", "path" | "dir", 2) => Self::Confined,
            _ => Self::Data,
        }
    }
}
