//! What steps cost together, from the least to the most.
//!
//! Exact as far as it is known: a most that nobody can say stays open, and is never taken for small.

use crate::component::Asks;
use crate::money::Money;

/// The least and the most of something; without a most nobody can say how much it may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits<T> {
    /// At least so much.
    pub least: T,
    /// At most so much.
    pub most: Option<T>,
}

/// What steps cost together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Money for models.
    pub cost: Limits<Money>,
    /// Calls of models.
    pub calls: Limits<u64>,
}

impl Sums {
    /// Nothing.
    pub const NONE: Self = Self {
        cost: Limits { least: Money::ZERO, most: Some(Money::ZERO) },
        calls: Limits { least: 0, most: Some(0) },
    };

    /// Nobody knows what.
    pub const OPEN: Self =
        Self { cost: Limits { least: Money::ZERO, most: None }, calls: Limits { least: 0, most: None } };

    /// Of a step that asks models. The cheapest of a chain may answer, and so may the dearest.
    pub fn of(asks: &Asks) -> Self {
        let least = asks.models.iter().map(|model| model.least.unwrap_or_default()).min();
        let most = asks.models.iter().map(|model| model.most).collect::<Option<Vec<_>>>();
        Self {
            cost: Limits {
                least: least.unwrap_or_default(),
                most: most.and_then(|costs| costs.into_iter().max()),
            },
            calls: Limits { least: 1, most: Some(asks.calls) },
        }
    }

    /// These, and then those.
    #[must_use]
    pub fn then(self, other: Self) -> Self {
        let money = |a: Money, b: Money| a + b;
        Self {
            cost: join(self.cost, other.cost, money, money),
            calls: join(self.calls, other.calls, u64::saturating_add, u64::saturating_add),
        }
    }

    /// Either these or those.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            cost: join(self.cost, other.cost, Money::min, Money::max),
            calls: join(self.calls, other.calls, u64::min, u64::max),
        }
    }

    /// These or nothing.
    #[must_use]
    pub fn perhaps(self) -> Self {
        self.or(Self::NONE)
    }

    /// These any number of times, up to so many where that is known.
    #[must_use]
    pub fn up_to(self, times: Option<u64>) -> Self {
        let repeated = |free: bool, most: Option<u64>| match (free, times) {
            (true, _) => Some(0),
            (false, Some(times)) => most.map(|most| most.saturating_mul(times)),
            (false, None) => None,
        };
        let calls = repeated(self.calls.most == Some(0), self.calls.most);
        let cost = repeated(self.cost.most == Some(Money::ZERO), self.cost.most.map(Money::pico));
        Self {
            cost: Limits { least: Money::ZERO, most: cost.map(Money::from_pico) },
            calls: Limits { least: 0, most: calls },
        }
    }
}

fn join<T>(a: Limits<T>, b: Limits<T>, least: fn(T, T) -> T, most: fn(T, T) -> T) -> Limits<T> {
    Limits { least: least(a.least, b.least), most: a.most.zip(b.most).map(|(a, b)| most(a, b)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(least: u64, most: Option<u64>) -> Sums {
        let cost = Limits { least: Money::from_pico(least), most: most.map(Money::from_pico) };
        Sums { cost, calls: Limits { least, most } }
    }

    #[test]
    fn an_open_end_stays_open() {
        assert_eq!(sums(1, Some(2)).then(sums(3, None)), sums(4, None));
        assert_eq!(sums(1, Some(2)).or(sums(3, None)), sums(1, None));
        assert_eq!(sums(1, None).up_to(Some(3)), sums(0, None));
        assert_eq!(Sums::NONE.then(Sums::OPEN), Sums::OPEN);
    }

    #[test]
    fn ways_and_rounds_are_counted() {
        assert_eq!(sums(1, Some(2)).then(sums(3, Some(4))), sums(4, Some(6)));
        assert_eq!(sums(3, Some(4)).or(sums(1, Some(2))), sums(1, Some(4)));
        assert_eq!(sums(3, Some(4)).perhaps(), sums(0, Some(4)));
        assert_eq!(sums(3, Some(4)).up_to(Some(5)), sums(0, Some(20)));
        assert_eq!(sums(3, Some(4)).up_to(None), sums(0, None));
        assert_eq!(
            Sums::NONE.up_to(None),
            Sums::NONE,
            "what costs nothing costs nothing any number of times"
        );
    }
}
