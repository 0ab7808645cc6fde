//! Where each byte of a scalar's value stands in the file.
//!
//! The parser tells a scalar's value and its range; what was unescaped or folded on the way is found
//! here by walking both side by side. Nothing is decoded a second time: the value is given, and a
//! walk that does not arrive at it is given up. The time is linear in the length of the range.

use std::ops::Range;

use crate::syntax::tree::Style;

/// The stretches in which the value and the file run alike, as [`Scalar`](crate::syntax::tree::Scalar)
/// keeps them; none when the value has no place of its own. `range` is where the scalar stands in
/// `source`: with its quotes, or from the first character of a block's content.
pub(super) fn places(source: &str, range: Range<usize>, value: &str, style: Style) -> Vec<(u32, u32)> {
    let mut walk = Walk { source, value, list: Vec::new(), done: 0, source_end: 0, alike: true };
    let walked = match style {
        Style::Plain => walk.flow(range, style),
        Style::SingleQuoted | Style::DoubleQuoted => {
            walk.flow(range.start + 1..range.end.saturating_sub(1), style)
        }
        Style::Literal | Style::Folded => walk.block(range, style),
    };
    match walked {
        Some(()) if walk.done == value.len() => walk.finish(),
        _ => Vec::new(),
    }
}

/// A walk through source and value.
struct Walk<'a> {
    source: &'a str,
    value: &'a str,
    list: Vec<(u32, u32)>,
    /// How many bytes of the value are placed.
    done: usize,
    /// Where in the source the character placed last ends.
    source_end: usize,
    /// Whether that character was written as itself.
    alike: bool,
}

