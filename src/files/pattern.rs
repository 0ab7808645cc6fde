//! Globs over the paths of the workspace: `inbox/**/*.txt`.
//!
//! `*` and `?` stay within one name, `**` crosses folders, `{a,b}` and `[ab]` are choices. A name
//! that begins with a dot, or ends with `~` (an editor's copy), is met only by a pattern that
//! spells such a name.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::draft::TEMPORARY;

/// One glob, ready to match.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    matcher: GlobMatcher,
    /// The folder that every match lies in.
    base: String,
    /// How many names a match has at most below the base; none: any number.
    depth: Option<usize>,
    /// Whether the pattern itself spells a hidden name.
    hidden: bool,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The glob's own rules.
    #[error("`{0}` is no glob: {1}")]
    Glob(String, String),
    /// It could leave the workspace.
    #[error("`{0}` holds `..`: write the pattern from the workspace's root")]
    Parent(String),
    /// There is nothing in it.
    #[error("the pattern is empty: write a glob like `inbox/*.txt`")]
    Empty,
}

/// The longest pattern, in bytes.
const LENGTH: usize = 1024;

impl Pattern {
    /// Reads a glob.
    ///
    /// # Errors
    /// When it is empty, holds `..`, is longer than 1,024 bytes or is malformed.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let text = text.trim_start_matches("./");
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if Path::new(text).components().any(|part| part == Component::ParentDir) {
            return Err(PatternError::Parent(text.to_owned()));
        }
        if text.len() > LENGTH {
            let start = text.chars().take(40).collect();
            return Err(PatternError::Glob(start, "it is longer than 1,024 bytes".to_owned()));
        }
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
        let glob = glob.map_err(|error| PatternError::Glob(text.to_owned(), error.kind().to_string()))?;
        let names: Vec<_> = text.split('/').collect();
        let special = |name: &&str| name.contains(['*', '?', '[', '{', '\\']);
        // A pattern without a wildcard names one file: its folder is the base.
        let literal = names.iter().position(special).unwrap_or(names.len() - 1);
        let crosses = text.contains("**") || text.contains('{');
        Ok(Self {
            matcher: glob.compile_matcher(),
            base: names[..literal].join("/"),
            depth: (!crosses).then_some(names.len() - literal),
            hidden: names.iter().any(|name| is_hidden(name)),
            text: text.to_owned(),
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a path, relative to the workspace or absolute as the pattern is, matches.
    pub fn matches(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        !name.starts_with(TEMPORARY)
            && (self.hidden || !self.below(path).is_some_and(|rest| rest.split('/').any(is_hidden)))
            && self.matcher.is_match(path)
    }

    /// The folder that every match lies in; empty for the workspace.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Whether matches may lie in a folder below the base, so that it must be looked into.
    pub(super) fn enters(&self, folder: &str) -> bool {
        if folder.is_empty() || self.base.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')) {
            return true;
        }
        let Some(rest) = self.below(folder) else { return false };
        let depth = rest.split('/').filter(|name| !name.is_empty()).count();
        self.depth.is_none_or(|most| depth < most) && (self.hidden || !rest.split('/').any(is_hidden))
    }

    /// The path from the base on.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.base.is_empty() {
            return Some(path);
        }
        let rest = path.strip_prefix(self.base.as_str())?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }
}

/// Several globs, less those that are ignored.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    wanted: Vec<Pattern>,
    ignored: Vec<GlobMatcher>,
}

impl Patterns {
    /// What matches one of `wanted` and none of `ignored`. An ignored folder is not looked into.
    ///
    /// # Errors
    /// The first pattern that is malformed.
    pub fn new<'a>(
        wanted: impl IntoIterator<Item = &'a str>,
        ignored: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, PatternError> {
        let wanted = wanted.into_iter().map(Pattern::new).collect::<Result<_, _>>()?;
        let ignored = ignored.into_iter().map(|text| Pattern::new(text.trim_end_matches('/')));
        let ignored = ignored.map(|pattern| pattern.map(|pattern| pattern.matcher));
        Ok(Self { wanted, ignored: ignored.collect::<Result<_, _>>()? })
    }

