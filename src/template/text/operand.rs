//! Makes terms of what stands inside a tag: paths, literals and calls.

use std::ops::Range;

use handlebars::template::{HelperTemplate, Parameter};

use crate::diagnostic::{did_you_mean, nearest};
use crate::template::functions::{self, Body, FUNCTIONS, Function};
use crate::template::reference::{Need, Reference, Segment};
use crate::template::term::{Op, Path, Root, RoundValue, Term};
use crate::template::{ROOTS, TemplateError};
use crate::value::Json;

use super::compile::{Compiler, Dialect};
use super::guard::{no_literals, syntax};
use super::helpers::{self, BLOCKS, INLINE};
use super::mark::MARKERS;
use super::part::Origin;
use super::path::{self, Written};

/// A term, where its value comes from if that is a path, and who decides what it is.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) term: Term,
    pub(super) path: Option<Vec<Segment>>,
    pub(super) origin: Origin,
}

impl Operand {
    pub(super) fn literal(value: Json, range: &Range<usize>) -> Self {
        Self {
            term: Term { op: Op::Literal(value), range: range.clone() },
            path: None,
            origin: Origin::Author,
        }
    }
}

impl Compiler<'_> {
    /// The inside of a `{{…}}`. After an error there is none.
    pub(super) fn expression(&mut self, tag: &HelperTemplate, range: &Range<usize>) -> Option<Operand> {
        let called = !tag.params.is_empty() || !tag.hash.is_empty();
        match &tag.name {
            Parameter::Name(name) if called => self.call(name, tag, range, Need::Required),
            Parameter::Name(name) => self.path(name, range, Need::Required, Use::Written),
            Parameter::Path(path) => self.path(raw(path), range, Need::Required, Use::Written),
            other => self.parameter(other, range, Need::Required),
        }
    }

    /// One argument of a call or a block.
    pub(super) fn parameter(
        &mut self,
        parameter: &Parameter,
        range: &Range<usize>,
        need: Need,
    ) -> Option<Operand> {
        match parameter {
            Parameter::Literal(Json::Array(_) | Json::Object(_)) => {
                self.error(no_literals(range.clone()));
                None
            }
            Parameter::Literal(value) => Some(Operand::literal(value.clone(), range)),
            Parameter::Name(name) => self.path(name, range, need, Use::Argument),
            Parameter::Path(path) => self.path(raw(path), range, need, Use::Argument),
            Parameter::Subexpression(inner) => match inner.as_element() {
                handlebars::template::TemplateElement::Expression(tag) => match &tag.name {
                    Parameter::Name(name) => self.call(name, tag, range, need),
                    other => self.parameter(other, range, need),
                },
                _ => None,
            },
            _ => None,
        }
    }

    fn call(
        &mut self,
        name: &str,
        tag: &HelperTemplate,
        range: &Range<usize>,
        need: Need,
    ) -> Option<Operand> {
        if let Some(function) = functions::find(name) {
            return self.function(function, tag, range, need);
        }
        let Some((_, least, most)) = INLINE.iter().find(|(known, ..)| *known == name) else {
            self.error(unknown_function(name, range.clone()));
            return None;
        };
        if tag.params.len() < *least || tag.params.len() > *most || !tag.hash.is_empty() {
            let takes = if least == most { least.to_string() } else { format!("{least} or more") };
            let message =
                format!("`{name}` takes {takes} values, found {}", tag.params.len() + tag.hash.len());
            self.error(TemplateError::new("arguments", range.clone(), message));
            return None;
        }
        let arguments: Vec<_> =
            tag.params.iter().map(|argument| self.parameter(argument, range, need)).collect();
        let arguments: Vec<Operand> = arguments.into_iter().collect::<Option<_>>()?;
        let origin = arguments.iter().map(|argument| argument.origin).max().unwrap_or(Origin::Author);
        let op = helpers::inline(name, arguments.into_iter().map(|argument| argument.term).collect())?;
        let term = Term { op, range: range.clone() };
        Some(Operand { term, path: None, origin: origin.mixed() })
    }

    fn function(
        &mut self,
        function: &'static Function,
        tag: &HelperTemplate,
        range: &Range<usize>,
        need: Need,
    ) -> Option<Operand> {
        let arguments = self.in_order(function, tag, range)?;
        // Only the value itself may be missing, not what `default` falls back to.
        let optional = !matches!(function.body(), Body::Plain(_));
        let need_of = |at: usize| if optional && at == 0 { Need::Optional } else { need };
        let arguments: Vec<_> = arguments
            .into_iter()
            .enumerate()
            .map(|(at, argument)| match argument {
                Some(argument) => self.parameter(argument, range, need_of(at)),
                None => Some(Operand::literal(Json::Null, range)),
            })
            .collect();
        let arguments: Vec<Operand> = arguments.into_iter().collect::<Option<_>>()?;
        let origin = arguments.iter().map(|argument| argument.origin).max().unwrap_or(Origin::Author);
        let terms = arguments.into_iter().map(|argument| argument.term);
        let term = Term { op: functions::op(function, terms.collect()), range: range.clone() };
        Some(Operand { term, path: None, origin: origin.mixed() })
    }

    /// A call's arguments in the order of the parameters, those written `name=value` included.
    fn in_order<'t>(
        &mut self,
        function: &Function,
        tag: &'t HelperTemplate,
        range: &Range<usize>,
    ) -> Option<Vec<Option<&'t Parameter>>> {
        let mut arguments: Vec<_> = tag.params.iter().map(Some).collect();
        let mut failed = false;
        for (name, value) in &tag.hash {
            let place = function.parameters.iter().position(|parameter| parameter.name == name);
            let Some(place) = place else {
                let message = format!("`{}` has no parameter `{name}`", function.name);
                let names = function.parameters.iter().map(|parameter| parameter.name);
                let error = TemplateError::new("arguments", range.clone(), message);
                self.error(error.with_help_if(did_you_mean(name, names)));
                failed = true;
                continue;
            };
            if arguments.len() <= place {
                arguments.resize(place + 1, None);
            }
            if arguments[place].replace(value).is_some() {
                let message = format!("`{}` is given `{name}` twice", function.name);
                self.error(TemplateError::new("arguments", range.clone(), message));
                failed = true;
            }
        }
        if failed {
            return None;
        }
        let given = |at: usize| arguments.get(at).is_some_and(Option::is_some);
        match functions::check_arity(function, arguments.len(), given, range) {
            Ok(()) => Some(arguments),
            Err(error) => {
                self.error(error);
                None
            }
        }
    }

    /// A path, as the library's grammar let it pass.
    fn path(&mut self, raw: &str, range: &Range<usize>, need: Need, used: Use) -> Option<Operand> {
        match self.resolve(raw, range, need, used) {
            Ok(operand) => Some(operand),
            Err(error) => {
                self.error(error);
                None
            }
        }
    }

    fn resolve(
        &mut self,
        raw: &str,
        range: &Range<usize>,
        need: Need,
        used: Use,
    ) -> Result<Operand, TemplateError> {
        let (up, segments) = match path::read(raw) {
            Written::Unknown if self.dialect != Dialect::Text => return Ok(variable(raw, range)),
            Written::Unknown => {
                let help = "known are `@index`, `@key`, `@first`, `@last` and `@root`";
                return Err(syntax(range.clone(), format!("there is no `{raw}`")).with_help(help));
            }
            Written::Round(up, _)
                if self.dialect == Dialect::Partial && self.contexts.looping(up).is_none() =>
            {
                return Ok(Operand::literal(Json::Null, range));
            }
            Written::Round(up, value) => {
                let (frame, _) = self.contexts.looping(up).ok_or_else(|| {
                    let message = format!("`{raw}` stands outside of `{{{{#each}}}}`");
                    syntax(range.clone(), message)
                })?;
                return Ok(self.round(frame, value, range));
            }
            Written::Root(segments) if self.dialect != Dialect::Text => {
                let outermost = self.contexts.outermost();
                return Ok(self.relative(raw, outermost, segments, range, need));
            }
            Written::Root(segments) => return self.absolute(raw, segments, range, need, used),
            Written::This(up, segments) => (up, segments),
            Written::Bare(segments) => {
                let first = match segments.first() {
                    Some(Segment::Key(name)) => name.as_ref(),
                    _ => "",
                };
                if let Some((frame, value)) = self.contexts.round_named(first).filter(|_| segments.len() == 1)
                {
                    return Ok(self.round(frame, value, range));
                }
                if let Some((frame, _)) = self.contexts.named(first) {
                    return Ok(self.relative(raw, frame, segments[1..].to_vec(), range, need));
                }
                let is_hidden = self.dialect == Dialect::Text && self.contexts.this(0).is_some();
                if is_hidden && ROOTS.contains(&first) {
                    let message = format!("inside a block `{raw}` means `this.{raw}`");
                    let help =
                        format!("write `@root.{raw}` for the workflow's, or `this.{raw}` for the block's");
                    return Err(TemplateError::new("shadowed-root", range.clone(), message).with_help(help));
                }
                (0, segments)
            }
        };
        match self.contexts.this(up) {
            Some((frame, _)) => Ok(self.relative(raw, frame, segments, range, need)),
            None if self.dialect == Dialect::Partial => Ok(Operand::literal(Json::Null, range)),
            None if up > self.contexts.levels() || self.dialect == Dialect::Markup => {
                Err(syntax(range.clone(), format!("`{raw}` leads above the top of the template")))
            }
            None => self.absolute(raw, segments, range, need, used),
        }
    }

    /// Where a loop is; the keys of a map from data are data too.
    fn round(&self, frame: usize, value: RoundValue, range: &Range<usize>) -> Operand {
        let origin = match (value, self.contexts.at(frame)) {
            (RoundValue::Key, Some(context)) => context.origin.mixed(),
            _ => Origin::Author,
        };
        let term = Term { op: Op::Round(frame, value), range: range.clone() };
        Operand { term, path: None, origin }
    }

    /// A path below the value of a frame.
    fn relative(
        &mut self,
        raw: &str,
        frame: usize,
        segments: Vec<Segment>,
        range: &Range<usize>,
        need: Need,
    ) -> Operand {
        let context = self.contexts.at(frame);
        let origin = context.map_or(Origin::Data, |context| context.origin);
        let whole = context
            .and_then(|context| context.path.as_ref())
            .map(|path| [path.as_slice(), &segments].concat());
        if let Some(path) = &whole {
            self.references.push(Reference { path: path.clone(), range: range.clone(), need });
        }
        let origin = whole.as_deref().map_or(origin, Origin::of);
        let op = Op::Path(Path { root: Root::Frame(frame), path: segments, spelled: raw.into() });
        let term = Term { op, range: range.clone() };
        Operand { term, path: whole, origin }
    }

    /// A path from the roots.
    fn absolute(
        &mut self,
        raw: &str,
        segments: Vec<Segment>,
        range: &Range<usize>,
        need: Need,
        used: Use,
    ) -> Result<Operand, TemplateError> {
        if segments.is_empty() {
            let message = format!("`{raw}` stands for everything here");
            return Err(
                syntax(range.clone(), message).with_help("name what is meant, as in `{{inputs.name}}`")
            );
        }
        self.references.push(Reference { path: segments.clone(), range: range.clone(), need });
        let origin = Origin::of(&segments);
        let secret = matches!(segments.first(), Some(Segment::Key(root)) if root.as_ref() == "secrets");
        let op = match (secret, segments.as_slice(), used) {
            (true, [_, Segment::Key(name)], Use::Written) => Op::Secret(name.clone()),
            (true, [_, Segment::Key(_)], Use::Argument) => {
                let message = format!("the value of `{raw}` is not known here, only where it is sent");
                let help = "write the secret by itself, as in `{{secrets.NAME}}`";
                return Err(TemplateError::new("secret-use", range.clone(), message).with_help(help));
            }
            (true, ..) => {
                let message = format!("`{raw}` is not one secret");
                return Err(TemplateError::new("secret-use", range.clone(), message)
                    .with_help("write `{{secrets.NAME}}`"));
            }
            (false, ..) => Op::Path(Path { root: Root::Scope, path: segments.clone(), spelled: raw.into() }),
        };
        let term = Term { op, range: range.clone() };
        Ok(Operand { term, path: Some(segments), origin })
    }
}

