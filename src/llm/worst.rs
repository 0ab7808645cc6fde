//! What a call may cost at most, before it is made, and how a call is held to what it may cost.
//!
//! No token is shorter than a byte, so a request has no more tokens than its JSON has bytes; that is
//! far more than it will have, and what is set aside in vain comes back. The answer is bounded by the
//! `max_tokens` that is sent. What a server counts beyond what it was asked for cannot be bounded.

use super::ChatRequest;
use crate::models::{Price, usual_answer};
use crate::money::Money;
use crate::value::{Json, Usage};

/// The shortest answer, in tokens, that is worth asking for where nobody says how long it may be.
const LEAST_ANSWER: u64 = 256;

/// The fields of `extra` that bound the answer.
const BOUNDS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

/// What a call may cost at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorstCase {
    price: Price,
    /// Prompt tokens, at most.
    prompt: u64,
    /// Answer tokens of one choice, at least and at most.
    answer: (u64, u64),
    /// How many choices are asked for.
    choices: u64,
}

impl WorstCase {
    /// Of this request, at this price.
    pub fn of(request: &ChatRequest, price: Price) -> Self {
        let number = |name: &str| request.extra.get(name).and_then(Json::as_u64);
        let written = request.max_tokens.or_else(|| BOUNDS.iter().find_map(|name| number(name)));
        let longest = usual_answer(&request.model);
        let choices = request.n.map(u64::from).or_else(|| number("n")).unwrap_or(1).max(1);
        // What cannot be written as JSON is not sent either.
        let prompt = serde_json::to_vec(request).map_or(u64::MAX, |body| body.len() as u64);
        let answer = written.map_or((LEAST_ANSWER.min(longest), longest), |written| (written, written));
        Self { price, prompt, answer, choices }
    }

    /// What it costs at most with the shortest answer that is worth it.
    pub fn least(&self) -> Money {
        self.cost(self.answer.0)
    }

    /// What it costs at most.
    pub fn most(&self) -> Money {
        self.cost(self.answer.1)
    }

    /// How many answer tokens so much money is good for; none where the step says how many.
    pub fn affordable(&self, granted: Money) -> Option<u64> {
        let (least, most) = self.answer;
        if least == most {
            return None;
        }
        let prompt = u128::from(self.prompt) * u128::from(self.input().pico());
        let left = (u128::from(granted.pico()) * 1_000_000).saturating_sub(prompt);
        let token = u128::from(self.price.output.pico()) * u128::from(self.choices);
        let tokens = left.checked_div(token).unwrap_or(u128::MAX);
        Some(u64::try_from(tokens).unwrap_or(u64::MAX).min(most))
    }

    /// A cached token may be dearer than another.
    fn input(&self) -> Money {
        self.price.cached_input.map_or(self.price.input, |cached| cached.max(self.price.input))
    }

    fn cost(&self, answer: u64) -> Money {
        let price = Price { input: self.input(), cached_input: None, output: self.price.output };
        let output_tokens = answer.saturating_mul(self.choices);
        price.of(&Usage { input_tokens: self.prompt, output_tokens, ..Usage::default() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::llm::{Message, Role};

    fn request(model: &str) -> ChatRequest {
        ChatRequest::new(model, vec![Message::text(Role::User, "Où est le chat ?")])
    }

    fn price(input: u64, output: u64) -> Price {
        Price { input: Money::from_pico(input), cached_input: None, output: Money::from_pico(output) }
    }

    #[test]
    fn what_the_step_says_is_what_it_may_cost() {
        let mut request = request("m");
        request.max_tokens = Some(100);
        let worst = WorstCase::of(&request, price(0, 1_000_000));
        assert_eq!((worst.least(), worst.most()), (Money::from_pico(100), Money::from_pico(100)));
        assert_eq!(worst.affordable(Money::ZERO), None);
        request.max_tokens = None;
        request.extra.insert("max_tokens".to_owned(), 7.into());
        request.extra.insert("n".to_owned(), 3.into());
        assert_eq!(WorstCase::of(&request, price(0, 1_000_000)).most(), Money::from_pico(21));
    }

    #[test]
    fn a_call_is_bounded_by_a_usual_answer_and_by_what_the_money_is_good_for() {
        let worst = WorstCase::of(&request("gpt-4.1"), price(0, 1_000_000));
        assert_eq!(worst.least(), Money::from_pico(LEAST_ANSWER));
        assert_eq!(worst.most(), Money::from_pico(usual_answer("gpt-4.1")));
        assert_eq!(worst.affordable(Money::from_pico(300)), Some(300));
        assert_eq!(worst.affordable(worst.most()), Some(usual_answer("gpt-4.1")));
        let free = WorstCase::of(&request("gpt-4.1"), price(0, 0));
        assert_eq!((free.most(), free.affordable(Money::ZERO)), (Money::ZERO, Some(usual_answer("gpt-4.1"))));
    }

    #[test]
    fn a_prompt_has_no_more_tokens_than_bytes() {
        let request = request("m");
        let worst = WorstCase::of(&request, price(1_000_000, 0));
        assert!(worst.most() >= Money::from_pico("Où est le chat ?".len() as u64));
    }

    proptest! {
        #[test]
        fn an_affordable_answer_costs_no_more_than_was_granted(
            input in 0..10_000_000_u64, output in 1..100_000_000_u64, granted in 0..1_000_000_000_000_u64,
        ) {
            let worst = WorstCase::of(&request("m"), price(input, output));
            let granted = Money::from_pico(granted).max(worst.least()).min(worst.most());
            let tokens = worst.affordable(granted).unwrap();
            prop_assert!(tokens >= LEAST_ANSWER);
            prop_assert!(worst.cost(tokens) <= granted);
        }
    }
}
