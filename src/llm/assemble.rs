//! Puts an answer together, from the chunks of a stream or from one whole body.
//!
//! Every field is optional, unknown ones are kept, and no order is assumed: the role may never come,
//! usage may come anywhere, tool calls may start at any index, choices may interleave.

use std::collections::{BTreeMap, HashSet};

use serde_json::Map;

use super::answer::{Choice, FinishReason, ToolCall};
use super::feed::Delta;
use super::provider::ThinkTags;
use super::think::{Piece, Splitter};
use crate::models::RawUsage;
use crate::value::Json;

/// Tool calls in one answer; nothing sensible asks for more.
const CALL_LIMIT: usize = 256;

/// Why a chunk ends the answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// The server reports an error inside its answer.
    Server(Json),
    /// It is not what an answer looks like.
    Shape(&'static str),
}

/// What a chunk brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brought {
    /// Text, reasoning or a part of a call.
    Content,
    /// Nothing that a reader waits for.
    Nothing,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Assembler {
    tags: ThinkTags,
    drafts: BTreeMap<u64, Draft>,
    pub(super) usage: Option<RawUsage>,
    pub(super) served_model: Option<String>,
    rest: Map<String, Json>,
}

/// A choice on its way.
#[derive(Debug)]
struct Draft {
    choice: Choice,
    /// The index of each call, where the server gives one.
    indices: Vec<Option<u64>>,
    splitter: Splitter,
    rest: Map<String, Json>,
}

impl Assembler {
    pub(super) fn new(tags: ThinkTags) -> Self {
        Self { tags, drafts: BTreeMap::new(), usage: None, served_model: None, rest: Map::new() }
    }

    /// Takes a chunk, or a whole body. Text of the first choice goes to `deltas` too.
    pub(super) fn push(&mut self, chunk: &Json, deltas: &mut Vec<Delta>) -> Result<Brought, Fault> {
        let Json::Object(fields) = chunk else { return Err(Fault::Shape("not a JSON object")) };
        if fields.get("error").is_some_and(|error| !error.is_null()) || chunk["object"] == "error" {
            return Err(Fault::Server(chunk.clone()));
        }
        for usage in [chunk.get("usage"), chunk.pointer("/x_groq/usage"), chunk.pointer("/choices/0/usage")] {
            // Where usage comes with every chunk it is cumulative: the last one counts.
            self.usage = usage.and_then(RawUsage::read).or(self.usage);
        }
        if let Some(model) = chunk["model"].as_str().filter(|model| !model.is_empty()) {
            self.served_model = Some(model.to_owned());
        }
        for (name, value) in fields.iter().filter(|(name, _)| *name != "choices") {
            self.rest.insert(name.clone(), value.clone());
        }
        let mut brought = Brought::Nothing;
        for (position, choice) in list(&chunk["choices"]).iter().enumerate() {
            let index = choice["index"].as_u64().unwrap_or(position as u64);
            let tags = self.tags;
            let draft = self.drafts.entry(index).or_insert_with(|| Draft::new(tags));
            let mut pieces = Vec::new();
            if draft.push(choice, &mut pieces)? == Brought::Content {
                brought = Brought::Content;
            }
            draft.write(pieces, (index == 0).then_some(&mut *deltas));
            if draft.choice.raw_finish.as_deref() == Some("error") {
                return Err(Fault::Server(choice.clone()));
            }
        }
        Ok(brought)
    }

    /// Whether some choice has come to its end.
    pub(super) fn has_finished(&self) -> bool {
        self.drafts.values().any(|draft| draft.choice.raw_finish.is_some())
    }

    /// What the first choice has written so far.
    pub(super) fn text(&self) -> &str {
        self.drafts.values().next().map_or("", |draft| &draft.choice.text)
    }

    /// Everything that was written so far, for an estimate of its tokens.
    pub(super) fn written(&self) -> String {
        let mut all = String::new();
        for Draft { choice, .. } in self.drafts.values() {
            all.push_str(&choice.text);
            all.push_str(choice.reasoning.as_deref().unwrap_or_default());
            choice.tool_calls.iter().for_each(|call| all.push_str(&call.arguments));
        }
        all
    }

