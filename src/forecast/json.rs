//! A forecast for scripts. Version 1 of it: fields may be added, none changes its meaning.
//!
//! Values hold marks (`‹steps.label.output›`) where they are not known, and `unknown` lists what they
//! depend on. A `most` of null means that nobody can say.

use serde_json::json;

use crate::component::{Asks, Effect};
use crate::template::foresight::Foreseen;
use crate::value::Json;

use super::text::{Touched, touched};
use super::{Access, Branch, Chance, Deed, Doing, End, Forecast, Item, Sums};

/// The forecast as one JSON document, without what the plan needs of secrets.
pub fn json(forecast: &Forecast) -> Json {
    let inputs = forecast.given.inputs.iter();
    let inputs: serde_json::Map<_, _> =
        inputs.map(|(name, value)| (name.to_string(), value.clone().unwrap_or(Json::Null))).collect();
    let unknown = forecast.given.inputs.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| &**name);
    json!({
        "workflow": &*forecast.workflow,
        "inputs": inputs,
        "unknown_inputs": unknown.collect::<Vec<_>>(),
        "event": forecast.given.event,
        "steps": items(&forecast.steps),
        "on_failure": items(&forecast.on_failure),
        "finally": items(&forecast.finally),
        "end": end(&forecast.end),
        "totals": totals(forecast),
    })
}

fn totals(forecast: &Forecast) -> Json {
    let (mut files, mut addresses) = (Vec::new(), Vec::new());
    for Touched { access, what, chance } in touched(forecast) {
        match access {
            Access::Send => addresses.push(json!({ "url": what, "chance": word(chance) })),
            Access::Read | Access::Write => {
                let access = if access == Access::Read { "read" } else { "write" };
                files.push(json!({ "path": what, "access": access, "chance": word(chance) }));
            }
        }
    }
    let mut totals = sums(&forecast.sums);
    totals["files"] = files.into();
    totals["addresses"] = addresses.into();
    totals
}

fn sums(sums: &Sums) -> Json {
    json!({
        "cost": { "least": sums.cost.least, "most": sums.cost.most },
        "calls": { "least": sums.calls.least, "most": sums.calls.most },
    })
}

fn items(items: &[Item]) -> Vec<Json> {
    items.iter().map(item).collect()
}

fn item(item: &Item) -> Json {
    let mut shown = json!({
        "path": item.path,
        "chance": word(item.chance),
        "if": item.condition,
        "does": match &item.doing {
            Doing::Deed(deed) => deed.kind,
            Doing::Flow(words) => words,
            Doing::Untold => "more than is told",
        },
    });
    if let Doing::Deed(deed) = &item.doing {
        shown["effect"] = effect(deed.effect).into();
        let fields = deed.fields.iter().map(|(name, field)| (name.to_owned(), field.value.clone()));
        shown["fields"] = fields.collect::<serde_json::Map<_, _>>().into();
        shown["unknown"] = unknown(deed).into();
        shown["told"] = deed.told.clone().into();
        if let Some(asks) = &deed.asks {
            shown["asks"] = self::asks(asks);
        }
    }
    if !item.branches.is_empty() {
        shown["branches"] = item.branches.iter().map(branch).collect();
    }
    shown["end"] = end(&item.end);
    let totals = sums(&item.sums);
    for part in ["cost", "calls"] {
        shown[part] = totals[part].clone();
    }
    shown
}

fn unknown(deed: &Deed) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for path in deed.fields.iter().flat_map(|(_, field)| &field.unknown) {
        if !all.contains(&path.as_str()) {
            all.push(path);
        }
    }
    all
}

fn asks(asks: &Asks) -> Json {
    let models = asks.models.iter().map(|model| {
        json!({
            "model": model.model,
            "price": model.tariff.as_ref().map(|tariff| {
                json!({ "input": tariff.input, "output": tariff.output, "of": tariff.of })
            }),
            "cost": { "least": model.least, "most": model.most },
        })
    });
    let messages = asks.lines.iter().map(|line| json!({ "role": line.role, "content": line.text.value }));
    json!({
        "models": models.collect::<Vec<_>>(),
        "messages": messages.collect::<Vec<_>>(),
        "schema": asks.schema,
        "prompt_tokens": asks.prompt_tokens,
        "answer_tokens": asks.answer_tokens,
        "is_bounded": asks.is_bounded,
    })
}

fn branch(branch: &Branch) -> Json {
    json!({ "label": branch.label, "chance": word(branch.chance), "steps": items(&branch.items) })
}

fn end(end: &End) -> Json {
    let output = |output: &Foreseen<Json>| json!({ "output": output.value, "unknown": output.unknown });
    match end {
        End::Output(value) => output(value),
        End::MadeUp(value) => {
            let mut shown = output(value);
            shown["made_up"] = true.into();
            shown
        }
        End::Skipped => json!({ "skipped": true }),
        End::Failed(failure, step) => json!({ "error": failure, "step": step }),
    }
}

fn word(chance: Chance) -> &'static str {
    match chance {
        Chance::Never => "never",
        Chance::Possible => "possible",
        Chance::Certain => "certain",
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "none",
        Effect::Idempotent => "idempotent",
        Effect::Once => "once",
    }
}
