//! Whether a path that is only partly known can be one that a glob meets.
//!
//! Both are rows of single characters and of stretches of any length; the question is whether one
//! text fits both. Globs mean what they mean to who watches files: `*` and `?` stay within a name,
//! `**` crosses folders, names that listings hide are met only where the glob spells such a name.
//! It is not here that files are looked for.

use crate::template::{Piece, Template};

/// The longest row that is compared, and the most rows that a glob with choices stands for.
const LIMITS: (usize, usize) = (1_024, 64);

/// What a value stands for when a path is looked at as if it were known.
const VALUE: char = '\u{e000}';

/// What stands around the name of a setting: its value is not known, but the same everywhere.
const SETTING: [char; 2] = ['\u{e001}', '\u{e002}'];

/// A path that is only partly known.
pub(super) struct Path {
    row: Vec<Token>,
    /// As if each value were one character.
    sample: String,
}

/// One glob.
pub(super) struct Glob {
    rows: Vec<Vec<Token>>,
    spells_hidden: bool,
}

#[derive(Clone, Debug)]
enum Token {
    One(Set),
    Many(Set),
}

/// Some characters.
#[derive(Clone, Debug)]
enum Set {
    This(char),
    NoSlash,
    Any,
    /// Those in these ranges, or all but those and `/`.
    Ranges(Vec<(char, char)>, Polarity),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Polarity {
    Within,
    Outside,
}

impl Set {
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::This(one), set) | (set, Self::This(one)) => set.has(*one),
            _ => true,
        }
    }

    fn has(&self, one: char) -> bool {
        match self {
            Self::This(this) => *this == one,
            Self::NoSlash => one != '/',
            Self::Any => true,
            Self::Ranges(ranges, polarity) => {
                let is_within = ranges.iter().any(|(first, last)| (*first..=*last).contains(&one));
                one != '/' && is_within == (*polarity == Polarity::Within)
            }
        }
    }
}

impl Path {
    /// The path that this text gives; none where it is too long to be compared. One that ends in `/`
    /// is a folder, and the file in it may have any name.
    pub fn of(text: &Template) -> Option<Self> {
        let (mut row, mut sample) = (Vec::new(), String::new());
        for piece in text.outline() {
            match piece {
                Piece::Text(text) => sample.push_str(text),
                Piece::Setting(name) => sample.push_str(&setting(name)),
                Piece::Value | Piece::Folders => sample.push(VALUE),
            }
            match piece {
                Piece::Text(text) => push_all(&mut row, text),
                Piece::Setting(name) => push_all(&mut row, &setting(name)),
                Piece::Value => row.push(Token::Many(Set::NoSlash)),
                Piece::Folders => row.push(Token::Many(Set::Any)),
            }
        }
        if sample.ends_with('/') {
            row.push(Token::Many(Set::NoSlash));
            sample.push(VALUE);
        }
        if let Some(rest) = sample.strip_prefix("./") {
            sample = rest.to_owned();
            row.drain(..2);
        }
        (row.len() <= LIMITS.0).then_some(Self { row, sample })
    }

    fn is_hidden(&self) -> bool {
        self.sample.split('/').any(is_hidden)
    }
}

impl Glob {
    /// The glob that this text gives; none where it is too long, or stands for too much, to be compared.
    pub fn of(text: &Template) -> Option<Self> {
        let mut glob = String::new();
        for piece in text.outline() {
            match piece {
                Piece::Text(text) => glob.push_str(text),
                Piece::Setting(name) => glob.push_str(&setting(name)),
                Piece::Value => glob.push('*'),
                Piece::Folders => glob.push_str("**"),
            }
        }
        Self::read(glob.trim_start_matches("./").trim_end_matches('/'))
    }

    fn read(glob: &str) -> Option<Self> {
        let mut spelled = vec![glob.to_owned()];
        let mut rows = Vec::new();
        while let Some(glob) = spelled.pop() {
            if glob.len() > LIMITS.0 || rows.len() + spelled.len() >= LIMITS.1 {
                return None;
            }
            match choices(&glob) {
                Some(choices) => spelled.extend(choices),
                None => rows.push(row(&glob)?),
            }
        }
        Some(Self { rows, spells_hidden: glob.split('/').any(is_hidden) })
    }

