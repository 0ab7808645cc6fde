//! Secrets: values that are named in workflows, held here, and written nowhere else.
//!
//! A template renders `{{secrets.NAME}}` to a placeholder that carries a random mark of this
//! process; only the HTTP client, the process launcher and the plugin host [`fill`](Secrets::fill)
//! it, at the last moment. Data cannot forge a placeholder, as it cannot know the mark.
//! [`redact`](Secrets::redact) takes every known value, in the encodings in which it could travel,
//! out of a text that is about to be kept or shown. [`Known`] is what a process redacts with.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
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

/// The name in the first placeholder of a text.
pub fn first_name(text: &str) -> Option<&str> {
    let (_, named) = text.split_once(MARK.as_str())?;
    named.split_once(END).map(|(name, _)| name)
}

/// A text with every placeholder as it is written in a template: `{{secrets.NAME}}`.
pub fn as_written(text: &str) -> String {
    let mut parts = text.split(MARK.as_str());
    let mut written = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(END).unwrap_or((part, ""));
        written.push_str(&format!("{{{{secrets.{name}}}}}{rest}"));
    }
    written
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
        sort(&mut spellings);
        Self { by_name: Arc::new(by_name), spellings: Arc::new(spellings) }
    }

    /// Both together, to redact with. A name in both has the newer value, and the older one is
    /// redacted all the same: a run may still be using it.
    #[must_use]
    pub fn union(&self, newer: &Self) -> Self {
        let mut by_name = BTreeMap::clone(&self.by_name);
        by_name.extend(newer.by_name.iter().map(|(name, secret)| (name.clone(), secret.clone())));
        let mut spellings: Vec<_> = self.spellings.iter().chain(newer.spellings.iter()).cloned().collect();
        sort(&mut spellings);
        Self { by_name: Arc::new(by_name), spellings: Arc::new(spellings) }
    }

    /// Whether all that the other redacts is redacted by these too.
    fn covers(&self, other: &Self) -> bool {
        other
            .spellings
            .iter()
            .all(|spelling| self.spellings.binary_search_by(|own| order(own, spelling)).is_ok())
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
        self.fill_with(text, str::to_owned)
    }

    /// [`fill`](Self::fill) with each value encoded for the place where it stands, a URL say.
    ///
    /// # Errors
    /// When a placeholder's secret is not set.
    pub fn fill_with(&self, text: &str, encode: impl Fn(&str) -> String) -> Result<String, MissingSecret> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(MARK.as_str()) {
            filled.push_str(&rest[..at]);
            let named = &rest[at + MARK.len()..];
            let (name, tail) = named.split_once(END).unwrap_or((named, ""));
            let secret = self.get(name).ok_or_else(|| MissingSecret(name.to_owned()))?;
            filled.push_str(&encode(secret.expose()));
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

    /// Whether a known value or a placeholder stands anywhere in a JSON value.
    pub fn stand_in(&self, value: &serde_json::Value) -> bool {
        let in_text = |text: &str| {
            has_placeholder(text)
                || self.spellings.iter().any(|(spelling, _)| text.contains(spelling.as_str()))
        };
        match value {
            serde_json::Value::String(text) => in_text(text),
            serde_json::Value::Array(items) => items.iter().any(|item| self.stand_in(item)),
            serde_json::Value::Object(fields) => {
                fields.iter().any(|(key, field)| in_text(key) || self.stand_in(field))
            }
            _ => false,
        }
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

impl PartialEq for Secrets {
    fn eq(&self, other: &Self) -> bool {
        self.by_name == other.by_name
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

/// Longest first, so that no value is left half redacted by a shorter one within it.
fn order(a: &(String, String), b: &(String, String)) -> Ordering {
    b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b))
}

fn sort(spellings: &mut Vec<(String, String)>) {
    spellings.sort_by(order);
    spellings.dedup();
}

/// Every secret that this process has had in use: what is taken out of all that it keeps or shows.
///
/// It only grows. A secret that no file names any more may still be in the hands of a run, or of the
/// last good version of a file that was broken since.
#[derive(Debug, Default)]
pub struct Known(ArcSwap<Secrets>);

impl Known {
    /// Redacts these too from now on.
    pub fn learn(&self, secrets: &Secrets) {
        if !self.0.load().covers(secrets) {
            self.0.rcu(|known| known.union(secrets));
        }
    }

    /// All that is known now.
    pub fn load(&self) -> Arc<Secrets> {
        self.0.load_full()
    }
}

/// The fewest characters that are looked for of a value inside a longer text in base64: a shorter
/// piece would be found by chance.
const CORE: usize = 12;

/// The spellings in which a value could travel: as it is, in JSON, in JSON within JSON, in an address
/// or a form, in hexadecimal, and in base64, by itself or as a part of something longer (`user:password`).
fn encodings(value: &str) -> impl Iterator<Item = String> {
    let in_json = |text: &str| {
        let json = serde_json::Value::from(text).to_string();
        json[1..json.len() - 1].to_owned()
    };
    let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let mut spellings = vec![
        value.to_owned(),
        in_json(value),
        in_json(&in_json(value)),
        percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string(),
        percent_encoding::utf8_percent_encode(value, FORM).to_string(),
        STANDARD.encode(value),
        STANDARD_NO_PAD.encode(value),
        URL_SAFE.encode(value),
        URL_SAFE_NO_PAD.encode(value),
        value.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ];
    for text in [value, &form] {
        spellings.extend((0..3).flat_map(|offset| {
            [base64_core(&STANDARD_NO_PAD, text, offset), base64_core(&URL_SAFE_NO_PAD, text, offset)]
        }));
    }
    spellings.push(form);
    spellings.retain(|spelling| !spelling.is_empty());
    spellings.sort();
    spellings.dedup();
    spellings.into_iter()
}

/// What of a text's base64 is the same whatever stands around it, where so many bytes, modulo three,
/// stand before it; nothing where that is too little to look for.
fn base64_core(engine: &impl base64::Engine, text: &str, offset: usize) -> String {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(text.as_bytes());
    let encoded = engine.encode(&bytes);
    let (before, after) = ([0, 2, 3][offset % 3], usize::from(!bytes.len().is_multiple_of(3)));
    match encoded.get(before..encoded.len().saturating_sub(after)) {
        Some(core) if core.len() >= CORE => core.to_owned(),
        _ => String::new(),
    }
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
        assert_eq!(first_name(&text), Some("KEY"));
        assert_eq!(secrets().fill_with(&text, |value| value.len().to_string()).unwrap(), "Bearer 14!");
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
    fn a_secret_in_a_composed_credential_is_redacted() {
        let value = "supersecretvalue42/+x\"y";
        let secrets = Secrets::new([("KEY".to_owned(), Secret::new(value))].into());
        let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        for user in ["", "u", "me", "ada", "some.body"] {
            for pair in [format!("{user}:{value}"), format!("{user}:{form}"), format!("{user}:{value}:more")]
            {
                let told = secrets.redact(&format!("Basic {}", STANDARD.encode(&pair)));
                assert!(told.contains("KEY"), "{pair}: {told}");
                // What is left are at most the edges, which hold no whole character of it.
                let left = told.trim_start_matches("Basic ");
                assert!(left.len() < STANDARD.encode(&pair).len(), "{told}");
            }
        }
        let twice = serde_json::json!(serde_json::json!({ "echo": value }).to_string()).to_string();
        assert!(!secrets.redact(&twice).contains("supersecret"), "{twice}");
    }

    #[test]
    fn what_was_known_once_is_redacted_for_ever() {
        let of = |name: &str, value: &str| Secrets::new([(name.to_owned(), Secret::new(value))].into());
        let known = Known::default();
        for secrets in
            [of("KEY", "old value"), of("KEY", "new value"), of("OTHER", "new"), Secrets::default()]
        {
            known.learn(&secrets);
        }
        let known = known.load();
        assert_eq!(known.redact("old value, new value"), "[secret KEY], [secret KEY]");
        assert_eq!(known.get("KEY").unwrap().expose(), "new value");
        assert!(known.covers(&of("KEY", "old value")) && !known.covers(&of("KEY", "third value")));
    }

    #[test]
    fn no_debug_text_shows_a_value() {
        let secret = Secret::new("hidden");
        assert!(!format!("{secret:?} {:?}", secrets()).contains("hidden"));
        assert!(!format!("{:?}", secrets()).contains("s3cr3t"));
    }
}