impl Walk<'_> {
    /// A bare or quoted scalar: escapes, and line breaks folded into spaces.
    fn flow(&mut self, range: Range<usize>, style: Style) -> Option<()> {
        let inside = self.source.get(..range.end)?;
        let mut at = range.start;
        while let Some(char) = inside.get(at..)?.chars().next() {
            match (style, char) {
                (_, ' ' | '\t' | '\n' | '\r') => {
                    let blank = skip_blanks(inside, at);
                    match break_at(inside, blank) {
                        Some(first) => at = self.fold(inside, first)?,
                        None => at = self.copy(at..blank)?,
                    }
                }
                (Style::SingleQuoted, '\'') => at = self.take(at..at + 2)?,
                (Style::DoubleQuoted, '\\') => at = self.escape(inside, at)?,
                _ => at = self.copy(at..at + char.len_utf8())?,
            }
        }
        Some(())
    }

    /// A line break and the empty lines after it: one break is a space, of several the first is nothing.
    fn fold(&mut self, source: &str, first: Range<usize>) -> Option<usize> {
        let mut at = skip_blanks(source, first.end);
        if break_at(source, at).is_none() {
            self.take(first)?;
        }
        while let Some(next) = break_at(source, at) {
            self.take(next.clone())?;
            at = skip_blanks(source, next.end);
        }
        Some(at)
    }

    /// A backslash and what belongs to it.
    fn escape(&mut self, source: &str, at: usize) -> Option<usize> {
        if let Some(first) = break_at(source, at + 1) {
            let mut at = skip_blanks(source, first.end);
            while let Some(next) = break_at(source, at) {
                self.take(next.clone())?;
                at = skip_blanks(source, next.end);
            }
            return Some(at);
        }
        let surrogate = |digits: &str| matches!(digits.bytes().next(), Some(b'd' | b'D')) && digits >= "D8";
        let written = source.get(at + 1..)?.chars().next()?;
        let length = match written {
            'x' => 4,
            'u' if source.get(at + 2..at + 4).is_some_and(|digits| surrogate(&digits.to_uppercase())) => 12,
            'u' => 6,
            'U' => 10,
            other => 1 + other.len_utf8(),
        };
        self.take(at..at + length)
    }

    /// A block of lines, whose common indentation is that of its first character.
    fn block(&mut self, range: Range<usize>, style: Style) -> Option<()> {
        let before = self.source.get(..range.start)?;
        let mut at = line_start(before);
        let indent = range.start - at;
        for _ in self.value.bytes().take_while(|byte| *byte == b'\n') {
            let above = &before[..at];
            let above = above.strip_suffix("\r\n").or_else(|| above.strip_suffix(['\n', '\r']))?;
            at = line_start(above);
        }
        while self.done < self.value.len() {
            let blanks = self.source.get(at..)?.bytes().take(indent).take_while(|byte| *byte == b' ').count();
            let content = at + blanks;
            let rest = self.source.get(content..)?;
            let end = content + rest.find(['\n', '\r']).unwrap_or(rest.len());
            self.copy(content..end)?;
            at = match style {
                Style::Folded if end > content => self.breaks(end, indent)?,
                _ => self.line_end(end)?,
            };
        }
        Some(())
    }

    /// The break that ends a line; the last line of a file may lack it in the file, not in the value.
    fn line_end(&mut self, end: usize) -> Option<usize> {
        let found = break_at(self.source, end).unwrap_or(end..end);
        if self.done == self.value.len() { Some(found.end) } else { self.take(found) }
    }

    /// The break after a folded line and the empty lines after it: a space, or as many breaks, or one
    /// less. Fewer than that are left only at the end of the block.
    fn breaks(&mut self, end: usize, indent: usize) -> Option<usize> {
        let rest = self.value.get(self.done..)?;
        let wanted = rest.bytes().take_while(|byte| *byte == b'\n').count();
        if wanted == 0 {
            return self.line_end(end);
        }
        let mut found = vec![break_at(self.source, end).unwrap_or(end..end)];
        let mut at = found.last()?.end;
        loop {
            let blanks = self.source.get(at..)?.bytes().take(indent).take_while(|byte| *byte == b' ').count();
            let Some(next) = break_at(self.source, at + blanks) else { break };
            at = next.end;
            found.push(next);
        }
        let ends = wanted == rest.len();
        let unused = if ends { 0 } else { found.len().checked_sub(wanted)? };
        for place in found.iter().skip(unused).take(wanted) {
            self.take(place.clone())?;
        }
        Some(at)
    }

    /// Characters that stand in the value as they stand in the source.
    fn copy(&mut self, range: Range<usize>) -> Option<usize> {
        let text = self.source.get(range.clone())?;
        if !self.value.get(self.done..)?.starts_with(text) {
            return None;
        }
        if !text.is_empty() {
            self.begin(range.start, !self.alike);
            self.done += text.len();
            (self.source_end, self.alike) = (range.end, true);
        }
        Some(range.end)
    }

    /// The next character of the value, written in the source as this range.
    fn take(&mut self, range: Range<usize>) -> Option<usize> {
        let char = self.value.get(self.done..)?.chars().next()?;
        self.begin(range.start, !self.alike);
        self.done += char.len_utf8();
        (self.source_end, self.alike) = (range.end, range.len() == char.len_utf8());
        Some(range.end)
    }

    /// Begins a stretch where the two do not run on alike. What was skipped between them belongs to
    /// neither side: a stretch without length says where the text before it ends.
    fn begin(&mut self, start: usize, unlike: bool) {
        if self.list.is_empty() {
            self.push(start);
        } else if start != self.source_end {
            self.push(self.source_end);
            self.push(start);
        } else if unlike {
            self.push(start);
        }
    }

    fn push(&mut self, source: usize) {
        if let (Ok(text), Ok(source)) = (u32::try_from(self.done), u32::try_from(source)) {
            self.list.push((text, source));
        }
    }

    fn finish(mut self) -> Vec<(u32, u32)> {
        if !self.alike {
            self.push(self.source_end);
        }
        self.list
    }
}

/// Where the last line of this text begins.
fn line_start(text: &str) -> usize {
    text.rfind(['\n', '\r']).map_or(0, |at| at + 1)
}

