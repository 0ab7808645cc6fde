//! Goes through the parts of a template and writes its text.
//!
//! It recurses once for each block, whose nesting the guard has capped. What it writes is bounded
//! in bytes, what loops do in rounds, and all of it by the evaluator's budget.

use std::borrow::Cow;

use crate::secret;
use crate::template::OUTPUT_LIMIT;
use crate::template::evaluate::{Evaluator, Fault, Frame, Frames, Round};
use crate::template::foresight::{self, Foreseen};
use crate::template::functions::percent_encode;
use crate::template::prompt::Media;
use crate::template::scope::Scope;
use crate::template::term::Term;
use crate::template::values::{self, is_truthy, kind};
use crate::value::{Failure, Json, weight};

use super::Sink;
use super::mark::{Mark, Marked, Marker};
use super::part::{Origin, Part, Value};

/// How many marks one rendering may make.
const MARK_LIMIT: usize = 10_000;

/// The text of these parts, in the scope of the evaluator.
pub(super) fn render(parts: &[Part], evaluator: Evaluator<'_>, sink: Sink) -> Result<String, Failure> {
    let mut renderer = Renderer::new(evaluator, url_sink(sink, parts), parts);
    renderer.parts(parts, None).map_err(Failure::from)?;
    Ok(renderer.out)
}

/// The same, with marks for what is not known yet.
pub(super) fn foresee(parts: &[Part], scope: &Scope, sink: Sink) -> Result<Foreseen<String>, Failure> {
    let mut renderer = Renderer {
        unknown: Some(Vec::new()),
        ..Renderer::new(Evaluator::new(scope), url_sink(sink, parts), parts)
    };
    renderer.parts(parts, None).map_err(Failure::from)?;
    Ok(Foreseen { value: renderer.out, unknown: renderer.unknown.unwrap_or_default() })
}

/// A URL that is one value is that value.
fn url_sink(sink: Sink, parts: &[Part]) -> Sink {
    match (sink, parts) {
        (Sink::Url, [Part::Value(_)]) => Sink::Text,
        (sink, _) => sink,
    }
}

/// The text of these parts over a value, and the marks in it.
pub(super) fn render_markup(parts: &[Part], value: &Json, variables: &Scope) -> Result<Marked, Failure> {
    let mut renderer = Renderer::new(Evaluator::new(variables), Sink::Text, parts);
    let frame = Frame { parent: None, value, round: Round::default() };
    renderer.parts(parts, Some(&frame)).map_err(Failure::from)?;
    Ok(Marked { text: renderer.out, marks: renderer.marks })
}

fn size_hint(parts: &[Part]) -> usize {
    let size = |part: &Part| match part {
        Part::Text(text) => text.len(),
        _ => 32,
    };
    parts.iter().map(size).sum()
}

struct Renderer<'r> {
    evaluator: Evaluator<'r>,
    sink: Sink,
    out: String,
    /// Beside the text, each with its offset in it.
    marks: Vec<(usize, Mark)>,
    /// How many bytes the marks hold.
    beside: usize,
    /// Whether the URL's host is written.
    past_host: bool,
    /// The paths that are not known yet and were marked; none where nothing may be unknown.
    unknown: Option<Vec<String>>,
}

type Done<'f> = Result<(), Fault<'f>>;

impl<'r> Renderer<'r> {
    fn new(evaluator: Evaluator<'r>, sink: Sink, parts: &[Part]) -> Self {
        Self {
            evaluator,
            sink,
            out: String::with_capacity(size_hint(parts)),
            marks: Vec::new(),
            beside: 0,
            past_host: false,
            unknown: None,
        }
    }

    fn parts<'f>(&mut self, parts: &'f [Part], frames: Frames<'f>) -> Done<'f>
    where
        'r: 'f,
    {
        parts.iter().try_for_each(|part| self.part(part, frames))
    }

    /// One part, or a mark in its place.
    fn part<'f>(&mut self, part: &'f Part, frames: Frames<'f>) -> Done<'f>
    where
        'r: 'f,
    {
        let start = self.out.len();
        let fault = match self.known_part(part, frames) {
            Err(fault) if self.unknown.is_some() => fault,
            done => return done,
        };
        let Some(path) = fault.unknown().map(str::to_owned) else { return Err(fault) };
        self.out.truncate(start);
        if let Some(unknown) = &mut self.unknown {
            foresight::note(unknown, path.clone());
        }
        match part {
            Part::Text(_) => Ok(()),
            Part::Value(_) | Part::Mark(_) => self.write(&foresight::mark(&path)),
            Part::If { then, otherwise, .. } => {
                self.write(&foresight::mark(&format!("if {path}")))?;
                self.possibly(then, frames)?;
                if !otherwise.is_empty() {
                    self.write(&foresight::mark("else"))?;
                    self.possibly(otherwise, frames)?;
                }
                self.write(&foresight::mark("end"))
            }
            Part::Each { .. } => self.write(&foresight::mark(&format!("each {path}: …"))),
            Part::With { .. } | Part::Bind { .. } => self.write(&foresight::mark(&format!("with {path}: …"))),
        }
    }

