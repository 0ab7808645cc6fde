//! Secrets: values that are named in workflows, held here, and written nowhere else.
//!
//! A template renders `{{secrets.NAME}}` to a placeholder that carries a random mark of this
//! process; only the HTTP client, the process launcher and the plugin host [`fill`](Secrets::fill)
//! it, at the last moment. Data cannot forge a placeholder, as it cannot know the mark.
//! [`redact`](Secrets::redact) takes every known value, in the encodings in which it could travel,
//! out of a text that is about to be kept or shown.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// A value that has no `Debug` text, no `Display` and no `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes a value into keeping.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    /// The value itself. Only where the byte is sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What opens a placeholder: unguessable, and different in every process.
static MARK: LazyLock<String> = LazyLock::new(|| format!("⟦secret:{}:", uuid::Uuid::new_v4().simple()));

/// What closes a placeholder.
const END: char = '⟧';

/// What a template renders for the secret of this name.
pub fn placeholder(name: &str) -> String {
    format!("{}{name}{END}", *MARK)
}

/// Whether a text holds a placeholder, and so must not be kept or shown as it is.
pub fn has_placeholder(text: &str) -> bool {
    text.contains(MARK.as_str())
}

/// A secret that is needed and not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret `{0}` is not set: put it in the environment or in `.env`")]
pub struct MissingSecret(pub String);

/// The secrets of a workspace, by name.
#[derive(Clone, Default)]
pub struct Secrets {
    by_name: Arc<BTreeMap<String, Secret>>,
    /// Each value in each encoding with the name it stands for, longest first.
    spellings: Arc<Vec<(String, String)>>,
}

impl Secrets {
    /// The secrets of this map. Values of fewer than four characters are used but never redacted:
    /// taking `1` out of every text would destroy it.
    pub fn new(by_name: BTreeMap<String, Secret>) -> Self {
        let mut spellings: Vec<_> = by_name
            .iter()
            .filter(|(_, secret)| secret.expose().chars().count() >= 4)
            .flat_map(|(name, secret)| encodings(secret.expose()).map(move |text| (text, name.clone())))
            .collect();
        spellings.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        spellings.dedup();
        Self { by_name: Arc::new(by_name), spellings: Arc::new(spellings) }
    }

    /// The secret of this name, if it is set.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.by_name.get(name)
    }

    /// The names that are set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The text with every placeholder replaced by its value.
    ///
    /// # Errors
    /// When a placeholder's secret is not set.
    pub fn fill(&self, text: &str) -> Result<String, MissingSecret> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(MARK.as_str()) {
            filled.push_str(&rest[..at]);
            let named = &rest[at + MARK.len()..];
            let (name, tail) = named.split_once(END).unwrap_or((named, ""));
            let secret = self.get(name).ok_or_else(|| MissingSecret(name.to_owned()))?;
            filled.push_str(secret.expose());
            rest = tail;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The text with every known value, in any encoding, and every placeholder replaced by
    /// `[secret NAME]`. Call it before the text is cut to a length.
    pub fn redact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for (spelling, name) in self.spellings.iter() {
            if clean.contains(spelling.as_str()) {
                clean = clean.replace(spelling.as_str(), &format!("[secret {name}]"));
            }
        }
        while let Some(at) = clean.find(MARK.as_str()) {
            let named = &clean[at + MARK.len()..];
            let name = named.split(END).next().unwrap_or_default().to_owned();
            let end = (at + MARK.len() + name.len() + END.len_utf8()).min(clean.len());
            clean.replace_range(at..end, &format!("[secret {name}]"));
        }
        clean
    }

    /// [`redact`](Self::redact) on every string of a JSON value, its keys included.
    pub fn redact_json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => *text = self.redact(text),
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            serde_json::Value::Object(fields) => {
                for (key, mut field) in std::mem::take(fields) {
                    self.redact_json(&mut field);
                    fields.insert(self.redact(&key), field);
                }
            }
            _ => {}
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

/// A value as it may stand in a header, a URL, a JSON text or a log.
fn encodings(value: &str) -> impl Iterator<Item = String> {
    let json = serde_json::Value::from(value).to_string();
    let mut spellings = vec![
        value.to_owned(),
        json[1..json.len() - 1].to_owned(),
        percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string(),
        percent_encoding::utf8_percent_encode(value, FORM).to_string(),
        STANDARD.encode(value),
        STANDARD_NO_PAD.encode(value),
        URL_SAFE.encode(value),
        URL_SAFE_NO_PAD.encode(value),
        value.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ];
    spellings.sort();
    spellings.dedup();
    spellings.into_iter()
}

/// What a URL's query leaves as it is, beside letters and digits.
const FORM: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let pairs = [("KEY", "s3cr3t/v&lue\"x"), ("PIN", "1")];
        Secrets::new(pairs.map(|(name, value)| (name.to_owned(), Secret::new(value))).into())
    }

    #[test]
    fn a_placeholder_is_filled_only_by_its_own_process() {
        let text = format!("Bearer {}!", placeholder("KEY"));
        assert!(has_placeholder(&text) && !text.contains("s3cr3t"));
        assert_eq!(secrets().fill(&text).unwrap(), "Bearer s3cr3t/v&lue\"x!");
        assert_eq!(secrets().fill("⟦secret:guess:KEY⟧").unwrap(), "⟦secret:guess:KEY⟧");
        assert_eq!(secrets().fill(&placeholder("NONE")), Err(MissingSecret("NONE".into())));
    }

    #[test]
    fn every_encoding_is_redacted() {
        let secrets = secrets();
        for spelling in encodings("s3cr3t/v&lue\"x") {
            assert_eq!(secrets.redact(&format!("a{spelling}b")), "a[secret KEY]b", "{spelling}");
        }
        assert_eq!(secrets.redact(&placeholder("KEY")), "[secret KEY]");
        assert_eq!(secrets.redact("1 of 1"), "1 of 1");
    }

    #[test]
    fn no_debug_text_shows_a_value() {
        let secret = Secret::new("hidden");
        assert!(!format!("{secret:?} {:?}", secrets()).contains("hidden"));
        assert!(!format!("{:?}", secrets()).contains("s3cr3t"));
    }
}
