//! What differs between two texts, line by line, in the form that `patch` reads.
//!
//! It suits texts of which one is the other laid out anew: lines change where they stand, a few come or
//! go. After a change it looks [`REACH`] lines ahead for where both agree again, so the time is linear;
//! the diff is right in any case, and short for such texts.

use crate::cli::screen::{BAD, DIM, GOOD};

/// How far ahead the texts are searched for a line that both have.
const REACH: usize = 24;

/// How many lines that agree are shown around a change.
const CONTEXT: usize = 3;

/// A line, and in which of the texts it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Both(&'a str),
    Before(&'a str),
    After(&'a str),
}

/// The difference between two texts of a file; nothing when there is none.
pub fn unified(name: &str, before: &str, after: &str) -> String {
    let lines = compare(&lines(before), &lines(after));
    let mut drawn = String::new();
    let mut next = 0;
    // The first lines that come next, counted from 1, in either text.
    let (mut old, mut new) = (1, 1);
    while let Some(first) = (next..lines.len()).find(|at| !matches!(lines[*at], Line::Both(_))) {
        let start = first.saturating_sub(CONTEXT).max(next);
        old += start - next;
        new += start - next;
        let end = end_of_hunk(&lines, first);
        let hunk = &lines[start..end];
        let olds = hunk.iter().filter(|line| !matches!(line, Line::After(_))).count();
        let news = hunk.iter().filter(|line| !matches!(line, Line::Before(_))).count();
        if drawn.is_empty() {
            drawn.push_str(&format!("--- {name}\n+++ {name}\n"));
        }
        drawn.push_str(&format!("{DIM}@@ -{} +{} @@{DIM:#}\n", range(old, olds), range(new, news)));
        for line in hunk {
            let (sign, style, text) = match line {
                Line::Both(text) => (' ', anstyle::Style::new(), text),
                Line::Before(text) => ('-', BAD, text),
                Line::After(text) => ('+', GOOD, text),
            };
            let (text, missing) = match text.strip_suffix('\n') {
                Some(text) => (text, ""),
                None => (*text, "\n\\ No newline at end of file"),
            };
            drawn.push_str(&format!("{style}{sign}{text}{style:#}{missing}\n"));
        }
        (old, new, next) = (old + olds, new + news, end);
    }
    drawn
}

/// Where the lines end that are shown with the change at `first`: later changes that are near included.
fn end_of_hunk(lines: &[Line<'_>], first: usize) -> usize {
    let mut last = first;
    for (at, line) in lines.iter().enumerate().skip(first) {
        match line {
            Line::Both(_) if at > last + 2 * CONTEXT => break,
            Line::Both(_) => {}
            _ => last = at,
        }
    }
    (last + 1 + CONTEXT).min(lines.len())
}

/// `start,count`, as `patch` counts: of no lines the start is the line before.
fn range(start: usize, count: usize) -> String {
    format!("{},{count}", if count == 0 { start - 1 } else { start })
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn compare<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<Line<'a>> {
    let (mut old, mut new) = (0, 0);
    let mut lines = Vec::new();
    while old < before.len() || new < after.len() {
        let (skip_old, skip_new) = agreement(&before[old..], &after[new..]);
        lines.extend(before[old..old + skip_old].iter().map(|line| Line::Before(line)));
        lines.extend(after[new..new + skip_new].iter().map(|line| Line::After(line)));
        (old, new) = (old + skip_old, new + skip_new);
        if let (Some(line), Some(other)) = (before.get(old), after.get(new))
            && line == other
        {
            lines.push(Line::Both(line));
            (old, new) = (old + 1, new + 1);
        }
    }
    lines
}

/// How many lines of both to pass over until they agree, as few as possible; an empty line is too
/// little to agree on, unless nothing was passed over.
fn agreement(before: &[&str], after: &[&str]) -> (usize, usize) {
    let agrees = |old: usize, new: usize| match (before.get(old), after.get(new)) {
        (Some(one), Some(other)) => one == other && (old + new == 0 || !one.trim().is_empty()),
        (None, None) => true,
        _ => false,
    };
    let pairs = (0..=2 * REACH).flat_map(|sum| (0..=sum).map(move |old| (old, sum - old)));
    let near = pairs.filter(|(old, new)| *old <= before.len() && *new <= after.len());
    near.into_iter()
        .find(|(old, new)| agrees(*old, *new))
        .unwrap_or((before.len().min(REACH), after.len().min(REACH)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(before: &str, after: &str) -> String {
        anstream::adapter::strip_str(&unified("f", before, after)).to_string()
    }

    /// What `patch` makes of a text.
    fn patched(before: &str, after: &str) -> String {
        let lines = compare(&lines(before), &lines(after));
        let kept = lines.iter().map(|line| match line {
            Line::Both(text) | Line::After(text) => *text,
            Line::Before(_) => "",
        });
        let gone: String = lines
            .iter()
            .map(|line| if let Line::Both(text) | Line::Before(text) = line { *text } else { "" })
            .collect();
        assert_eq!(gone, before);
        kept.collect()
    }

    #[test]
    fn a_changed_line_is_shown_with_its_neighbours() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        assert_eq!(
            bare(before, "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(bare(before, before), "");
        assert_eq!(bare("a", "a\n"), "--- f\n+++ f\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n");
        assert_eq!(bare("", "a\n"), "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
    }

    #[test]
    fn distant_changes_are_apart() {
        let many: Vec<String> = (0..40).map(|number| format!("{number}\n")).collect();
        let mut other = many.clone();
        other[3] = "three\n".to_owned();
        other.remove(30);
        let drawn = bare(&many.concat(), &other.concat());
        assert!(drawn.contains("@@ -1,7 +1,7 @@\n"), "{drawn}");
        assert!(drawn.contains("@@ -28,7 +28,6 @@\n 27\n 28\n 29\n-30\n 31\n"), "{drawn}");
    }

    #[test]
    fn a_diff_of_any_texts_is_right() {
        let long = "x\n".repeat(100);
        for (before, after) in
            [("a\nb\n", "b\na\n"), ("", ""), (&long, "y\n"), ("a\n\n\nb", "a\n\nb\n"), ("x", &long)]
        {
            assert_eq!(patched(before, after), after);
        }
    }
}
