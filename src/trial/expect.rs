//! What a test expects of a run, compared with what came of it.

use std::sync::Arc;

use serde_json::json;

use crate::diagnostic::{Diagnostic, Diagnostics, Span, Spanned, did_you_mean, quoted};
use crate::money::{Cost, Money};
use crate::syntax::fields::{self, Fields};
use crate::syntax::tree::{Kind, Node};
use crate::value::{Failure, Json, SharedJson};

use super::pattern::{Mismatch, Pattern};
use super::read::{Named, entries, in_workspace};

/// What must come of a test.
#[derive(Clone, Debug)]
pub struct Expect {
    /// Where it is written; the test's name, where nothing is.
    pub span: Span,
    /// How the run ends.
    pub status: Option<Spanned<Ended>>,
    /// Why it fails.
    pub error: Option<Pattern>,
    /// What it gives.
    pub output: Option<Pattern>,
    /// What its steps come to, by their ids.
    pub steps: Vec<Named<Pattern>>,
    /// The requests that it makes, all of them, in their order.
    pub requests: Option<Pattern>,
    /// The files that it leaves, by path.
    pub files: Vec<Named<Pattern>>,
    /// What it costs.
    pub cost: Option<Price>,
    /// How often it asks a model.
    pub calls: Option<Pattern>,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It came to its end.
    Succeeded,
    /// A step failed for good.
    Failed,
    /// It was ended.
    Cancelled,
    /// A person has to decide.
    NeedsAttention,
    /// The trigger's `if` does not want the event: there is no run.
    Filtered,
}

/// What a run may cost.
#[derive(Clone, Debug)]
pub struct Price {
    span: Span,
    exactly: Option<Money>,
    above: Option<Money>,
    below: Option<Money>,
}

/// What came of a test.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How the run ended.
    pub ended: Ended,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The step that made it fail.
    pub step: Option<String>,
    /// What it gave.
    pub output: SharedJson,
    /// What each step came to, by its id: one value for each time that it was reached.
    pub steps: Vec<(Arc<str>, Vec<Json>)>,
    /// The requests that it made.
    pub requests: Vec<Json>,
    /// The files that it left and the test asks about.
    pub files: Vec<(Arc<str>, Option<String>)>,
    /// What it cost.
    pub cost: Cost,
    /// How often it asked a model.
    pub calls: u64,
}

impl Outcome {
    /// There was no run, as the trigger does not want the event.
    pub(super) fn filtered() -> Self {
        Self {
            ended: Ended::Filtered,
            failure: None,
            step: None,
            output: SharedJson::default(),
            steps: Vec::new(),
            requests: Vec::new(),
            files: Vec::new(),
            cost: Cost::ZERO,
            calls: 0,
        }
    }
}

impl Ended {
    const ALL: [Self; 5] =
        [Self::Succeeded, Self::Failed, Self::Cancelled, Self::NeedsAttention, Self::Filtered];

    /// The word in files of tests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NeedsAttention => "needs_attention",
            Self::Filtered => "filtered",
        }
    }
}

impl Expect {
    /// That the run succeeds, and nothing else; `span` stands for it.
    pub fn at(span: Span) -> Self {
        Self {
            span,
            status: None,
            error: None,
            output: None,
            steps: Vec::new(),
            requests: None,
            files: Vec::new(),
            cost: None,
            calls: None,
        }
    }

