//! Lines of a bounded length.

/// The text in lines of at most so many characters, each after the same indentation. A word that is
/// longer has a line of its own.
pub fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let margin = " ".repeat(indent);
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used == 0 || indent + used + 1 + length > width {
            if used > 0 {
                lines.push('\n');
            }
            lines.push_str(&margin);
            used = length;
        } else {
            lines.push(' ');
            used += 1 + length;
        }
        lines.push_str(word);
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 2, 10), "  one two\n  three\n");
        assert_eq!(wrapped("incomprehensible a", 0, 4), "incomprehensible\na\n");
        assert_eq!(wrapped("", 2, 10), "\n");
    }
}
