//! What a `chat` step would ask, before it asks.

use crate::component::{Arguments, Asks, Candidate, Line, Outlook, Tariff};
use crate::llm::Directory;
use crate::models::{ModelRef, Price, Quote, estimate_tokens, usual_answer};
use crate::money::Money;
use crate::template::foresight::Foreseen;
use crate::value::{Json, Usage};

/// How many tokens the words around an answer that does not fit have at most, as it is sent back.
const REMARK: u64 = 1_024;

/// What each message has beside its text: its role and its limits, in tokens.
const FRAME: u64 = 8;

/// The fields of `extra` that bound the answer.
const BOUNDS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

/// The calls of a step with these fields.
pub(super) fn asks(models: &Directory, arguments: &Arguments, outlook: &Outlook) -> Asks {
    let number =
        |name: &str| outlook.get(name).filter(|field| field.is_known()).and_then(|n| n.value.as_u64());
    let extra = |name: &str| outlook.get("extra").and_then(|extra| extra.value.get(name)?.as_u64());
    let schema = arguments.schema("schema").map(|schema| schema.json().clone());
    let calls = match schema {
        Some(_) => 1 + number("repair").unwrap_or_else(|| super::two().into()),
        None => 1,
    };
    let lines = lines(outlook);
    let chain = chain(models, outlook);
    let asked = schema.as_ref().map(Json::to_string).unwrap_or_default();
    let size = Size {
        prompt: lines.iter().map(|line| estimate_tokens(&without_marks(&line.text)) + FRAME).sum::<u64>()
            + estimate_tokens(&asked),
        // No token is shorter than a byte.
        prompt_at_most: lines.iter().all(|line| line.text.is_known()).then(|| {
            lines.iter().map(|line| line.text.value.len() as u64 + FRAME).sum::<u64>() + asked.len() as u64
        }),
        answer: number("max_tokens").or_else(|| BOUNDS.iter().find_map(|name| extra(name))),
        choices: extra("n").unwrap_or(1).max(1),
        calls,
    };
    let answer_tokens = size.answer.or_else(|| chain.iter().map(|model| usual_answer(&model.model)).max());
    Asks {
        prompt_tokens: size.prompt,
        answer_tokens: answer_tokens.unwrap_or_else(|| usual_answer("")),
        is_bounded: size.answer.is_some(),
        models: chain.iter().map(|model| size.candidate(models, model)).collect(),
        lines,
        schema,
        calls,
    }
}

/// How much would be said.
struct Size {
    prompt: u64,
    /// None where a part of it is not known.
    prompt_at_most: Option<u64>,
    answer: Option<u64>,
    /// How many answers are asked for at once.
    choices: u64,
    calls: u64,
}

impl Size {
    fn candidate(&self, models: &Directory, model: &ModelRef) -> Candidate {
        let (price, of) = match models.price(model) {
            Some(Quote::Listed(price)) => (Some(*price), None),
            Some(Quote::Estimate { price, of }) => (Some(*price), Some(of)),
            None => (None, None),
        };
        let cost = |price: Price, input_tokens, output_tokens| {
            price.of(&Usage { input_tokens, output_tokens, ..Usage::default() })
        };
        let answer = self.answer.unwrap_or_else(|| usual_answer(&model.model));
        let answers = answer.saturating_mul(self.choices);
        // Each call sends what was answered before once more.
        let most = |price: Price, prompt: u64| {
            let again = answer.saturating_add(REMARK);
            let calls = 0..self.calls;
            calls
                .map(|call| cost(price, prompt.saturating_add(call.saturating_mul(again)), answers))
                .sum::<Money>()
        };
        Candidate {
            model: model.to_string(),
            tariff: price.map(|price| Tariff { input: price.input, output: price.output, of }),
            least: price.map(|price| cost(price, self.prompt, 1)),
            most: price.zip(self.prompt_at_most).map(|(price, prompt)| most(price, prompt)),
        }
    }
}

fn lines(outlook: &Outlook) -> Vec<Line> {
    let text = |field: &Foreseen<Json>| Foreseen {
        value: field.value.as_str().map_or_else(|| field.value.to_string(), str::to_owned),
        unknown: field.unknown.clone(),
    };
    let named = |role: &str, field: &str| {
        outlook.get(field).map(|field| Line { role: role.to_owned(), text: text(field) })
    };
    let mut lines: Vec<_> = named("system", "system").into_iter().collect();
    if let Some(messages) = outlook.get("messages") {
        let part = |message: &Json, name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let listed = messages.value.as_array().map(Vec::as_slice).unwrap_or_default();
        lines.extend(listed.iter().map(|message| Line {
            role: part(message, "role"),
            text: Foreseen { value: part(message, "content"), unknown: messages.unknown.clone() },
        }));
    }
    match outlook.get("prompt") {
        Some(prompt) if prompt.value.is_object() => lines.extend(file_lines(prompt)),
        _ => lines.extend(named("user", "prompt")),
    }
    lines
}

/// What a prompt file says, or what it is given.
fn file_lines(prompt: &Foreseen<Json>) -> Vec<Line> {
    let Some(messages) = prompt.value.get("messages").and_then(Json::as_array) else {
        let text = Foreseen { value: prompt.value.to_string(), unknown: prompt.unknown.clone() };
        return vec![Line { role: "prompt".to_owned(), text }];
    };
    let text = |part: &Json| match part.get("text").and_then(Json::as_str) {
        Some(text) => text.to_owned(),
        None => part.to_string(),
    };
    let line = |message: &Json| {
        let parts = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        Line {
            role: message["role"].as_str().unwrap_or_default().to_owned(),
            text: Foreseen::known(parts.iter().map(text).collect()),
        }
    };
    messages.iter().map(line).collect()
}

/// The models, where it is known which.
fn chain(models: &Directory, outlook: &Outlook) -> Vec<ModelRef> {
    match outlook.get("model") {
        Some(Foreseen { value: Json::Array(names), unknown }) if unknown.is_empty() => {
            models.chain(names.iter().filter_map(Json::as_str))
        }
        _ => Vec::new(),
    }
}

/// What of a text is known to be sent.
fn without_marks(text: &Foreseen<String>) -> String {
    if text.is_known() {
        return text.value.clone();
    }
    let mut known = String::new();
    let mut depth = 0_usize;
    for char in text.value.chars() {
        match char {
            '‹' => depth += 1,
            '›' => depth = depth.saturating_sub(1),
            _ if depth == 0 => known.push(char),
            _ => {}
        }
    }
    known
}
