//! `provider/model`: how a workflow names a model.

use std::fmt;

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelRef {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model's id, sent as it is.
    pub model: String,
}

impl ModelRef {
    /// A model of this provider.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self { provider: provider.into(), model: model.into() }
    }

    /// Reads `provider/model` where `known` holds that provider, and otherwise a model of the
    /// `default` one: ids may hold slashes themselves.
    pub fn parse<'a>(text: &str, known: impl IntoIterator<Item = &'a str>, default: &str) -> Self {
        match text.split_once('/') {
            Some((provider, model))
                if !model.is_empty() && known.into_iter().any(|name| name == provider) =>
            {
                Self::new(provider, model)
            }
            _ => Self::new(default, text),
        }
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_provider_is_split_off() {
        let parse = |text| ModelRef::parse(text, ["mammouth", "local"], "mammouth").to_string();
        assert_eq!(parse("gpt-4.1"), "mammouth/gpt-4.1");
        assert_eq!(parse("local/qwen3-8b"), "local/qwen3-8b");
        assert_eq!(parse("local/qwen/qwen3-8b"), "local/qwen/qwen3-8b");
        assert_eq!(parse("meta/llama-4"), "mammouth/meta/llama-4");
        assert_eq!(parse("local/"), "mammouth/local/");
    }
}
