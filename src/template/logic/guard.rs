//! Looks at the raw text of an expression before the library does: that nothing in it nests deeper
//! than the library's stack takes, and that the common slips are told in plain words.

use std::ops::Range;

use crate::template::stack::Depth;
use crate::template::{EXPRESSION_LIMIT, TemplateError};

/// How deep brackets may nest.
const BRACKET_DEPTH: usize = 32;

/// How many `?` an expression may have: each nests in the one before.
const CHOICE_LIMIT: usize = 32;

/// How many parts or operators may follow each other between brackets, `&&`, `||`, `?` and commas:
/// each nests in the one before.
const CHAIN_LIMIT: usize = 64;

/// Up to this sum of all that nests the library needs no large stack.
const SHALLOW: usize = 4;

/// How much stack the text will take to read.
pub(super) fn scan(text: &str) -> Result<Depth, TemplateError> {
    if text.len() > EXPRESSION_LIMIT {
        let message = format!(
            "an expression has at most {} KiB, this one has {} bytes",
            EXPRESSION_LIMIT >> 10,
            text.len()
        );
        return Err(limit(0..0, message));
    }
    if text.trim().is_empty() {
        return Err(syntax(0..text.len(), "the expression is empty"));
    }
    let mut scanner = Scanner { text, at: 0, open: Vec::new(), chains: vec![0], choices: 0, weight: 0 };
    while scanner.at < text.len() {
        scanner.token()?;
    }
    match scanner.open.last() {
        Some((bracket, at)) => Err(syntax(*at..at + 1, format!("`{bracket}` is never closed"))),
        None if scanner.weight <= SHALLOW => Ok(Depth::Shallow),
        None => Ok(Depth::Deep),
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// The brackets that are open, and where.
    open: Vec<(char, usize)>,
    /// The length of the chain at each level of brackets.
    chains: Vec<usize>,
    choices: usize,
    /// Everything that nests, added up.
    weight: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn token(&mut self) -> Result<(), TemplateError> {
        let start = self.at;
        let Some(next) = self.rest().chars().next() else { return Ok(()) };
        let here = start..start + next.len_utf8();
        match next {
            c if c.is_ascii_alphabetic() || c == '_' => return self.word(),
            '"' | '\'' => return self.string(Escapes::Kept),
            _ if self.rest().starts_with("//") => {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                return Ok(());
            }
            _ if self.rest().starts_with("{{") => {
                let error = syntax(start..start + 2, "an expression has no braces around its names");
                return Err(error.with_help(match without_braces(self.text) {
                    Some(bare) => format!("write `{bare}`"),
                    None => "write the name by itself, as in `steps.a.output > 3`".to_owned(),
                }));
            }
            _ => {}
        }
        let pair =
            ["==", "!=", "<=", ">=", "&&", "||"].into_iter().find(|pair| self.rest().starts_with(pair));
        if let Some(pair) = pair {
            self.at += 2;
            match pair {
                "&&" | "||" => self.new_chain(),
                _ => self.link(here)?,
            }
            return Ok(());
        }
        self.at = here.end;
        match next {
            '(' | '[' | '{' => {
                self.link(here.clone())?;
                self.open.push((next, start));
                self.chains.push(0);
                if self.open.len() > BRACKET_DEPTH {
                    return Err(limit(here, format!("brackets nest at most {BRACKET_DEPTH} levels")));
                }
            }
            ')' | ']' | '}' => self.close(next, here)?,
            ',' | ':' => self.new_chain(),
            '?' => {
                self.choices += 1;
                self.weight += 1;
                self.new_chain();
                if self.choices > CHOICE_LIMIT {
                    return Err(limit(here, format!("an expression has at most {CHOICE_LIMIT} `?`")));
                }
            }
            '=' => return Err(syntax(here, "`=` has no meaning here").with_help("`==` compares")),
            '&' | '|' => {
                let help = format!("write `{next}{next}`");
                return Err(syntax(here, format!("`{next}` has no meaning here")).with_help(help));
            }
            '.' | '+' | '-' | '*' | '/' | '%' | '<' | '>' | '!' => self.link(here)?,
            _ => {}
        }
        Ok(())
    }

    fn word(&mut self) -> Result<(), TemplateError> {
        let start = self.at;
        let end =
            self.rest().find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest().len());
        let word = self.rest()[..end].to_owned();
        self.at += end;
        if self.rest().starts_with(['"', '\'']) && word.len() <= 2 && word.chars().all(|c| "rRbB".contains(c))
        {
            let raw = word.contains(['r', 'R']);
            return self.string(if raw { Escapes::None } else { Escapes::Kept });
        }
        let is_field = self.text[..start].trim_end().ends_with('.');
        let operator = match word.as_str() {
            "and" => "&&",
            "or" => "||",
            "not" => "!",
            _ => return Ok(()),
        };
        match is_field {
            true => Ok(()),
            false => Err(syntax(start..self.at, format!("`{word}` is not an operator here"))
                .with_help(format!("write `{operator}`"))),
        }
    }

    fn string(&mut self, escapes: Escapes) -> Result<(), TemplateError> {
        let start = self.at;
        let quote = &self.text[start..start + 1];
        let triple = quote.repeat(3);
        let end = if self.rest().starts_with(&triple) { triple.as_str() } else { quote };
        self.at += end.len();
        loop {
            if self.rest().starts_with(end) {
                self.at += end.len();
                return Ok(());
            }
            match self.rest().chars().next() {
                Some('\\') if escapes == Escapes::Kept => {
                    self.at += 1;
                    self.at += self.rest().chars().next().map_or(0, char::len_utf8);
                }
                Some(c) if c != '\n' || end.len() == 3 => self.at += c.len_utf8(),
                _ => return Err(syntax(start..start + 1, "the quote is never closed")),
            }
        }
    }

    /// One more part of the chain at this level.
    fn link(&mut self, range: Range<usize>) -> Result<(), TemplateError> {
        self.weight += 1;
        if let Some(chain) = self.chains.last_mut() {
            *chain += 1;
            if *chain > CHAIN_LIMIT {
                let message = format!("more than {CHAIN_LIMIT} parts or operators follow each other");
                return Err(limit(range, message).with_help("give a part of it a name with `compute`"));
            }
        }
        Ok(())
    }

    fn new_chain(&mut self) {
        if let Some(chain) = self.chains.last_mut() {
            *chain = 0;
        }
    }

    fn close(&mut self, bracket: char, range: Range<usize>) -> Result<(), TemplateError> {
        self.chains.pop();
        match (self.open.pop(), bracket) {
            (Some(('(', _)), ')') | (Some(('[', _)), ']') | (Some(('{', _)), '}') => Ok(()),
            (Some((open, _)), _) => Err(syntax(range, format!("`{bracket}` does not close `{open}`"))),
            (None, _) => Err(syntax(range, format!("`{bracket}` closes nothing"))),
        }
    }
}