    /// Parts that may never be reached: what fails in them is no failure yet.
    fn possibly<'f>(&mut self, parts: &'f [Part], frames: Frames<'f>) -> Done<'f>
    where
        'r: 'f,
    {
        let start = self.out.len();
        match self.parts(parts, frames) {
            Err(fault) if !fault.is_limit() => {
                self.out.truncate(start);
                self.write(&foresight::mark("…"))
            }
            done => done,
        }
    }

    fn known_part<'f>(&mut self, part: &'f Part, frames: Frames<'f>) -> Done<'f>
    where
        'r: 'f,
    {
        match part {
            Part::Text(text) => self.write(text),
            Part::Value(value) => self.value(value, frames),
            Part::Mark(marker) => self.mark(marker, frames),
            Part::If { condition, then, otherwise } => {
                let holds = is_truthy(self.evaluator.value(condition, frames)?.as_ref());
                self.parts(if holds { then } else { otherwise }, frames)
            }
            Part::Each { over, body, otherwise } => {
                let list = self.evaluator.value(over, frames)?;
                let done = match list.as_ref() {
                    Json::Null => return self.parts(otherwise, frames),
                    Json::Array(items) if items.is_empty() => return self.parts(otherwise, frames),
                    Json::Object(fields) if fields.is_empty() => return self.parts(otherwise, frames),
                    Json::Array(items) => self.rounds(items.iter().map(|item| (None, item)), body, frames),
                    Json::Object(fields) => {
                        self.rounds(fields.iter().map(|(key, item)| (Some(key.as_str()), item)), body, frames)
                    }
                    other => {
                        let message = format!("`{{{{#each}}}}` needs a list or a map, found {}", kind(other));
                        return Err(Fault::new("template_type", message));
                    }
                };
                done.map_err(Fault::settled)
            }
            Part::With { value, body, otherwise } => {
                let value = self.evaluator.value(value, frames)?;
                match is_truthy(&value) {
                    true => self.framed(&[value], body, frames).map_err(Fault::settled),
                    false => self.parts(otherwise, frames),
                }
            }
            Part::Bind { values, body } => {
                let values: Result<Vec<_>, _> =
                    values.iter().map(|value| self.evaluator.value(value, frames)).collect();
                self.framed(&values?, body, frames).map_err(Fault::settled)
            }
        }
    }

