//! Atoms put down again, with the space between them decided anew.
//!
//! What begins a line of the original begins one here. In which column follows from the lists and maps
//! around it; only within brackets, and in words that run over several lines, is the author's
//! indentation moved along instead of made.

use super::atoms::{Atom, Kind, Piece, Place};
use super::lines::Lines;

/// How far what is in a list or map stands in from it.
const STEP: usize = 2;

/// The text that these pieces of `text` make.
pub(super) fn layout(text: &str, pieces: &[Piece]) -> String {
    let mut layout = Layout { text, lines: Lines::default(), ..Layout::default() };
    for piece in pieces {
        match piece {
            Piece::Open => layout.opening = true,
            Piece::Close => drop(layout.levels.pop()),
            Piece::Key => layout.at_key = true,
            Piece::Atom(atom) => layout.atom(atom),
        }
    }
    layout.settle_comments(Columns::default());
    layout.lines.finish()
}

/// Where something stood, and where it stands now.
#[derive(Clone, Copy, Debug, Default)]
struct Columns {
    old: usize,
    new: usize,
}

impl Columns {
    /// A column moved along with this one.
    fn carry(self, column: usize) -> usize {
        (column + self.new).saturating_sub(self.old)
    }
}

/// The atom before.
#[derive(Clone, Copy)]
struct Before {
    kind: Kind,
    end: Place,
}

#[derive(Default)]
struct Layout<'a> {
    text: &'a str,
    lines: Lines<'a>,
    /// The lists and maps around, without those in brackets.
    levels: Vec<Columns>,
    /// The next atom begins a list or map.
    opening: bool,
    /// The next atom begins a key.
    at_key: bool,
    /// The first atom of the line.
    line: Columns,
    brackets: usize,
    /// The outermost bracket that is open, and the line that it stands on.
    outermost: (Columns, Columns),
    before: Option<Before>,
    /// Comments on lines of their own whose place depends on what follows.
    comments: Vec<&'a Atom>,
    /// The lists and maps around the first of them, and the atom before it.
    around_comments: (Vec<Columns>, Option<Before>),
}

impl<'a> Layout<'a> {
    fn atom(&mut self, atom: &'a Atom) {
        let begins_line = self.before.is_none_or(|before| atom.start.row > before.end.row);
        match atom.kind {
            Kind::Body(indent) => self.body(atom, indent),
            Kind::Comment if begins_line && self.brackets == 0 => {
                if self.comments.is_empty() {
                    self.around_comments = (self.levels.clone(), self.before);
                }
                self.comments.push(atom);
            }
            Kind::Comment if !begins_line => {
                let space =
                    self.before.map_or(0, |before| atom.start.column.saturating_sub(before.end.column));
                self.lines.comment(&self.text[atom.range.clone()], (space > 1).then_some(atom.start.column));
            }
            _ => {
                let new = if begins_line { self.begin_line(atom) } else { self.go_on(atom) };
                self.write(atom, Columns { old: atom.start.column, new });
            }
        }
        // Comments that wait are put down together with the empty lines around them.
        self.before = Some(Before { kind: atom.kind, end: atom.end });
    }

    /// Begins a line with this atom, and tells its column.
    fn begin_line(&mut self, atom: &'a Atom) -> usize {
        let inner = self.levels.last().map_or(0, |level| level.new + STEP);
        let starts_entry = matches!(atom.kind, Kind::Dash | Kind::Question | Kind::Colon) || self.at_key;
        let new = if self.brackets > 0 {
            let (line, bracket) = self.outermost;
            let moved = if atom.start.column > bracket.old { bracket } else { line }.carry(atom.start.column);
            let is_end = matches!(atom.kind, Kind::CloseMap | Kind::CloseList);
            moved.max(if is_end { inner.saturating_sub(STEP) } else { inner })
        } else if atom.kind == Kind::Mark {
            0
        } else if starts_entry && !self.opening {
            inner.saturating_sub(STEP)
        } else {
            inner
        };
        let line = Columns { old: atom.start.column, new };
        self.settle_comments(line);
        self.new_line(atom, new);
        self.line = line;
        new
    }

    /// Begins a line, after an empty one where some stood.
    fn new_line(&mut self, atom: &Atom, column: usize) {
        if self.before.is_some_and(|before| atom.start.row > before.end.row + 1) {
            self.lines.gap();
        }
        self.lines.start(column);
    }

    /// Goes on with the line, and tells the column of this atom.
    fn go_on(&mut self, atom: &Atom) -> usize {
        if self.before.is_some_and(|before| needs_space(before.kind, atom.kind)) {
            self.lines.push(" ");
        }
        self.lines.column()
    }

