//! What data may choose beyond what is usual: the hosts that it may name in an address, and the files
//! that it may name with their folders.
//!
//! It is asked when a step's arguments are rendered, so that it holds for every action alike. Where
//! files may lie at all is not decided here, nor which addresses are called.

use globset::{GlobBuilder, GlobMatcher};
use url::Url;

use crate::template::{Scope, Sink, Template};
use crate::value::Failure;

/// What data may choose in a workflow. By default nothing.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    hosts: Vec<Host>,
    files: Vec<GlobMatcher>,
}

/// A host that data may name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// This one.
    Exactly(String),
    /// Each whose name ends with this, which begins with a dot.
    Below(String),
}

/// Why a text cannot be allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowError {
    /// Not the name of a host.
    #[error("`{0}` is no host: write one like `api.example.org`, or `*.example.org` for all below it")]
    Host(String),
    /// Not a glob within the workspace.
    #[error("`{0}` is no glob of files: write one like `out/**/*.md`, from the workspace's root")]
    Glob(String),
}

impl Allow {
    /// Lets data name this host, or with `*.` in front every one below it.
    ///
    /// # Errors
    /// When it is neither.
    pub fn host(&mut self, text: &str) -> Result<(), AllowError> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let refuse = || AllowError::Host(text.to_owned());
        if name.contains('*') {
            return Err(refuse());
        }
        let host = url::Host::parse(name).map_err(|_| refuse())?;
        let host = match (host, below) {
            (url::Host::Domain(name), true) => Host::Below(format!(".{name}")),
            (_, true) => return Err(refuse()),
            (host, false) => Host::Exactly(host.to_string()),
        };
        self.hosts.push(host);
        Ok(())
    }

    /// Lets data name the folders of files that match this glob.
    ///
    /// # Errors
    /// When it is no glob, or leads out of the workspace.
    pub fn files(&mut self, text: &str) -> Result<(), AllowError> {
        let refuse = || AllowError::Glob(text.chars().take(80).collect());
        let glob = text.trim_start_matches("./");
        if glob.is_empty() || glob.starts_with('/') || glob.split('/').any(|name| name == "..") {
            return Err(refuse());
        }
        let glob = GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build();
        self.files.push(glob.map_err(|_| refuse())?.compile_matcher());
        Ok(())
    }

    /// Whether data may name any host.
    pub fn any_host(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Whether data may name folders anywhere.
    pub fn any_file(&self) -> bool {
        !self.files.is_empty()
    }

    /// An address in this scope.
    ///
    /// # Errors
    /// When it cannot be rendered, or its host comes from data and is not allowed.
    pub(super) fn url(&self, template: &Template, scope: &Scope) -> Result<String, Failure> {
        let url = template.render(scope, Sink::Url)?;
        if template.host_is_dynamic() {
            self.check_host(&url)?;
        }
        Ok(url)
    }

    /// A path in this scope.
    ///
    /// # Errors
    /// When it cannot be rendered, or a value from data would lead to a folder that is not allowed.
    pub(super) fn path(&self, template: &Template, scope: &Scope) -> Result<String, Failure> {
        let refused = match template.render(scope, Sink::Path) {
            Err(failure) if failure.code == "unsafe_path" && self.any_file() => failure,
            other => return other,
        };
        let path = template.render(scope, Sink::Folders)?;
        if self.files.iter().any(|glob| glob.is_match(path.trim_start_matches("./"))) {
            return Ok(path);
        }
        let message = format!("{}; and `allow.files` has no glob for `{path}`", refused.message);
        Err(Failure { message, ..refused })
    }

    fn check_host(&self, url: &str) -> Result<(), Failure> {
        let parsed = Url::parse(url).ok();
        let host = parsed.as_ref().and_then(|url| url.host_str());
        let is_allowed = |host: &str| {
            self.hosts.iter().any(|allowed| match allowed {
                Host::Exactly(name) => name == host,
                Host::Below(end) => host.len() > end.len() && host.ends_with(end.as_str()),
            })
        };
        let message = match host {
            Some(host) if is_allowed(host) => return Ok(()),
            Some(host) => format!(
                "the host `{host}` comes from data, and `allow.hosts` does not name it; if it is meant, add it there"
            ),
            None => "the address comes from data, and names no host".to_owned(),
        };
        Err(Failure::new("address_refused", message))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::Partials;

    fn allow(hosts: &[&str], files: &[&str]) -> Allow {
        let mut allow = Allow::default();
        hosts.iter().for_each(|host| allow.host(host).unwrap());
        files.iter().for_each(|glob| allow.files(glob).unwrap());
        allow
    }

    fn template(text: &str) -> Template {
        Template::compile(text, &Partials::new()).unwrap()
    }

    fn scope(value: &str) -> Scope {
        Scope::new()
            .with("inputs", json!({ "x": value }))
            .with("vars", json!({ "x": value }))
            .with("event", json!({ "path": value }))
    }

    #[test]
    fn a_host_from_data_must_be_named() {
        let url = template("https://{{inputs.x}}/hook");
        let own = allow(&["api.example.org", "*.Example.com", "127.0.0.1", "[::1]"], &[]);
        for (host, is_allowed) in [
            ("api.example.org", true),
            ("API.example.org", true),
            ("api.example.org:8443", true),
            ("user@api.example.org", true),
            ("a.b.example.com", true),
            ("127.0.0.1:80", true),
            ("[::1]", true),
            ("example.com", false),
            ("evilexample.com", false),
            ("evil.example/api.example.org", false),
            ("api.example.org@evil.example", false),
            ("api.example.org\\@evil.example", true),
            ("evil.example#.example.com", false),
            ("2130706433", true),
            ("localhost", false),
            ("", false),
        ] {
            let answer = own.url(&url, &scope(host));
            assert_eq!(answer.is_ok(), is_allowed, "{host}: {answer:?}");
            if let Err(failure) = answer {
                assert_eq!(failure.code, "address_refused", "{host}");
            }
        }
        // The whole address may come from data, too.
        let whole = template("{{inputs.x}}");
        assert!(own.url(&whole, &scope("https://api.example.org/x")).is_ok());
        assert!(own.url(&whole, &scope("https://evil.example/")).is_err());
        // What the author says needs nobody's leave.
        let nothing = Allow::default();
        assert!(nothing.url(&template("https://{{vars.x}}/"), &scope("any.example")).is_ok());
        assert!(nothing.url(&template("https://a.example/{{inputs.x}}"), &scope("b/c")).is_ok());
    }

    #[test]
    fn folders_from_data_must_match() {
        let path = template("out/{{inputs.x}}.md");
        let own = allow(&[], &["out/notes/**"]);
        for (value, is_allowed) in [
            ("a", true),
            ("notes/a", true),
            ("notes/a/b", true),
            ("other/a", false),
            ("../notes/a", false),
            ("notes/../../a", false),
            ("notes/./a", false),
            ("notes\\a", false),
            ("notes/a\0", false),
        ] {
            let answer = own.path(&path, &scope(value));
            assert_eq!(answer.is_ok(), is_allowed, "{value}: {answer:?}");
            assert!(answer.is_ok_and(|path| path == format!("out/{value}.md")) == is_allowed);
        }
        assert!(Allow::default().path(&path, &scope("notes/a")).is_err());
        // A file's own path is confined where it is used.
        let same = Allow::default().path(&template("out/{{event.path}}"), &scope("inbox/a.txt"));
        assert_eq!(same, Ok("out/inbox/a.txt".to_owned()));
    }

    #[test]
    fn what_is_no_host_and_no_glob_is_refused() {
        for text in ["https://a.example", "a.example/x", "*", "*.*.example", "a b", "", "*.127.0.0.1"] {
            assert!(Allow::default().host(text).is_err(), "{text}");
        }
        for text in ["", "/etc/*", "../x", "out/../../x", "out/[", "./"] {
            assert!(Allow::default().files(text).is_err(), "{text}");
        }
    }
}
