//! The lines of a formatted text, with the comments at their ends in columns.
//!
//! A comment that stood one blank behind its line does so again. Others keep their column, and those
//! on neighbouring lines that shared one share one again, further right where a line has grown.

/// The least distance of a comment that has a column.
const GAP: usize = 2;

/// Lines while they are written.
#[derive(Default)]
pub(super) struct Lines<'a> {
    lines: Vec<Line<'a>>,
}

#[derive(Default)]
struct Line<'a> {
    text: String,
    /// In characters.
    width: usize,
    comment: Option<Comment<'a>>,
}

struct Comment<'a> {
    text: &'a str,
    /// Where it stood; none for one that follows its line closely.
    column: Option<usize>,
}

impl<'a> Lines<'a> {
    /// Begins a line in this column.
    pub(super) fn start(&mut self, column: usize) {
        self.lines.push(Line { text: " ".repeat(column), width: column, comment: None });
    }

    /// An empty line, unless nothing stands before it.
    pub(super) fn gap(&mut self) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
    }

    /// Writes on.
    pub(super) fn push(&mut self, text: &str) {
        if self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        if let Some(line) = self.lines.last_mut() {
            line.text.push_str(text);
            line.width += text.chars().count();
        }
    }

    /// In which column the next character will stand.
    pub(super) fn column(&self) -> usize {
        self.lines.last().map_or(0, |line| line.width)
    }

    /// Ends the line with a comment.
    pub(super) fn comment(&mut self, text: &'a str, column: Option<usize>) {
        if let Some(line) = self.lines.last_mut() {
            line.comment = Some(Comment { text, column });
        }
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        let mut text = String::new();
        for group in self
            .lines
            .chunk_by(|a, b| a.comment_column().is_some() && a.comment_column() == b.comment_column())
        {
            let widest = group.iter().map(|line| line.width).max().unwrap_or(0);
            let shared = group.iter().find_map(Line::comment_column).map(|column| column.max(widest + GAP));
            for line in group {
                text.push_str(&line.text);
                if let Some(comment) = &line.comment {
                    let column = shared.unwrap_or(line.width + 1);
                    text.extend(std::iter::repeat_n(' ', column - line.width));
                    text.push_str(comment.text);
                }
                text.push('\n');
            }
        }
        text
    }
}

impl Line<'_> {
    fn comment_column(&self) -> Option<usize> {
        self.comment.as_ref().and_then(|comment| comment.column)
    }
}
