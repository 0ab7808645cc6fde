//! What every code means: a page each, for `howdah explain CODE` and for tools that show findings.
//!
//! A page says what the code stands for, how one gets there and what to do; where a file can show
//! it, a wrong one and the same one put right. Tests hold that every code which the sources raise
//! has a page, that every wrong example really gives its code and nothing else, and that every
//! cured one checks clean. What exactly is wrong in somebody's file is said by the finding itself.
//!
//! Codes are written `unknown-key` in findings and `http_status` in `error.code`; both spellings
//! find their page.

mod failures;
mod flow;
mod kinds;
mod machine;
mod names;
mod prompts;
mod templates;
mod trials;
mod types;
mod workflow;
mod yaml;

use super::nearest;

/// The page of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The code.
    pub code: &'static str,
    /// When people meet it.
    pub kind: PageKind,
    /// One sentence.
    pub summary: &'static str,
    /// How one gets there.
    pub cause: &'static str,
    /// What to do.
    pub cure: &'static str,
    /// Shown on files, where files can show it.
    pub example: Option<Example>,
}

/// When people meet a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// Before a run: the file cannot be used.
    Error,
    /// Before a run: the file can be used, and probably does not do what is meant.
    Warning,
    /// In a run: the value of `error.code`.
    Failure,
}

impl PageKind {
    /// `error`, `warning` or `failure`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// The same files, wrong and right.
///
/// A text is the file `workflows/example.yaml`; a line that is a comment with a path in it and
/// nothing else (`# howdah.yaml`) begins another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// With the mistake, and no other.
    pub wrong: &'static str,
    /// Without it.
    pub right: &'static str,
}

impl Page {
    const fn new(
        kind: PageKind,
        code: &'static str,
        summary: &'static str,
        cause: &'static str,
        cure: &'static str,
    ) -> Self {
        Self { code, kind, summary, cause, cure, example: None }
    }

    const fn error(
        code: &'static str,
        summary: &'static str,
        cause: &'static str,
        cure: &'static str,
    ) -> Self {
        Self::new(PageKind::Error, code, summary, cause, cure)
    }

    const fn warning(
        code: &'static str,
        summary: &'static str,
        cause: &'static str,
        cure: &'static str,
    ) -> Self {
        Self::new(PageKind::Warning, code, summary, cause, cure)
    }

    const fn failure(code: &'static str, summary: &'static str, cure: &'static str) -> Self {
        Self::new(PageKind::Failure, code, summary, "", cure)
    }

    const fn shown(self, wrong: &'static str, right: &'static str) -> Self {
        Self { example: Some(Example { wrong, right }), ..self }
    }
}

/// All pages, in the order in which they are listed.
pub fn all() -> impl Iterator<Item = &'static Page> + Clone {
    let tables: [&'static [Page]; 11] = [
        yaml::PAGES,
        workflow::PAGES,
        names::PAGES,
        flow::PAGES,
        templates::PAGES,
        prompts::PAGES,
        types::PAGES,
        kinds::PAGES,
        machine::PAGES,
        trials::PAGES,
        failures::PAGES,
    ];
    tables.into_iter().flatten()
}

/// The pages of this code: of a finding, of a failure, or of both; `_` and `-` are the same here.
pub fn find(code: &str) -> Vec<&'static Page> {
    all().filter(|page| is_same(page.code, code)).collect()
}

/// The code that somebody probably meant.
pub fn meant(written: &str) -> Option<&'static str> {
    nearest(&written.replace('_', "-"), all().map(|page| page.code))
}

fn is_same(code: &str, written: &str) -> bool {
    code.len() == written.len()
        && code.bytes().zip(written.bytes()).all(|(a, b)| a == b || (is_glue(a) && is_glue(b)))
}

fn is_glue(byte: u8) -> bool {
    matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_either_spelling() {
        let codes = |written| find(written).iter().map(|page| page.code).collect::<Vec<_>>();
        assert_eq!(codes("unknown_key"), ["unknown-key"]);
        assert_eq!(codes("http-status"), ["http_status"]);
        assert_eq!(codes("unknownkey"), [""; 0]);
        assert_eq!(meant("unknwn_key"), Some("unknown-key"));
        assert_eq!(meant("something-else-entirely"), None);
    }

    #[test]
    fn every_page_is_complete_and_there_is_one_of_a_kind() {
        let mut seen = Vec::new();
        for page in all() {
            let Page { code, kind, summary, cause, cure, .. } = *page;
            assert!(!seen.contains(&(code, kind.as_str())), "`{code}` has two pages");
            seen.push((code, kind.as_str()));
            for text in [summary, cure] {
                assert!(text.ends_with('.') && !text.contains('\n'), "{code}: {text}");
            }
            assert!(kind == PageKind::Failure || cause.ends_with('.'), "{code}: {cause}");
        }
    }
}
