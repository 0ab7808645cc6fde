//! Looks at the raw text of a template before the library does: where its tags are, that blocks
//! close, and that nothing in it is larger, deeper or stranger than the library takes in good time.
//!
//! It reads tags token by token, as strictly as the library's grammar or more so: what it accepts,
//! the library sees with the same tags in the same places. Its messages are the better ones.

use std::ops::Range;

use crate::template::stack::Depth;
use crate::template::{TEXT_LIMIT, TemplateError};

/// How many tags a template may have, those of its partials included.
pub(super) const TAG_LIMIT: usize = 2_000;

/// How large the product of a text's bytes and its tags and comments may be: the library's time grows
/// with it, to about a twentieth of a second here.
const WORK_LIMIT: usize = 32 * 1024 * 1024;

/// How deep blocks may nest; each `else if` counts as a level.
pub(super) const BLOCK_DEPTH: usize = 32;

/// How deep parentheses may nest in a tag.
pub(super) const CALL_DEPTH: usize = 16;

/// Up to this depth of blocks and of parentheses the library needs no large stack.
const SHALLOW: usize = 3;

/// What a tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Value,
    Open,
    ElseIf,
    Else,
    Close,
    Partial,
}

/// One tag of a template; comments are none.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) kind: Kind,
    /// With its braces.
    pub(super) range: Range<usize>,
}

/// What the text is made of.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) tags: Vec<Tag>,
    pub(super) depth: Depth,
}

type Result<T> = std::result::Result<T, TemplateError>;

/// The tags of a text.
pub(super) fn scan(text: &str) -> Result<Scan> {
    if text.len() > TEXT_LIMIT {
        let message =
            format!("a template has at most {} KiB, this one has {} bytes", TEXT_LIMIT >> 10, text.len());
        return Err(TemplateError::new("template-limit", 0..0, message));
    }
    let mut scanner = Scanner { text, at: 0, tags: Vec::new(), open: Vec::new(), depth: 0, calls: 0 };
    let most = TAG_LIMIT.min(WORK_LIMIT / text.len().max(1));
    let mut count = 0;
    while let Some(start) = scanner.next_braces("{{") {
        scanner.tag(start)?;
        count += 1;
        if count > most {
            let message = format!("a template of {} bytes has at most {most} tags and comments", text.len());
            let error = TemplateError::new("template-limit", start..scanner.at, message);
            return Err(
                error.with_help("move a part of it into a partial, or build its data in a step before")
            );
        }
    }
    if let Some(block) = scanner.open.last() {
        let message = format!("the block `{{{{#{}}}}}` is never closed", block.name);
        let help = format!("close it with `{{{{/{}}}}}`", block.name);
        return Err(syntax(block.range.clone(), message).with_help(help));
    }
    let depth = if scanner.depth.max(scanner.calls) <= SHALLOW { Depth::Shallow } else { Depth::Deep };
    Ok(Scan { tags: scanner.tags, depth })
}

