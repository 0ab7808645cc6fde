//! A text that a regular expression matches.
//!
//! Best effort: what the parser does not know (look-around, back-references) has no such text. The
//! length and the work are bounded, whatever the expression says.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The longest expression that is read.
pub(super) const MAX_PATTERN: usize = 512;
/// The longest text that is made.
const MAX_TEXT: usize = 2_048;
/// The most steps that are taken for one text.
const MAX_STEPS: usize = 8_192;
/// The characters that are preferred where a class allows them.
const PREFERRED: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// An expression that was read, if it could be.
pub(super) fn read(pattern: &str) -> Option<Hir> {
    if pattern.len() > MAX_PATTERN {
        return None;
    }
    regex_syntax::ParserBuilder::new().nest_limit(32).build().parse(pattern).ok()
}

/// A text that matches, if one of a sensible length was found.
pub(super) fn matching(expression: &Hir, draws: &mut fastrand::Rng) -> Option<String> {
    let mut text = Text { bytes: Vec::new(), steps: 0, draws };
    text.add(expression)?;
    String::from_utf8(text.bytes).ok()
}

struct Text<'a> {
    bytes: Vec<u8>,
    steps: usize,
    draws: &'a mut fastrand::Rng,
}

impl Text<'_> {
    /// Adds what an expression matches; none when the bounds are passed or nothing can match.
    fn add(&mut self, expression: &Hir) -> Option<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS || self.bytes.len() > MAX_TEXT {
            return None;
        }
        match expression.kind() {
            HirKind::Empty | HirKind::Look(_) => Some(()),
            HirKind::Literal(literal) => {
                self.bytes.extend_from_slice(&literal.0);
                Some(())
            }
            HirKind::Class(class) => self.add_one_of(class),
            HirKind::Repetition(repetition) => {
                let most = repetition.max.unwrap_or(u32::MAX);
                let spare = (most - repetition.min).min(3);
                let wanted = repetition.min + self.draws.u32(0..=spare);
                (0..wanted.max(1).min(most)).try_for_each(|_| self.add(&repetition.sub))
            }
            HirKind::Capture(capture) => self.add(&capture.sub),
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| self.add(part)),
            HirKind::Alternation(branches) => {
                let chosen = self.draws.usize(0..branches.len().max(1));
                self.add(branches.get(chosen)?)
            }
        }
    }

    fn add_one_of(&mut self, class: &Class) -> Option<()> {
        let offset = self.draws.usize(0..PREFERRED.len());
        let preferred =
            PREFERRED.iter().cycle().skip(offset).take(PREFERRED.len()).map(|byte| char::from(*byte));
        let found = match class {
            Class::Unicode(class) => {
                let inside = |c: &char| class.iter().any(|range| (range.start()..=range.end()).contains(c));
                preferred
                    .into_iter()
                    .find(inside)
                    .or_else(|| class.iter().next().map(|range| range.start()))?
            }
            Class::Bytes(class) => {
                let inside =
                    |c: &char| class.iter().any(|range| (range.start()..=range.end()).contains(&(*c as u8)));
                preferred
                    .into_iter()
                    .find(inside)
                    .or_else(|| class.iter().next().map(|range| range.start().into()))?
            }
        };
        self.bytes.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pattern: &str) -> Option<String> {
        matching(&read(pattern)?, &mut fastrand::Rng::with_seed(1))
    }

    #[test]
    fn texts_match_their_patterns() {
        for pattern in [
            r"^[A-Z]{3}-\d{4}$",
            r"^(?:red|green|blue)$",
            r"^#[0-9a-f]{6}$",
            r"^\+?[1-9]\d{1,14}$",
            r"^[^/\s]+/[^/\s]+$",
            r"^\w+(\.\w+)*@example\.(com|org)$",
            r"^v\d+\.\d+\.\d+$",
            "^$",
            "é+",
        ] {
            let text = text(pattern).unwrap();
            let schema = serde_json::json!({ "pattern": pattern });
            assert!(jsonschema::is_valid(&schema, &text.clone().into()), "{pattern} gave {text}");
        }
    }

    #[test]
    fn hostile_patterns_end_quickly() {
        assert_eq!(text("(?=look)a"), None);
        assert_eq!(text("(a{1000}){1000}"), None);
        assert_eq!(text("((){1000}){1000000}").as_deref(), Some(""));
        assert_eq!(text(&"(".repeat(400)), None);
        assert_eq!(text(&"a".repeat(513)), None);
    }
}
