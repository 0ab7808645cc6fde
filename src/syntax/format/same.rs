//! Whether two texts say the same: to the reader, and to somebody who reads their comments.

use granit_parser::{ScalarStyle, Scanner, StrInput, TokenType};

use crate::diagnostic::{Diagnostics, FileId};
use crate::syntax::tree::{Kind, Node, Style};
use crate::syntax::yaml;

/// Whether `formatted` is read as `tree` is, and names and comments stand where they stand in `text`.
pub(super) fn same(tree: &Node, text: &str, formatted: &str) -> bool {
    let mut found = Diagnostics::new();
    let again = yaml::parse(FileId(0), formatted, &mut found).filter(|_| !found.has_errors());
    again.is_some_and(|again| same_tree(tree, &again))
        && words(text).is_some_and(|words| Some(words) == self::words(formatted))
}

fn same_tree(one: &Node, other: &Node) -> bool {
    let same = match (&one.kind, &other.kind) {
        (Kind::Scalar(one), Kind::Scalar(other)) => {
            one.text == other.text && (one.style == Style::Plain) == (other.style == Style::Plain)
        }
        (Kind::Sequence(one), Kind::Sequence(other)) => {
            one.len() == other.len() && one.iter().zip(other.iter()).all(|(one, other)| same_tree(one, other))
        }
        (Kind::Mapping(one), Kind::Mapping(other)) => {
            one.len() == other.len()
                && one.iter().zip(other.iter()).all(|((key, one), (other_key, other))| {
                    key.value == other_key.value && same_tree(one, other)
                })
        }
        _ => false,
    };
    same && one.alias.is_some() == other.alias.is_some()
}

/// What is written, without its layout.
#[derive(PartialEq)]
enum Word {
    Scalar { text: String, is_bare: bool },
    Anchor(String),
    Alias(String),
    Comment(String),
    Sign(char),
}

/// All words of a text in their order. Where a list or map that is not in brackets begins and ends is left
/// out, as that differs for lists in maps by their indentation; the trees tell.
fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    for token in Scanner::new(StrInput::new(text)) {
        words.push(match token.ok()?.into_parts().1 {
            TokenType::Scalar(style, text) => {
                Word::Scalar { text: text.into_owned(), is_bare: style == ScalarStyle::Plain }
            }
            TokenType::Anchor(name) => Word::Anchor(name.into_owned()),
            TokenType::Alias(name) => Word::Alias(name.into_owned()),
            TokenType::Comment(comment) => Word::Comment(comment.text().trim_end().to_owned()),
            TokenType::BlockEntry => Word::Sign('-'),
            TokenType::FlowSequenceStart => Word::Sign('['),
            TokenType::FlowSequenceEnd => Word::Sign(']'),
            TokenType::FlowMappingStart => Word::Sign('{'),
            TokenType::FlowMappingEnd => Word::Sign('}'),
            TokenType::FlowEntry => Word::Sign(','),
            TokenType::Key => Word::Sign('?'),
            TokenType::Value => Word::Sign(':'),
            _ => continue,
        });
    }
    Some(words)
}
