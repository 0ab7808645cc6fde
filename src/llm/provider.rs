//! Where a model is: base URL, key, and the habits of one server.

use std::fmt;

use url::Url;

use crate::secret;

/// A server of models.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is.
    pub base_url: BaseUrl,
    /// The key's text, with placeholders. None, or one that renders to nothing: no key is sent.
    pub key: Option<String>,
    /// How the key is sent.
    pub key_header: KeyHeader,
    /// Further headers, with placeholders.
    pub headers: Vec<(String, String)>,
    /// Whether answers are streamed where the call does not say.
    pub streaming: Streaming,
    /// Whether `stream_options` is sent with a stream, which some servers refuse.
    pub stream_usage: StreamUsage,
    /// Whether parameters are changed to suit the model.
    pub parameters: ParameterRules,
    /// How reasoning is told from text in answers that mark it by tags.
    pub think_tags: ThinkTags,
}

impl Provider {
    /// A provider at this address, with the habits that most servers have.
    pub fn new(name: impl Into<String>, base_url: BaseUrl) -> Self {
        Self {
            name: name.into(),
            base_url,
            key: None,
            key_header: KeyHeader::Bearer,
            headers: Vec::new(),
            streaming: Streaming::Auto,
            stream_usage: StreamUsage::Asked,
            parameters: ParameterRules::ByModel,
            think_tags: ThinkTags::Leading,
        }
    }

    /// The name of the secret that the key is, for errors.
    pub(super) fn key_name(&self) -> Option<&str> {
        self.key.as_deref().and_then(secret::first_name)
    }
}

/// How a key is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyHeader {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// The key alone in a header of this name (`api-key`, `x-api-key`).
    Named(String),
}

/// Whether an answer is streamed on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streaming {
    /// As the provider does it; streamed where it does not say.
    #[default]
    Auto,
    /// Streamed.
    On,
    /// In one piece.
    Off,
}

/// Whether usage is asked for with a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamUsage {
    /// By `stream_options`.
    #[default]
    Asked,
    /// Not at all.
    NotAsked,
}

/// Whether parameters are changed to suit the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParameterRules {
    /// As the model's id tells.
    #[default]
    ByModel,
    /// Sent as they were written.
    AsWritten,
}

/// How `<think>…</think>` in the text of an answer is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThinkTags {
    /// An answer that begins with the tag holds reasoning in such blocks.
    #[default]
    Leading,
    /// The answer begins inside a block, whose opening tag the server's template wrote.
    Inside,
    /// Tags are text.
    Off,
}

/// The address under which a provider's endpoints lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    spelling: Spelling,
}

/// Who wrote the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// The configuration.
    Given,
    /// Ours: the address had no path and `/v1` was added.
    Completed,
}

/// Why a text is not a base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a base URL: write it like `https://api.example.org/v1` or `http://127.0.0.1:8080/v1`"
)]
pub struct BaseUrlError {
    text: String,
}

/// The endpoint whose full address is accepted as a base URL too.
const CHAT: &str = "chat/completions";

impl BaseUrl {
    /// Reads a base URL. A slash at its end does not matter, an address without a path means `/v1`,
    /// the address of the chat endpoint itself is understood, and a query stays on every call.
    ///
    /// # Errors
    /// When it is no URL, or not of the schemes `http` and `https`.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let wrong = || BaseUrlError { text: text.to_owned() };
        let mut url = Url::parse(text.trim()).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        url.set_fragment(None);
        let path: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
        let path = path.join("/");
        let (path, spelling) = match path.strip_suffix(CHAT) {
            Some(before) => (before.trim_end_matches('/').to_owned(), Spelling::Given),
            None if path.is_empty() => ("v1".to_owned(), Spelling::Completed),
            None => (path, Spelling::Given),
        };
        url.set_path(&path);
        Ok(Self { url, spelling })
    }

    /// The address of an endpoint, `models` say.
    pub fn endpoint(&self, name: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{name}", self.url.path().trim_end_matches('/')));
        url
    }

    /// The other spelling that is worth a try when this one is not found.
    pub(super) fn other_spelling(&self) -> Option<String> {
        let mut other = self.clone();
        match (self.spelling, self.url.path()) {
            // What was given without a path can only be had as the endpoint itself.
            (Spelling::Completed, _) => other.url.set_path(CHAT),
            (Spelling::Given, "/v1") => other.url.set_path(CHAT),
            (Spelling::Given, path) if path.ends_with("/v1") => return None,
            (Spelling::Given, path) => {
                let longer = format!("{}/v1", path.trim_end_matches('/'));
                other.url.set_path(&longer);
            }
        }
        Some(other.to_string())
    }
}

/// Without a user, a password and the query, which may be credentials.
impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.url))
    }
}

/// A URL as errors show it.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn calls(base: &str, url: &str) {
        assert_eq!(BaseUrl::parse(base).unwrap().endpoint(CHAT).as_str(), url, "{base}");
    }

    #[test]
    fn every_spelling_of_the_default_reaches_the_same_endpoint() {
        for base in ["/v1", "/v1/", "/", "", "/v1/chat/completions", "/v1/chat/completions/", "//v1//", "#x"]
        {
            calls(&format!("https://api.mammouth.ai{base}"), "https://api.mammouth.ai/v1/chat/completions");
        }
    }

    #[test]
    fn another_path_and_a_query_are_kept() {
        for path in ["/api/v1", "/openai/v1", "/compatible-mode/v1", "/v1beta/openai"] {
            calls(&format!("https://h{path}/"), &format!("https://h{path}/chat/completions"));
        }
        calls("https://h/chat/completions", "https://h/chat/completions");
        calls("https://h?api-version=1", "https://h/v1/chat/completions?api-version=1");
        calls("https://h/v1/?api-version=1", "https://h/v1/chat/completions?api-version=1");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in ["", "api.mammouth.ai", "localhost:8080", "ftp://h/v1", "http://"] {
            assert!(BaseUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_other_spelling_is_offered() {
        let other = |base| BaseUrl::parse(base).unwrap().other_spelling();
        assert_eq!(other("https://h").as_deref(), Some("https://h/chat/completions"));
        assert_eq!(other("https://h/llm").as_deref(), Some("https://h/llm/v1"));
        assert_eq!(other("https://h/api/v1"), None);
        assert_eq!(BaseUrl::parse("https://u:p@h/v1?key=k").unwrap().to_string(), "https://h/v1");
    }
}
