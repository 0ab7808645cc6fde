//! Prices: the built-in table, under those of the configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reference::ModelRef;
use super::table::{ALIASES, MAMMOUTH};
use crate::money::{Cost, Money};
use crate::value::Usage;

/// The name of the provider that needs no configuration, and whose prices are built in.
pub const DEFAULT_PROVIDER: &str = "mammouth";

/// What a model costs, per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Prompt tokens.
    pub input: Money,
    /// Prompt tokens that the provider had in its cache; as `input` where not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<Money>,
    /// Answer tokens, reasoning included.
    pub output: Money,
}

impl Price {
    /// What this usage costs, exactly; rounded up to a whole pico-dollar where a price has more
    /// than six decimals.
    pub fn of(&self, usage: &Usage) -> Money {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let parts = [
            (usage.input_tokens - cached, self.input),
            (cached, self.cached_input.unwrap_or(self.input)),
            (usage.output_tokens, self.output),
        ];
        let total = parts
            .iter()
            .map(|(tokens, price)| u128::from(*tokens) * u128::from(price.pico()))
            .fold(0, u128::saturating_add);
        Money::from_pico(u64::try_from(total.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

/// A price that was found, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote<'a> {
    /// The model's own price.
    Listed(&'a Price),
    /// The price of another model, because this one has none.
    Estimate {
        /// The price.
        price: &'a Price,
        /// The model whose it is.
        of: &'static str,
    },
}

/// The prices in force.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    overrides: BTreeMap<ModelRef, Price>,
}

impl Catalog {
    /// The built-in prices under these.
    pub fn new(overrides: impl IntoIterator<Item = (ModelRef, Price)>) -> Self {
        Self { overrides: overrides.into_iter().collect() }
    }

    /// What a model costs; none when nobody said.
    pub fn price(&self, model: &ModelRef) -> Option<Quote<'_>> {
        if let Some(price) = self.overrides.get(model) {
            return Some(Quote::Listed(price));
        }
        if model.provider != DEFAULT_PROVIDER {
            return None;
        }
        let row = |id: &str| MAMMOUTH.iter().find(|known| known.id == id).map(|known| &known.price);
        if let Some(price) = row(&model.model) {
            return Some(Quote::Listed(price));
        }
        let (.., of) = ALIASES
            .into_iter()
            .find(|(alias, target, _)| [*alias, *target].contains(&model.model.as_str()))?;
        row(of).map(|price| Quote::Estimate { price, of })
    }

    /// What this usage of a model costs: exact for a listed price and a reported usage, and at
    /// least known to be uncertain otherwise.
    pub fn cost(&self, model: &ModelRef, usage: &Usage) -> Cost {
        match self.price(model) {
            Some(Quote::Listed(price)) => Cost { amount: price.of(usage), exact: !usage.estimated },
            Some(Quote::Estimate { price, .. }) => Cost { amount: price.of(usage), exact: false },
            None => Cost::UNKNOWN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input: u64, cached: u64, output: u64) -> Usage {
        Usage { input_tokens: input, cached_tokens: cached, output_tokens: output, ..Usage::default() }
    }

    #[test]
    fn cost_is_exact() {
        let catalog = Catalog::default();
        let cost = catalog.cost(&ModelRef::new("mammouth", "gpt-4.1"), &usage(10, 0, 20));
        assert_eq!((cost.to_string().as_str(), cost.exact), ("$0.00018", true));
        for known in MAMMOUTH {
            let one = known.price.of(&usage(1, 0, 1)).pico();
            assert_eq!(
                u128::from(one) * 1_000_000,
                u128::from((known.price.input + known.price.output).pico())
            );
        }
    }

    #[test]
    fn cached_tokens_are_a_part_of_the_input() {
        let price = |cached_input: Option<&str>| Price {
            input: "2".parse().unwrap(),
            cached_input: cached_input.map(|text| text.parse().unwrap()),
            output: "8".parse().unwrap(),
        };
        assert_eq!(price(Some("0.5")).of(&usage(10, 8, 0)).to_string(), "$0.000008");
        assert_eq!(price(None).of(&usage(10, 8, 0)).to_string(), "$0.00002");
        assert_eq!(price(Some("0")).of(&usage(1, 9, 0)), Money::ZERO);
        assert_eq!(price(None).of(&usage(u64::MAX, 0, u64::MAX)).pico(), u64::MAX);
    }

    #[test]
    fn an_unlisted_price_is_never_zero() {
        let own = ModelRef::new("local", "qwen3-8b");
        let free = Price { input: Money::ZERO, cached_input: None, output: Money::ZERO };
        assert_eq!(Catalog::default().cost(&own, &usage(1, 0, 1)), Cost::UNKNOWN);
        assert_eq!(Catalog::new([(own.clone(), free)]).cost(&own, &usage(1, 0, 1)), Cost::ZERO);
        for alias in ["mistral", "mistral-medium-3"] {
            let cost = Catalog::default().cost(&ModelRef::new("mammouth", alias), &usage(1_000_000, 0, 0));
            assert_eq!((cost.to_string().as_str(), cost.exact), ("at least $0.40", false));
        }
        assert_eq!(
            Catalog::default().cost(&ModelRef::new("mammouth", "new"), &usage(1, 0, 1)),
            Cost::UNKNOWN
        );
    }
}
