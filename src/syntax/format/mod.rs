//! A file as it is best written: the same values and the same comments, laid out the same way everywhere.
//!
//! The tokens of a file are copied as they are, in their order; what is decided anew is only the space
//! between them. [`atoms`] cuts a file into tokens, [`layout`] puts them down again, [`lines`] aligns
//! the comments at their ends, and [`same`] holds the result against the original.
//!
//! Lists and maps are indented by two, lists in maps too. The author's line breaks stay, and of several
//! empty lines one. Between brackets it reads `{ a: b }` and `[a, b]`; what runs over several lines keeps
//! its shape. `'…'` becomes `"…"` where both say the same. Line ends are `\n`.
//!
//! What must stay true: what a file says never changes, no comment is lost or leaves its neighbour, and a
//! formatted file is left alone. A file for which that cannot be shown is refused, and so is one that the
//! reader refuses.
//!
//! Code raised here: `format`, and those of the [reader](super::yaml).

mod atoms;
mod layout;
mod lines;
mod same;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::yaml;
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span};

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// YAML from beginning to end.
    Yaml,
    /// A prompt: YAML between two lines of `---`, and then a text that is left alone.
    Prompt,
}

/// The text of a file, formatted. None when it has errors; they are in `diagnostics` then.
pub fn format(file: FileId, text: &str, language: Language, diagnostics: &mut Diagnostics) -> Option<String> {
    match language {
        Language::Yaml => yaml_text(file, text, diagnostics),
        Language::Prompt => match front_matter(text) {
            Some((start, end)) => {
                let (before, after) = (&text[..start], &text[end..]);
                // Blanks in the place of what stands before keep the places of errors right.
                let blanks = before
                    .chars()
                    .map(|char| if char == '\n' { "\n".into() } else { " ".repeat(char.len_utf8()) });
                let alone = blanks.chain([text[start..end].to_owned()]).collect::<String>();
                let formatted = yaml_text(file, &alone, diagnostics)?;
                Some(format!("{before}{formatted}{after}"))
            }
            None => Some(text.to_owned()),
        },
    }
}

fn yaml_text(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    let mut found = Diagnostics::new();
    let tree = yaml::parse(file, text, &mut found);
    let is_wrong = found.has_errors();
    diagnostics.extend(found);
    let tree = tree.filter(|_| !is_wrong)?;
    let text = unix(text);
    let formatted = atoms::atoms(&text).map(|pieces| layout::layout(&text, &pieces));
    let formatted = formatted.filter(|formatted| same::same(&tree, &text, formatted));
    if formatted.is_none() {
        let message = "this file cannot be formatted without a change of what it says";
        let help = "leave it as it is; checking and running it are not affected";
        diagnostics.push(Diagnostic::error("format", Span::new(file, 0, 0), message).with_help(help));
    }
    formatted
}

/// The text with `\n` at the end of each line.
fn unix(text: &str) -> Cow<'_, str> {
    match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n").into(),
        false => text.into(),
    }
}

/// Where the YAML of a prompt begins, and where the line that ends it does. Before the first `---` only
/// empty lines and comments may stand.
fn front_matter(text: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    let mut start = None;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        let is_mark = bare == "---";
        at += line.len();
        match start {
            None if is_mark => start = Some(at),
            None if bare.is_empty() || bare.starts_with('#') => {}
            None => return None,
            Some(start) if is_mark => return Some((start, at - line.len())),
            Some(_) => {}
        }
    }
    None
}
