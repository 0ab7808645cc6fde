//! What is answered: from a request and its directives to the choices of a completion.
//!
//! A pure function: the same seed and the same conversation have the same answer. An answer holds at
//! most 32,768 tokens, as a real model's does; a longer one ends with `length`.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::completion::{Call, Choice, Finish, Says, first_tokens, tokens_of};
use super::directive::{Say, Script, without_directives};
use super::instance::{instance, mentions};
use super::key::Key;
use super::prose::{self, Prompt, head};
use super::reply::Problem;
use super::wire::{ChatRequest, Function, Message};

/// The most tokens of an answer.
const MAX_TOKENS: u64 = 32_768;
/// The most calls in one answer.
const MAX_CALLS: usize = 16;
/// The most characters of a tool's result that an answer quotes.
const QUOTED: usize = 2_000;
/// What is looked at of a message for a schema in it.
const SCHEMA_TEXT: usize = 64 << 10;
/// The most openings of an object that are tried for a schema.
const SCHEMA_PLACES: usize = 64;

/// The directives of a request: those in its system messages and in the last one of the user.
pub(super) fn script(request: &ChatRequest) -> Result<Script, Problem> {
    let mut script = Script::default();
    let wrong = |message| Problem::bad_request(Some("messages"), message);
    for message in request.messages.iter().filter(|message| is_system(message)) {
        script.read(&message.content.0).map_err(wrong)?;
    }
    if let Some(message) = last_user(request) {
        script.read(&message.content.0).map_err(wrong)?;
    }
    Ok(script)
}

/// All that an answer depends on, as a key.
pub(super) fn key(seed: u64, request: &ChatRequest) -> Key {
    let mut key = Key::new(seed);
    for message in &request.messages {
        key = key.text(&message.role).text(&message.content.0);
        if let Some(calls) = message.tool_calls {
            key = key.text(calls.get());
        }
    }
    if let Some(schema) = asked_schema(request) {
        key = key.text(&schema.to_string());
    }
    match request.seed {
        Some(seed) => key.number(seed.cast_unsigned()),
        None => key,
    }
}

/// The estimate of the prompt's tokens.
pub(super) fn prompt_tokens(request: &ChatRequest) -> u64 {
    let calls = |message: &Message| message.tool_calls.map_or(0, |calls| tokens_of(calls.get()));
    request.messages.iter().map(|message| tokens_of(&message.content.0) + calls(message)).sum()
}

/// The answers.
pub(super) fn choices(request: &ChatRequest, say: Option<Say>, key: Key) -> Result<Vec<Choice>, Problem> {
    let conversation = Conversation::of(request);
    let shared = match say {
        Some(say) => Some(said(say, key)),
        None => conversation.calls(key)?.map(Says::Calls),
    };
    let count = request.choices();
    Ok(match shared {
        // Ended first and copied then: what is cut off is not copied.
        Some(says) => {
            let choice = ended(says, request);
            (0..count).map(|_| choice.clone()).collect()
        }
        None => {
            let schema = conversation.schema();
            let says = |number| Says::Text(conversation.text(schema.as_deref(), key, number));
            (0..count).map(|number| ended(says(number), request)).collect()
        }
    })
}

/// What a directive wrote out.
fn said(say: Say, key: Key) -> Says {
    match say {
        Say::Text(text) => Says::Text(text),
        Say::Refusal(text) => Says::Refusal(text),
        Say::Call { name, arguments } => Says::Calls(vec![call(key, 0, name, arguments)]),
        Say::Tokens(tokens) => {
            // One token more than an answer may hold, so that its end is an honest `length`.
            let chars = usize::try_from(tokens.min(MAX_TOKENS + 1)).unwrap_or_default() * 4;
            Says::Text("sim ".chars().cycle().take(chars).collect())
        }
    }
}