    /// Reads what is written below `expect`.
    pub fn read(node: &Node, diagnostics: &mut Diagnostics) -> Self {
        let mut expect = Self::at(node.span);
        let Some(mut written) = Fields::open(node, "`expect`", diagnostics) else { return expect };
        let status = written.take("status");
        expect.status = status.and_then(|field| status_word(field.node, diagnostics));
        expect.error = written.take("error").map(|field| failure(field.node, diagnostics));
        expect.output = written.take("output").map(|field| Pattern::read(field.node, diagnostics));
        if let Some(field) = written.take("steps") {
            let steps = entries(field.node, "steps", diagnostics).into_iter();
            expect.steps = steps.map(|(id, node)| (id, steps_pattern(&node, diagnostics))).collect();
        }
        expect.requests = written.take("requests").and_then(|field| requests(field.node, diagnostics));
        if let Some(field) = written.take("files") {
            for (path, node) in entries(field.node, "files", diagnostics) {
                if in_workspace(&path.value, path.span, diagnostics).is_some() {
                    expect.files.push((path, Pattern::read(&node, diagnostics)));
                }
            }
        }
        expect.cost = written.take("cost").and_then(|field| Price::read(field.node, diagnostics));
        expect.calls = written.take("calls").map(|field| Pattern::read(field.node, diagnostics));
        written.finish(diagnostics);
        expect
    }

    /// Every difference between what is expected and what came.
    pub fn compare(&self, outcome: &Outcome) -> Vec<Mismatch> {
        let mut wrong = Vec::new();
        self.compare_end(outcome, &mut wrong);
        if let Some(pattern) = &self.output {
            let found = (outcome.ended == Ended::Succeeded).then_some(&*outcome.output);
            pattern.compare(found, "output", &mut wrong);
        }
        for (id, pattern) in &self.steps {
            let passes = outcome.steps.iter().find(|(step, _)| *step == id.value);
            compare_step(&id.value, pattern, passes.map_or(&[], |(_, passes)| passes), &mut wrong);
        }
        if let Some(pattern) = &self.requests {
            pattern.compare(Some(&outcome.requests.clone().into()), "requests", &mut wrong);
        }
        for (path, pattern) in &self.files {
            let found = outcome.files.iter().find(|(file, _)| *file == path.value);
            let found = found.and_then(|(_, text)| text.clone()).map(Json::from);
            pattern.compare(found.as_ref(), &format!("files.{}", path.value), &mut wrong);
        }
        if let Some(price) = &self.cost {
            price.compare(outcome.cost, &mut wrong);
        }
        if let Some(pattern) = &self.calls {
            pattern.compare(Some(&outcome.calls.into()), "calls", &mut wrong);
        }
        wrong
    }

    fn compare_end(&self, outcome: &Outcome, wrong: &mut Vec<Mismatch>) {
        let (wanted, span) = match (&self.status, &self.error) {
            (Some(status), _) => (status.value, status.span),
            (None, Some(error)) => (Ended::Failed, error.span),
            (None, None) => (Ended::Succeeded, self.span),
        };
        if outcome.ended != wanted {
            let why = match (&outcome.failure, &outcome.step) {
                (Some(failure), Some(step)) => {
                    format!(": the step `{step}` failed: {} ({})", failure.message, failure.code)
                }
                (Some(failure), None) => format!(": {} ({})", failure.message, failure.code),
                (None, _) => String::new(),
            };
            wrong.push(Mismatch {
                path: "status".to_owned(),
                span,
                wanted: wanted.as_str().to_owned(),
                found: format!("{}{why}", outcome.ended.as_str()),
                texts: None,
            });
            return;
        }
        if let Some(pattern) = &self.error {
            let found = outcome.failure.as_ref().map(|failure| {
                json!({
                    "code": failure.code,
                    "message": failure.message,
                    "status": failure.status,
                    "step": outcome.step,
                })
            });
            pattern.compare(found.as_ref(), "error", wrong);
        }
    }
}

/// A list wants one for each time that the step was reached; anything else wants it of each.
fn compare_step(id: &str, pattern: &Pattern, passes: &[Json], wrong: &mut Vec<Mismatch>) {
    let path = format!("steps.{id}");
    match (pattern.items(), passes) {
        (Some(_), _) => pattern.compare(Some(&passes.to_vec().into()), &path, wrong),
        (None, []) => pattern.compare(Some(&json!({ "status": "not_reached" })), &path, wrong),
        (None, [one]) => pattern.compare(Some(one), &path, wrong),
        (None, many) => {
            for (index, one) in many.iter().enumerate() {
                pattern.compare(Some(one), &format!("{path}[{index}]"), wrong);
            }
        }
    }
}