    fn write(&mut self, atom: &Atom, columns: Columns) {
        if self.opening {
            self.levels.push(columns);
            self.opening = false;
        }
        self.at_key = false;
        match atom.kind {
            Kind::OpenMap | Kind::OpenList => {
                if self.brackets == 0 {
                    self.outermost = (self.line, columns);
                }
                self.brackets += 1;
            }
            Kind::CloseMap | Kind::CloseList => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        let written = &self.text[atom.range.clone()];
        match atom.kind {
            Kind::Plain | Kind::SingleQuoted | Kind::DoubleQuoted if written.contains('\n') => {
                self.words(written, atom.kind, columns);
            }
            Kind::SingleQuoted => match doubled(written) {
                Some(doubled) => self.lines.push(&doubled),
                None => self.lines.push(written),
            },
            Kind::Header => {
                // Of a block whose indentation is told, it is the usual one now.
                let header = written.chars().map(|char| if char.is_ascii_digit() { '2' } else { char });
                self.lines.push(&header.collect::<String>());
            }
            _ => self.lines.push(written),
        }
    }

    /// A bare or quoted scalar of several lines: their indentation and the blanks at their ends mean
    /// nothing, but in double quotes the blank after a backslash does.
    fn words(&mut self, written: &str, kind: Kind, columns: Columns) {
        let inner = self.levels.last().map_or(0, |level| level.new + STEP);
        for (number, line) in written.split('\n').enumerate() {
            let bare = line.trim_start_matches([' ', '\t']);
            let trimmed = bare.trim_end_matches([' ', '\t']);
            let kept = if kind == Kind::DoubleQuoted && trimmed.ends_with('\\') { bare } else { trimmed };
            if number > 0 {
                let old = line[..line.len() - bare.len()].chars().count();
                let moved = if old >= columns.old { columns } else { self.line }.carry(old);
                self.lines.start(if kept.is_empty() { 0 } else { moved.max(inner) });
            }
            self.lines.push(kept);
        }
    }

    /// The lines of a block of text.
    fn body(&mut self, atom: &Atom, indent: usize) {
        let new = self.levels.last().map_or(STEP, |level| level.new + STEP);
        for line in self.text[atom.range.clone()].split('\n') {
            let content = line.get(indent..).unwrap_or_default();
            self.lines.start(if content.is_empty() { 0 } else { new });
            self.lines.push(content);
        }
    }

    /// Puts down the comments that wait: beside what follows at `next`, or, where they stood further in
    /// than that, beside what went before.
    fn settle_comments(&mut self, next: Columns) {
        let comments = std::mem::take(&mut self.comments);
        let (levels, before) = std::mem::take(&mut self.around_comments);
        let mut row = before.map_or(0, |before| before.end.row);
        let in_place_of_value = before.is_some_and(|before| matches!(before.kind, Kind::Colon | Kind::Dash));
        for comment in comments {
            let column = match levels.last() {
                _ if comment.start.column <= next.old => next.new,
                // In the place of a value that is left out.
                Some(level)
                    if in_place_of_value && comment.start.column > level.old && level.old >= next.old =>
                {
                    level.new + STEP
                }
                _ => {
                    // A list in the column of its map stands further in now.
                    let deeper = |level: &&Columns| {
                        level.old <= comment.start.column && (level.old, level.new) > (next.old, next.new)
                    };
                    levels.iter().rev().find(deeper).map_or(next.new, |level| level.new)
                }
            };
            if comment.start.row > row + 1 {
                self.lines.gap();
            }
            self.lines.start(column);
            self.lines.push(&self.text[comment.range.clone()]);
            row = comment.start.row;
        }
    }
}

/// Whether a space stands between two atoms of one line.
fn needs_space(before: Kind, kind: Kind) -> bool {
    match (before, kind) {
        (Kind::OpenList, _) | (Kind::OpenMap, Kind::CloseMap) => false,
        (_, Kind::Comma | Kind::CloseList) => before == Kind::Colon,
        // A name of an anchor could go on with a colon.
        (_, Kind::Colon) => !matches!(
            before,
            Kind::Plain | Kind::SingleQuoted | Kind::DoubleQuoted | Kind::CloseMap | Kind::CloseList
        ),
        _ => true,
    }
}

/// Text in single quotes in double ones, where that takes no escapes.
fn doubled(written: &str) -> Option<String> {
    let text = written.strip_prefix('\'')?.strip_suffix('\'')?;
    (!text.contains(['"', '\\'])).then(|| format!("\"{}\"", text.replace("''", "'")))
}
