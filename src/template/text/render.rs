//! Goes through the parts of a template and writes its text.
//!
//! It recurses once for each block, whose nesting the guard has capped. What it writes is bounded
//! in bytes, what loops do in rounds, and all of it by the evaluator's budget.

use std::borrow::Cow;

use crate::secret;
use crate::template::OUTPUT_LIMIT;
use crate::template::evaluate::{Evaluator, Fault, Frame, Frames, Round};
use crate::template::functions::percent_encode;
use crate::template::scope::Scope;
use crate::template::values::{self, is_truthy, kind};
use crate::value::{Failure, Json};

use super::Sink;
use super::part::{Origin, Part, Value};

/// The text of these parts.
pub(super) fn render(parts: &[Part], scope: &Scope, sink: Sink) -> Result<String, Failure> {
    // A URL that is one value is that value.
    let sink = match (sink, parts) {
        (Sink::Url, [Part::Value(_)]) => Sink::Text,
        (sink, _) => sink,
    };
    let mut renderer = Renderer {
        evaluator: Evaluator::new(scope),
        sink,
        out: String::with_capacity(size_hint(parts)),
        past_host: false,
    };
    renderer.parts(parts, None).map_err(Failure::from)?;
    Ok(renderer.out)
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
    /// Whether the URL's host is written.
    past_host: bool,
}

type Done<'f> = Result<(), Fault<'f>>;

impl<'r> Renderer<'r> {
    fn parts<'f>(&mut self, parts: &'f [Part], frames: Frames<'f>) -> Done<'f>
    where
        'r: 'f,
    {
        parts.iter().try_for_each(|part| self.part(part, frames))
    }

    fn part<'f>(&mut self, part: &'f Part, frames: Frames<'f>) -> Done<'f>
    where
        'r: 'f,
    {
        match part {
            Part::Text(text) => self.write(text),
            Part::Value(value) => self.value(value, frames),
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

    fn value<'f>(&mut self, value: &'f Value, frames: Frames<'f>) -> Done<'f>
    where
        'r: 'f,
    {
        let json = self.evaluator.value(&value.term, frames)?;
        let weight = match json.as_ref() {
            Json::String(text) => text.len(),
            other => values::weight(other),
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
            Sink::Url => self.write_to_url(&text),
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
        if self.out.len() + text.len() > OUTPUT_LIMIT {
            let message = format!("the text grows beyond {} MiB", OUTPUT_LIMIT >> 20);
            return Err(Fault::new("template_limit", message));
        }
        self.out.push_str(text);
        Ok(())
    }
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
