//! Makes the parts of a template from the library's tree.
//!
//! The tree is walked in the order of the text, in step with the tags that the guard found, so that
//! every error and every reference has its place. Paths inside loops are resolved to where their
//! values come from. Partials are expanded where they are included.

use std::ops::Range;
use std::sync::Arc;

use handlebars::Template as LibraryTemplate;
use handlebars::template::{BlockParam, DecoratorTemplate, HelperTemplate, Parameter, TemplateElement};

use crate::diagnostic::did_you_mean;
use crate::template::reference::{Need, Reference, Segment, is_name};
use crate::template::term::{RoundValue, Term};
use crate::template::{TEXT_LIMIT, TemplateError, stack};

use super::context::{Context, Contexts};
use super::guard::{self, Kind, Scan, TAG_LIMIT, Tag, syntax};
use super::helpers::{self, BLOCKS};
use super::operand::Operand;
use super::part::{Origin, Part, Value};
use super::{Partials, Template};

/// How deep partials may include each other.
const PARTIAL_DEPTH: usize = 16;

/// How many bytes all included partials may have together.
const PARTIAL_BYTES: usize = 16 * TEXT_LIMIT;

/// How many values a partial may be given.
const PARTIAL_VALUES: usize = 16;

/// Compiles a template and the partials that it includes.
pub(super) fn compile(text: &str, partials: &Partials) -> Result<Template, Vec<TemplateError>> {
    let source = read(text).map_err(|error| vec![error])?;
    let mut compiler = Compiler {
        partials,
        contexts: Contexts::default(),
        references: Vec::new(),
        errors: Vec::new(),
        including: Vec::new(),
        included: Vec::new(),
        tags_left: TAG_LIMIT,
        bytes_left: PARTIAL_BYTES,
    };
    let (parts, host) = compiler.source(&source, None);
    match compiler.errors.is_empty() {
        true => Ok(Template { parts, references: compiler.references, host, partials: compiler.included }),
        false => Err(compiler.errors),
    }
}

/// A text, its tags, and what the library made of it.
struct Source<'t> {
    text: &'t str,
    scan: Scan,
    tree: LibraryTemplate,
}

fn read(text: &str) -> Result<Source<'_>, TemplateError> {
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
    syntax(at..end, "this is not a valid tag")
        .with_help("a tag is `{{path}}`, `{{function argument …}}` or a block `{{#if …}}…{{/if}}`")
}

pub(super) struct Compiler<'p> {
    partials: &'p Partials,
    pub(super) contexts: Contexts,
    pub(super) references: Vec<Reference>,
    pub(super) errors: Vec<TemplateError>,
    /// The partials that are being expanded, outermost first, and the tag that began it.
    including: Vec<Arc<str>>,
    included: Vec<Arc<str>>,
    /// How many tags there may still be, partials expanded.
    tags_left: usize,
    bytes_left: usize,
}

/// The tags of a text, one after another as the tree is walked.
struct Tags<'t> {
    text: &'t str,
    tags: std::slice::Iter<'t, Tag>,
    /// The place to report for all of them: that of the tag which includes the partial.
    instead: Option<Range<usize>>,
}

