//! Drawing diagnostics: as rustc draws them, and as JSON.
//!
//! What is drawn comes from files, so it is tamed first: control characters and those that turn the
//! direction of writing are replaced, and of a long line only the part around its labels is shown.
//! A label that spans lines is drawn on its first line; JSON tells its whole range.

use std::collections::BTreeSet;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::json;

use super::{Diagnostic, FileId, Label, Severity, SourceFile, SourceMap};
use crate::value::Json;

/// The longest line that is drawn whole, in characters.
const LONG_LINE: usize = 200;

/// How many characters of a longer line are shown before its first label, and in all.
const LEAD: usize = 40;
const WINDOW: usize = 120;

/// Lines this near to a label are drawn rather than left out.
const NEAR: usize = 2;

/// Labels of one file that are further apart, in lines, are drawn as if in different files.
const FAR: usize = 100;

/// Whether to use the colours of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    Off,
    /// With ANSI escape sequences.
    On,
}

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colours.
    pub color: Color,
    /// The columns to draw in.
    pub width: usize,
}

/// The diagnostics in the order given, each with its lines and carets, with an empty line between.
pub fn human(diagnostics: &[Diagnostic], sources: &SourceMap, style: Style) -> String {
    let renderer = match style.color {
        Color::Off => Renderer::plain(),
        Color::On => Renderer::styled(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(style.width);
    let mut drawn = String::new();
    for diagnostic in diagnostics {
        if !drawn.is_empty() {
            drawn.push('\n');
        }
        drawn.push_str(&draw(diagnostic, sources, &renderer));
        drawn.push('\n');
    }
    drawn
}

/// `error: 2 errors, 1 warning in 3 files`; none when there is nothing to sum up.
pub fn summary(diagnostics: &[Diagnostic], style: Style) -> Option<String> {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let files =
        diagnostics.iter().map(|diagnostic| diagnostic.primary.span.file).collect::<BTreeSet<_>>().len();
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let counts = match (errors, warnings) {
        (0, 0) => return None,
        (errors, 0) => plural(errors, "error"),
        (0, warnings) => plural(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    };
    let level = if errors > 0 { Level::ERROR } else { Level::WARNING };
    let title = level.primary_title(format!("{counts} in {}", plural(files, "file")));
    let renderer = match style.color {
        Color::Off => Renderer::plain(),
        Color::On => Renderer::styled(),
    };
    Some(renderer.render(&[Group::with_title(title)]))
}

/// `{"diagnostics": [{code severity message file line column end_line end_column help}]}`. Lines and
/// columns count from 1, a column is a character, and the end is the place after the last one.
pub fn json(diagnostics: &[Diagnostic], sources: &SourceMap) -> Json {
    let one = |diagnostic: &Diagnostic| {
        let span = diagnostic.primary.span;
        let file = sources.file(span.file);
        let (start, end) = (file.position(span.start), file.position(span.end));
        json!({
            "code": diagnostic.code,
            "severity": diagnostic.severity.as_str(),
            "message": diagnostic.message,
            "file": file.path.to_string_lossy(),
            "line": start.line,
            "column": start.column,
            "end_line": end.line,
            "end_column": end.column,
            "help": diagnostic.help,
        })
    };
    json!({ "diagnostics": diagnostics.iter().map(one).collect::<Vec<_>>() })
}

fn draw(diagnostic: &Diagnostic, sources: &SourceMap, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(tame(&diagnostic.message)).id(diagnostic.code));
    let mut moved = Vec::new();
    for marks in neighbours(diagnostic, sources) {
        let Some(first) = marks.first() else { continue };
        let excerpt = Excerpt::of(first.file, &marks);
        moved.extend(excerpt.moved);
        let snippet = Snippet::source(excerpt.text).line_start(excerpt.first_line).path(excerpt.path);
        group = group.element(snippet.annotations(excerpt.annotations));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(tame(help)));
    }
    let mut drawn = renderer.render(&[group]);
    for (shown, real) in moved {
        drawn = drawn.replacen(&shown, &real, 1);
    }
    drawn
}

/// The labels of a diagnostic, the primary one first, put together when they stand in one file and
/// not too far from each other.
fn neighbours<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Vec<Vec<Mark<'a>>> {
    let related = diagnostic.related.iter().map(|label| (AnnotationKind::Context, label));
    let mut groups: Vec<Vec<Mark<'a>>> = Vec::new();
    for (kind, label) in std::iter::once((AnnotationKind::Primary, &diagnostic.primary)).chain(related) {
        let mark = Mark::of(sources, kind, label);
        let near = |other: &Mark<'_>| other.id == mark.id && other.line.abs_diff(mark.line) <= FAR;
        match groups.iter_mut().find(|group| group.first().is_some_and(near)) {
            Some(group) => group.push(mark),
            None => groups.push(vec![mark]),
        }
    }
    groups
}

