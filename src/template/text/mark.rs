//! Marks: the places in a conversation where something stands that is no text. Another speaks, the
//! earlier messages come, media stand, a section begins.
//!
//! A mark is a part of the compiled text and, when that is rendered, an offset beside it. It is never
//! spelled in the text itself, so that no value can hold one: what data says is only ever said.

use std::ops::Range;
use std::sync::Arc;

use handlebars::template::{HelperTemplate, Parameter};

use crate::diagnostic::did_you_mean;
use crate::template::TemplateError;
use crate::template::prompt::{Media, Role};
use crate::template::reference::Need;
use crate::template::term::Term;
use crate::value::Json;

use super::compile::{Compiler, Dialect};

/// The tags that make marks.
pub(super) const MARKERS: [&str; 4] = ["role", "history", "media", "section"];

/// A tag that makes a mark.
#[derive(Debug)]
pub(super) enum Marker {
    Role(Role),
    History,
    Section(Arc<str>),
    Media { url: Term, content_type: Option<Term> },
}

/// A mark that was made.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::template) enum Mark {
    /// From here on this one speaks.
    Role(Role),
    /// Here the earlier messages stand.
    History,
    /// Here a section of this name begins.
    Section(Arc<str>),
    /// Here this stands.
    Media(Media),
}

/// A rendered text and the marks in it.
#[derive(Debug)]
pub(in crate::template) struct Marked {
    pub(in crate::template) text: String,
    /// Each with its offset in the text, in order.
    pub(in crate::template) marks: Vec<(usize, Mark)>,
}

impl Compiler<'_> {
    /// The marker that a tag is; none if it is something else. After an error there is nothing in it.
    pub(super) fn marker(&mut self, tag: &HelperTemplate, range: &Range<usize>) -> Option<Option<Marker>> {
        let name = tag.name.as_name().filter(|name| MARKERS.contains(name))?;
        let called = !tag.params.is_empty() || !tag.hash.is_empty();
        // Without arguments `{{role}}` is a name like any other.
        if self.dialect == Dialect::Text || called == (name == "history") {
            return None;
        }
        let made = match name {
            "history" => Ok(Marker::History),
            "role" => word(tag, "role", range).and_then(|word| role(&word, range)).map(Marker::Role),
            "section" => word(tag, "section", range).map(|word| Marker::Section(word.into())),
            _ => return Some(self.media(tag, range)),
        };
        Some(made.map_err(|error| self.error(error)).ok())
    }

    fn media(&mut self, tag: &HelperTemplate, range: &Range<usize>) -> Option<Marker> {
        let wrong = |message: String| {
            TemplateError::new("arguments", range.clone(), message)
                .with_help("write `{{media url=photo}}` or `{{media url=photo contentType=\"image/png\"}}`")
        };
        if !tag.params.is_empty() {
            self.error(wrong("what `media` is given needs its name: `url` or `contentType`".to_owned()));
            return None;
        }
        let (mut url, mut content_type) = (None, None);
        for (name, value) in &tag.hash {
            let place = match name.as_str() {
                "url" => &mut url,
                "contentType" => &mut content_type,
                other => {
                    let error = wrong(format!("`media` has no parameter `{other}`"));
                    self.error(error.with_help_if(did_you_mean(other, ["url", "contentType"])));
                    return None;
                }
            };
            *place = Some(self.parameter(value, range, Need::Required)?.term);
        }
        let Some(url) = url else {
            self.error(wrong("`media` needs the `url` of what is shown".to_owned()));
            return None;
        };
        Some(Marker::Media { url, content_type })
    }
}

/// The one word that a marker is given. It is the author's: a value could be anybody's.
fn word(tag: &HelperTemplate, name: &str, range: &Range<usize>) -> Result<String, TemplateError> {
    match tag.params.as_slice() {
        [Parameter::Literal(Json::String(word))] if tag.hash.is_empty() => Ok(word.clone()),
        _ => {
            let message = format!("`{name}` takes one word in quotes, and never a value");
            let help = match name {
                "role" => "write `{{role \"system\"}}`, `{{role \"user\"}}` or `{{role \"model\"}}`",
                _ => "write `{{section \"name\"}}`",
            };
            Err(TemplateError::new("arguments", range.clone(), message).with_help(help))
        }
    }
}

fn role(word: &str, range: &Range<usize>) -> Result<Role, TemplateError> {
    Role::named(word).ok_or_else(|| {
        let error = TemplateError::new("arguments", range.clone(), format!("there is no role `{word}`"));
        error.with_help_if(match word {
            "tool" => Some("what a tool gave is told to the model by the step that called it".to_owned()),
            _ => did_you_mean(word, Role::NAMES),
        })
    })
}