    /// The choices in order, and what else was said. No choices: there was no answer.
    pub(super) fn finish(self, deltas: &mut Vec<Delta>) -> (Vec<Choice>, Json) {
        let mut rest = self.rest;
        let mut choices = Vec::new();
        let mut raw = Vec::new();
        for (index, mut draft) in self.drafts {
            let mut pieces = Vec::new();
            draft.splitter.finish(&mut pieces);
            draft.write(pieces, (index == 0).then_some(&mut *deltas));
            raw.push(Json::Object(draft.rest));
            choices.push(settle(draft.choice));
        }
        rest.insert("choices".to_owned(), Json::Array(raw));
        (choices, Json::Object(rest))
    }
}

impl Draft {
    fn new(tags: ThinkTags) -> Self {
        Self {
            choice: Choice::default(),
            indices: Vec::new(),
            splitter: Splitter::new(tags),
            rest: Map::new(),
        }
    }

    fn push(&mut self, choice: &Json, pieces: &mut Vec<Piece>) -> Result<Brought, Fault> {
        if let Some(word) = choice["finish_reason"].as_str() {
            self.choice.raw_finish = Some(word.to_owned());
        }
        let part = [&choice["delta"], &choice["message"]].into_iter().find_map(Json::as_object);
        let known = ["delta", "message"];
        merge(
            &mut self.rest,
            choice.as_object().into_iter().flatten().filter(|(name, _)| !known.contains(&name.as_str())),
        );
        let Some(part) = part else { return Ok(Brought::Nothing) };
        let known = ["content", "reasoning_content", "reasoning", "tool_calls", "function_call", "refusal"];
        merge(&mut self.rest, part.iter().filter(|(name, _)| !known.contains(&name.as_str())));

        let reasoning =
            ["reasoning_content", "reasoning"].into_iter().filter_map(|name| part.get(name)?.as_str());
        pieces.extend(
            reasoning.filter(|text| !text.is_empty()).take(1).map(|text| Piece::Reasoning(text.to_owned())),
        );
        match part.get("content") {
            Some(Json::String(text)) => self.splitter.push(text, pieces),
            Some(Json::Array(parts)) => parts.iter().for_each(|part| self.push_part(part, pieces)),
            _ => {}
        }
        if let Some(refusal) = part.get("refusal").and_then(Json::as_str) {
            self.choice.refusal.get_or_insert_default().push_str(refusal);
        }
        let mut brought = if pieces.is_empty() { Brought::Nothing } else { Brought::Content };
        for (position, call) in part.get("tool_calls").map(list).unwrap_or_default().iter().enumerate() {
            // In a whole message each entry is a call of its own, whatever its id says.
            let index =
                if choice["message"].is_object() { Some(position as u64) } else { call["index"].as_u64() };
            self.push_call(index, call["id"].as_str().unwrap_or_default(), &call["function"])?;
            brought = Brought::Content;
        }
        if let Some(function) = part.get("function_call").filter(|call| call.is_object()) {
            self.push_call(Some(0), "", function)?;
            brought = Brought::Content;
        }
        Ok(brought)
    }

    /// A part of a content list: text, or thinking as Mistral writes it.
    fn push_part(&mut self, part: &Json, pieces: &mut Vec<Piece>) {
        let thinking = &part["thinking"];
        if let Some(text) = part["text"].as_str() {
            self.splitter.push(text, pieces);
        } else if let Some(text) = thinking.as_str() {
            pieces.push(Piece::Reasoning(text.to_owned()));
        } else {
            let texts = list(thinking).iter().filter_map(|part| part["text"].as_str());
            pieces.extend(texts.map(|text| Piece::Reasoning(text.to_owned())));
        }
    }

    /// Adds to the call that a delta means, or begins one.
    fn push_call(&mut self, index: Option<u64>, id: &str, function: &Json) -> Result<(), Fault> {
        let calls = &mut self.choice.tool_calls;
        // Another id under a known index is another call: some bridges give every call the index 0.
        let same = |call: &ToolCall| id.is_empty() || call.id.is_empty() || call.id == id;
        let found = match index {
            Some(_) => self.indices.iter().rposition(|known| *known == index).filter(|at| same(&calls[*at])),
            None if id.is_empty() => calls.len().checked_sub(1),
            None => calls.iter().position(|call| call.id == id),
        };
        let at = match found {
            Some(at) => at,
            None if calls.len() == CALL_LIMIT => return Err(Fault::Shape("more than 256 tool calls")),
            None => {
                calls.push(ToolCall::default());
                self.indices.push(index);
                calls.len() - 1
            }
        };
        let call = &mut calls[at];
        if call.id.is_empty() {
            call.id = id.to_owned();
        }
        if call.name.is_empty() {
            call.name = function["name"].as_str().unwrap_or_default().to_owned();
        }
        match &function["arguments"] {
            Json::String(more) => call.arguments.push_str(more),
            Json::Null => {}
            whole => call.arguments = whole.to_string(),
        }
        Ok(())
    }

