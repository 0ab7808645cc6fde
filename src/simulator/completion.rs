//! A chat completion: its choices, its usage, and how both are written when they are not streamed.
//!
//! Every key that OpenAI's schema requires is always there.

use serde::Serialize;

use super::reply::to_json;

/// The name that the simulator gives to its model's configuration.
pub(super) const FINGERPRINT: &str = "fp_simulator";
/// Characters that count as one token.
const TOKEN: usize = 4;

/// What is the same in the whole answer and in each chunk of a stream.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) model: String,
}

/// One of the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) says: Says,
    pub(super) finish: Finish,
}

/// What an answer consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Text(String),
    Refusal(String),
    Calls(Vec<Call>),
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON, or the start of it when the answer was cut at its most tokens.
    pub(super) arguments: String,
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Finish {
    Stop,
    Length,
    ToolCalls,
}

/// Tokens of the prompt and of the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    audio_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

impl Usage {
    /// The usage of a prompt of this many tokens and these answers to it.
    pub(super) fn new(prompt_tokens: u64, choices: &[Choice]) -> Self {
        let completion_tokens = choices.iter().map(Choice::tokens).sum();
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens.saturating_add(completion_tokens),
            prompt_tokens_details: PromptDetails::default(),
            completion_tokens_details: CompletionDetails::default(),
        }
    }

    /// The tokens of all answers.
    pub(super) fn completion_tokens(&self) -> u64 {
        self.completion_tokens
    }
}

impl Choice {
    fn tokens(&self) -> u64 {
        match &self.says {
            Says::Text(text) | Says::Refusal(text) => tokens_of(text),
            Says::Calls(calls) => {
                calls.iter().map(|call| tokens_of(&call.name) + tokens_of(&call.arguments)).sum()
            }
        }
    }
}

/// The estimate that all counts use: a quarter of the characters, rounded up.
pub(super) fn tokens_of(text: &str) -> u64 {
    text.chars().count().div_ceil(TOKEN) as u64
}

/// The text up to this many tokens, and whether that is all of it.
pub(super) fn first_tokens(text: &str, tokens: u64) -> (&str, bool) {
    let chars = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(TOKEN);
    // No text has more characters than bytes.
    if text.len() <= chars {
        return (text, true);
    }
    match text.char_indices().nth(chars) {
        Some((end, _)) => (&text[..end], false),
        None => (text, true),
    }
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<CompletionChoice<'a>>,
    usage: Usage,
    service_tier: &'static str,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct CompletionChoice<'a> {
    index: usize,
    message: Message<'a>,
    logprobs: Option<()>,
    finish_reason: Finish,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    annotations: [(); 0],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WholeCall<'a>>,
}

#[derive(Serialize)]
struct WholeCall<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: WholeFunction<'a>,
}

#[derive(Serialize)]
struct WholeFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// The whole answer as JSON.
pub(super) fn whole(head: &Head, choices: &[Choice], usage: Usage) -> Vec<u8> {
    let choices = choices.iter().enumerate().map(|(index, choice)| CompletionChoice {
        index,
        message: message(&choice.says),
        logprobs: None,
        finish_reason: choice.finish,
    });
    to_json(&Completion {
        id: &head.id,
        object: "chat.completion",
        created: head.created,
        model: &head.model,
        choices: choices.collect(),
        usage,
        service_tier: "default",
        system_fingerprint: FINGERPRINT,
    })
}

fn message(says: &Says) -> Message<'_> {
    let empty =
        Message { role: "assistant", content: None, refusal: None, annotations: [], tool_calls: Vec::new() };
    match says {
        Says::Text(text) => Message { content: Some(text), ..empty },
        Says::Refusal(text) => Message { refusal: Some(text), ..empty },
        Says::Calls(calls) => Message { tool_calls: calls.iter().map(whole_call).collect(), ..empty },
    }
}

fn whole_call(call: &Call) -> WholeCall<'_> {
    let function = WholeFunction { name: &call.name, arguments: &call.arguments };
    WholeCall { id: &call.id, kind: "function", function }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_a_quarter_of_the_characters_rounded_up() {
        assert_eq!(["", "a", "abcd", "abcde", "éééé"].map(tokens_of), [0, 1, 1, 2, 1]);
        assert_eq!(first_tokens("ééééé", 1), ("éééé", false));
        assert_eq!(first_tokens("éééé", 1), ("éééé", true));
        assert_eq!(first_tokens("a", u64::MAX), ("a", true));
    }
}