/// A block that is open.
struct Block<'t> {
    name: &'t str,
    range: Range<usize>,
    /// Itself and its `else if`s.
    levels: usize,
    has_else: bool,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    tags: Vec<Tag>,
    open: Vec<Block<'t>>,
    /// The deepest nesting of blocks, and of parentheses.
    depth: usize,
    calls: usize,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Moves to the next braces that no backslash makes literal: `\{{` does, `\\{{` is a backslash
    /// before a tag.
    fn next_braces(&mut self, braces: &str) -> Option<usize> {
        loop {
            self.at += self.rest().find(['\\', '{'])?;
            if self.rest().starts_with(braces) {
                return Some(self.at);
            }
            let slashes = self.rest().bytes().take_while(|byte| *byte == b'\\').count();
            self.at += slashes.max(1);
            if slashes == 1 && self.rest().starts_with("{{") {
                self.at += if self.rest().starts_with("{{{{") { 4 } else { 2 };
            }
        }
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// Steps over this text, if it is next.
    fn eat(&mut self, text: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn tag(&mut self, start: usize) -> Result<()> {
        if self.rest().starts_with("{{{{") {
            return self.raw_block(start);
        }
        self.at += 2;
        if self.rest().starts_with('!') {
            return self.comment(start);
        }
        self.eat("~");
        let braced = self.eat("{");
        self.eat("~");
        self.skip_space();
        let sigil = self.rest().chars().next().filter(|c| !braced && "#/>&*^!".contains(*c));
        self.at += usize::from(sigil.is_some());
        if let Some(refused) = self.refused(sigil) {
            let end = self.rest().find("}}").map_or(self.text.len(), |end| self.at + end + 2);
            return Err(TemplateError { range: start..end, ..refused });
        }
        self.skip_space();
        let (name, count) = self.tokens(start, if braced { "}" } else { "}}" })?;
        if braced && !self.closes_brace() {
            return Err(syntax(start..self.at, "`{{{` needs `}}}`"));
        }
        let range = start..self.at;
        match sigil {
            Some('#') => self.open_block(name, range),
            Some('/') => self.close_block(name, range),
            Some('>') => self.push(Kind::Partial, range),
            Some('^') if count == 0 => self.else_tag(Kind::Else, range),
            Some('^') => self.else_tag(Kind::ElseIf, range),
            None if name == "else" && count == 1 => self.else_tag(Kind::Else, range),
            None if name == "else" => self.else_tag(Kind::ElseIf, range),
            None if name.starts_with("else") => {
                Err(syntax(range, format!("`{name}` is read as `else {}`", &name[4..])).with_help(format!(
                    "write `this.{name}` or choose a name that does not begin with `else`"
                )))
            }
            _ => self.push(Kind::Value, range),
        }
    }

    /// What is wrong with a tag of this kind, wherever it stands.
    fn refused(&mut self, sigil: Option<char>) -> Option<TemplateError> {
        let error = |message: &str, help: &str| Some(syntax(0..0, message).with_help(help));
        match sigil {
            Some('*') => error("decorators are not supported", "use `{{#with}}` or a partial"),
            Some('!') => error("a comment begins with `{{!`", "write the `~` at its end, or leave it out"),
            Some('#') if self.eat("*") => {
                error("inline partials are not supported", "put the partial in a file of its own")
            }
            Some('#') if self.eat(">") => {
                error("partial blocks are not supported", "include the partial with `{{> name}}`")
            }
            Some('>') if self.eat("(") => error(
                "a partial's name is fixed, it can't be computed",
                "choose with `{{#if}}` between two partials",
            ),
            _ => None,
        }
    }

    fn push(&mut self, kind: Kind, range: Range<usize>) -> Result<()> {
        self.tags.push(Tag { kind, range });
        Ok(())
    }

    fn open_block(&mut self, name: &'t str, range: Range<usize>) -> Result<()> {
        self.open.push(Block { name, range: range.clone(), levels: 1, has_else: false });
        self.check_depth(&range)?;
        self.push(Kind::Open, range)
    }

    fn check_depth(&mut self, range: &Range<usize>) -> Result<()> {
        let depth = self.open.iter().map(|block| block.levels).sum();
        self.depth = self.depth.max(depth);
        if depth > BLOCK_DEPTH {
            let message = format!("blocks nest at most {BLOCK_DEPTH} levels (each `else if` is one)");
            return Err(TemplateError::new("template-limit", range.clone(), message));
        }
        Ok(())
    }

    fn close_block(&mut self, name: &str, range: Range<usize>) -> Result<()> {
        match self.open.pop() {
            Some(block) if block.name == name => self.push(Kind::Close, range),
            Some(block) => {
                let message =
                    format!("`{{{{/{name}}}}}` stands where `{{{{/{}}}}}` has to close first", block.name);
                Err(syntax(range, message))
            }
            None => Err(syntax(range, format!("`{{{{/{name}}}}}` closes nothing"))),
        }
    }

    fn else_tag(&mut self, kind: Kind, range: Range<usize>) -> Result<()> {
        let Some(block) = self.open.last_mut() else {
            return Err(syntax(range, "`else` stands outside of a block"));
        };
        if block.has_else {
            return Err(syntax(range, "the block already has its `else`, which comes last"));
        }
        match kind {
            Kind::ElseIf => block.levels += 1,
            _ => block.has_else = true,
        }
        self.check_depth(&range)?;
        self.push(kind, range)
    }

    /// `}` and then the end of the tag. The first one has been read.
    fn closes_brace(&mut self) -> bool {
        self.eat("~");
        self.eat("}}")
    }

    fn comment(&mut self, start: usize) -> Result<()> {
        self.at += 1;
        let after = self.rest().trim_start_matches([' ', '\t', '\r', '\n']);
        let long = after.strip_prefix("--").and_then(|inner| {
            let end = inner.find("--}}")?;
            Some(self.text.len() - inner.len() + end + 4)
        });
        let end = long.or_else(|| self.rest().find("}}").map(|end| self.at + end + 2));
        self.at = end.ok_or_else(|| syntax(start..start + 3, "the comment is never closed"))?;
        Ok(())
    }

    /// `{{{{name}}}} anything {{{{/name}}}}`.
    fn raw_block(&mut self, start: usize) -> Result<()> {
        self.at += 4;
        self.eat("~");
        self.skip_space();
        let (name, _) = self.tokens(start, "}}}}")?;
        self.push(Kind::Open, start..self.at)?;
        let never = || {
            syntax(start..start + 4, format!("the raw block is never closed with `{{{{{{{{/{name}}}}}}}}}`"))
        };
        let close = self.next_braces("{{{{").ok_or_else(never)?;
        self.at += 4;
        self.eat("~");
        if !self.eat("/") {
            return Err(never());
        }
        self.skip_space();
        let (closed, _) = self.tokens(close, "}}}}")?;
        if closed != name {
            return Err(never());
        }
        self.push(Kind::Close, close..self.at)
    }

    /// Reads the inside of a tag, through its end. Gives its first word and the number of its tokens.
    fn tokens(&mut self, start: usize, end: &str) -> Result<(&'t str, usize)> {
        let (mut first, mut count, mut depth) = ("", 0, 0_usize);
        loop {
            self.skip_space();
            if depth == 0 && self.rest().starts_with('~') {
                self.at += 1;
                self.skip_space();
                if !self.rest().starts_with(end) {
                    return Err(syntax(start..self.at, "`~` stands at the very start or end of a tag"));
                }
            }
            if self.rest().starts_with(end) {
                self.at += end.len();
                break;
            }
            let token = self.at;
            let Some(next) = self.rest().chars().next() else {
                return Err(syntax(start..self.text.len(), "the tag is never closed with `}}`")
                    .with_help("write `\\{{` for braces that are meant literally"));
            };
            match next {
                '(' => {
                    depth += 1;
                    self.at += 1;
                    self.calls = self.calls.max(depth);
                    if depth > CALL_DEPTH {
                        let message = format!("parentheses nest at most {CALL_DEPTH} levels in a tag");
                        return Err(TemplateError::new("template-limit", start..self.at, message));
                    }
                }
                ')' => {
                    self.at += 1;
                    depth =
                        depth.checked_sub(1).ok_or_else(|| syntax(start..self.at, "`)` closes nothing"))?;
                }
                '=' | '|' => self.at += 1,
                '"' | '\'' => self.string(next)?,
                _ => self.word(start)?,
            }
            if count == 0 {
                first = &self.text[token..self.at];
            }
            count += 1;
        }
        match depth {
            0 => Ok((first, count)),
            _ => Err(syntax(start..self.at, "`(` is never closed in this tag")),
        }
    }

    fn string(&mut self, quote: char) -> Result<()> {
        let start = self.at;
        let mut escaped = true;
        for (at, c) in self.rest().char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == quote => {
                    self.at += at + 1;
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(syntax(start..start + 1, "the quote is never closed"))
    }

    /// A name, a number or a path: `steps.a.[odd name].0`.
    fn word(&mut self, start: usize) -> Result<()> {
        let begin = self.at;
        while let Some(next) = self.rest().chars().next() {
            match next {
                '[' => {
                    let inside = self.rest()[1..].split(']').next().unwrap_or_default();
                    let close = self.at + 1 + inside.len();
                    if close >= self.text.len() {
                        return Err(syntax(self.at..self.at + 1, "`[` is never closed"));
                    }
                    // At the start of a word the library may see a list, and parts it otherwise.
                    if self.at == begin && inside.contains(['"', '\'', ',', '[', '{']) {
                        return Err(no_literals(self.at..close + 1));
                    }
                    self.at = close + 1;
                }
                '{' if self.at == begin => return Err(no_literals(self.at..self.at + 1)),
                c if c.is_ascii_alphanumeric() || "-_$:@./".contains(c) || c >= '\u{80}' => {
                    self.at += c.len_utf8()
                }
                _ => break,
            }
        }
        if self.at > begin {
            return Ok(());
        }
        let found = self.rest().chars().next().unwrap_or_default();
        let error = syntax(start..self.at + found.len_utf8(), format!("`{found}` has no meaning in a tag"));
        Err(error.with_help(match found {
            '|' => "a function stands first, as in `{{upper inputs.name}}`",
            '+' | '*' | '<' | '>' | '=' | '?' | '!' | '&' | '%' => {
                "a tag only fills in: work it out in CEL, in `if:` or a `compute:` step before, and read that"
            }
            _ => "write `\\{{` for braces that are meant literally",
        }))
    }
}

/// Lists and maps written in a tag.
pub(super) fn no_literals(range: Range<usize>) -> TemplateError {
    syntax(range, "lists and maps can't be written inside a tag").with_help("give them a name in `vars`")
}

/// A text that is not a template.
pub(super) fn syntax(range: Range<usize>, message: impl Into<String>) -> TemplateError {
    TemplateError::new("template-syntax", range, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        let scan = scan(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        scan.tags.into_iter().map(|tag| (tag.kind, &text[tag.range])).collect()
    }

    #[test]
    fn tags_are_found_where_they_are() {
        use Kind::{Close, Else, ElseIf, Open, Partial, Value};
        let cases: [(&str, &[(Kind, &str)]); 11] = [
            ("a {b} c", &[]),
            ("a {{ b }} c", &[(Value, "{{ b }}")]),
            (r"\{{a}} \\{{b}} \{{{{c}}}}", &[(Value, "{{b}}")]),
            ("{{{a}}}{{~{b}~}}{{&c}}", &[(Value, "{{{a}}}"), (Value, "{{~{b}~}}"), (Value, "{{&c}}")]),
            ("{{!-- {{a}} --}}{{! b }}{{c}}", &[(Value, "{{c}}")]),
            ("{{f \"}}\" '\\''}}", &[(Value, "{{f \"}}\" '\\''}}")]),
            ("{{#if a}}{{else}}{{/if}}", &[(Open, "{{#if a}}"), (Else, "{{else}}"), (Close, "{{/if}}")]),
            ("{{#if a}}{{^}}{{/if}}", &[(Open, "{{#if a}}"), (Else, "{{^}}"), (Close, "{{/if}}")]),
            (
                "{{#if a}}{{else if b}}{{/if}}",
                &[(Open, "{{#if a}}"), (ElseIf, "{{else if b}}"), (Close, "{{/if}}")],
            ),
            ("{{{{raw}}}}{{x}}{{{{/raw}}}}", &[(Open, "{{{{raw}}}}"), (Close, "{{{{/raw}}}}")]),
            ("{{> head a=b}}{{x.[a}}b].0}}", &[(Partial, "{{> head a=b}}"), (Value, "{{x.[a}}b].0}}")]),
        ];
        for (text, tags) in cases {
            assert_eq!(kinds(text), tags, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("{{", "the tag is never closed with `}}`"),
            ("{{a", "the tag is never closed with `}}`"),
            ("{{#if a}}", "the block `{{#if}}` is never closed"),
            ("{{/if}}", "`{{/if}}` closes nothing"),
            ("{{#if a}}{{#each b}}{{/if}}", "`{{/if}}` stands where `{{/each}}` has to close first"),
            ("{{else}}", "`else` stands outside of a block"),
            ("{{#if a}}{{else}}{{else}}{{/if}}", "the block already has its `else`, which comes last"),
            ("{{#*inline \"p\"}}{{/inline}}", "inline partials are not supported"),
            ("{{#> p}}{{/p}}", "partial blocks are not supported"),
            ("{{> (p)}}", "a partial's name is fixed, it can't be computed"),
            ("{{* d}}", "decorators are not supported"),
            ("{{a > 1}}", "`>` has no meaning in a tag"),
            ("{{f [\"]\"]}}", "lists and maps can't be written inside a tag"),
            ("{{f (a}}", "`(` is never closed in this tag"),
            ("{{f 'a}}", "the quote is never closed"),
            ("{{!-- a", "the comment is never closed"),
            ("{{{a}}", "`{{{` needs `}}}`"),
            ("{{elsewhere}}", "`elsewhere` is read as `else where`"),
        ];
        for (text, message) in cases {
            assert_eq!(scan(text).unwrap_err().message, message, "{text}");
        }
    }

    #[test]
    fn limits_are_kept() {
        let deep = format!("{}{}", "{{#if a}}".repeat(33), "{{/if}}".repeat(33));
        let chain = format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{else if a}}".repeat(33));
        let calls = format!("{{{{{}a{}}}}}", "(f ".repeat(17), ")".repeat(17));
        let dense = "{{!}}".repeat(600) + &"a".repeat(TEXT_LIMIT - 3_000);
        let many = "{{a}}".repeat(2_001);
        for text in [deep, chain, calls, many, dense, "a".repeat(TEXT_LIMIT + 1)] {
            assert_eq!(scan(&text).unwrap_err().code, "template-limit");
        }
    }
}