    fn rounds<'f>(
        &mut self,
        items: impl ExactSizeIterator<Item = (Option<&'f str>, &'f Json)>,
        body: &'f [Part],
        frames: Frames<'f>,
    ) -> Done<'static>
    where
        'r: 'f,
    {
        let count = items.len();
        for (index, (key, item)) in items.enumerate() {
            self.evaluator.spend_round()?;
            let round = Round { index, key, last: index + 1 == count };
            let frame = Frame { parent: frames, value: item, round };
            self.parts(body, Some(&frame)).map_err(Fault::settled)?;
        }
        Ok(())
    }

    /// A body that sees these values as frames, the last innermost.
    fn framed<'f>(
        &mut self,
        values: &'f [Cow<'f, Json>],
        body: &'f [Part],
        frames: Frames<'f>,
    ) -> Done<'static>
    where
        'r: 'f,
    {
        match values.split_first() {
            None => self.parts(body, frames).map_err(Fault::settled),
            Some((value, rest)) => {
                let frame = Frame { parent: frames, value, round: Round::default() };
                self.framed(rest, body, Some(&frame))
            }
        }
    }

    fn mark<'f>(&mut self, marker: &'f Marker, frames: Frames<'f>) -> Done<'f>
    where
        'r: 'f,
    {
        let mark = match marker {
            Marker::Role(role) => Mark::Role(*role),
            Marker::History => Mark::History,
            Marker::Section(name) => Mark::Section(name.clone()),
            Marker::Media { url, content_type } => {
                let url = self.words("url", url, frames)?.unwrap_or_default();
                if url.is_empty() {
                    return Err(Fault::new("template_type", "`media` has no `url`: the value is empty"));
                }
                let content_type = match content_type {
                    Some(term) => self.words("contentType", term, frames)?,
                    None => None,
                };
                self.beside += url.len() + content_type.as_ref().map_or(0, String::len);
                Mark::Media(Media { url, content_type })
            }
        };
        if self.marks.len() == MARK_LIMIT {
            let message = format!("there are more than {MARK_LIMIT} roles, sections and media");
            return Err(Fault::new("template_limit", message));
        }
        self.marks.push((self.out.len(), mark));
        self.write("")
    }

    /// A value of a marker that is text; none if it is null.
    fn words<'f>(
        &mut self,
        name: &str,
        term: &'f Term,
        frames: Frames<'f>,
    ) -> Result<Option<String>, Fault<'f>>
    where
        'r: 'f,
    {
        let value = self.evaluator.value(term, frames)?;
        match value.as_ref() {
            Json::Null => Ok(None),
            Json::String(text) => {
                self.evaluator.spend(text.len())?;
                Ok(Some(text.clone()))
            }
            other => {
                let message = format!("`{name}` of `media` is text, found {}", kind(other));
                Err(Fault::new("template_type", message))
            }
        }
    }

    fn value<'f>(&mut self, value: &'f Value, frames: Frames<'f>) -> Done<'f>
    where
        'r: 'f,
    {
        let json = self.evaluator.value(&value.term, frames)?;
        let weight = match json.as_ref() {
            Json::String(text) => text.len(),
            other => weight(other),
        };
        self.evaluator.spend(weight)?;
        let text = values::text(&json);
        match self.sink {
            Sink::Text => self.write(&text),
            Sink::Path => {
                if value.origin == Origin::Data {
                    check_path(&text)?;
                }
                self.write(&text)
            }
            Sink::Glob if value.origin == Origin::Data => {
                check_path(&text)?;
                text.split_inclusive(is_wildcard).try_for_each(|piece| self.write_escaped(piece))
            }
            Sink::Glob => self.write(&text),
            Sink::Folders => {
                if value.origin == Origin::Data {
                    text.split('/').try_for_each(check_path)?;
                }
                self.write(&text)
            }
            Sink::Url => self.write_to_url(&text),
        }
    }

    /// A piece of a glob in which at most the last character is a wildcard, which loses its meaning.
    fn write_escaped<'f>(&mut self, piece: &str) -> Done<'f> {
        match piece.strip_suffix(is_wildcard) {
            None => self.write(piece),
            Some(plain) => {
                self.write(plain)?;
                self.write("\\")?;
                self.write(&piece[plain.len()..])
            }
        }
    }

    fn write_to_url<'f>(&mut self, text: &str) -> Done<'f> {
        if !self.past_host {
            self.evaluator.spend(self.out.len())?;
            self.past_host =
                self.out.split_once("://").is_some_and(|(_, host)| host.contains(['/', '?', '#']));
        }
        // A placeholder is filled where the request is sent, and has to stay what it is until then.
        if !self.past_host || secret::has_placeholder(text) {
            return self.write(text);
        }
        if matches!(text, "." | "..") && !self.out.contains(['?', '#']) {
            return Err(unsafe_path(format!("the value `{text}` would lead elsewhere in the URL")));
        }
        self.evaluator.spend(3 * text.len())?;
        percent_encode(text).try_for_each(|piece| self.write(piece))
    }

    fn write<'f>(&mut self, text: &str) -> Done<'f> {
        if self.out.len() + self.beside + text.len() > OUTPUT_LIMIT {
            let message = format!("the text grows beyond {} MiB", OUTPUT_LIMIT >> 20);
            return Err(Fault::new("template_limit", message));
        }
        self.out.push_str(text);
        Ok(())
    }
}

/// Whether a character has a meaning in a glob.
fn is_wildcard(c: char) -> bool {
    matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | ',' | '!')
}

/// Whether a value can stand in a path as a part of one name.
fn check_path<'f>(text: &str) -> Done<'f> {
    let found = match text {
        "." | ".." => format!("is `{text}`"),
        _ => match text.chars().find(|c| matches!(c, '/' | '\\' | '\0')) {
            Some('\0') => "holds a NUL character".to_owned(),
            Some(c) => format!("holds `{c}`"),
            None => return Ok(()),
        },
    };
    Err(unsafe_path(format!(
        "a value from data in a path {found}; write `{{{{filename …}}}}` to make it one file name"
    )))
}

fn unsafe_path<'f>(message: String) -> Fault<'f> {
    Fault::new("unsafe_path", message)
}