/// The answer, ended at a stop sequence or at its most tokens.
fn ended(says: Says, request: &ChatRequest) -> Choice {
    let most = request.max_tokens().unwrap_or(MAX_TOKENS).min(MAX_TOKENS);
    match says {
        Says::Text(mut text) => {
            let stops = request.stops().iter().filter(|stop| !stop.is_empty());
            if let Some(end) = stops.filter_map(|stop| text.find(stop.as_str())).min() {
                text.truncate(end);
            }
            let finish = shorten(&mut text, most, Finish::Stop);
            Choice { says: Says::Text(text), finish }
        }
        Says::Refusal(mut text) => {
            let finish = shorten(&mut text, most, Finish::Stop);
            Choice { says: Says::Refusal(text), finish }
        }
        Says::Calls(mut calls) => {
            let (mut left, mut finish) = (most, Finish::ToolCalls);
            for call in &mut calls {
                finish = shorten(&mut call.arguments, left, finish);
                left = left.saturating_sub(tokens_of(&call.arguments));
            }
            Choice { says: Says::Calls(calls), finish }
        }
    }
}

/// Shortens a text to this many tokens, and says why it ends: `finish` when nothing was cut off.
fn shorten(text: &mut String, tokens: u64, finish: Finish) -> Finish {
    let (kept, whole) = first_tokens(text, tokens);
    let end = kept.len();
    text.truncate(end);
    if whole { finish } else { Finish::Length }
}

/// A conversation, with what an answer looks at.
struct Conversation<'a> {
    request: &'a ChatRequest<'a>,
    system: String,
    /// The last text of the user, without directives.
    user: Cow<'a, str>,
    /// The results of tools since the last answer, if the conversation ends with them.
    results: Option<String>,
}

impl<'a> Conversation<'a> {
    fn of(request: &'a ChatRequest<'a>) -> Self {
        let system = prose::texts(&request.messages, is_system);
        let user =
            last_user(request).map_or(Cow::Borrowed(""), |message| without_directives(&message.content.0));
        let trailing = request.messages.iter().rev().take_while(|message| is_result(message)).count();
        let results = &request.messages[request.messages.len() - trailing..];
        let results = (trailing > 0).then(|| prose::texts(results, is_result));
        Self { request, system, user, results }
    }

    /// The calls of tools that the request asks for, if it does.
    fn calls(&self, key: Key) -> Result<Option<Vec<Call>>, Problem> {
        let functions: Vec<&Function> = self.request.functions().collect();
        if let Some(name) = named_tool(self.request)
            && !functions.iter().any(|function| function.name == name)
        {
            let name = prose::clip(name, 64);
            let message = format!("`tool_choice` names `{name}`, which is not among `tools`");
            return Err(Problem::bad_request(Some("tool_choice"), message));
        }
        if functions.is_empty() || self.results.is_some() || mode(self.request) == Some("none") {
            return Ok(None);
        }
        let chosen = self.chosen(&functions, key);
        let prompt = Prompt::new(&self.system, &self.user);
        let calls = chosen.iter().zip(0..).map(|(function, number)| {
            let schema = function.parameters.as_ref().unwrap_or(&Value::Null);
            let arguments = match instance(schema, &prompt, key.number(number), chosen.len() as u64) {
                object @ Value::Object(_) => object.to_string(),
                // Arguments are an object even where the schema is missing or allows anything.
                _ => "{}".to_owned(),
            };
            call(key, number, function.name.clone(), arguments)
        });
        Ok(Some(calls.collect()).filter(|calls: &Vec<Call>| !calls.is_empty()))
    }