/// The lines of a file that get drawn, from the first to the last with a label. Lines far from any
/// label are empty, because they are left out of the drawing anyway.
struct Excerpt {
    path: String,
    text: String,
    first_line: usize,
    annotations: Vec<Annotation<'static>>,
    /// The first label's position as it would be drawn, and as it is, where they differ because its
    /// line was cut.
    moved: Option<(String, String)>,
}

/// A label's place on its line, in bytes of the line.
struct Mark<'a> {
    id: FileId,
    file: &'a SourceFile,
    line: usize,
    range: Range<usize>,
    kind: AnnotationKind,
    text: &'a str,
}

impl Excerpt {
    fn of(file: &SourceFile, marks: &[Mark<'_>]) -> Self {
        let first = marks.iter().map(|mark| mark.line).min().unwrap_or(1);
        let last = marks.iter().map(|mark| mark.line).max().unwrap_or(1);
        let path = tame(&file.path.to_string_lossy());
        let mut excerpt =
            Self { path, text: String::new(), first_line: first, annotations: Vec::new(), moved: None };
        for line in first..=last {
            if line > first {
                excerpt.text.push('\n');
            }
            if marks.iter().any(|mark| mark.line.abs_diff(line) <= NEAR) {
                let here: Vec<_> = marks.iter().filter(|mark| mark.line == line).collect();
                excerpt.push_line(file.line(line), line, &here);
            }
        }
        excerpt
    }

    /// Adds a line, or the part of it that its labels need.
    fn push_line(&mut self, line: &str, number: usize, marks: &[&Mark<'_>]) {
        let window = window(line, marks.first().map_or(0, |mark| mark.range.start));
        let start = self.text.len();
        let before = if window.start > 0 { "…" } else { "" };
        self.text.push_str(before);
        self.text.push_str(&tame(&line[window.clone()]));
        if window.end < line.len() {
            self.text.push('…');
        }
        let shown = |at: usize| {
            let at = at.clamp(window.start, window.end);
            start + before.len() + tame(&line[window.start..at]).len()
        };
        for mark in marks {
            let annotation = mark.kind.span(shown(mark.range.start)..shown(mark.range.end));
            let label = (!mark.text.is_empty()).then(|| tame(mark.text));
            self.annotations.push(annotation.label(label));
        }
        if window.start > 0
            && let Some(mark) =
                marks.iter().find(|mark| mark.kind == AnnotationKind::Primary).or(marks.first())
        {
            let drawn = self.text[start..shown(mark.range.start)].chars().count() + 1;
            let real = line[..mark.range.start].chars().count() + 1;
            let position = |column: usize| format!("{}:{number}:{column}", self.path);
            self.moved = self.moved.take().or_else(|| Some((position(drawn), position(real))));
        }
    }
}

impl<'a> Mark<'a> {
    fn of(sources: &'a SourceMap, kind: AnnotationKind, label: &'a Label) -> Self {
        let file = sources.file(label.span.file);
        let number = file.position(label.span.start).line;
        let line = file.line(number);
        let begin = file.line_start(number);
        let on_line = |offset: u32| clip(line, (offset as usize).saturating_sub(begin));
        let start = on_line(label.span.start);
        Self {
            id: label.span.file,
            file,
            line: number,
            range: start..on_line(label.span.end).max(start),
            kind,
            text: &label.text,
        }
    }
}

/// The part of a line to draw, such that the byte at `at` is in it.
fn window(line: &str, at: usize) -> Range<usize> {
    if line.char_indices().nth(LONG_LINE).is_none() {
        return 0..line.len();
    }
    let start = line[..at].char_indices().rev().take(LEAD).last().map_or(at, |(start, _)| start);
    let end = line[start..].char_indices().nth(WINDOW).map_or(line.len(), |(offset, _)| start + offset);
    start..end
}

/// The text without characters that move the cursor, colour, or turn the direction of writing.
fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' | '\t' => tamed.push(char),
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {
                tamed.push('\u{fffd}');
            }
            char if char.is_control() => tamed.push('\u{fffd}'),
            char => tamed.push(char),
        }
    }
    tamed
}