impl Tags<'_> {
    /// The place of the next tag.
    fn next(&mut self) -> Range<usize> {
        let tag = self.tags.next().map(|tag| tag.range.clone()).unwrap_or_default();
        self.instead.clone().unwrap_or(tag)
    }

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
    /// An error here; inside a partial it says which.
    pub(super) fn error(&mut self, mut error: TemplateError) {
        if let Some(partial) = self.including.last() {
            error.message = format!("in the partial `{partial}`: {}", error.message);
        }
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// The parts of a text, and how many references come before the end of its URL's host.
    fn source(&mut self, source: &Source<'_>, instead: Option<Range<usize>>) -> (Vec<Part>, usize) {
        let tags = &source.scan.tags;
        match self.tags_left.checked_sub(tags.len()) {
            Some(left) => self.tags_left = left,
            None => {
                let message = format!("with its partials the template has more than {TAG_LIMIT} tags");
                self.error(TemplateError::new("template_limit", instead.unwrap_or_default(), message));
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
                let range = tags.next();
                if let Some(value) = self.value(tag, range) {
                    parts.push(Part::Value(value));
                }
            }
            TemplateElement::HelperBlock(block) => {
                let range = tags.next();
                self.block(block, range, tags, parts);
                tags.next();
            }
            TemplateElement::PartialExpression(partial) => {
                let indent = tags.indent().to_owned();
                let range = tags.next();
                self.partial(partial, &indent, range, parts);
            }
            // Decorators, partial blocks, and what a later library may add.
            _ => {
                let range = tags.next();
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
        let subject = subject.unwrap_or_else(|| Operand::literal(serde_json::Value::Null));
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
                let (then, otherwise) = if name == "unless" { (otherwise, body) } else { (body, otherwise) };
                parts.push(Part::If { condition: subject.term, then, otherwise });
            }
        }
    }

    /// The one value that a block is about.
    fn subject(&mut self, block: &HelperTemplate, name: &str, range: &Range<usize>) -> Option<Operand> {
        if !BLOCKS.contains(&name) {
            let error =
                TemplateError::new("unknown_function", range.clone(), format!("there is no block `{name}`"));
            let help = match helpers::is_inline(name) {
                true => Some(format!(
                    "`{name}` is a function: write `{{{{{name} …}}}}` or `{{{{#if ({name} …)}}}}`"
                )),
                false => did_you_mean(name, BLOCKS),
            };
            self.error(error.with_help_if(help));
            return None;
        }
        if block.params.len() != 1 || !block.hash.is_empty() {
            let found = block.params.len() + block.hash.len();
            let message = format!("`{{{{#{name}}}}}` takes one value, found {found}");
            let error = TemplateError::new("arguments", range.clone(), message);
            let operator = block.params.get(1).and_then(Parameter::as_name).is_some_and(helpers::is_inline);
            let help = operator.then_some("write the function first, in parentheses: `{{#if (eq a b)}}`");
            self.error(error.with_help_if(help.map(str::to_owned)));
            return None;
        }
        self.parameter(&block.params[0], range, Need::Required)
    }

    /// What stands under `{{else}}`, which may be the block of an `{{else if}}`.
    fn otherwise(&mut self, block: &HelperTemplate, tags: &mut Tags<'_>) -> Vec<Part> {
        let elements = block.inverse.as_ref().map(|inverse| inverse.elements.as_slice()).unwrap_or_default();
        match (tags.peek(), elements) {
            (Some(Kind::ElseIf), [TemplateElement::HelperBlock(next)]) => {
                let range = tags.next();
                let mut parts = Vec::new();
                self.block(next, range, tags, &mut parts);
                parts
            }
            (Some(Kind::Else), _) => {
                tags.next();
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

    /// Expands a partial in its place.
    fn partial(&mut self, tag: &DecoratorTemplate, indent: &str, range: Range<usize>, parts: &mut Vec<Part>) {
        let name = tag.name.as_name().unwrap_or_default().trim_matches(['[', ']', '\'']);
        let Some((name, text)) = self.partials.texts.get_key_value(name) else {
            let error = TemplateError::new("unknown_partial", range, format!("there is no partial `{name}`"));
            let help = did_you_mean(name, self.partials.names());
            return self.error(error.with_help_if(help));
        };
        let (name, text) = (Arc::clone(name), Arc::clone(text));
        if self.including.contains(&name) || self.including.len() >= PARTIAL_DEPTH {
            let path: Vec<_> = self.including.iter().chain([&name]).map(AsRef::as_ref).collect();
            let message = match self.including.contains(&name) {
                true => format!("the partial includes itself: `{}`", path.join("` → `")),
                false => format!("partials include each other at most {PARTIAL_DEPTH} levels deep"),
            };
            return self.error(TemplateError::new("template_limit", range, message));
        }
        let text = indented(&text, indent);
        let Some(left) = self.bytes_left.checked_sub(text.len()) else {
            let message = format!("the partials have more than {} KiB together", PARTIAL_BYTES >> 10);
            return self.error(TemplateError::new("template_limit", range, message));
        };
        self.bytes_left = left;
        let bound = self.bind(tag, &range);
        self.including.push(Arc::clone(&name));
        if !self.included.contains(&name) {
            self.included.push(name);
        }
        let mut body = match read(&text) {
            Ok(source) => self.source(&source, Some(range)).0,
            Err(error) => {
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

/// Adds text, to the text before it where there is some.
fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
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