    /// The functions to call: the one that must be, those that the prompt names, or none.
    fn chosen<'f>(&self, functions: &[&'f Function], key: Key) -> Vec<&'f Function> {
        if let Some(name) = named_tool(self.request) {
            return functions.iter().filter(|function| function.name == name).take(1).copied().collect();
        }
        let text = head(&self.user, SCHEMA_TEXT).to_lowercase();
        let named = |function: &&&Function| mentions(&text, &function.name.to_lowercase()).is_some();
        let most = if self.request.parallel_tool_calls == Some(false) { 1 } else { MAX_CALLS };
        let mut chosen: Vec<_> = functions.iter().take(128).filter(named).take(most).copied().collect();
        if chosen.is_empty() && mode(self.request) == Some("required") {
            let any = key.value() as usize % functions.len().max(1);
            chosen.extend(functions.get(any));
        }
        chosen
    }

    /// The text of the answer of this number: JSON where there is a schema.
    fn text(&self, schema: Option<&Value>, key: Key, number: u64) -> String {
        let about = self.results.as_deref().unwrap_or(&self.user);
        let prompt = Prompt::new(&self.system, about);
        if let Some(schema) = schema {
            return instance(schema, &prompt, key.number(number), self.request.choices()).to_string();
        }
        if self.wants_object() {
            return json!({ "simulated": true, "text": prompt.answer() }).to_string();
        }
        let answer = match &self.results {
            Some(results) => {
                format!("[simulated] The tool answered: {}", prose::clip(results.trim(), QUOTED))
            }
            None => prompt.answer(),
        };
        if number == 0 { answer } else { format!("{answer} (answer {})", number + 1) }
    }

    /// The schema that the answer must fit, if any.
    fn schema(&self) -> Option<Cow<'a, Value>> {
        asked_schema(self.request).map(Cow::Borrowed).or_else(|| self.written_schema().map(Cow::Owned))
    }

    fn wants_object(&self) -> bool {
        self.request.response_format.as_ref().is_some_and(|format| format.kind == "json_object")
    }

    /// A schema that stands in the text of a message: how JSON is asked for where servers know no
    /// `response_format`. Without one, the text must speak of a schema: data may look like one.
    fn written_schema(&self) -> Option<Value> {
        let speaks =
            |text: &&str| self.wants_object() || head(text, SCHEMA_TEXT).to_lowercase().contains("schema");
        [&*self.user, &self.system].into_iter().find_map(|text| schema_in(text).filter(|_| speaks(&text)))
    }
}

fn call(key: Key, number: u64, name: String, arguments: String) -> Call {
    Call { id: format!("call_{:016x}", key.text("call").number(number).value()), name, arguments }
}

fn is_system(message: &Message) -> bool {
    matches!(&*message.role, "system" | "developer")
}

fn is_result(message: &Message) -> bool {
    matches!(&*message.role, "tool" | "function")
}

fn last_user<'a>(request: &'a ChatRequest) -> Option<&'a Message<'a>> {
    request.messages.iter().rev().find(|message| message.role == "user")
}

/// The schema of `response_format`; an empty one when it names none.
fn asked_schema<'a>(request: &'a ChatRequest) -> Option<&'a Value> {
    let format = request.response_format.as_ref().filter(|format| format.kind == "json_schema")?;
    Some(format.json_schema.as_ref().and_then(|named| named.schema.as_ref()).unwrap_or(&Value::Null))
}

/// `tool_choice` as a word: `none`, `auto` or `required`.
fn mode<'a>(request: &'a ChatRequest) -> Option<&'a str> {
    let choice = request.tool_choice.as_ref()?;
    choice.as_str().or_else(|| choice.pointer("/allowed_tools/mode")?.as_str())
}

/// The function that `tool_choice` names.
fn named_tool<'a>(request: &'a ChatRequest) -> Option<&'a str> {
    request.tool_choice.as_ref()?.pointer("/function/name")?.as_str()
}

/// The first JSON Schema in a text.
fn schema_in(text: &str) -> Option<Value> {
    let text = head(text, SCHEMA_TEXT);
    // Most prompts hold no schema: two searches are cheaper than trying each brace.
    if !text.contains("\"type\"") && !text.contains("\"properties\"") {
        return None;
    }
    let mut from = 0;
    for _ in 0..SCHEMA_PLACES {
        let at = from + text.get(from..)?.find('{')?;
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) if is_schema(&value) => return Some(value),
            Some(Ok(_)) => from = at + values.byte_offset(),
            _ => from = at + 1,
        }
    }
    None
}

fn is_schema(value: &Value) -> bool {
    let kinds = ["object", "array", "string", "integer", "number", "boolean"];
    value.get("type").and_then(Value::as_str).is_some_and(|kind| kinds.contains(&kind))
        || value.get("properties").is_some_and(Value::is_object)
}
