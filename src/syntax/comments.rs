//! The comments of a YAML text. What looks like one inside a text of several lines is none.

use granit_parser::{Event, Options, Parser};

use super::yaml::DEPTH_LIMIT;
use crate::diagnostic::{FileId, Span};

/// The comments of a file in order, each from its `#` to the end of its line. Behind a mistake of
/// syntax there are none that could be told from text.
pub fn comments(file: FileId, text: &str) -> Vec<Span> {
    let mut options = Options::default();
    options.set_emit_comments(true);
    options.flow_nesting_limit = DEPTH_LIMIT;
    options.block_nesting_limit = DEPTH_LIMIT;
    Parser::new_from_str_with_options(text, options)
        .map_while(Result::ok)
        .filter(|(event, _)| matches!(event, Event::Comment(..)))
        .filter_map(|(_, place)| place.byte_range())
        .map(|range| Span::new(file, range.start, range.end))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_comment() {
        let text = "# first\na: 1 # second\nb: |\n  # text\n  more\nc: 'it # is'\n# last\n";
        let spans = comments(FileId(0), text);
        let found: Vec<_> = spans.iter().map(|span| &text[span.start as usize..span.end as usize]).collect();
        assert_eq!(found, ["# first", "# second", "# last"]);
    }

    #[test]
    fn nothing_hostile_does_harm() {
        assert_eq!(comments(FileId(0), &"[".repeat(100_000)), []);
        assert_eq!(comments(FileId(0), &"#\n".repeat(100_000)).len(), 100_000);
    }
}
