//! What to tell about YAML that cannot be read, or that means something else than its author thinks.
//!
//! The parser says where it gave up; what stands there in the line says what was probably meant.
//! Nothing here is searched further than one line and a few hundred bytes, except once a file. The
//! file is long because it is a table of wordings.
//!
//! Codes raised here: `yaml-template` (a value begins with `{{`), `yaml-tag` (with `!`), `yaml-alias`
//! (with `*` or `&`), `yaml-reserved` (with `@`, a backtick or `%`), `yaml-colon` (`: ` inside bare
//! text, or no space after a key's colon), `yaml-comment`, `yaml-tab`, `yaml-indent`, `yaml-list`,
//! `yaml-quote`, `yaml-after-quote`, `yaml-escape`, `yaml-bracket`, `yaml-block`, `yaml-key`,
//! `yaml-directive`, `yaml-depth`, `yaml-syntax` (anything else).

use std::ops::Range;

use granit_parser::ErrorKind;

use super::DEPTH_LIMIT;
use crate::diagnostic::{Diagnostic, FileId, Span, quoted};

/// How far around a mistake its line is looked at, in bytes.
const REACH: usize = 400;

/// The longest value that a suggestion repeats, in bytes.
const SHOWN: usize = 80;

/// A value that begins with `{{` and has no quotes.
pub(super) fn template(file: FileId, text: &str, at: usize, in_flow: bool) -> Diagnostic {
    let value = match in_flow {
        // Inside `[ ]` or `{ }` only the template itself is known to belong to the value.
        true => {
            let line = rest_of_line(text, at);
            &line[..line.find("}}").map_or(line.len(), |end| end + 2)]
        }
        false => value_at(text, at, false),
    };
    let message = "a value that begins with `{{` needs quotes: in YAML `{` begins a map";
    needs_quotes("yaml-template", file, at, value, message)
}

/// A value that begins with `!`.
pub(super) fn tag(file: FileId, text: &str, at: usize, in_flow: bool) -> Diagnostic {
    let value = value_at(text, at, in_flow);
    if value.starts_with("!!") {
        return Diagnostic::error(
            "yaml-tag",
            Span::new(file, at, at + value.len()),
            "YAML tags are not used in these files",
        )
        .with_help("remove the tag; a value in quotes is text, and a bare one what it looks like");
    }
    needs_quotes(
        "yaml-tag",
        file,
        at,
        value,
        "a value that begins with `!` needs quotes: in YAML that is a tag",
    )
}

/// A value that begins with `*` or `&`, and is no alias or anchor.
pub(super) fn alias(file: FileId, text: &str, at: usize, in_flow: bool) -> Diagnostic {
    let value = value_at(text, at, in_flow);
    if value.starts_with('&') {
        let message = "a value that begins with `&` needs quotes: in YAML that is an anchor";
        return needs_quotes("yaml-alias", file, at, value, message);
    }
    let name = value.trim_start_matches('*');
    let is_name =
        !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '-' | '_'));
    if is_name && value.len() == name.len() + 1 {
        let message = format!("no anchor `&{name}` stands before the alias `*{name}`");
        let help = format!("name something above it with `&{name}`, or put quotes around it: `\"*{name}\"`");
        return Diagnostic::error("yaml-alias", Span::new(file, at, at + value.len()), message)
            .with_help(help);
    }
    let message = "a value that begins with `*` needs quotes: in YAML that is an alias";
    needs_quotes("yaml-alias", file, at, value, message)
}

/// Where the comment begins that follows on the line of a bare value which ends at `at`.
pub(super) fn comment(text: &str, at: usize) -> Option<usize> {
    let rest = rest_of_line(text, at);
    let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    (blank > 0 && rest[blank..].starts_with('#')).then_some(at + blank)
}

/// Lists and maps within each other beyond the limit.
pub(super) fn too_deep(at: Span) -> Diagnostic {
    let message = format!("lists and maps nest more than {DEPTH_LIMIT} deep");
    Diagnostic::error("yaml-depth", at, message)
        .with_help("move the inner part to a workflow of its own and `call` it, or write it as text")
}

/// The text of a range on one line of moderate length.
pub(super) fn one_line(text: &str, range: Range<usize>) -> Option<&str> {
    let written = text.get(range).filter(|written| written.len() <= REACH)?;
    (!written.contains(['\n', '\r'])).then_some(written)
}

/// The brackets open at a place: where the outermost and the innermost `[` or `{` stand.
#[derive(Clone, Copy)]
pub(super) struct Brackets {
    pub(super) outer: usize,
    pub(super) inner: usize,
}

