//! A forecast for people.

use std::collections::BTreeMap;

use crate::component::{Asks, Candidate};
use crate::money::Money;
use crate::template::foresight::Foreseen;
use crate::value::Json;

use super::{Access, Branch, Chance, Deed, Doing, End, Forecast, Item, Limits};

/// How many passes of a loop are shown.
const PASSES: usize = 3;

/// How many lines of a text are shown.
const LINES: usize = 40;

/// The longest value on one line, in characters.
const VALUE: usize = 160;

/// Something that is touched, over all steps.
pub(super) struct Touched {
    pub access: Access,
    pub what: String,
    pub chance: Chance,
}

/// Everything that is touched, each once.
pub(super) fn touched(forecast: &Forecast) -> Vec<Touched> {
    let mut found: BTreeMap<(Access, String), Chance> = BTreeMap::new();
    forecast.each_item(&mut |item| {
        let Doing::Deed(deed) = &item.doing else { return };
        for touch in &deed.touches {
            let chance = found.entry((touch.access, touch.what.value.clone())).or_insert(item.chance);
            *chance = (*chance).max(item.chance);
        }
    });
    found.into_iter().map(|((access, what), chance)| Touched { access, what, chance }).collect()
}

/// The forecast as text, with a line break after each line.
pub fn text(forecast: &Forecast) -> String {
    let mut page = Page(String::new());
    let title = match &forecast.description {
        Some(description) => format!("{}: {}", forecast.workflow, line(description)),
        None => forecast.workflow.to_string(),
    };
    page.line(0, &title);
    page.given(forecast);
    page.line(0, "");
    page.line(0, "steps");
    page.items(1, &forecast.steps);
    for (name, items) in [("on failure", &forecast.on_failure), ("finally", &forecast.finally)] {
        if !items.is_empty() {
            page.line(0, "");
            page.line(0, name);
            page.items(1, items);
        }
    }
    page.end(&forecast.end);
    page.totals(forecast);
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, depth: usize, text: &str) {
        let margin = if text.is_empty() { 0 } else { depth * 2 };
        self.0.push_str(&" ".repeat(margin));
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// A fact of a step, its name in a column.
    fn fact(&mut self, depth: usize, name: &str, text: &str) {
        self.line(depth, format!("{name:<8} {text}").trim_end());
    }

    /// A text of several lines.
    fn text(&mut self, depth: usize, name: &str, text: &str) {
        let count = text.trim_end().lines().count();
        for (at, line) in text.trim_end().lines().take(LINES).enumerate() {
            self.fact(depth, if at == 0 { name } else { "" }, format!("| {line}").trim_end());
        }
        if count > LINES {
            self.fact(depth, "", &format!("… and {} more lines", count - LINES));
        }
    }

    fn given(&mut self, forecast: &Forecast) {
        let event = forecast.given.event.as_ref().filter(|event| !event.is_null());
        if forecast.given.inputs.is_empty() && event.is_none() {
            return;
        }
        self.line(0, "");
        self.line(0, "given");
        for (name, value) in &forecast.given.inputs {
            let value = value.as_ref().map_or_else(|| "not given".to_owned(), value_line);
            self.line(1, &format!("{name}: {value}"));
        }
        if let Some(event) = event {
            self.line(1, &format!("event: {}", value_line(event)));
        }
    }

    fn items(&mut self, depth: usize, items: &[Item]) {
        if items.is_empty() {
            self.line(depth, "nothing");
        }
        for item in items {
            self.item(depth, item);
        }
    }

    fn item(&mut self, depth: usize, item: &Item) {
        let what = match &item.doing {
            Doing::Deed(deed) => deed.kind,
            Doing::Flow(words) => words,
            Doing::Untold => {
                self.line(depth, "… and more, which is not told here");
                return;
            }
        };
        let name = match &item.label {
            Some(label) => format!("{}: {}", line(label), line(what)),
            None => line(what),
        };
        let condition = item.condition.as_deref().map(line);
        let head = match (item.chance, &condition) {
            (Chance::Never, Some(condition)) => format!("- {name}, not done: `{condition}` does not hold"),
            (Chance::Never, None) => format!("- {name}, not done"),
            (Chance::Possible, Some(condition)) => format!("- {name}, perhaps: if `{condition}`"),
            (Chance::Possible, None) => format!("- {name}, perhaps"),
            (Chance::Certain, _) => format!("- {name}"),
        };
        self.line(depth, &head);
        if item.chance == Chance::Never {
            return;
        }
        if let Doing::Deed(deed) = &item.doing {
            self.deed(depth + 2, deed);
        }
        self.branches(depth + 1, &item.branches);
        match (&item.end, &item.doing) {
            (End::Failed(failure, step), _) if *step == item.path => {
                self.fact(depth + 2, "fails", &format!("{} ({})", line(&failure.message), failure.code));
            }
            (End::Output(output), Doing::Deed(_)) if output.is_known() && !output.value.is_null() => {
                self.fact(depth + 2, "gives", &value_line(&output.value));
            }
            (End::MadeUp(output), Doing::Deed(_)) if output.is_known() => {
                self.fact(depth + 2, "made up", &value_line(&output.value));
            }
            _ => {}
        }
    }

    fn branches(&mut self, depth: usize, branches: &[Branch]) {
        let is_pass =
            |branch: &&Branch| branch.label.starts_with("item ") || branch.label.starts_with("round ");
        let passes = branches.iter().filter(is_pass).count();
        for branch in branches.iter().take(PASSES.max(branches.len() - passes)) {
            let inside = match branch.label.as_str() {
                "" => depth,
                label => {
                    let perhaps = if branch.chance == Chance::Possible { ", perhaps" } else { "" };
                    self.line(depth, &format!("{}{perhaps}:", line(label)));
                    depth + 1
                }
            };
            self.items(inside, &branch.items);
        }
        if passes > PASSES {
            self.line(depth, &format!("… and {} more like these", passes - PASSES));
        }
    }

    fn deed(&mut self, depth: usize, deed: &Deed) {
        for touch in &deed.touches {
            let name = match touch.access {
                Access::Read => "reads",
                Access::Write => "writes",
                Access::Send => "sends to",
            };
            self.fact(depth, name, &line(&touch.what.value));
        }
        if let Some(told) = &deed.told {
            self.fact(depth, "", &line(told));
        }
        match &deed.asks {
            Some(asks) => self.asks(depth, asks),
            None => {
                let is_touched = |field: &Foreseen<Json>| {
                    deed.touches.iter().any(|touch| field.value.as_str() == Some(touch.what.value.as_str()))
                };
                for (name, field) in deed.fields.iter().filter(|(_, field)| !is_touched(field)) {
                    match &field.value {
                        Json::String(text) if text.trim_end().contains('\n') => self.text(depth, name, text),
                        value => self.fact(depth, name, &value_line(value)),
                    }
                }
            }
        }
    }

    fn asks(&mut self, depth: usize, asks: &Asks) {
        if asks.models.is_empty() {
            self.fact(depth, "model", "not known yet");
        }
        for (at, model) in asks.models.iter().enumerate() {
            self.fact(depth, if at == 0 { "model" } else { "or then" }, &price(model));
        }
        let prompt = match asks.lines.iter().all(|line| line.text.is_known()) {
            true => format!("about {} in", asks.prompt_tokens),
            false => format!("about {} in, and what is not known yet", asks.prompt_tokens),
        };
        let answer = match asks.is_bounded {
            true => format!("at most {} out", asks.answer_tokens),
            false => format!("taken to be at most {} out, as no `max_tokens` is set", asks.answer_tokens),
        };
        self.fact(depth, "tokens", &format!("{prompt}, {answer}"));
        let sums = super::Sums::of(asks);
        let calls = match asks.calls {
            1 => "1 call".to_owned(),
            most => format!("1 to {most} calls, as an answer that does not fit is asked for again"),
        };
        self.fact(depth, "cost", &format!("{} ({calls})", range(&sums.cost)));
        for line in &asks.lines {
            self.text(depth, &line.role, &line.text.value);
        }
        if let Some(schema) = &asks.schema {
            self.fact(depth, "schema", &value_line(schema));
        }
    }

    fn end(&mut self, end: &End) {
        self.line(0, "");
        match end {
            End::Failed(failure, step) => {
                let step = step.as_str();
                let at = if step.is_empty() { String::new() } else { format!(" at the step `{step}`") };
                self.line(
                    0,
                    &format!("the run would fail{at}: {} ({})", line(&failure.message), failure.code),
                );
            }
            End::Skipped => {}
            End::Output(output) | End::MadeUp(output) => {
                self.line(0, "output");
                match &output.value {
                    Json::Object(fields) => {
                        for (name, value) in fields {
                            self.line(1, &format!("{name}: {}", value_line(value)));
                        }
                    }
                    value => self.line(1, &value_line(value)),
                }
            }
        }
    }

    fn totals(&mut self, forecast: &Forecast) {
        self.line(0, "");
        self.line(0, "in all");
        let sums = &forecast.sums;
        let (cost, calls) = match (sums.calls.least, sums.calls.most) {
            (_, Some(0)) => ("nothing".to_owned(), "no model is asked".to_owned()),
            (least, Some(most)) if least == most => (range(&sums.cost), count(least)),
            (least, Some(most)) => (range(&sums.cost), format!("{least} to {}", count(most))),
            (least, None) => (range(&sums.cost), format!("{}, or more", count(least))),
        };
        self.fact(1, "cost", &format!("{cost} ({calls})"));
        self.unpriced(forecast);
        for Touched { access, what, chance } in touched(forecast) {
            let name = match access {
                Access::Read => "reads",
                Access::Write => "writes",
                Access::Send => "sends to",
            };
            let what = if access == Access::Send { host(&what).to_owned() } else { what };
            let perhaps = if chance == Chance::Certain { "" } else { ", perhaps" };
            self.fact(1, name, &format!("{}{perhaps}", line(&what)));
        }
    }

    /// The models of which nobody knows what they cost.
    fn unpriced(&mut self, forecast: &Forecast) {
        let mut names: Vec<String> = Vec::new();
        forecast.each_item(&mut |item| {
            let Doing::Deed(deed) = &item.doing else { return };
            let models = deed.asks.iter().flat_map(|asks| &asks.models);
            for model in models.filter(|model| model.tariff.is_none()) {
                if !names.contains(&model.model) {
                    names.push(model.model.clone());
                }
            }
        });
        if !names.is_empty() {
            let names = names.join("`, `");
            self.fact(1, "", &format!("the price of `{names}` is not known: add it under `prices`"));
        }
    }
}

