//! Warnings that an author allows: `# howdah: allow(CODE)` on their line, or on the line above.
//!
//! A comment that allows nothing is a warning itself, so that none outlives its reason. Errors
//! cannot be allowed.
//!
//! Codes: `unused-allow`, `unknown-allow`.

use std::collections::BTreeMap;

use crate::diagnostic::codes::{self, PageKind};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceFile, SourceMap, Span, quoted};
use crate::syntax::comments::comments;

/// What such a comment begins with.
const MARK: &str = "howdah: allow(";

/// Warnings that one machine has and another has not: to allow them is right on both.
const OF_MACHINES: [&str; 1] = ["missing-secret"];

/// One code of one comment.
struct Allow<'a> {
    code: &'a str,
    span: Span,
    /// The lines on which it holds.
    lines: Vec<usize>,
    is_used: bool,
}

/// Takes out the warnings that are allowed where they stand, and adds what is wrong with the
/// comments. To be called once all that can be found was found.
pub fn without_allowed(found: Diagnostics, sources: &SourceMap) -> Diagnostics {
    let mut allowed: BTreeMap<FileId, Vec<Allow<'_>>> = BTreeMap::new();
    for (file, source) in sources.files().filter(|(_, source)| source.text.contains(MARK)) {
        allowed.insert(file, read(file, source));
    }
    if allowed.is_empty() {
        return found;
    }
    let mut kept = Diagnostics::new();
    for one in found {
        let span = one.primary.span;
        let line = sources.file(span.file).position(span.start).line;
        let mut silenced = false;
        for allow in allowed.get_mut(&span.file).into_iter().flatten() {
            if !one.is_error() && allow.code == one.code && allow.lines.contains(&line) {
                allow.is_used = true;
                silenced = true;
            }
        }
        if !silenced {
            kept.push(one);
        }
    }
    // With an error in a file not all of its warnings are known.
    let is_whole = |file: &FileId| !kept.iter().any(|one| one.is_error() && one.primary.span.file == *file);
    let whole: Vec<_> = allowed.iter().filter(|(file, _)| is_whole(file)).collect();
    let unused = whole.into_iter().flat_map(|(_, allows)| allows).filter(|allow| !allow.is_used);
    let complaints: Vec<_> = unused.filter_map(complaint).collect();
    kept.extend(complaints);
    kept
}

/// What is wrong with a comment that silenced nothing.
fn complaint(allow: &Allow<'_>) -> Option<Diagnostic> {
    let pages = codes::find(allow.code);
    let Some(page) = pages.iter().find(|page| page.kind != PageKind::Failure) else {
        let message = format!("there is no warning {}", quoted(allow.code));
        let help = codes::meant(allow.code).map(|meant| format!("did you mean `{meant}`?"));
        return Some(Diagnostic::warning("unknown-allow", allow.span, message).with_help_if(help));
    };
    if OF_MACHINES.contains(&page.code) {
        return None;
    }
    let (message, help) = match page.kind {
        PageKind::Error => (
            format!("`{}` is an error, and errors cannot be allowed", page.code),
            format!("`howdah explain {}` tells what to do", page.code),
        ),
        _ => (
            format!("nothing here gives the warning `{}`", page.code),
            "remove it, or put it on the line of the warning or the line above".to_owned(),
        ),
    };
    Some(Diagnostic::warning("unused-allow", allow.span, message).with_help(help))
}

/// The codes that comments of a file allow.
fn read(file: FileId, source: &SourceFile) -> Vec<Allow<'_>> {
    let mut allows = Vec::new();
    for comment in comments(file, &source.text) {
        let text = source.text.get(comment.start as usize..comment.end as usize).unwrap_or_default();
        let Some(list) = list(text) else { continue };
        let line = source.position(comment.start).line;
        let lines = lines(source, line);
        let base = comment.start as usize + (list.as_ptr() as usize - text.as_ptr() as usize);
        let mut at = base;
        for part in list.split(',') {
            let code = part.trim();
            let start = at + (part.len() - part.trim_start().len());
            at += part.len() + 1;
            if !code.is_empty() {
                let span = Span::new(file, start, start + code.len());
                allows.push(Allow { code, span, lines: lines.clone(), is_used: false });
            }
        }
    }
    allows
}

