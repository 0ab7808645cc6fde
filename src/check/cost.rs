//! What a run costs at worst, as far as that can be known without running it, against its limit.
//!
//! Only what is certain counts: a step that may be skipped costs nothing here, a loop runs once, of
//! several cases the cheapest is taken. What a kind's call can cost at worst its declaration says.
//!
//! Code: `over-limit`.

use crate::component::Kinds;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, Spanned};
use crate::money::Money;

use super::flow::{Body, Step, StepList};
use super::steps::Call;

/// The step after which the sum is over the limit.
struct Passed {
    step: Span,
    sum: Money,
}

/// Warns at the step that passes the limit, if one does.
pub(super) fn warn(
    steps: &StepList<Call>,
    kinds: &Kinds,
    limit: Option<&Spanned<Money>>,
    diagnostics: &mut Diagnostics,
) {
    let Some(limit) = limit else { return };
    if let Err(Passed { step, sum }) = (Walk { kinds, limit: limit.value }).list(steps, Money::ZERO) {
        let message = format!(
            "at worst the steps up to here cost {sum}, and `limits.run.cost` is {}: then this call is not made",
            limit.value
        );
        diagnostics.push(
            Diagnostic::warning("over-limit", step, message)
                .with_related(limit.span, "the limit")
                .with_help("raise it, set a smaller `max_tokens`, or take a cheaper model"),
        );
    }
}

struct Walk<'a> {
    kinds: &'a Kinds,
    limit: Money,
}

impl Walk<'_> {
    /// The sum after these steps, which began with so much.
    fn list(&self, list: &StepList<Call>, before: Money) -> Result<Money, Passed> {
        list.steps.iter().try_fold(before, |sum, step| self.step(step, sum))
    }

    fn step(&self, step: &Step<Call>, before: Money) -> Result<Money, Passed> {
        let cases: Vec<&StepList<Call>> = match &step.body {
            Body::Group { steps, otherwise: Some(other) } => vec![steps, other],
            Body::Switch { cases, default: Some(default), .. } => {
                cases.iter().map(|(_, list)| list).chain([default]).collect()
            }
            // None of the cases need be taken.
            Body::Switch { default: None, .. } => return Ok(before),
            _ if step.settings.condition.is_some() => return Ok(before),
            Body::Action(call) => return self.action(call, before),
            Body::Approve { action, notify } => return self.list(notify, self.action(action, before)?),
            Body::Group { steps, otherwise: None } | Body::Parallel(steps) => vec![steps],
            Body::Foreach(each) => vec![&each.steps],
            Body::Repeat(repeat) => vec![&repeat.steps],
            // What it costs is its own.
            Body::Call(_) => return Ok(before),
        };
        if let [only] = cases[..] {
            return self.list(only, before);
        }
        let sums: Vec<_> = cases.into_iter().map(|list| self.list(list, before)).collect();
        match sums.iter().filter_map(|sum| sum.as_ref().ok()).min() {
            Some(least) => Ok(*least),
            None => {
                let sums = sums.into_iter().filter_map(Result::err).map(|passed| passed.sum);
                Err(Passed { step: step.settings.span, sum: sums.min().unwrap_or(before) })
            }
        }
    }

    fn action(&self, call: &Call, before: Money) -> Result<Money, Passed> {
        let worst = self.kinds.action(call.kind).and_then(|kind| kind.worst_case);
        let sum = before + worst.and_then(|worst| worst(&call.arguments)).unwrap_or_default();
        if sum > self.limit { Err(Passed { step: call.name, sum }) } else { Ok(sum) }
    }
}