/// What happens to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// It is written out as it is.
    Written,
    /// A function or a block looks at it.
    Argument,
}

/// `@name.…`: what the surroundings know, which may be nothing.
fn variable(raw: &str, range: &Range<usize>) -> Operand {
    let path = path::segments(raw.trim_start_matches('@'));
    let here = |op| Term { op, range: range.clone() };
    let path = here(Op::Path(Path { root: Root::Scope, path, spelled: raw.into() }));
    let op = Op::Default(Box::new([path, here(Op::Literal(Json::Null))]));
    Operand { term: here(op), path: None, origin: Origin::Data }
}

/// A path as it was written.
fn raw(path: &handlebars::Path) -> &str {
    match path {
        handlebars::Path::Relative((_, raw)) | handlebars::Path::Local((_, _, raw)) => raw,
    }
}

fn unknown_function(name: &str, range: Range<usize>) -> TemplateError {
    let error = TemplateError::new("unknown-function", range, format!("there is no function `{name}`"));
    if BLOCKS.contains(&name) {
        let help = format!("`{name}` is a block: write `{{{{#{name} …}}}}…{{{{/{name}}}}}`");
        return error.with_help(help);
    }
    if MARKERS.contains(&name) {
        let error = TemplateError { message: format!("`{name}` works in prompt files only"), ..error };
        let help = "put the conversation into `prompts/NAME.prompt`, and write `prompt: { file: NAME }`";
        return error.with_help(help);
    }
    let known = FUNCTIONS.iter().map(|function| function.name).chain(INLINE.iter().map(|(name, ..)| *name));
    match nearest(name, known) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error.with_help("`howdah functions` lists them all"),
    }
}

impl Origin {
    /// Of a value that was made from one of this origin.
    fn mixed(self) -> Self {
        if self == Self::Confined { Self::Data } else { self }
    }
}
