//! What a call amounts to: the answer and what it cost, or the error that an empty one is.

use super::answer::{ChatAnswer, Choice, FinishReason};
use super::assemble::Assembler;
use super::call::{Call, Received};
use super::error::{ModelError, Retry};
use super::server_error::one_line;
use crate::models::{Quote, estimate_tokens};
use crate::value::{ModelFacts, Usage};

impl Call<'_> {
    /// What is billed: what the server says, else an estimate of what went back and forth.
    fn facts(&self) -> ModelFacts {
        let usage = match self.assembler.usage {
            Some(usage) => usage.billed(),
            None => Usage {
                input_tokens: estimate_tokens(&self.request.text()),
                output_tokens: estimate_tokens(&self.assembler.written()),
                estimated: true,
                ..Usage::default()
            },
        };
        let served = self.assembler.served_model.clone().filter(|served| *served != self.request.model);
        ModelFacts {
            model: self.asked.model.to_string(),
            served_model: served,
            cost: self.client.catalog.cost(&self.asked.model, &usage),
            usage,
            ..ModelFacts::default()
        }
    }

    /// Adds to an error what had come before it.
    pub(super) fn bill(&self, mut error: ModelError) -> ModelError {
        if self.assembler.usage.is_some() || !self.assembler.written().is_empty() {
            error.facts = Some(Box::new(self.facts()));
            error.partial = Some(self.assembler.text().to_owned()).filter(|text| !text.is_empty());
        }
        error
    }

    /// Makes the answer of what was assembled, or the error that it amounts to.
    pub(super) fn finish(mut self, received: Received) -> Result<ChatAnswer, ModelError> {
        let Received { request_id, reported_cost, whole } = received;
        let mut warnings = std::mem::take(&mut self.warnings);
        let mut facts = self.facts();
        let model = self.asked.model.clone();
        if let Some(Quote::Estimate { of, .. }) = self.client.catalog.price(&model) {
            warnings.push(format!("`{model}` has no price of its own; its cost is estimated by `{of}`"));
        }
        let reported_cost = self.assembler.usage.and_then(|usage| usage.cost).or(reported_cost);
        if let Some(reported) = reported_cost
            && facts.cost.exact
            && reported.pico().abs_diff(facts.cost.amount.pico()) > reported.pico() / 100
        {
            warnings.push(format!(
                "the provider reports a cost of {reported}, and by its prices it is {}",
                facts.cost
            ));
        }
        let mut deltas = Vec::new();
        let empty = Assembler::new(self.asked.provider.think_tags);
        let (mut choices, merged) = std::mem::replace(&mut self.assembler, empty).finish(&mut deltas);
        deltas.into_iter().for_each(|delta| self.feed.send(delta));
        if choices.is_empty() {
            let raw = whole.as_ref().unwrap_or(&merged).to_string();
            return Err(ModelError {
                facts: Some(Box::new(facts)),
                ..self.odd("there are no choices in it", raw.as_bytes())
            });
        }
        let first = choices.remove(0);
        facts.finish_reason = Some(first.finish.name().to_owned());
        facts.reasoning.clone_from(&first.reasoning);
        facts.truncated = first.finish == FinishReason::Length;
        if let Some(mut error) = self.unanswered(&first, &facts) {
            error.partial = Some(first.text).filter(|text| !text.is_empty());
            error.facts = Some(Box::new(facts));
            return Err(error);
        }
        if facts.truncated {
            warnings.push(format!("the answer of `{model}` was cut at its length limit"));
        }
        Ok(ChatAnswer {
            text: first.text,
            reasoning: first.reasoning,
            tool_calls: first.tool_calls,
            finish: first.finish,
            raw_finish: first.raw_finish,
            others: choices,
            facts,
            reported_cost,
            request_id,
            warnings,
            raw: whole.unwrap_or(merged),
        })
    }

    /// The error that a choice without an answer is.
    fn unanswered(&self, choice: &Choice, facts: &ModelFacts) -> Option<ModelError> {
        let model = &self.asked.model;
        let error = |code, message| Some(ModelError::new(code, Retry::NextModel, message));
        match choice.finish {
            FinishReason::Refusal => {
                let why = one_line(choice.refusal.as_deref().unwrap_or_default(), self.asked.secrets);
                error("model_refused", format!("`{model}` would not answer: {why}"))
            }
            FinishReason::ContentFilter => error(
                "model_filtered",
                format!("the content filter of `{model}` stopped the answer; change the prompt"),
            ),
            FinishReason::Length if choice.text.is_empty() && choice.tool_calls.is_empty() => {
                let limit = self
                    .request
                    .max_tokens
                    .map_or("its limit".to_owned(), |limit| format!("`max_tokens: {limit}`"));
                let spent = match (facts.usage.reasoning_tokens, &choice.reasoning) {
                    (0, None) => "before it wrote anything".to_owned(),
                    (0, Some(_)) => "while it was still reasoning".to_owned(),
                    (tokens, _) => format!("after {tokens} tokens of reasoning"),
                };
                error("model_no_text", format!("`{model}` reached {limit} {spent}; raise `max_tokens`"))
            }
            _ if choice.raw_finish.as_deref() == Some("insufficient_system_resource") => {
                let message = format!("`{model}` broke off its answer for want of resources");
                Some(ModelError::new("model_unavailable", Retry::Again { after: None }, message))
            }
            _ => None,
        }
    }
}
