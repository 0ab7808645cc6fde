//! Reads one path as Handlebars spells it: `steps.a.output`, `this.name`, `../x`, `@index`,
//! `@root.inputs.[odd name]`.

use crate::template::reference::Segment;
use crate::template::term::RoundValue;

/// A path, before it is known what it starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// `@index` and its kin, so many contexts out.
    Round(usize, RoundValue),
    /// `@root.…`.
    Root(Vec<Segment>),
    /// `this.…`, `./…` or `../…`: so many contexts out.
    This(usize, Vec<Segment>),
    /// Anything else: a name first.
    Bare(Vec<Segment>),
    /// `@something` that does not exist.
    Unknown,
}

/// Reads a path of the library's grammar.
pub(super) fn read(raw: &str) -> Written {
    if let Some(rest) = raw.strip_prefix("@root") {
        match rest.strip_prefix(['.', '/']) {
            Some(rest) => return Written::Root(segments(rest)),
            None if rest.is_empty() => return Written::Root(Vec::new()),
            None => {}
        }
    }
    if let Some(local) = raw.strip_prefix('@') {
        let (up, name) = steps_up(local);
        return match name {
            "index" => Written::Round(up, RoundValue::Index),
            "key" => Written::Round(up, RoundValue::Key),
            "first" => Written::Round(up, RoundValue::First),
            "last" => Written::Round(up, RoundValue::Last),
            _ => Written::Unknown,
        };
    }
    let here = raw.strip_prefix("this").filter(|rest| rest.is_empty() || rest.starts_with(['.', '/']));
    if let Some(rest) = here.or_else(|| raw.strip_prefix('.').filter(|rest| rest.starts_with('/'))) {
        return Written::This(0, segments(rest.get(1..).unwrap_or_default()));
    }
    match steps_up(raw) {
        (0, rest) => Written::Bare(segments(rest)),
        (up, rest) => Written::This(
            up,
            segments(rest.strip_prefix("this").filter(|rest| starts_anew(rest)).unwrap_or(rest)),
        ),
    }
}

fn starts_anew(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '/'])
}

/// `../../x` as `(2, "x")`.
fn steps_up(path: &str) -> (usize, &str) {
    let (mut up, mut rest) = (0, path);
    while let Some(tail) = rest.strip_prefix("../").or_else(|| rest.strip_prefix("...")) {
        (up, rest) = (up + 1, tail);
    }
    (up, rest)
}

/// The parts of a path.
pub(super) fn segments(path: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut rest = path.trim_start_matches(['.', '/']);
    while !rest.is_empty() {
        let (name, tail) = match rest.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']').unwrap_or((bracketed, "")),
            None => rest.split_at(rest.find(['.', '/', '[']).unwrap_or(rest.len())),
        };
        let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        segments.push(match name.parse() {
            Ok(index) if digits => Segment::Index(index),
            _ => Segment::Key(name.into()),
        });
        rest = tail.trim_start_matches(['.', '/']);
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        let key = |name: &str| Segment::Key(name.into());
        let cases = [
            ("a.b/c", Written::Bare(vec![key("a"), key("b"), key("c")])),
            (
                "a.0.[1].[x y]",
                Written::Bare(vec![key("a"), Segment::Index(0), Segment::Index(1), key("x y")]),
            ),
            ("this", Written::This(0, vec![])),
            ("this.a", Written::This(0, vec![key("a")])),
            ("thistle", Written::Bare(vec![key("thistle")])),
            ("./a", Written::This(0, vec![key("a")])),
            ("../../a", Written::This(2, vec![key("a")])),
            ("../this", Written::This(1, vec![])),
            ("@index", Written::Round(0, RoundValue::Index)),
            ("@../key", Written::Round(1, RoundValue::Key)),
            ("@root.a", Written::Root(vec![key("a")])),
            ("@level", Written::Unknown),
        ];
        for (raw, written) in cases {
            assert_eq!(read(raw), written, "{raw}");
        }
    }
}