/// Why the parser gave up at byte `at`.
pub(super) fn explain(
    file: FileId,
    text: &str,
    kind: &ErrorKind,
    at: usize,
    brackets: Option<Brackets>,
) -> Diagnostic {
    let error = |code, span: Range<usize>, message: &str| {
        Diagnostic::error(code, Span::new(file, span.start, span.end), message)
    };
    let value = value_start(text, at).filter(|value| *value <= at);
    if !matches!(kind, ErrorKind::DirectiveDisallowed | ErrorKind::RecursionLimitExceeded) {
        // An anchor may well begin a value in which something else is wrong.
        let begin = value.filter(|value| !text[*value..].starts_with('&'));
        let trap = |at| trap(file, text, at, brackets.is_some_and(|open| open.outer < at));
        let inner = brackets.map(|open| open.inner).filter(|open| text[*open..].starts_with("{{"));
        if let Some(found) = begin.and_then(trap).or_else(|| trap(at)).or_else(|| inner.and_then(trap)) {
            return found;
        }
    }
    let here = at..next_char(text, at);
    let line = line_start(text, at);
    if let Some(open) = brackets.filter(|open| open.inner < line) {
        return unclosed(file, text, open.inner);
    }
    match kind {
        ErrorKind::UnclosedFlowCollection { .. } => unclosed(file, text, at),
        ErrorKind::MisplacedFlowCollectionEnd => {
            error("yaml-bracket", here, "this bracket closes nothing").with_help("remove it, or put the value in quotes")
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            error("yaml-bracket", here, &format!("the `{open}` here is closed by a `{close}`"))
                .with_help("close `[` with `]` and `{` with `}`")
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar
        | ErrorKind::InvalidBlockEntryWhitespace => {
            let tab = text[line..].find('\t').map_or(at, |offset| line + offset);
            error("yaml-tab", tab..tab + 1, "a tab stands where YAML wants spaces")
                .with_label("this is a tab")
                .with_help("indent with spaces; most editors can be set to do so for YAML files")
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            let quote = text[here.clone()].to_owned();
            error("yaml-quote", here, "this quote is never closed")
                .with_help(format!("end the text with a second `{quote}`"))
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            after_quote(file, text, at, value)
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => {
            let escape = bad_escape(text, at);
            let written = quoted(&text[escape.clone()]);
            error("yaml-escape", escape, &format!("{written} is no escape that YAML knows")).with_help(
                "in double quotes `\\` begins an escape: write `\\\\` for it, or use single quotes, where it is itself",
            )
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => colon(file, text, at, value),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator
            if text[here.clone()].starts_with(':') =>
        {
            error("yaml-colon", here, "a second `: ` stands in this value").with_help("put quotes around the value")
        }
        ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence => {
            error("yaml-bracket", here, "between brackets, a `,` or the closing bracket is expected here")
                .with_help("separate the values with `,`, and put quotes around one that holds `,`, `[`, `]`, `{` or `}`")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => not_a_pair(file, text, at),
        ErrorKind::CommentInterceptedScalar | ErrorKind::CommentNotSeparated => {
            error("yaml-comment", here, "a `#` begins a comment here, in the middle of a value")
                .with_help("put quotes around the whole value if the `#` belongs to it")
        }
        ErrorKind::BlockSequenceEntryNotAllowed | ErrorKind::BlockEntryInFlowCollection => {
            error("yaml-list", here, "a list item cannot begin in the middle of a line")
                .with_help("begin each `- ` on a line of its own, write the list as `[a, b]`, or put quotes around the value")
        }
        ErrorKind::InvalidBlockScalarHeader | ErrorKind::ZeroBlockScalarIndent => {
            error("yaml-block", here, "text after `|` or `>` begins on the next line")
                .with_help("move it to the next line, indented; or put quotes around a value that begins with `|` or `>`")
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry
            if value.is_some_and(|value| value < at) =>
        {
            after_value(file, text, value.unwrap_or(at), at)
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::InvalidBlockScalarIndent
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::MappingKeyNotAllowed => indentation(file, text, at),
        ErrorKind::RecursionLimitExceeded => too_deep(Span::new(file, here.start, here.end)),
        ErrorKind::DirectiveDisallowed => error("yaml-directive", here, "YAML directives are not used in these files")
            .with_help("remove the line that begins with `%`"),
        kind => error("yaml-syntax", here, &format!("this cannot be read as YAML ({kind})"))
            .with_help("put quotes around the value if it is meant as text"),
    }
}

/// A value that begins with a character that means something else in YAML.
fn trap(file: FileId, text: &str, at: usize, in_flow: bool) -> Option<Diagnostic> {
    let rest = text.get(at..)?;
    match rest.chars().next()? {
        '{' if rest.starts_with("{{") => Some(template(file, text, at, in_flow)),
        '!' => Some(tag(file, text, at, in_flow)),
        '*' | '&' => Some(alias(file, text, at, in_flow)),
        first @ ('@' | '`' | '%') => {
            let message = match first {
                '`' => "a value cannot begin with a backtick, which YAML reserves".to_owned(),
                _ => format!("a value cannot begin with `{first}`, which YAML reserves"),
            };
            Some(needs_quotes("yaml-reserved", file, at, value_at(text, at, in_flow), &message))
        }
        _ => None,
    }
}

fn needs_quotes(code: &'static str, file: FileId, at: usize, value: &str, message: &str) -> Diagnostic {
    Diagnostic::error(code, Span::new(file, at, at + value.len()), message).with_help(quotes_around(value))
}

fn unclosed(file: FileId, text: &str, at: usize) -> Diagnostic {
    let open = text[at..].chars().next().unwrap_or('[');
    let close = if open == '{' { '}' } else { ']' };
    Diagnostic::error("yaml-bracket", Span::new(file, at, at + 1), format!("this `{open}` is never closed"))
        .with_help(format!("end the {} with `{close}`", if open == '{' { "map" } else { "list" }))
}

/// `'a' == b`, `'it's'`.
fn after_quote(file: FileId, text: &str, at: usize, value: Option<usize>) -> Diagnostic {
    let rest = value_at(text, at, false);
    let found = Diagnostic::error(
        "yaml-after-quote",
        Span::new(file, at, at + rest.len()),
        "text stands after the quote that ends the value",
    );
    match value {
        // The quote before it is no beginning, but the end of a text that began above.
        Some(start) if start + 1 == at => {
            found.with_help("the quote before it ends a text that began on a line above; end it there")
        }
        Some(start) if text[start..].starts_with('\'') && !rest.starts_with(' ') && rest.ends_with('\'') => {
            found.with_help("write `''` for a quote inside single quotes, or use double quotes")
        }
        Some(start) => found.with_help(quotes_around(value_at(text, start, false))),
        None => found.with_help("put quotes around the whole value, or end the text above with its quote"),
    }
}

/// A `:` in a place where no map can begin.
fn colon(file: FileId, text: &str, at: usize, value: Option<usize>) -> Diagnostic {
    if let Some(start) = value.filter(|start| *start < at) {
        let whole = value_at(text, start, false);
        return Diagnostic::error(
            "yaml-colon",
            Span::new(file, at, at + 1),
            "a second `: ` on the line would begin a map inside the value",
        )
        .with_help(quotes_around(whole));
    }
    let line = line_start(text, at);
    let above = text[..line].trim_end();
    let above = line_start(above, above.len());
    match key_without_space(text, above) {
        Some(colon) => space_missing(file, text, above, colon),
        None => indentation(file, text, first_of_line(text, line)),
    }
}

/// A line that is no `key: value`.
fn not_a_pair(file: FileId, text: &str, at: usize) -> Diagnostic {
    let line = line_start(text, at);
    match key_without_space(text, line) {
        Some(colon) => space_missing(file, text, line, colon),
        None => {
            let start = first_of_line(text, line);
            let written = value_at(text, start, false);
            let message = format!("expected `key: value`, found {}", quoted(written));
            Diagnostic::error("yaml-key", Span::new(file, start, start + written.len()), message)
                .with_help("write `key: value`; text of several lines begins with `key: |` and is indented")
        }
    }
}

fn space_missing(file: FileId, text: &str, line: usize, colon: usize) -> Diagnostic {
    let key = text[first_of_line(text, line)..colon].trim_start_matches("- ").trim();
    Diagnostic::error("yaml-colon", Span::new(file, colon, colon + 1), "a space is missing after this colon")
        .with_help(format!("write `{key}: ` and then the value"))
}

/// Text goes on after a value that had ended: `[1, 2] == x`.
fn after_value(file: FileId, text: &str, value: usize, at: usize) -> Diagnostic {
    let rest = value_at(text, at, false);
    let (code, what) = match text[value..].chars().next() {
        Some('[' | '{') => ("yaml-bracket", "text stands after the bracket that ends the value"),
        Some('"' | '\'') => ("yaml-after-quote", "text stands after the quote that ends the value"),
        Some('-') => return indentation(file, text, value),
        _ => ("yaml-syntax", "text stands after the end of the value"),
    };
    Diagnostic::error(code, Span::new(file, at, at + rest.len()), what)
        .with_help(quotes_around(value_at(text, value, false)))
}

fn indentation(file: FileId, text: &str, at: usize) -> Diagnostic {
    let start = first_of_line(text, line_start(text, at));
    let end = start + value_at(text, start, false).len();
    Diagnostic::error(
        "yaml-indent",
        Span::new(file, start, end),
        "the indentation of this line fits no line above it",
    )
    .with_help("begin it in the same column as the keys or the `- ` that it belongs with")
}

/// The first escape in the double-quoted text at `at` that is none.
fn bad_escape(text: &str, at: usize) -> Range<usize> {
    let mut from = at;
    while let Some(slash) = text[from..].find('\\').map(|offset| from + offset) {
        let Some(char) = text[slash + 1..].chars().next() else { break };
        let digits = match char {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ if "0abt\tnvfre \"/\\N_LP\r\n".contains(char) => 0,
            _ => return slash..slash + 1 + char.len_utf8(),
        };
        let end = slash + 2 + digits;
        let hex = text.get(slash + 2..end);
        let code = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        if digits > 0 && code.and_then(char::from_u32).is_none() {
            let pair = text.get(end..end + 2) == Some("\\u") && code.is_some_and(|code| code < 0xDC00);
            let low = text.get(end + 2..end + 6).and_then(|hex| u32::from_str_radix(hex, 16).ok());
            if !(pair && low.is_some_and(|low| (0xDC00..0xE000).contains(&low))) {
                return slash..slash + 2;
            }
            from = end + 6;
        } else {
            from = end;
        }
    }
    at..next_char(text, at)
}

/// `put quotes around it: …`, with the value as it should be written where that is short and plain.
fn quotes_around(value: &str) -> String {
    let bare = |quote| !value.contains(['\\', '`', quote]);
    match value.len() <= SHOWN {
        true if bare('"') => format!("put quotes around it: `\"{value}\"`"),
        true if !value.contains(['\'', '`']) => format!("put quotes around it: `'{value}'`"),
        _ => "put quotes around the whole value".to_owned(),
    }
}

/// The value that begins at `at`, up to the end of the line or a comment; between brackets up to the
/// next `,` or bracket.
fn value_at(text: &str, at: usize, in_flow: bool) -> &str {
    let line = rest_of_line(text, at);
    let line = line.find(" #").map_or(line, |end| &line[..end]);
    let line = match in_flow {
        true => line.find([',', ']', '}']).map_or(line, |end| &line[..end]),
        false => line,
    };
    line.trim_end()
}

fn rest_of_line(text: &str, at: usize) -> &str {
    let rest = &text[at..clip(text, at.saturating_add(REACH))];
    let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
    &rest[..end]
}

/// Where the value on the line of `at` begins: after its dashes and its key.
fn value_start(text: &str, at: usize) -> Option<usize> {
    let line = line_start(text, at);
    let end = line + rest_of_line(text, line).len();
    if at.saturating_sub(line) > REACH {
        return None;
    }
    let mut start = first_of_line(text, line);
    while text.get(start..end)?.starts_with("- ") {
        start = first_of_line(text, start + 2);
    }
    let rest = text.get(start..end)?;
    let key = match rest.chars().next()? {
        quote @ ('"' | '\'') => {
            rest[1..].find(quote).map(|close| close + 2).filter(|end| rest[*end..].starts_with(": "))
        }
        _ => rest.find(": ").filter(|colon| is_key(&rest[..*colon])),
    };
    match key {
        Some(colon) => Some(first_of_line(text, start + colon + 1)),
        None => Some(start),
    }
}

/// Where the colon stands in `key:value`.
fn key_without_space(text: &str, line: usize) -> Option<usize> {
    let start = first_of_line(text, line);
    let rest = rest_of_line(text, start);
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    let start = start + rest_of_line(text, start).len() - rest.len();
    let colon = rest.find(':')?;
    let after = &rest[colon + 1..];
    let is_url = after.starts_with("//");
    (is_key(&rest[..colon]) && !after.is_empty() && !after.starts_with(' ') && !is_url)
        .then_some(start + colon)
}

fn is_key(written: &str) -> bool {
    let allowed = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.' | '$' | '<' | '/');
    !written.is_empty() && written.chars().all(allowed)
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |line| line + 1)
}

/// The first character from `at` on that is no blank.
fn first_of_line(text: &str, at: usize) -> usize {
    at + text[at..].bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn next_char(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

fn clip(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