fn price(model: &Candidate) -> String {
    let name = line(&model.model);
    match &model.tariff {
        None => format!("{name}, price not known"),
        Some(tariff) => {
            let (input, output) = (tariff.input, tariff.output);
            let of = tariff.of.map(|of| format!(", the price of {of}")).unwrap_or_default();
            format!("{name} ({input} in, {output} out per million tokens{of})")
        }
    }
}

/// `$0.0001 to $0.02`, `at least $0.0001`.
fn range(cost: &Limits<Money>) -> String {
    match cost.most {
        Some(most) if most == cost.least => most.to_string(),
        Some(most) => format!("{} to {most}", cost.least),
        None => format!("at least {}, nobody can say how much at most", cost.least),
    }
}

fn count(calls: u64) -> String {
    format!("{calls} call{}", if calls == 1 { "" } else { "s" })
}

/// The host of an address, or all of what is known of one that tells none.
fn host(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => rest.split(['/', '?', '#']).next().unwrap_or(rest),
        None => url,
    }
}

fn value_line(value: &Json) -> String {
    match value {
        Json::String(text) => line(text),
        Json::Null => "null".to_owned(),
        other => line(&other.to_string()),
    }
}

/// A text on one line, of bounded length.
fn line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(VALUE) {
        Some(_) => words.chars().take(VALUE - 1).chain(['…']).collect(),
        None => words,
    }
}
