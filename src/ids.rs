//! Identities: runs, digests, names and step paths, each parsed once and then trusted.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// One run of one workflow: a UUIDv7, so that ids sort by the time they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// A new id, unique and later than every id made before it by this process.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The sixteen bytes under which the journal keeps the run.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id of sixteen stored bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl Default for RunId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for RunId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

/// The SHA-256 of some bytes: a bundle's, a file version's, a blob's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest computed elsewhere (a streamed file, a stored row).
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The thirty-two bytes under which the journal keeps it.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Where the bytes of this digest lie in a folder of blobs: `ab/cdef…`.
    pub fn shelf(&self) -> String {
        let mut name = self.to_string();
        name.insert(2, '/');
        name
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a digest.
#[derive(Debug, thiserror::Error)]
#[error("expected 64 hexadecimal digits")]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(DigestError);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| DigestError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| DigestError)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether a text may name a step, an input, a variable, a secret or a loop's item:
/// `[A-Za-z_][A-Za-z0-9_]*`.
pub fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a text may name a workflow: an identifier in which hyphens and dots may stand too.
pub fn is_workflow_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// Where a step stands in a run, unique in it: `label`, `each[3]/up`, `@on_failure/tell`.
///
/// The step's idempotency key is `RUN/PATH`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepPath(Arc<str>);

impl StepPath {
    /// The place above all steps.
    pub fn root() -> Self {
        Self("".into())
    }

    /// The path of the step `id` in the list at this place.
    pub fn step(&self, id: &str) -> Self {
        if self.0.is_empty() { Self(id.into()) } else { Self(format!("{}/{id}", self.0).into()) }
    }

    /// The `index`-th pass of the loop at this place.
    pub fn pass(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0).into())
    }

    /// The branch of this name of the step at this place (an error handler, a case), as `step!branch`.
    /// What a header or a path could not hold is percent-encoded, as the name may be anything.
    pub fn branch(&self, name: &str) -> Self {
        let name = percent_encoding::utf8_percent_encode(name, BRANCH);
        Self(format!("{}!{name}", self.0).into())
    }

    /// The path without the passes of loops in it: the same for every pass, in every run.
    pub fn without_passes(&self) -> Self {
        let mut parts = self.0.split('[');
        let mut path = parts.next().unwrap_or_default().to_owned();
        // A bracket stands nowhere else: keys are identifiers, and branches are percent-encoded.
        path.extend(parts.map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)));
        Self(path.into())
    }

    /// The path as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands in a branch's name as it is, beside letters and digits.
const BRANCH: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

impl From<&str> for StepPath {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_path_names_lists_passes_and_branches() {
        let path = StepPath::root().step("each").pass(3).step("up");
        assert_eq!(path.as_str(), "each[3]/up");
        assert_eq!(path.branch("on_error").step("tell").as_str(), "each[3]/up!on_error/tell");
        assert_eq!(path.branch("été/b c").as_str(), "each[3]/up!%C3%A9t%C3%A9%2Fb%20c");
        assert_eq!(path.pass(12).without_passes().as_str(), "each/up");
        assert_eq!(path.branch("a[1]").pass(0).without_passes(), StepPath::from("each/up").branch("a[1]"));
    }

    #[test]
    fn a_digest_survives_its_text() {
        let digest = Digest::of(b"howdah");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!("12".parse::<Digest>().is_err());
        assert!("zz".repeat(32).parse::<Digest>().is_err());
    }

    #[test]
    fn names_are_what_the_language_says() {
        assert!(is_identifier("_a9") && !is_identifier("9a") && !is_identifier("a-b") && !is_identifier(""));
        assert!(is_workflow_name("daily-brief") && !is_workflow_name("-x") && !is_workflow_name("a/b"));
    }
}