    fn write(&mut self, pieces: Vec<Piece>, mut deltas: Option<&mut Vec<Delta>>) {
        for piece in pieces {
            let delta = match piece {
                Piece::Text(text) => {
                    self.choice.text.push_str(&text);
                    Delta::Text(text)
                }
                Piece::Reasoning(text) => {
                    self.choice.reasoning.get_or_insert_default().push_str(&text);
                    Delta::Reasoning(text)
                }
            };
            if let Some(deltas) = &mut deltas {
                deltas.push(delta);
            }
        }
    }
}

/// Gives a choice its reason to stop, and every call an id of its own.
fn settle(mut choice: Choice) -> Choice {
    choice.refusal = choice.refusal.filter(|refusal| !refusal.is_empty());
    let said = choice.raw_finish.as_deref().map_or(FinishReason::Unknown, FinishReason::read);
    choice.finish = match said {
        // The calls decide: some servers say `stop` beside them.
        FinishReason::Stop | FinishReason::Unknown if !choice.tool_calls.is_empty() => {
            FinishReason::ToolCalls
        }
        FinishReason::Stop | FinishReason::Unknown if choice.refusal.is_some() && choice.text.is_empty() => {
            FinishReason::Refusal
        }
        other => other,
    };
    let mut taken: HashSet<String> = HashSet::new();
    for (at, call) in choice.tool_calls.iter_mut().enumerate() {
        let mut suffix = at;
        while call.id.is_empty() || taken.contains(&call.id) {
            call.id = format!("call_{suffix}");
            suffix += CALL_LIMIT;
        }
        taken.insert(call.id.clone());
    }
    choice
}