/// What stands in the brackets of `# howdah: allow(…)`.
fn list(comment: &str) -> Option<&str> {
    let rest = comment.trim_start_matches('#').trim_start().strip_prefix(MARK)?;
    rest.split_once(')').map(|(list, _)| list)
}

/// The lines for which a comment on this line speaks: its own, and the next one that is more than a
/// comment where it has nothing before it.
fn lines(source: &SourceFile, line: usize) -> Vec<usize> {
    let is_comment = |line: usize| source.line(line).trim_start().starts_with('#');
    if !is_comment(line) {
        return vec![line];
    }
    let next = (line + 1..).find(|next| !is_comment(*next)).unwrap_or(line);
    vec![line, next]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of these findings in a file of this text, as code and place.
    fn left(text: &str, found: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut sources = SourceMap::default();
        let file = sources.add(SourceFile::new("workflows/w.yaml", text));
        let mut all = Diagnostics::new();
        for (code, place) in found {
            let at = text.find(place).unwrap();
            let span = Span::new(file, at, at + place.len());
            let is_warning = codes::find(code).iter().any(|page| page.kind == PageKind::Warning);
            all.push(match is_warning {
                true => Diagnostic::warning(code, span, "m"),
                false => Diagnostic::error(code, span, "m"),
            });
        }
        let kept = without_allowed(all, &sources);
        kept.sorted().iter().map(|one| (one.code, sources.text(one.primary.span).to_owned())).collect()
    }

    #[test]
    fn a_comment_speaks_for_its_line_and_the_next() {
        let found = [("no-effect", "b: 2")];
        assert_eq!(left("a: 1\nb: 2 # howdah: allow(no-effect)\n", &found), []);
        assert_eq!(left("a: 1\n# howdah: allow(no-effect)\nb: 2\n", &found), []);
        assert_eq!(left("a: 1\n# howdah: allow(no-effect): later\n# why\nb: 2\n", &found), []);
        assert_eq!(left("a: 1\n# howdah: allow( no-model , no-effect )\nb: 2\n", &found).len(), 1);
        let far = left("# howdah: allow(no-effect)\na: 1\nb: 2\n", &found);
        assert_eq!(far, [("unused-allow", "no-effect".into()), ("no-effect", "b: 2".into())]);
        let behind = left("a: 1 # howdah: allow(no-effect)\nb: 2\n", &found);
        assert_eq!(behind.len(), 2);
    }

    #[test]
    fn what_looks_like_a_comment_in_a_text_is_none() {
        let found = [("no-effect", "b: 2")];
        assert_eq!(left("a: |\n  # howdah: allow(no-effect)\nb: 2\n", &found).len(), 1);
    }

    #[test]
    fn errors_cannot_be_allowed() {
        let text = "# howdah: allow(unknown-key)\na: 1\n";
        assert_eq!(left(text, &[("unknown-key", "a: 1")]), [("unknown-key", "a: 1".into())]);
        assert_eq!(left(text, &[]), [("unused-allow", "unknown-key".into())]);
    }

    #[test]
    fn comments_that_do_nothing_are_told() {
        assert_eq!(left("# howdah: allow(no-efect)\na: 1\n", &[]), [("unknown-allow", "no-efect".into())]);
        assert_eq!(
            left("# howdah: allow(http_status)\na: 1\n", &[]),
            [("unknown-allow", "http_status".into())]
        );
        // Another machine may lack the secret.
        assert_eq!(left("# howdah: allow(missing-secret)\na: 1\n", &[]), []);
    }
}
