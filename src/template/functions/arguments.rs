//! The values that a function is called with, and how it asks for them.

use std::borrow::Cow;

use serde_json::Map;

use crate::template::values::{as_integer, kind};
use crate::value::Json;

/// The values of one call. Their number has been checked against the parameters.
pub struct Arguments<'a> {
    values: &'a [Cow<'a, Json>],
}

impl<'a> Arguments<'a> {
    /// These values.
    pub fn new(values: &'a [Cow<'a, Json>]) -> Self {
        Self { values }
    }

    /// The value at a place; null beyond the last.
    pub fn value(&self, at: usize) -> &Json {
        self.values.get(at).map_or(&Json::Null, AsRef::as_ref)
    }

    /// The value at a place, unless it is absent or null.
    pub fn optional(&self, at: usize) -> Option<&Json> {
        Some(self.value(at)).filter(|value| !value.is_null())
    }

    /// The values from a place on.
    pub fn rest(&self, from: usize) -> impl Iterator<Item = &Json> {
        self.values.iter().skip(from).map(AsRef::as_ref)
    }

    /// The text at a place.
    pub fn text(&self, at: usize) -> Result<&str, String> {
        match self.value(at) {
            Json::String(text) => Ok(text),
            other => Err(format!("expected text, found {}", kind(other))),
        }
    }

    /// The text at a place, or a number or truth as text.
    pub fn plain_text(&self, at: usize) -> Result<Cow<'_, str>, String> {
        match self.value(at) {
            Json::String(text) => Ok(Cow::Borrowed(text)),
            value @ (Json::Number(_) | Json::Bool(_)) => Ok(Cow::Owned(value.to_string())),
            other => Err(format!("expected text, found {}", kind(other))),
        }
    }

    /// The text at a place, and any other value as its JSON.
    pub fn text_or_json(&self, at: usize) -> Cow<'_, str> {
        match self.value(at) {
            Json::String(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_string()),
        }
    }

    /// The list at a place.
    pub fn list(&self, at: usize) -> Result<&[Json], String> {
        match self.value(at) {
            Json::Array(items) => Ok(items),
            other => Err(format!("expected a list, found {}", kind(other))),
        }
    }

    /// The map at a place.
    pub fn map(&self, at: usize) -> Result<&Map<String, Json>, String> {
        match self.value(at) {
            Json::Object(fields) => Ok(fields),
            other => Err(format!("expected a map, found {}", kind(other))),
        }
    }

    /// The whole number at a place.
    pub fn integer(&self, at: usize) -> Result<i64, String> {
        let value = self.value(at);
        as_integer(value).ok_or_else(|| match value {
            Json::Number(number) => format!("expected a whole number, found {number}"),
            other => format!("expected a whole number, found {}", kind(other)),
        })
    }

    /// The whole number at a place, which is at least `least`.
    pub fn count(&self, at: usize, least: usize) -> Result<usize, String> {
        let number = self.integer(at)?;
        let count = usize::try_from(number).ok().filter(|count| *count >= least);
        count.ok_or_else(|| format!("expected a whole number from {least} on, found {number}"))
    }
}