/// Merges fields of a chunk into those of the ones before: lists grow, maps merge, all else is replaced.
fn merge<'a>(into: &mut Map<String, Json>, from: impl IntoIterator<Item = (&'a String, &'a Json)>) {
    for (name, value) in from {
        match (into.get_mut(name), value) {
            (Some(Json::Array(known)), Json::Array(more)) => known.extend(more.iter().cloned()),
            (Some(Json::Object(known)), Json::Object(more)) => merge(known, more),
            // `finish_reason: null` in a late chunk takes nothing back.
            (Some(_), Json::Null) => {}
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

/// The items of a list, none for anything else.
fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assemble(chunks: &[Json]) -> (Vec<Choice>, Json) {
        let mut assembler = Assembler::new(ThinkTags::Leading);
        for chunk in chunks {
            assembler.push(chunk, &mut Vec::new()).unwrap();
        }
        assembler.finish(&mut Vec::new())
    }

    fn delta(delta: Json) -> Json {
        json!({ "choices": [{ "index": 0, "delta": delta }] })
    }

    fn calls(deltas: &[Json]) -> Vec<(String, String, String)> {
        let chunks: Vec<_> = deltas.iter().map(|call| delta(json!({ "tool_calls": [call] }))).collect();
        let (choices, _) = assemble(&chunks);
        choices[0].tool_calls.iter().cloned().map(|call| (call.id, call.name, call.arguments)).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.into(), name.into(), arguments.into())
    }

    #[test]
    fn reasoning_comes_in_four_dialects() {
        for chunk in [
            json!({ "reasoning_content": "why", "content": "so" }),
            json!({ "reasoning": "why", "reasoning_content": "", "content": "so" }),
            json!({ "reasoning": "why", "reasoning_content": "why", "content": "so" }),
            json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": "why" }] },
                                { "type": "text", "text": "so" }] }),
            json!({ "content": [{ "type": "thinking", "thinking": "why" }, { "type": "text", "text": "so" }] }),
            json!({ "content": "<think>why</think>so" }),
        ] {
            let (choices, _) = assemble(&[delta(chunk.clone())]);
            assert_eq!(
                (choices[0].text.as_str(), choices[0].reasoning.as_deref()),
                ("so", Some("why")),
                "{chunk}"
            );
        }
    }

    #[test]
    fn tool_calls_are_merged_however_they_come() {
        let by_index = [
            json!({ "index": 1, "id": "a", "function": { "name": "f", "arguments": "{" } }),
            json!({ "index": 2, "id": "b", "function": { "name": "g", "arguments": "{}" } }),
            json!({ "index": 1, "function": { "name": "", "arguments": "}" } }),
        ];
        assert_eq!(calls(&by_index), [call("a", "f", "{}"), call("b", "g", "{}")]);
        let by_id = [
            json!({ "id": "a", "function": { "name": "f", "arguments": "{" } }),
            json!({ "id": "a", "function": { "arguments": "}" } }),
            json!({ "id": "b", "function": { "name": "g", "arguments": { "x": 1 } } }),
        ];
        assert_eq!(calls(&by_id), [call("a", "f", "{}"), call("b", "g", r#"{"x":1}"#)]);
        let same_index = [
            json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "1" } }),
            json!({ "index": 0, "id": "b", "function": { "name": "f", "arguments": "2" } }),
            json!({ "index": 0, "function": { "arguments": "3" } }),
        ];
        assert_eq!(calls(&same_index), [call("a", "f", "1"), call("b", "f", "23")]);
        let endless: Vec<_> = (0..300).map(|index| json!({ "index": index })).collect();
        let chunk = delta(json!({ "tool_calls": endless }));
        let refused = Assembler::new(ThinkTags::Off).push(&chunk, &mut Vec::new());
        assert_eq!(refused, Err(Fault::Shape("more than 256 tool calls")));
    }

    #[test]
    fn missing_and_double_ids_are_made_unique() {
        let message = json!({ "tool_calls": [
            { "id": "call_1", "function": { "name": "f" } },
            { "function": { "name": "g" } },
            { "id": "call_1", "function": { "name": "h" } },
        ] });
        let (choices, _) =
            assemble(&[json!({ "choices": [{ "message": message, "finish_reason": "stop" }] })]);
        let ids: HashSet<_> = choices[0].tool_calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!((ids.len(), choices[0].tool_calls.len()), (3, 3));
        assert_eq!(choices[0].finish, FinishReason::ToolCalls);
    }

    #[test]
    fn usage_is_found_in_its_places_and_the_last_counts() {
        let usage = json!({ "prompt_tokens": 3, "completion_tokens": 4 });
        for chunk in [
            json!({ "choices": [], "usage": usage }),
            json!({ "choices": null, "usage": usage }),
            json!({ "usage": usage }),
            json!({ "choices": [{ "index": 0, "delta": {} }], "usage": usage }),
            json!({ "x_groq": { "usage": usage } }),
            json!({ "choices": [{ "delta": {}, "finish_reason": "stop", "usage": usage }] }),
        ] {
            let mut assembler = Assembler::new(ThinkTags::Off);
            let before = json!({ "usage": { "prompt_tokens": 3, "completion_tokens": 1 } });
            for chunk in [&before, &chunk, &json!({ "usage": null })] {
                assembler.push(chunk, &mut Vec::new()).unwrap();
            }
            assert_eq!(assembler.usage.map(|usage| usage.completion), Some(4), "{chunk}");
        }
    }

    #[test]
    fn errors_inside_an_answer_are_faults() {
        for chunk in [
            json!({ "error": { "message": "m" } }),
            json!({ "error": "m" }),
            json!({ "object": "error", "message": "m" }),
            json!({ "choices": [{ "delta": { "content": "" }, "finish_reason": "error" }] }),
        ] {
            let fault = Assembler::new(ThinkTags::Off).push(&chunk, &mut Vec::new());
            assert!(matches!(fault, Err(Fault::Server(_))), "{chunk}");
        }
        let none = json!({ "error": null, "choices": [] });
        assert_eq!(Assembler::new(ThinkTags::Off).push(&none, &mut Vec::new()), Ok(Brought::Nothing));
        let shape = Assembler::new(ThinkTags::Off).push(&json!([1]), &mut Vec::new());
        assert!(matches!(shape, Err(Fault::Shape(_))));
    }

    #[test]
    fn unknown_fields_are_kept() {
        let (_, raw) = assemble(&[
            json!({ "id": "x", "provider": "p", "choices": [{ "delta": { "annotations": [1] }, "finish_reason": "stop" }] }),
            json!({ "timings": { "a": 1 }, "choices": [{ "delta": { "annotations": [2] }, "finish_reason": null }] }),
        ]);
        assert_eq!((&raw["provider"], &raw["timings"]["a"]), (&json!("p"), &json!(1)));
        assert_eq!(raw["choices"][0], json!({ "finish_reason": "stop", "annotations": [1, 2] }));
    }
}
