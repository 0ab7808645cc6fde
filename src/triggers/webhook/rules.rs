//! What the table of fields cannot say of a `webhook`.
//!
//! Codes: `bad-path`, `one-auth`, `wrong-type`, `no-effect`, and for the key `unknown-name`,
//! `unknown-field` and those of expressions.

use crate::component::Written;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, did_you_mean};
use crate::template::{Expr, Reference, Segment};
use crate::value::Json;

use super::{EVENT, path};

/// The rules of the kind.
pub(super) fn check(written: &Written<'_>, diagnostics: &mut Diagnostics) {
    let value = |name: &str| written.get(name).map(|node| (node.span, node.to_json()));
    if let Some((at, Json::String(path))) = value("path")
        && !path.contains("{{")
        && let Some(problem) = path::problem(&path)
    {
        diagnostics.push(Diagnostic::error("bad-path", at, problem));
    }
    if let Some((at, Json::Object(schemes))) = value("auth")
        && schemes.len() != 1
    {
        diagnostics.push(one_scheme(at, &schemes));
    }
    if let Some((at, Json::Array(methods))) = value("methods")
        && methods.is_empty()
    {
        let problem = Diagnostic::error("wrong-type", at, "the list of methods is empty");
        diagnostics.push(problem.with_help("leave `methods` out for `POST`"));
    }
    if let Some((at, Json::Object(dedupe))) = value("dedupe")
        && let Some(key) = dedupe.get("key").filter(|key| !key.is_null())
    {
        let text = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        diagnostics.extend(check_key(at, &text));
    }
    let waits = matches!(value("respond"), Some((_, Json::String(word))) if word != "accepted");
    if let [(_, key)] = written.keys_among(&["respond_within"])[..]
        && !waits
    {
        let message = "nobody waits here: `respond_within` is for `respond: result` and `respond: step`";
        diagnostics.push(Diagnostic::warning("no-effect", key, message));
    }
}

fn one_scheme(at: Span, schemes: &serde_json::Map<String, Json>) -> Diagnostic {
    let names: Vec<_> = schemes.keys().map(|name| format!("`{name}`")).collect();
    let message = match names.is_empty() {
        true => "`auth` names no scheme".to_owned(),
        false => format!("`auth` takes one scheme, found {}", names.join(" and ")),
    };
    let help = "write one of `bearer`, `hmac`, `standard`, `github`, `slack` and `stripe`, or `auth: none`";
    Diagnostic::error("one-auth", at, message).with_help(help)
}

/// The key is an expression over the event and nothing else.
fn check_key(at: Span, text: &str) -> Vec<Diagnostic> {
    let expression = match Expr::compile(text) {
        Ok(expression) => expression,
        Err(errors) => {
            let say = |message: &str| format!("`dedupe.key`: {message}");
            return errors
                .into_iter()
                .map(|error| Diagnostic::error(error.code, at, say(&error.message)).with_help_if(error.help))
                .collect();
        }
    };
    if expression.references().is_empty() {
        let message = "`dedupe.key` is the same for every event, so that only the first would start a run";
        let help = "write what tells events apart, like `event.body.id`";
        return vec![Diagnostic::error("unknown-name", at, message).with_help(help)];
    }
    expression.references().iter().filter_map(|reference| check_reference(at, reference)).collect()
}

fn check_reference(at: Span, reference: &Reference) -> Option<Diagnostic> {
    if reference.root() != "event" {
        let message = format!("`dedupe.key` reads `event` only, not `{}`", reference.root());
        return Some(Diagnostic::error("unknown-name", at, message));
    }
    let names = EVENT.iter().map(|(name, _)| *name);
    match reference.path.get(1) {
        Some(Segment::Key(field)) if !names.clone().any(|name| name == &**field) => {
            let help = did_you_mean(field, names.collect::<Vec<_>>());
            let message = format!("`dedupe.key`: `event` has no `{field}` here");
            Some(Diagnostic::error("unknown-field", at, message).with_help_if(help))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;
    use crate::syntax::tree::Kind;
    use crate::syntax::yaml;

    /// The codes of what is found in a trigger of this text, each with what it points at.
    fn found(text: &str) -> Vec<(&'static str, String)> {
        let mut diagnostics = Diagnostics::new();
        let root = yaml::parse(FileId(0), text, &mut diagnostics).unwrap();
        let Kind::Mapping(entries) = &root.kind else { panic!("a map") };
        let fields = entries.iter().map(|(key, node)| (&*key.value, key.span, node)).collect();
        check(&Written { name: root.span.at_start(), fields }, &mut diagnostics);
        let place = |finding: Diagnostic| {
            let span = finding.primary.span;
            (finding.code, text[span.start as usize..span.end as usize].to_owned())
        };
        diagnostics.sorted().into_iter().map(place).collect()
    }

    #[track_caller]
    fn finds(text: &str, expected: &[(&str, &str)]) {
        let found = found(text);
        let found: Vec<_> = found.iter().map(|(code, place)| (*code, place.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_is_right_is_left_alone() {
        finds("path: /a/{b}\nauth: none\nmethods: [GET]\nrespond: result\nrespond_within: 5s", &[]);
        finds("path: \"/{{vars.x}}\"\nauth: { bearer: x }\ndedupe: { key: event.body.id, keep: 1h }", &[]);
    }

    #[test]
    fn one_scheme_and_a_path_are_asked_for() {
        finds("path: tickets", &[("bad-path", "tickets")]);
        finds("auth: {}", &[("one-auth", "{}")]);
        finds("auth: { bearer: a, github: b }", &[("one-auth", "{ bearer: a, github: b }")]);
        finds("methods: []", &[("wrong-type", "[]")]);
    }

    #[test]
    fn a_wait_for_nothing_is_told() {
        finds("respond_within: 5s", &[("no-effect", "respond_within")]);
        finds("respond: accepted\nrespond_within: 5s", &[("no-effect", "respond_within")]);
        finds("respond: { status: 204 }\nrespond_within: 5s", &[("no-effect", "respond_within")]);
    }

    #[test]
    fn a_key_reads_the_event() {
        let cases = [
            ("event.bdy.id", "unknown-field"),
            ("inputs.id", "unknown-name"),
            ("'constant'", "unknown-name"),
            ("5", "unknown-name"),
        ];
        for (key, code) in cases {
            finds(&format!("dedupe: {{ key: {key} }}"), &[(code, &format!("{{ key: {key} }}"))]);
        }
        assert!(!found("dedupe: { key: event.body. }").is_empty());
    }
}