    /// Whether some path that this one can be is met.
    pub fn can_meet(&self, path: &Path) -> bool {
        (self.spells_hidden || !path.is_hidden()) && self.rows.iter().any(|row| can_be_one(row, &path.row))
    }

    /// Whether the path, or a folder on the way to it, is met whatever its values are.
    pub fn leaves_out(&self, path: &Path) -> bool {
        let ends = path.sample.match_indices('/').map(|(at, _)| at).chain([path.sample.len()]);
        let mut folders = ends.filter_map(|end| path.sample.get(..end));
        folders.any(|folder| {
            let mut known = Vec::new();
            push_all(&mut known, folder);
            self.rows.iter().any(|row| can_be_one(row, &known))
        })
    }
}

fn setting(name: &str) -> String {
    format!("{}{name}{}", SETTING[0], SETTING[1])
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~')
}

fn push_all(row: &mut Vec<Token>, text: &str) {
    row.extend(text.chars().map(|one| Token::One(Set::This(one))));
}

/// The globs for which one with a choice stands: `{a,b}` is either, and `**/` may be no folder.
fn choices(glob: &str) -> Option<Vec<String>> {
    let folders = glob.starts_with("**/").then_some(0).or_else(|| glob.find("/**/").map(|at| at + 1));
    if let Some(at) = folders {
        // The second has marks that are no stars, so that it is not read so again.
        let (before, after) = (glob.get(..at)?, glob.get(at + 3..)?);
        return Some(vec![format!("{before}{after}"), format!("{before}\u{e003}/{after}")]);
    }
    let open = glob.find('{')?;
    let (mut depth, mut start, mut parts) = (0_usize, open + 1, Vec::new());
    for (at, one) in glob.char_indices().skip_while(|(at, _)| *at < open) {
        match one {
            '{' => depth += 1,
            ',' if depth == 1 => {
                parts.push(glob.get(start..at)?);
                start = at + 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    parts.push(glob.get(start..at)?);
                    let (before, after) = (glob.get(..open)?, glob.get(at + 1..)?);
                    return Some(parts.iter().map(|part| format!("{before}{part}{after}")).collect());
                }
            }
            _ => {}
        }
    }
    None
}

/// The row of a glob without choices; none where it is malformed.
fn row(glob: &str) -> Option<Vec<Token>> {
    let mut row = Vec::new();
    let mut rest = glob.chars().peekable();
    while let Some(one) = rest.next() {
        row.push(match one {
            '*' if rest.next_if_eq(&'*').is_some() => Token::Many(Set::Any),
            '\u{e003}' => Token::Many(Set::Any),
            '*' => Token::Many(Set::NoSlash),
            '?' => Token::One(Set::NoSlash),
            '\\' => Token::One(Set::This(rest.next()?)),
            '[' => {
                let is_outside = rest.next_if(|one| matches!(one, '!' | '^')).is_some();
                let mut ranges = Vec::new();
                loop {
                    let first = rest.next()?;
                    if first == ']' && !ranges.is_empty() {
                        break;
                    }
                    let last = match rest.next_if_eq(&'-') {
                        Some(_) => rest.next_if(|one| *one != ']'),
                        None => Some(first),
                    };
                    // A `-` before the bracket stands for itself.
                    ranges.extend([(first, last.unwrap_or(first))]);
                    ranges.extend(last.is_none().then_some(('-', '-')));
                }
                let polarity = if is_outside { Polarity::Outside } else { Polarity::Within };
                Token::One(Set::Ranges(ranges, polarity))
            }
            one => Token::One(Set::This(one)),
        });
    }
    Some(row)
}

