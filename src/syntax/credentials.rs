//! Credentials that stand in a file as they are, where a secret's name should stand.
//!
//! A file is shared, copied and committed; a credential in it is known to all who see it. Only what
//! is very likely one is told of: a value under a key that holds nothing else, or one that begins as
//! the keys of well-known services do. The value itself is never told.
//!
//! Code raised here: `literal-credential`.

use super::tree::{Kind, Node};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// Keys whose values are credentials and nothing else.
const KEYS: [&str; 12] = [
    "api_key",
    "apikey",
    "api-key",
    "x-api-key",
    "authorization",
    "bearer",
    "password",
    "passwd",
    "client_secret",
    "access_token",
    "auth_token",
    "private_key",
];

/// How the keys of well-known services begin, and how long they are at least.
const PREFIXES: [(&str, usize); 15] = [
    ("sk-", 20),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("xapp-", 20),
    ("AKIA", 20),
    ("AIza", 35),
    ("hf_", 30),
    ("npm_", 30),
    ("whsec_", 20),
    ("-----BEGIN ", 30),
];

/// Warns of every credential in this tree.
pub fn literal_credentials(node: &Node, diagnostics: &mut Diagnostics) {
    // What an alias leads to is told where it stands.
    if node.alias.is_some() {
        return;
    }
    match &node.kind {
        Kind::Scalar(scalar) => {
            if begins_as_a_key(&scalar.text) || has_password(&scalar.text) {
                diagnostics.push(warning(node));
            }
        }
        Kind::Sequence(items) => items.iter().for_each(|item| literal_credentials(item, diagnostics)),
        Kind::Mapping(entries) => {
            for (key, node) in entries.iter() {
                let held = node.as_text().filter(|text| node.alias.is_none() && is_held(text));
                match held {
                    Some(_) if KEYS.contains(&&*key.value.to_ascii_lowercase()) => {
                        diagnostics.push(warning(node));
                    }
                    _ => literal_credentials(node, diagnostics),
                }
            }
        }
    }
}

fn warning(node: &Node) -> Diagnostic {
    let message = "a credential stands here, for all who see this file";
    Diagnostic::warning("literal-credential", node.span, message)
        .with_help("put it into `.env` or the environment as `NAME=…`, and write `\"{{secrets.NAME}}\"` here")
}

/// Whether a value under such a key can be the credential itself: it is no template, and more than a
/// word for a kind of thing.
fn is_held(text: &str) -> bool {
    let text = text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("Basic ")).unwrap_or(text);
    text.len() >= 8 && !text.contains("{{") && !text.contains(' ')
}

fn begins_as_a_key(text: &str) -> bool {
    let text = text.trim_start();
    let text = text.strip_prefix("Bearer ").unwrap_or(text);
    PREFIXES.iter().any(|(prefix, length)| {
        let rest = text.strip_prefix(prefix);
        let whole = rest.is_some_and(|rest| prefix.ends_with(' ') || !rest.contains([' ', '{']));
        whole && text.len() >= *length
    })
}

/// Whether the text is an address with a user and a password in it.
fn has_password(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    let password = user.split_once(':').map_or("", |(_, password)| password);
    scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        && !scheme.is_empty()
        && !password.is_empty()
        && !password.contains("{{")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;
    use crate::syntax::yaml;

    fn found(text: &str) -> Vec<(u32, String)> {
        let mut diagnostics = Diagnostics::new();
        let tree = yaml::parse(FileId(0), text, &mut diagnostics).unwrap();
        literal_credentials(&tree, &mut diagnostics);
        diagnostics.iter().map(|one| (one.primary.span.start, one.message.clone())).collect()
    }

    #[test]
    fn what_is_very_likely_a_credential_is_told_at_its_place() {
        for text in [
            "http: { auth: { bearer: abcdefgh12345 } }",
            "headers: { Authorization: Bearer abcdefgh12345 }",
            "headers: { X-Api-Key: 0123456789abcdef }",
            "a: [sk-0123456789abcdef0123]",
            "url: https://me:secret@example.org/x",
            "key: |\n  -----BEGIN PRIVATE KEY-----\n  abc\n",
        ] {
            let found = found(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(!found[0].1.contains("secret@") && !found[0].1.contains("0123"), "{found:?}");
        }
    }

    #[test]
    fn names_templates_and_prose_are_left_alone() {
        for text in [
            "auth: { bearer: \"{{secrets.KEY}}\" }",
            "headers: { Authorization: \"Bearer {{secrets.KEY}}\" }",
            "password: short",
            "prompt: what does a key that begins with sk- look like?",
            "token: a long sentence about tokens",
            "url: https://{{secrets.USER}}:{{secrets.PASS}}@example.org/x",
            "url: https://example.org/@someone:else",
            "api_key: { type: string }",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