    /// Whether a path is wanted.
    pub fn matches(&self, path: &str) -> bool {
        self.wanted.iter().any(|pattern| pattern.matches(path)) && !self.is_ignored(path)
    }

    /// Whether wanted files may lie in a folder.
    pub(super) fn enters(&self, folder: &str) -> bool {
        self.wanted.iter().any(|pattern| pattern.enters(folder)) && !self.is_ignored(folder)
    }

    /// The folders in which to begin, none of them inside another.
    pub(super) fn bases(&self) -> Vec<String> {
        let mut bases: Vec<PathBuf> = self.wanted.iter().map(|pattern| pattern.base().into()).collect();
        bases.sort();
        bases.dedup();
        let inner = |base: &PathBuf| {
            // Absolute bases are not inside the workspace, whose base is the empty path.
            bases.iter().any(|other| {
                other != base && base.starts_with(other) && base.is_absolute() == other.is_absolute()
            })
        };
        bases.iter().filter(|base| !inner(base)).map(|base| base.display().to_string()).collect()
    }

    /// Whether the path, or a folder on the way to it, is ignored.
    fn is_ignored(&self, path: &str) -> bool {
        !self.ignored.is_empty()
            && Path::new(path).ancestors().any(|part| self.ignored.iter().any(|glob| glob.is_match(part)))
    }
}

/// A name that listings leave out.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_a_name() {
        let pattern = Pattern::new("./inbox/*.txt").unwrap();
        assert!(pattern.matches("inbox/é.txt") && pattern.matches("inbox/a b.txt"));
        for path in ["inbox/a/b.txt", "inbox/.a.txt", "inbox/a.txt~", "outbox/a.txt", "inbox"] {
            assert!(!pattern.matches(path), "{path}");
        }
        assert_eq!(
            (pattern.base(), pattern.enters("inbox"), pattern.enters("inbox/a")),
            ("inbox", true, false)
        );
        let deep = Pattern::new("inbox/**/*.txt").unwrap();
        assert!(deep.matches("inbox/a.txt") && deep.matches("inbox/a/b/c.txt"));
        assert!(deep.enters("inbox/a/b") && !deep.enters("inbox/.git") && !deep.enters("inboxes"));
    }

    #[test]
    fn hidden_names_and_our_own_are_met_only_when_spelled() {
        assert!(Pattern::new("**/*").unwrap().matches("a/b"));
        assert!(!Pattern::new("**/*").unwrap().matches("a/.b"));
        assert!(Pattern::new("**/.*").unwrap().matches("a/.b"));
        assert!(Pattern::new(".config/*").unwrap().matches(".config/a"));
        assert!(!Pattern::new(".*").unwrap().matches(".howdah-0.tmp"));
    }

    #[test]
    fn an_ignored_folder_takes_all_below_it_along() {
        let patterns = Patterns::new(["docs/**/*.md", "*.md"], ["docs/old/", "**/draft-*"]).unwrap();
        assert!(patterns.matches("docs/a.md") && patterns.matches("a.md"));
        assert!(!patterns.matches("docs/old/a.md") && !patterns.matches("docs/draft-a.md"));
        assert!(Patterns::new(["a/b/*", "*"], []).unwrap().enters("a"));
        assert!(!patterns.enters("docs/old") && patterns.enters("docs/new") && !patterns.enters("src"));
        assert_eq!(patterns.bases(), [""]);
        let apart = Patterns::new(["a/b/*", "a/*", "/srv/x/*", "c/one.txt"], []).unwrap();
        assert_eq!(apart.bases(), ["/srv/x", "a", "c"]);
    }

    #[test]
    fn a_wrong_pattern_says_why() {
        assert_eq!(Pattern::new("").unwrap_err(), PatternError::Empty);
        assert_eq!(Pattern::new("a/../b").unwrap_err(), PatternError::Parent("a/../b".into()));
        assert!(matches!(Pattern::new("a[").unwrap_err(), PatternError::Glob(..)));
        assert!(matches!(Pattern::new(&"a".repeat(2000)).unwrap_err(), PatternError::Glob(..)));
    }
}