/// Whether one text fits both rows.
fn can_be_one(left: &[Token], right: &[Token]) -> bool {
    // Most begin with names of folders that differ.
    let differs = |(left, right): (&Token, &Token)| match (left, right) {
        (Token::One(left), Token::One(right)) => Some(!left.meets(right)),
        _ => None,
    };
    if left.iter().zip(right).map_while(differs).any(|differs| differs) {
        return false;
    }
    // Whether the rests from each place on fit, from the ends backwards.
    let mut below = vec![false; right.len() + 1];
    for i in (0..=left.len()).rev() {
        let mut here = vec![false; right.len() + 1];
        for j in (0..=right.len()).rev() {
            let (down, over) = (below[j], here.get(j + 1).copied().unwrap_or_default());
            here[j] = match (left.get(i), right.get(j)) {
                (None, None) => true,
                (None, Some(Token::Many(_))) => over,
                (Some(Token::Many(_)), None) => down,
                (None, Some(Token::One(_))) | (Some(Token::One(_)), None) => false,
                (Some(Token::Many(_)), Some(Token::Many(_))) => down || over,
                (Some(Token::Many(many)), Some(Token::One(one))) => down || (over && many.meets(one)),
                (Some(Token::One(one)), Some(Token::Many(many))) => over || (down && many.meets(one)),
                (Some(Token::One(left)), Some(Token::One(right))) => {
                    left.meets(right) && below.get(j + 1).copied().unwrap_or_default()
                }
            };
        }
        below = here;
    }
    below.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Partials;

    fn template(text: &str) -> Template {
        Template::compile(text, &Partials::new()).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
    }

    fn meets(glob: &str, path: &str) -> bool {
        Glob::of(&template(glob)).unwrap().can_meet(&Path::of(&template(path)).unwrap())
    }

    #[test]
    fn a_value_is_any_part_of_a_name() {
        for path in
            ["inbox/a.txt", "inbox/{{event.stem}}.txt", "./inbox/{{inputs.x}}", "inbox/", "{{event.path}}"]
        {
            assert!(meets("inbox/*.txt", path), "{path}");
        }
        for path in [
            "inbox/{{event.stem}}.md",
            "out/{{event.name}}",
            "inbox/{{inputs.x}}/a.txt",
            "{{event.path}}.done",
            "inbox/.{{inputs.x}}.txt",
            "{{vars.inbox}}/a.txt",
        ] {
            assert!(!meets("inbox/*.txt", path), "{path}");
        }
        assert!(meets("{{vars.inbox}}/*.txt", "{{vars.inbox}}/a.txt"));
        assert!(meets("out/*.md", "out/{{run.id}}.md"));
        assert!(meets("inbox/**", "{{event.dir}}/x.md"));
    }

    #[test]
    fn globs_mean_what_they_mean_to_the_watch() {
        for (glob, path, expected) in [
            ("**/*.txt", "a.txt", true),
            ("**/*.txt", "a/b/c.txt", true),
            ("a/**/b.txt", "a/b.txt", true),
            ("a/**/b.txt", "a/c/d/b.txt", true),
            ("a/**", "a/b/c", true),
            ("a/*", "a/b/c", false),
            ("a/?.txt", "a/bc.txt", false),
            ("a/{b,c{d,e}}.txt", "a/ce.txt", true),
            ("a/{b,c{d,e}}.txt", "a/c.txt", false),
            ("a/[0-9]*.txt", "a/summary.txt", false),
            ("a/[!0-9]*.txt", "a/summary.txt", true),
            ("a/[-x]", "a/-", true),
            ("a/\\*", "a/b", false),
            (".a/*", ".a/b", true),
        ] {
            assert_eq!(meets(glob, path), expected, "{glob} {path}");
        }
        assert!(Glob::read(&"{a,b}".repeat(10)).is_none() && Glob::read("a[").is_none());
    }

    #[test]
    fn what_is_left_out_is_left_out_whatever_the_values_are() {
        let leaves_out = |glob: &str, path: &str| {
            Glob::of(&template(glob)).unwrap().leaves_out(&Path::of(&template(path)).unwrap())
        };
        assert!(leaves_out("inbox/done", "inbox/done/{{event.name}}"));
        assert!(leaves_out("**/*.done", "{{event.path}}.done"));
        assert!(!leaves_out("inbox/*.md", "inbox/{{inputs.name}}"));
    }
}
