//! What the table of fields cannot say of a `file` trigger.
//!
//! Codes: `bad-pattern`, `wrong-type`.

use crate::component::Written;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::Pattern;
use crate::value::Json;

/// The rules of the kind.
pub(super) fn check(written: &Written<'_>, diagnostics: &mut Diagnostics) {
    for (name, help) in [
        ("paths", "name the files, like `inbox/*.txt`"),
        ("events", "write `created`, `modified` or both, or leave `events` out"),
    ] {
        if let Some(node) = written.get(name)
            && node.to_json().as_array().is_some_and(Vec::is_empty)
        {
            let problem = Diagnostic::error("wrong-type", node.span, format!("the list `{name}` is empty"));
            diagnostics.push(problem.with_help(help));
        }
    }
    for node in ["paths", "ignore"].iter().filter_map(|name| written.get(name)) {
        let globs = match node.to_json() {
            Json::Array(globs) => globs,
            one => vec![one],
        };
        let literal = globs.iter().filter_map(Json::as_str).filter(|glob| !glob.contains("{{"));
        for error in literal.filter_map(|glob| Pattern::new(glob).err()) {
            diagnostics.push(Diagnostic::error("bad-pattern", node.span, error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;
    use crate::syntax::tree::Kind;
    use crate::syntax::yaml;

    #[track_caller]
    fn finds(text: &str, expected: &[&str]) {
        let mut diagnostics = Diagnostics::new();
        let root = yaml::parse(FileId(0), text, &mut diagnostics).unwrap();
        let Kind::Mapping(entries) = &root.kind else { panic!("a map") };
        let fields = entries.iter().map(|(key, node)| (&*key.value, key.span, node)).collect();
        check(&Written { name: root.span.at_start(), fields }, &mut diagnostics);
        let codes: Vec<_> = diagnostics.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, expected, "{text}");
    }

    #[test]
    fn globs_are_read_before_anything_is_watched() {
        finds("paths: inbox/**/*.txt\nignore: ['*.tmp', drafts/]\nevents: [created]", &[]);
        finds("paths: [\"{{vars.inbox}}/*[\"]", &[]);
        finds("paths: ../x", &["bad-pattern"]);
        finds("paths: [a, 'b[']\nignore: '{'", &["bad-pattern", "bad-pattern"]);
        finds("paths: []\nevents: []", &["wrong-type", "wrong-type"]);
    }
}
