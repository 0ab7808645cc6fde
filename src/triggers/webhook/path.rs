//! The path of a route: `/tickets/{queue}`.

use crate::ids::is_identifier;

/// The longest path, in bytes.
const LENGTH: usize = 512;

/// What is wrong with a path, if something is: a sentence that says what to write.
pub(super) fn problem(path: &str) -> Option<String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Some(format!("`{path}` begins with no `/`: write `/{path}`"));
    };
    if path.len() > LENGTH {
        return Some(format!("a path has at most {LENGTH} bytes, this one has {}", path.len()));
    }
    if rest.is_empty() {
        return Some("a path needs a name, like `/tickets`".to_owned());
    }
    if rest == "-" || rest.starts_with("-/") {
        return Some(format!(
            "`{path}` begins with `/-`, below which runs are answered: choose another name"
        ));
    }
    let mut names = Vec::new();
    for segment in rest.split('/') {
        if segment.is_empty() {
            return Some(format!(
                "`{path}` has an empty part: write one `/` between names and none at the end"
            ));
        }
        match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
            Some(name) if !is_identifier(name) => {
                return Some(format!("`{segment}` is no parameter: its name has letters, digits and `_`"));
            }
            Some(name) if names.contains(&name) => {
                return Some(format!("the parameter `{segment}` stands twice in the path"));
            }
            Some(name) => names.push(name),
            None if matches!(segment, "." | "..") || !segment.bytes().all(is_plain) => {
                return Some(format!(
                    "`{segment}` cannot stand in a path: use letters, digits, `-`, `_`, `.` and `~`, or a whole part `{{name}}`"
                ));
            }
            None => {}
        }
    }
    None
}

/// What needs no encoding in a URL, so that a path has one spelling.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_names_and_parameters() {
        for good in ["/tickets", "/a/{id}/b.c", "/{a}/{b}", "/v1.0/~x_y-z"] {
            assert_eq!(problem(good), None, "{good}");
        }
        for (bad, word) in [
            ("tickets", "`/tickets`"),
            ("/-/approve", "choose another name"),
            ("/", "needs a name"),
            ("/a/", "empty part"),
            ("/a//b", "empty part"),
            ("/a/../b", "`..` cannot"),
            ("/a b", "`a b` cannot"),
            ("/a%2fb", "cannot stand"),
            ("/{a}/{a}", "stands twice"),
            ("/{}", "no parameter"),
            ("/{*rest}", "no parameter"),
            ("/x{a}", "cannot stand"),
            ("/é", "cannot stand"),
        ] {
            assert!(problem(bad).is_some_and(|problem| problem.contains(word)), "{bad}: {:?}", problem(bad));
        }
        assert!(problem(&format!("/{}", "a".repeat(LENGTH))).is_some());
    }
}
