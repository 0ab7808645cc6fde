//! Money: exact, in whole pico-dollars (10⁻¹² of a dollar), and never a float.
//!
//! A price in dollars per million tokens with up to six decimals is a whole number of pico-dollars
//! per token, so a call's cost is one multiplication without rounding.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const PICO: u64 = 1_000_000_000_000;
const DECIMALS: usize = 12;

/// An amount of US dollars, at most about eighteen million; sums stop there instead of wrapping.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// So many pico-dollars.
    pub const fn from_pico(pico: u64) -> Self {
        Self(pico)
    }

    /// The amount in pico-dollars.
    pub const fn pico(self) -> u64 {
        self.0
    }

    /// This amount, `count` times.
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// What is left after `other` is taken away, nothing when it is more.
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// `$0.00018`: every digit that counts, and at least two decimals.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:0DECIMALS$}", self.0 % PICO);
        let kept = decimals.trim_end_matches('0').len().max(2);
        f.pad(&format!("${}.{}", self.0 / PICO, &decimals[..kept]))
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not an amount of money.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Something other than an optional `$`, digits and a decimal point.
    #[error("expected an amount in dollars, like `$0.02`")]
    Shape,
    /// `1,25`: is it a decimal comma or a thousand?
    #[error("write the amount with a decimal point, like `$1.25`")]
    Comma,
    /// More than twelve decimals, or more dollars than fit.
    #[error("the amount is too large or too fine (at most twelve decimals)")]
    Range,
}

impl FromStr for Money {
    type Err = MoneyError;

    /// Reads `$0.02` or `0.02`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let amount = text.trim();
        let amount = amount.strip_prefix('$').unwrap_or(amount);
        if amount.contains(',') {
            return Err(MoneyError::Comma);
        }
        let (whole, decimals) = amount.split_once('.').unwrap_or((amount, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) || amount.ends_with('.') {
            return Err(MoneyError::Shape);
        }
        if decimals.len() > DECIMALS {
            return Err(MoneyError::Range);
        }
        let whole: u64 = whole.parse().map_err(|_| MoneyError::Range)?;
        let decimals: u64 = format!("{decimals:0<DECIMALS$}").parse().map_err(|_| MoneyError::Range)?;
        whole
            .checked_mul(PICO)
            .and_then(|whole| whole.checked_add(decimals))
            .map(Self)
            .ok_or(MoneyError::Range)
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What something cost, and whether that is all of it: a call without a known price adds nothing
/// to the amount and makes the sum "at least".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The part whose price is known.
    pub amount: Money,
    /// False when some part has no known price.
    pub exact: bool,
}

impl Cost {
    /// Nothing was spent.
    pub const ZERO: Self = Self { amount: Money::ZERO, exact: true };

    /// Something was spent and nobody knows how much.
    pub const UNKNOWN: Self = Self { amount: Money::ZERO, exact: false };

    /// Exactly this much.
    pub const fn exactly(amount: Money) -> Self {
        Self { amount, exact: true }
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { amount: self.amount + other.amount, exact: self.exact && other.exact }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::ZERO, Add::add)
    }
}

/// `$0.02`, `at least $0.02`, or `unknown`.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.exact, self.amount) {
            (true, amount) => fmt::Display::fmt(&amount, f),
            (false, Money::ZERO) => f.pad("unknown"),
            (false, amount) => f.pad(&format!("at least {amount}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let input: Money = "$0.000002".parse().unwrap();
        let output: Money = "$0.000008".parse().unwrap();
        assert_eq!((input.times(10) + output.times(20)).to_string(), "$0.00018");
        assert_eq!("15".parse::<Money>().unwrap().to_string(), "$15.00");
    }

    #[test]
    fn a_wrong_amount_says_why() {
        assert_eq!("1,25".parse::<Money>(), Err(MoneyError::Comma));
        assert_eq!("$-1".parse::<Money>(), Err(MoneyError::Shape));
        assert_eq!("1.".parse::<Money>(), Err(MoneyError::Shape));
        assert_eq!("99999999999".parse::<Money>(), Err(MoneyError::Range));
    }

    #[test]
    fn an_unknown_part_makes_the_sum_a_lower_bound() {
        let known = Cost::exactly(Money::from_pico(PICO));
        assert_eq!((known + Cost::UNKNOWN).to_string(), "at least $1.00");
        assert_eq!(Cost::UNKNOWN.to_string(), "unknown");
    }
}
