//! What steps take and give: JSON values, outputs, failures, and what a model call used.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::Digest;
use crate::money::Cost;

/// A JSON value. Key order is kept; numbers are 64-bit integers or floats.
pub type Json = serde_json::Value;

/// A JSON value that many parts read.
pub type SharedJson = Arc<Json>;

/// A value as the journal keeps it: small ones in the row, large ones once in the blob store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The value itself, at most [`INLINE_LIMIT`] bytes of JSON.
    Inline(SharedJson),
    /// The digest and the size in bytes of the JSON text in the blob store.
    Blob {
        /// SHA-256 of the JSON text.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
    },
}

/// From this size on (bytes of JSON text) a value is kept as a blob.
pub const INLINE_LIMIT: usize = 64 * 1024;

/// The largest value a step may give, in bytes of JSON text.
pub const VALUE_LIMIT: usize = 16 * 1024 * 1024;

/// The most that all values of a run take together, in bytes.
pub const RUN_LIMIT: u64 = 256 * 1024 * 1024;

impl Value {
    /// How much it takes, in bytes: exactly what a blob has, and about what an inline value has.
    pub fn size(&self) -> u64 {
        match self {
            Self::Inline(json) => weight(json) as u64,
            Self::Blob { size, .. } => *size,
        }
    }
}

/// About how much a value takes in memory, in bytes.
pub fn weight(value: &Json) -> usize {
    match value {
        Json::String(text) => 16 + text.len(),
        Json::Array(items) => 16 + items.iter().map(weight).sum::<usize>(),
        Json::Object(fields) => {
            16 + fields.iter().map(|(key, field)| 16 + key.len() + weight(field)).sum::<usize>()
        }
        _ => 16,
    }
}

/// Whether lists and maps are nested in a value at most `limit` deep.
pub fn fits_depth(value: &Json, limit: usize) -> bool {
    match value {
        Json::Array(items) => limit > 0 && items.iter().all(|item| fits_depth(item, limit - 1)),
        Json::Object(fields) => limit > 0 && fields.values().all(|field| fits_depth(field, limit - 1)),
        _ => true,
    }
}

/// Tokens of model calls, summed over attempts, re-asks and fallbacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens, cached ones included.
    pub input_tokens: u64,
    /// The part of `input_tokens` that the provider read from its cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Billed answer tokens, reasoning included.
    pub output_tokens: u64,
    /// The part of `output_tokens` spent on reasoning.
    #[serde(default)]
    pub reasoning_tokens: u64,
    /// True when the provider did not say and the numbers are our estimate.
    #[serde(default)]
    pub estimated: bool,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
        self.estimated = self.estimated || other.estimated;
    }
}

/// What a model step tells beside its output: `steps.ID.usage`, `.cost`, `.model` and so on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// `provider/model` as it was asked for.
    pub model: String,
    /// The model that says it answered, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_model: Option<String>,
    /// Tokens used.
    pub usage: Usage,
    /// What it cost.
    pub cost: Cost,
    /// Why the model stopped: `stop`, `length`, `tool_calls`, `content_filter`, `refusal` or `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// The reasoning text, where the provider shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// True when the answer was cut at its length limit.
    #[serde(default)]
    pub truncated: bool,
}

/// What a step gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// `steps.ID.output`.
    pub value: SharedJson,
    /// For a step that called a model.
    pub model: Option<ModelFacts>,
}

impl Output {
    /// An output that is only a value.
    pub fn new(value: Json) -> Self {
        Self { value: Arc::new(value), model: None }
    }
}

impl From<Json> for Output {
    fn from(value: Json) -> Self {
        Self::new(value)
    }
}

/// Why a step, and perhaps its run, failed: what `error` holds in a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word for the class of failure: `timeout`, `http_status`, `missing_path`, …
    pub code: Cow<'static, str>,
    /// What happened and what to do, in one line without secrets.
    pub message: String,
    /// The HTTP status that another server answered, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl Failure {
    /// A failure of this class.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into(), status: None }
    }

    /// The same, with the HTTP status that was answered.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
