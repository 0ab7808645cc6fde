//! The models of the built-in provider and their list prices, as its documentation gives them.
//!
//! Some differ from what the maker of the model charges; they are not to be corrected from memory.

use super::catalog::Price;
use super::facts::Family;
use crate::money::Money;

/// A model that is known beforehand.
#[derive(Clone, Copy, Debug)]
pub struct KnownModel {
    /// The id, sent as it is.
    pub id: &'static str,
    /// What it costs.
    pub price: Price,
    /// Whose it is.
    pub family: Family,
}

/// Every model that Mammouth documents. Prices in US cents per million tokens: input, output.
pub const MAMMOUTH: [KnownModel; 32] = [
    model("gpt-5", 125, 1000, Family::OpenAi),
    model("gpt-5-mini", 25, 200, Family::OpenAi),
    model("gpt-4.1", 200, 800, Family::OpenAi),
    model("gpt-4.1-mini", 40, 160, Family::OpenAi),
    model("gpt-4.1-nano", 10, 40, Family::OpenAi),
    model("gpt-4o", 250, 1000, Family::OpenAi),
    model("o4-mini", 110, 440, Family::OpenAi),
    model("o3", 200, 800, Family::OpenAi),
    model("mistral-large-2411", 200, 600, Family::Mistral),
    model("mistral-medium-3.1", 40, 200, Family::Mistral),
    model("mistral-small-3.2-24b-instruct", 10, 30, Family::Mistral),
    model("magistral-medium-2506", 200, 500, Family::Mistral),
    model("codestral-2501", 30, 90, Family::Mistral),
    model("grok-3", 300, 1500, Family::Xai),
    model("grok-3-mini", 30, 50, Family::Xai),
    model("grok-4", 300, 1500, Family::Xai),
    model("grok-4-fast", 20, 50, Family::Xai),
    model("gemini-2.5-flash", 30, 250, Family::Google),
    model("gemini-2.5-pro", 250, 1500, Family::Google),
    model("deepseek-r1-0528", 300, 800, Family::DeepSeek),
    model("deepseek-v3-0324", 90, 90, Family::DeepSeek),
    model("deepseek-v3.1", 30, 100, Family::DeepSeek),
    model("deepseek-v3.1-terminus", 30, 100, Family::DeepSeek),
    model("deepseek-v3.2-exp", 30, 45, Family::DeepSeek),
    model("llama-4-maverick", 22, 88, Family::Meta),
    model("llama-4-scout", 15, 60, Family::Meta),
    model("claude-3-5-haiku-20241022", 80, 400, Family::Anthropic),
    model("claude-3-5-sonnet-20241022", 300, 1500, Family::Anthropic),
    model("claude-3-7-sonnet-20250219", 300, 1500, Family::Anthropic),
    model("claude-4-sonnet-20250522", 300, 1500, Family::Anthropic),
    model("claude-4-1-20250805", 1500, 7500, Family::Anthropic),
    model("claude-sonnet-4-5", 300, 1500, Family::Anthropic),
];

/// Aliases that Mammouth documents: alias, what it stands for, and the model whose price serves as an
/// estimate, as the target has none of its own.
pub const ALIASES: [(&str, &str, &str); 1] = [("mistral", "mistral-medium-3", "mistral-medium-3.1")];

const fn model(id: &'static str, input: u64, output: u64, family: Family) -> KnownModel {
    KnownModel { id, price: Price { input: cents(input), cached_input: None, output: cents(output) }, family }
}

const fn cents(count: u64) -> Money {
    Money::from_pico(count * 10_000_000_000)
}

#[cfg(test)]
mod tests {
    use serde_yaml::Value;

    use super::*;
    use crate::models::family;

    #[test]
    fn the_table_is_what_the_documentation_says() {
        let text = include_str!("../../tests/fixtures/llm/mammouth.yaml");
        let facts: Value = serde_yaml::from_str(text).unwrap();
        let rows = facts["models"].as_sequence().unwrap();
        assert_eq!(rows.len(), MAMMOUTH.len());
        let money =
            |value: &Value| serde_yaml::to_string(value).unwrap().trim().trim_end_matches(".0").parse();
        for (row, model) in rows.iter().zip(MAMMOUTH) {
            assert_eq!(row["id"].as_str(), Some(model.id));
            assert_eq!(money(&row["input_usd_per_mtok"]), Ok(model.price.input), "{}", model.id);
            assert_eq!(money(&row["output_usd_per_mtok"]), Ok(model.price.output), "{}", model.id);
            assert_eq!(row["family"].as_str(), Some(model.family.name()), "{}", model.id);
            assert_eq!(family(model.id), Some(model.family), "{}", model.id);
        }
        let (alias, target, price) = ALIASES[0];
        assert_eq!(facts["aliases"][alias].as_str(), Some(target));
        assert_eq!(facts["alias_price_hint"][target].as_str(), Some(price));
    }
}
