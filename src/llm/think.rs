//! Reasoning that is marked by `<think>…</think>` in the text, told apart while it streams.
//!
//! Line ends right after a tag belong to the tag; all other text is kept as it came.

use super::provider::ThinkTags;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// White space before the first tag; with more, it is text.
const LEAD_LIMIT: usize = 256;

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Reasoning(String),
}

/// Splits a text that comes in deltas.
#[derive(Debug)]
pub(super) struct Splitter {
    state: State,
    /// What cannot be told yet: the beginning of a tag, perhaps.
    held: String,
    after_tag: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing but white space has come.
    Start,
    /// Tags have no meaning.
    Plain,
    /// In text between blocks.
    Text,
    /// In a block.
    Inside,
}

impl Splitter {
    pub(super) fn new(tags: ThinkTags) -> Self {
        let state = match tags {
            ThinkTags::Leading => State::Start,
            ThinkTags::Inside => State::Inside,
            ThinkTags::Off => State::Plain,
        };
        Self { state, held: String::new(), after_tag: false }
    }

    /// Takes the next delta and appends the pieces that are certain to `pieces`.
    pub(super) fn push(&mut self, delta: &str, pieces: &mut Vec<Piece>) {
        self.held.push_str(delta);
        loop {
            let tag = match self.state {
                State::Plain => return self.emit(self.held.len(), pieces),
                State::Start => {
                    let begun = self.held.trim_start();
                    if self.held.len() - begun.len() > LEAD_LIMIT {
                        self.state = State::Plain;
                    } else if let Some(rest) = begun.strip_prefix(OPEN) {
                        self.held = rest.to_owned();
                        (self.state, self.after_tag) = (State::Inside, true);
                    } else if OPEN.starts_with(begun) {
                        return;
                    } else {
                        self.state = State::Plain;
                    }
                    continue;
                }
                State::Text => OPEN,
                State::Inside => CLOSE,
            };
            let Some(at) = self.held.find(tag) else {
                let kept =
                    (1..tag.len()).rev().find(|length| self.held.ends_with(&tag[..*length])).unwrap_or(0);
                return self.emit(self.held.len() - kept, pieces);
            };
            self.emit(at, pieces);
            self.held.drain(..tag.len());
            self.state = if matches!(self.state, State::Inside) { State::Text } else { State::Inside };
            self.after_tag = true;
        }
    }

    /// Appends what was held back: no tag came of it.
    pub(super) fn finish(&mut self, pieces: &mut Vec<Piece>) {
        self.emit(self.held.len(), pieces);
    }

    fn emit(&mut self, length: usize, pieces: &mut Vec<Piece>) {
        let mut text: String = self.held.drain(..length).collect();
        if self.after_tag {
            let kept = text.trim_start_matches(['\r', '\n']).len();
            text.drain(..text.len() - kept);
            self.after_tag = text.is_empty();
        }
        if !text.is_empty() {
            pieces.push(match self.state {
                State::Inside => Piece::Reasoning(text),
                State::Start | State::Plain | State::Text => Piece::Text(text),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(text, reasoning)`, the same for every cut.
    #[track_caller]
    fn split(tags: ThinkTags, answer: &str) -> (String, String) {
        let run = |pieces: &mut dyn Iterator<Item = &str>| {
            let (mut splitter, mut out) = (Splitter::new(tags), Vec::new());
            pieces.for_each(|piece| splitter.push(piece, &mut out));
            splitter.finish(&mut out);
            out.into_iter().fold((String::new(), String::new()), |(text, reasoning), piece| match piece {
                Piece::Text(more) => (text + &more, reasoning),
                Piece::Reasoning(more) => (text, reasoning + &more),
            })
        };
        let whole = run(&mut std::iter::once(answer));
        assert_eq!(run(&mut answer.split_inclusive(|_| true)), whole);
        whole
    }

    fn pair(text: &str, reasoning: &str) -> (String, String) {
        (text.to_owned(), reasoning.to_owned())
    }

    #[test]
    fn leading_blocks_are_reasoning() {
        let leading = |answer| split(ThinkTags::Leading, answer);
        assert_eq!(leading("<think>\nwhy</think>\n\n Because."), pair(" Because.", "why"));
        assert_eq!(leading("\n <think>a</think>b<think>c</think>d"), pair("bd", "ac"));
        assert_eq!(leading("<think>cut of"), pair("", "cut of"));
        assert_eq!(leading("<think>a</thi"), pair("", "a</thi"));
        assert_eq!(leading("<thin"), pair("<thin", ""));
    }

    #[test]
    fn a_tag_elsewhere_is_text() {
        for answer in ["Use `<think>x</think>`.", "  plain", "<thought>x", "", "\n\n"] {
            assert_eq!(split(ThinkTags::Leading, answer), pair(answer, ""));
        }
        assert_eq!(split(ThinkTags::Off, "<think>a</think>"), pair("<think>a</think>", ""));
        let blank = " ".repeat(300) + "<think>";
        assert_eq!(split(ThinkTags::Leading, &blank), pair(&blank, ""));
    }

    #[test]
    fn a_block_may_have_been_opened_by_the_template() {
        assert_eq!(split(ThinkTags::Inside, "why</think>\nso"), pair("so", "why"));
    }
}