/// Whether a backslash in a string means something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Kept,
    None,
}

/// What stands between the braces of a text that is one tag, also where a `$` stands before it.
fn without_braces(text: &str) -> Option<&str> {
    let text = text.trim();
    let bare = text.strip_prefix('$').unwrap_or(text).strip_prefix("{{")?.strip_suffix("}}")?.trim();
    (bare.len() <= 80 && !bare.contains(['{', '}', '`', '#', '\n'])).then_some(bare)
}

/// A text that is not an expression.
pub(super) fn syntax(range: Range<usize>, message: impl Into<String>) -> TemplateError {
    TemplateError::new("cel-syntax", range, message)
}

/// An expression over a limit.
pub(super) fn limit(range: Range<usize>, message: impl Into<String>) -> TemplateError {
    TemplateError::new("template-limit", range, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_in_plain_words() {
        let cases = [
            ("{{x}}", "an expression has no braces around its names", 0..2),
            ("a and b", "`and` is not an operator here", 2..5),
            ("not a", "`not` is not an operator here", 0..3),
            ("a = 1", "`=` has no meaning here", 2..3),
            ("a & b", "`&` has no meaning here", 2..3),
            ("(a", "`(` is never closed", 0..1),
            ("a]", "`]` closes nothing", 1..2),
            ("(a]", "`]` does not close `(`", 2..3),
            ("'a", "the quote is never closed", 0..1),
            (" ", "the expression is empty", 0..1),
        ];
        for (text, message, range) in cases {
            let error = scan(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.range), (message, range), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_slip_is_none() {
        for text in [
            "a.and",
            "'a = b and {{c}}'",
            "r'\\'",
            "'''a'\n'b'''",
            "a >= 1 // = and",
            "{'a': {'b': 1}}",
            "b'x'",
        ] {
            assert!(scan(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn limits_are_kept() {
        let cases = [
            "(".repeat(33) + &")".repeat(33),
            "a".to_owned() + &".a".repeat(65),
            "-".repeat(65) + "1",
            "1".to_owned() + &"+1".repeat(65),
            "a?b:".repeat(33) + "c",
            "a".repeat(4_097),
        ];
        for text in cases {
            assert_eq!(scan(&text).unwrap_err().code, "template-limit", "{text}");
        }
    }
}