fn status_word(node: &Node, diagnostics: &mut Diagnostics) -> Option<Spanned<Ended>> {
    let text = fields::text(node, "status", diagnostics)?;
    let known = Ended::ALL.into_iter().find(|ended| ended.as_str() == text);
    if known.is_none() {
        let message = format!("a run does not end as {}", quoted(text));
        let found = Diagnostic::error("invalid-value", node.span, message);
        diagnostics.push(found.with_help_if(did_you_mean(text, Ended::ALL.map(Ended::as_str))));
    }
    Some(Spanned::new(known?, node.span))
}

/// A map in which only these keys may stand, each a pattern.
fn record(node: &Node, what: &str, names: &[&str], diagnostics: &mut Diagnostics) -> Pattern {
    let Some(mut written) = Fields::open(node, what, diagnostics) else {
        return Pattern::read(node, diagnostics);
    };
    let mut read = Vec::new();
    for name in names {
        if let Some(field) = written.take(name) {
            let pattern = match *name {
                "url" => Pattern::read_glob(field.node, diagnostics),
                _ => Pattern::read(field.node, diagnostics),
            };
            read.push((field.key.clone(), pattern));
        }
    }
    written.finish(diagnostics);
    Pattern::of_fields(node.span, read)
}

/// The keys of `expect.error`.
const FAILURE: [&str; 4] = ["code", "message", "status", "step"];

/// The keys of a request.
const REQUEST: [&str; 8] = ["method", "url", "headers", "json", "form", "body", "multipart", "step"];

/// The keys of a step.
const STEP: [&str; 4] = ["status", "output", "attempts", "error"];

fn failure(node: &Node, diagnostics: &mut Diagnostics) -> Pattern {
    record(node, "`expect.error`", &FAILURE, diagnostics)
}

fn requests(node: &Node, diagnostics: &mut Diagnostics) -> Option<Pattern> {
    if matches!(node.kind, Kind::Mapping(_)) {
        // `{length: 2}`, and other words about the whole list.
        return Some(Pattern::read(node, diagnostics));
    }
    let items = fields::list(node, "requests", diagnostics)?;
    let items = items.iter().map(|item| record(item, "a request", &REQUEST, diagnostics)).collect();
    Some(Pattern::of_items(node.span, items))
}

fn steps_pattern(node: &Node, diagnostics: &mut Diagnostics) -> Pattern {
    match &node.kind {
        Kind::Sequence(items) => {
            let items = items.iter().map(|item| record(item, "a step", &STEP, diagnostics)).collect();
            Pattern::of_items(node.span, items)
        }
        _ => record(node, "a step", &STEP, diagnostics),
    }
}

impl Price {
    fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut price = Self { span: node.span, exactly: None, above: None, below: None };
        if !matches!(node.kind, Kind::Mapping(_)) {
            price.exactly = Some(fields::money(node, "cost", diagnostics)?);
            return Some(price);
        }
        let mut written = Fields::open(node, "`cost`", diagnostics)?;
        let above = written.take("above").and_then(|field| fields::money(field.node, "above", diagnostics));
        let below = written.take("below").and_then(|field| fields::money(field.node, "below", diagnostics));
        written.finish(diagnostics);
        Some(Self { above, below, ..price })
    }

    fn compare(&self, found: Cost, wrong: &mut Vec<Mismatch>) {
        let amount = found.amount;
        let wanted = match (self.exactly, self.above, self.below) {
            (Some(exactly), _, _) if amount != exactly => exactly.to_string(),
            (_, Some(above), _) if amount <= above => format!("more than {above}"),
            (_, _, Some(below)) if amount >= below => format!("less than {below}"),
            // What is not known to its end is not known to be below anything.
            (Some(_), _, _) | (_, _, Some(_)) if !found.exact => "a known cost".to_owned(),
            _ => return,
        };
        let path = "cost".to_owned();
        wrong.push(Mismatch { path, span: self.span, wanted, found: found.to_string(), texts: None });
    }
}