fn clip(line: &str, at: usize) -> usize {
    let mut at = at.min(line.len());
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::Span;

    const PLAIN: Style = Style { color: Color::Off, width: 100 };

    fn sources(files: &[(&str, &str)]) -> SourceMap {
        let mut map = SourceMap::default();
        for (path, text) in files {
            map.add(SourceFile::new(*path, Arc::from(*text)));
        }
        map
    }

    /// The place of the only occurrence of a text in a file.
    fn at(sources: &SourceMap, file: u32, text: &str) -> Span {
        let start = sources.file(FileId(file)).text.find(text).expect("the text is there");
        Span::new(FileId(file), start, start + text.len())
    }

    #[test]
    fn a_diagnostic_is_drawn_with_its_caret() {
        let sources = sources(&[("workflows/a.yaml", "name: a\nsteps:\n  - modle: x\n    prompt: y\n")]);
        let found =
            Diagnostic::error("unknown-key", at(&sources, 0, "modle"), "unknown key `modle` in a step")
                .with_label("not known here")
                .with_help("did you mean `model`?");
        assert_eq!(
            human(&[found], &sources, PLAIN),
            "\
error[unknown-key]: unknown key `modle` in a step
 --> workflows/a.yaml:3:5
  |
3 |   - modle: x
  |     ^^^^^ not known here
  |
  = help: did you mean `model`?
"
        );
    }

    #[test]
    fn other_places_are_drawn_too() {
        let near = "a: 1\nb: 2\nc: 3\n\n\n\n\n\n\n# a comment\nd: 5\n";
        let sources = sources(&[("a.yaml", near), ("b.yaml", "x: 9\n")]);
        let found = Diagnostic::warning("clash", at(&sources, 0, "d"), "`d` clashes")
            .with_label("here")
            .with_related(at(&sources, 0, "b"), "with this")
            .with_related(at(&sources, 1, "9"), "and that");
        let other = Diagnostic::error("other", at(&sources, 1, "x"), "also");
        assert_eq!(
            human(&[found, other], &sources, PLAIN),
            "\
warning[clash]: `d` clashes
  --> a.yaml:11:1
   |
 2 | b: 2
   | - with this
...
11 | d: 5
   | ^ here
   |
  ::: b.yaml:1:4
   |
 1 | x: 9
   |    - and that

error[other]: also
 --> b.yaml:1:1
  |
1 | x: 9
  | ^
"
        );
    }

    #[test]
    fn a_place_far_away_is_drawn_apart() {
        let sources = sources(&[("a.yaml", &format!("first: 1\n{}again: 2\n", "\n".repeat(FAR)))]);
        let found =
            Diagnostic::error("e", at(&sources, 0, "again"), "m").with_related(at(&sources, 0, "first"), "x");
        assert_eq!(
            human(&[found], &sources, PLAIN),
            "\
error[e]: m
   --> a.yaml:102:1
    |
102 | again: 2
    | ^^^^^
    |
   ::: a.yaml:1:1
    |
  1 | first: 1
    | ----- x
"
        );
    }

    #[test]
    fn a_place_of_several_lines_is_drawn_on_its_first() {
        let sources = sources(&[("a.yaml", "a:\r\n  - b\r\n  - c\r\n")]);
        let found = Diagnostic::error("e", at(&sources, 0, "- b\r\n  - c"), "m");
        assert_eq!(
            human(&[found], &sources, PLAIN),
            "error[e]: m\n --> a.yaml:2:3\n  |\n2 |   - b\n  |   ^^^\n"
        );
    }

    #[test]
    fn an_empty_file_and_a_place_beyond_the_end_can_be_drawn() {
        let sources = sources(&[("a.yaml", ""), ("b.yaml", "x")]);
        let empty = Diagnostic::error("e", Span::new(FileId(0), 0, 0), "m");
        assert_eq!(human(&[empty], &sources, PLAIN), "error[e]: m\n --> a.yaml:1:1\n  |\n1 |\n  | ^\n");
        let beyond = Diagnostic::error("e", Span::new(FileId(1), 50, 60), "m");
        assert_eq!(human(&[beyond], &sources, PLAIN), "error[e]: m\n --> b.yaml:1:2\n  |\n1 | x\n  |  ^\n");
    }

    #[test]
    fn what_could_move_the_cursor_is_replaced() {
        let sources = sources(&[("a\u{1b}.yaml", "a: \u{9b}31m\u{202e}é\tbad\n")]);
        let found =
            Diagnostic::error("e", at(&sources, 0, "bad"), "m \u{1b}[0m").with_help("h \u{7}\nand more");
        assert_eq!(
            human(&[found], &sources, PLAIN),
            "\
error[e]: m \u{fffd}[0m
 --> a\u{fffd}.yaml:1:11
  |
1 | a: \u{fffd}31m\u{fffd}é    bad
  |              ^^^
  |
  = help: h \u{fffd}
          and more
"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_its_label() {
        let line = format!("a: {}bad{}\n", "é".repeat(300_000), "z".repeat(300_000));
        let sources = sources(&[("a.yaml", &line)]);
        let found = Diagnostic::error("e", at(&sources, 0, "bad"), "m");
        let lead = "é".repeat(LEAD);
        let rest = "z".repeat(WINDOW - LEAD - 3);
        let wide = Style { width: 200, ..PLAIN };
        assert_eq!(
            human(&[found], &sources, wide),
            format!(
                "error[e]: m\n --> a.yaml:1:300004\n  |\n1 | …{lead}bad{rest}…\n  | {}^^^\n",
                " ".repeat(LEAD + 1)
            )
        );
    }

    #[test]
    fn colours_are_there_when_asked_for() {
        let sources = sources(&[("a.yaml", "x")]);
        let found = [Diagnostic::error("e", Span::new(FileId(0), 0, 1), "m")];
        let color = Style { color: Color::On, ..PLAIN };
        assert!(human(&found, &sources, color).contains("\u{1b}["));
        assert!(summary(&found, color).is_some_and(|line| line.contains("\u{1b}[")));
        assert!(!human(&found, &sources, PLAIN).contains('\u{1b}'));
    }

    #[test]
    fn the_summary_counts() {
        let error = |file| Diagnostic::error("e", Span::new(FileId(file), 0, 1), "m");
        let warning = |file| Diagnostic::warning("w", Span::new(FileId(file), 0, 1), "m");
        let sum = |found: &[Diagnostic]| summary(found, PLAIN);
        assert_eq!(sum(&[]), None);
        assert_eq!(sum(&[warning(0)]).as_deref(), Some("warning: 1 warning in 1 file"));
        assert_eq!(
            sum(&[error(0), error(1), warning(2)]).as_deref(),
            Some("error: 2 errors, 1 warning in 3 files")
        );
    }

    #[test]
    fn json_counts_lines_and_characters_from_one() {
        let sources = sources(&[("workflows/a.yaml", "é: x\nb:\n  - é\n")]);
        let found = Diagnostic::error("unknown-key", at(&sources, 0, "x\nb"), "m").with_help("h");
        let bare = Diagnostic::warning("w", at(&sources, 0, "- é"), "n");
        assert_eq!(
            json(&[found, bare], &sources),
            json!({"diagnostics": [
                {"code": "unknown-key", "severity": "error", "message": "m", "file": "workflows/a.yaml",
                 "line": 1, "column": 4, "end_line": 2, "end_column": 2, "help": "h"},
                {"code": "w", "severity": "warning", "message": "n", "file": "workflows/a.yaml",
                 "line": 3, "column": 3, "end_line": 3, "end_column": 6, "help": null},
            ]})
        );
    }
}
