//! Usage reports: the five ways in which servers count, turned into one.

use crate::money::Money;
use crate::value::{Json, Usage};

/// The numbers of a `usage` object, as the server gave them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawUsage {
    /// `prompt_tokens`, cached ones included.
    pub prompt: u64,
    /// The part of them that came from a cache, under one of its four names.
    pub cached: u64,
    /// `completion_tokens`.
    pub completion: u64,
    /// `total_tokens`.
    pub total: u64,
    /// `completion_tokens_details.reasoning_tokens`.
    pub reasoning: u64,
    /// `cost`, where the provider tells it, to the nearest pico-dollar.
    pub cost: Option<Money>,
}

impl RawUsage {
    /// Reads a `usage` object; none when it holds no count at all.
    pub fn read(usage: &Json) -> Option<Self> {
        let count = |pointer: &str| usage.pointer(pointer).and_then(tokens);
        let prompt = count("/prompt_tokens").or_else(|| count("/input_tokens"));
        let completion = count("/completion_tokens").or_else(|| count("/output_tokens"));
        let total = count("/total_tokens");
        prompt.or(completion).or(total)?;
        let cached = ["/prompt_tokens_details/cached_tokens", "/prompt_cache_hit_tokens", "/cached_tokens"]
            .into_iter()
            .chain(["/cache_read_input_tokens"])
            .find_map(count);
        Some(Self {
            prompt: prompt.unwrap_or(0),
            cached: cached.unwrap_or(0),
            completion: completion.unwrap_or(0),
            total: total.unwrap_or(0),
            reasoning: count("/completion_tokens_details/reasoning_tokens").unwrap_or(0),
            cost: usage.get("cost").and_then(dollars),
        })
    }

    /// What is billed. Some servers count reasoning in the total only, so the answer is the larger
    /// of what they call completion and what the total leaves beside the prompt.
    pub fn billed(&self) -> Usage {
        Usage {
            input_tokens: self.prompt,
            cached_tokens: self.cached.min(self.prompt),
            output_tokens: self.completion.max(self.total.saturating_sub(self.prompt)),
            reasoning_tokens: self.reasoning,
            estimated: false,
        }
    }

    /// A cost as a provider's header tells it (`0.00017999999999999998`), to the nearest pico-dollar.
    pub fn reported_cost(text: &str) -> Option<Money> {
        text.trim().parse().ok().and_then(from_float)
    }
}

/// A rough count of the tokens of a text, for calls whose server never told: a token for every four
/// bytes.
pub fn estimate_tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

fn tokens(value: &Json) -> Option<u64> {
    // Some servers write counts as floats.
    value.as_u64().or_else(|| value.as_f64().filter(|count| *count >= 0.0).map(|count| count as u64))
}

fn dollars(value: &Json) -> Option<Money> {
    value.as_f64().and_then(from_float).or_else(|| value.as_str().and_then(RawUsage::reported_cost))
}

fn from_float(dollars: f64) -> Option<Money> {
    let pico = (dollars * 1e12).round();
    (pico.is_finite() && pico >= 0.0).then(|| Money::from_pico(pico as u64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn billed(usage: Json) -> Usage {
        RawUsage::read(&usage).unwrap().billed()
    }

    #[test]
    fn reasoning_outside_completion_is_billed() {
        let usage = json!({ "prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 334 });
        assert_eq!(billed(usage).output_tokens, 322);
        let usage = json!({ "prompt_tokens": 12, "completion_tokens": 2 });
        assert_eq!(billed(usage).output_tokens, 2);
    }

    #[test]
    fn cached_tokens_have_four_names() {
        for cached in [
            json!({ "prompt_tokens": 9, "prompt_tokens_details": { "cached_tokens": 4 } }),
            json!({ "prompt_tokens": 9, "prompt_cache_hit_tokens": 4 }),
            json!({ "prompt_tokens": 9, "cached_tokens": 4 }),
            json!({ "prompt_tokens": 9, "cache_read_input_tokens": 4 }),
        ] {
            assert_eq!(billed(cached.clone()).cached_tokens, 4, "{cached}");
        }
        assert_eq!(billed(json!({ "prompt_tokens": 3, "cached_tokens": 4 })).cached_tokens, 3);
    }

    #[test]
    fn odd_reports_are_read_or_passed_over() {
        assert_eq!(RawUsage::read(&json!({})), None);
        assert_eq!(RawUsage::read(&json!(null)), None);
        assert_eq!(RawUsage::read(&json!({ "prompt_tokens": -1, "completion_tokens": "x" })), None);
        assert_eq!(billed(json!({ "prompt_tokens": 3.0 })).input_tokens, 3);
        assert_eq!(billed(json!({ "input_tokens": 3, "output_tokens": 5 })).output_tokens, 5);
        let cost = RawUsage::reported_cost("0.00017999999999999998").unwrap();
        assert_eq!(cost.to_string(), "$0.00018");
        assert_eq!(RawUsage::reported_cost("NaN"), None);
    }
}