/// The first byte from `at` on that is neither space nor tab.
fn skip_blanks(source: &str, at: usize) -> usize {
    let rest = source.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// The line break at `at`.
fn break_at(source: &str, at: usize) -> Option<Range<usize>> {
    match source.as_bytes().get(at..)? {
        [b'\r', b'\n', ..] => Some(at..at + 2),
        [b'\r' | b'\n', ..] => Some(at..at + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::{Diagnostics, FileId};
    use crate::syntax::yaml::parse;

    /// For every character of the value at `key`, what the file has at its place.
    fn shown(source: &str) -> Vec<(String, String)> {
        let mut diagnostics = Diagnostics::new();
        let node = parse(FileId(0), source, &mut diagnostics).expect("a document");
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let crate::syntax::tree::Kind::Mapping(entries) = &node.kind else { panic!("a map") };
        let scalar = &entries[0].1;
        let text = scalar.as_text().expect("text");
        let places = text.char_indices().map(|(at, char)| {
            let span = scalar.locate(at..at + char.len_utf8());
            (char.to_string(), source[span.start as usize..span.end as usize].to_owned())
        });
        places.collect()
    }

    /// The characters that the file has otherwise than the value.
    fn unlike(source: &str) -> Vec<(String, String)> {
        shown(source).into_iter().filter(|(value, file)| value != file).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(value, file)| ((*value).to_owned(), (*file).to_owned())).collect()
    }

    #[test]
    fn bare_text_folds_its_lines() {
        assert_eq!(unlike("a: x yé  z\nb: 1"), []);
        assert_eq!(unlike("a: x y  \n  z\n\n  w   \nb: 1"), pairs(&[(" ", "\n")]));
        assert_eq!(
            unlike("a: x\r\n  y\r\n\r\n\r\n  z\r\n"),
            pairs(&[(" ", "\r\n"), ("\n", "\r\n"), ("\n", "\r\n")])
        );
    }

    #[test]
    fn quoted_text_has_escapes() {
        assert_eq!(unlike("a: 'it''s\n  so'"), pairs(&[("'", "''"), (" ", "\n")]));
        assert_eq!(
            unlike(r#"a: "\tq\"\u00e9\x41\U0001F600\uD83C\uDFB5é\ \d""#.replace(r"\d", "").as_str()),
            pairs(&[
                ("\t", r"\t"),
                ("\"", "\\\""),
                ("é", r"\u00e9"),
                ("A", r"\x41"),
                ("😀", r"\U0001F600"),
                ("🎵", r"\uD83C\uDFB5"),
                (" ", r"\ "),
            ])
        );
        assert_eq!(unlike("a: \"x  \n\n  y \\\n  z\\\n\n\n  w\n \""), pairs(&[(" ", "\n")]));
    }

    #[test]
    fn blocks_lose_their_indentation() {
        assert_eq!(unlike("a: |\n  x\n    y\n\n  z\n\n\nb: 1"), []);
        assert_eq!(unlike("a: |2-\n\n    x\n   \n   y\n"), []);
        assert_eq!(unlike("a: |\r\n  x\r\n  y"), pairs(&[("\n", "\r\n"), ("\n", "")]));
        assert_eq!(shown("a: |\n"), []);
    }

    #[test]
    fn folded_blocks_fold() {
        let folded = "a: >\n\n  x\n  y\n\n  z\n    w\n\n    v\n  q\n\n\nb: 1";
        assert_eq!(unlike(folded), pairs(&[(" ", "\n")]));
        let all = shown(folded);
        assert_eq!(all.len(), "\nx y\nz\n  w\n\n  v\nq\n".len());
        assert_eq!(unlike("a: >+\n  x\n\n\n\n"), []);
        assert_eq!(unlike("a: >-\n  x\n  y"), pairs(&[(" ", "\n")]));
    }
}
