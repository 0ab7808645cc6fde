//! A completion as server-sent events, made one by one while the client reads.
//!
//! Each choice gives its role first, then its pieces, then its finish; several choices take turns, as
//! real servers let them. The usage comes only when it was asked for, and `[DONE]` ends a stream that
//! nothing broke.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::Serialize;

use super::completion::{Choice, FINGERPRINT, Finish, Head, Says, Usage, first_tokens, tokens_of};
use super::faults::Break;
use super::reply::{Problem, to_json};

/// What the next moment of an answer brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes, and how many tokens are in them.
    Send(Bytes, u64),
    /// The connection drops.
    Cut,
    /// Nothing, for ever.
    Stall,
}

/// The events of one completion.
#[derive(Debug)]
pub(super) struct Events {
    head: Head,
    /// The choices that have something left to say; the first is the next.
    turns: VecDeque<Turn>,
    tokens_per_event: u64,
    usage: Usage,
    with_usage: bool,
    broken: Option<Break>,
    /// The tokens after which a broken stream breaks.
    tokens_to_break: u64,
    tokens_sent: u64,
    ending: Ending,
}

/// What comes after the choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Usage,
    Done,
    Over,
}

/// One choice and how far it has come.
#[derive(Debug)]
struct Turn {
    index: usize,
    choice: Choice,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Role,
    /// From this byte of the text on.
    Text(usize),
    /// The start of the call of this number.
    Call(usize),
    /// The arguments of the call of this number, from this byte on.
    Arguments(usize, usize),
    Finish,
}

/// What a stream is made from.
#[derive(Debug)]
pub(super) struct Streamed {
    pub(super) head: Head,
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Usage,
    pub(super) with_usage: bool,
    pub(super) tokens_per_event: u64,
    pub(super) broken: Option<Break>,
}

impl Events {
    /// The events of these choices.
    pub(super) fn new(streamed: Streamed) -> Self {
        let Streamed { head, choices, usage, with_usage, tokens_per_event, broken } = streamed;
        let turn = |(index, choice)| Turn { index, choice, stage: Stage::Role };
        Self {
            head,
            turns: choices.into_iter().enumerate().map(turn).collect(),
            tokens_per_event,
            usage,
            with_usage,
            broken,
            tokens_to_break: usage.completion_tokens().div_ceil(2),
            tokens_sent: 0,
            ending: Ending::Usage,
        }
    }

    /// What the break brings, once enough was sent.
    fn break_now(&mut self) -> Option<Step> {
        if self.tokens_sent < self.tokens_to_break && !self.turns.is_empty() {
            return None;
        }
        // A stream that has sent nothing at all is a fault of another kind: let the roles go out.
        if self.turns.iter().any(|turn| matches!(turn.stage, Stage::Role)) {
            return None;
        }
        let broken = self.broken.take()?;
        if broken == Break::Malformed {
            return Some(Step::Send(event(br#"{"id":"chatcmpl-malformed","choices":[{"delta":{"cont"#), 0));
        }
        self.turns.clear();
        self.ending = Ending::Over;
        match broken {
            Break::Cut => Some(Step::Cut),
            Break::Stall => Some(Step::Stall),
            Break::ErrorEvent => Some(Step::Send(event(&Problem::mid_stream().json()), 0)),
            Break::Truncate | Break::Malformed => None,
        }
    }

    fn chunk(&self, choices: &[ChunkChoice], usage: Option<Option<Usage>>) -> Bytes {
        event(&to_json(&Chunk {
            id: &self.head.id,
            object: "chat.completion.chunk",
            created: self.head.created,
            model: &self.head.model,
            service_tier: "default",
            system_fingerprint: FINGERPRINT,
            choices,
            usage,
        }))
    }

    fn end(&mut self) -> Option<Step> {
        if self.ending == Ending::Usage {
            self.ending = Ending::Done;
            if self.with_usage {
                return Some(Step::Send(self.chunk(&[], Some(Some(self.usage))), 0));
            }
        }
        if self.ending == Ending::Done {
            self.ending = Ending::Over;
            return Some(Step::Send(event(b"[DONE]"), 0));
        }
        None
    }
}

impl Iterator for Events {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.break_now() {
            return Some(step);
        }
        let Some(mut turn) = self.turns.pop_front() else { return self.end() };
        let (delta, finish_reason, stage, tokens) = turn.step(self.tokens_per_event);
        let choice = ChunkChoice { index: turn.index, delta, logprobs: None, finish_reason };
        let bytes = self.chunk(&[choice], self.with_usage.then_some(None));
        self.tokens_sent += tokens;
        if let Some(stage) = stage {
            turn.stage = stage;
            self.turns.push_back(turn);
        }
        Some(Step::Send(bytes, tokens))
    }
}

impl Turn {
    /// The next delta, the finish if this is it, the stage after it, and the tokens in it.
    fn step(&self, tokens: u64) -> (Delta<'_>, Option<Finish>, Option<Stage>, u64) {
        let calls = match &self.choice.says {
            Says::Calls(calls) => calls.as_slice(),
            Says::Text(_) | Says::Refusal(_) => &[],
        };
        match (self.stage, &self.choice.says) {
            (Stage::Role, says) => {
                let (content, stage) = match says {
                    Says::Text(text) => {
                        (Some(""), if text.is_empty() { Stage::Finish } else { Stage::Text(0) })
                    }
                    Says::Refusal(text) => {
                        (None, if text.is_empty() { Stage::Finish } else { Stage::Text(0) })
                    }
                    Says::Calls(calls) => {
                        (None, if calls.is_empty() { Stage::Finish } else { Stage::Call(0) })
                    }
                };
                (
                    Delta { role: Some("assistant"), content: Some(content), ..Delta::default() },
                    None,
                    Some(stage),
                    0,
                )
            }
            (Stage::Text(from), Says::Text(text)) => {
                let (piece, stage) = piece(text, from, tokens, Stage::Text, Stage::Finish);
                (
                    Delta { content: Some(Some(piece)), ..Delta::default() },
                    None,
                    Some(stage),
                    tokens_of(piece),
                )
            }
            (Stage::Text(from), Says::Refusal(text)) => {
                let (piece, stage) = piece(text, from, tokens, Stage::Text, Stage::Finish);
                (Delta { refusal: Some(piece), ..Delta::default() }, None, Some(stage), tokens_of(piece))
            }
            (Stage::Call(number), _) if number < calls.len() => {
                let call = &calls[number];
                let function = FunctionDelta { name: Some(&call.name), arguments: "" };
                let start = CallDelta { index: number, id: Some(&call.id), kind: Some("function"), function };
                let delta = Delta { tool_calls: Some([start]), ..Delta::default() };
                (delta, None, Some(Stage::Arguments(number, 0)), tokens_of(&call.name))
            }
            (Stage::Arguments(number, from), _) if number < calls.len() => {
                let after = if number + 1 < calls.len() { Stage::Call(number + 1) } else { Stage::Finish };
                let (piece, stage) = piece(
                    &calls[number].arguments,
                    from,
                    tokens,
                    |from| Stage::Arguments(number, from),
                    after,
                );
                let function = FunctionDelta { name: None, arguments: piece };
                let part = CallDelta { index: number, id: None, kind: None, function };
                let delta = Delta { tool_calls: Some([part]), ..Delta::default() };
                (delta, None, Some(stage), tokens_of(piece))
            }
            _ => (Delta::default(), Some(self.choice.finish), None, 0),
        }
    }
}

/// The next piece of a text, and the stage after it.
fn piece(text: &str, from: usize, tokens: u64, more: impl Fn(usize) -> Stage, after: Stage) -> (&str, Stage) {
    let (piece, last) = first_tokens(&text[from..], tokens);
    (piece, if last { after } else { more(from + piece.len()) })
}

/// One server-sent event.
fn event(data: &[u8]) -> Bytes {
    [b"data: ", data, b"\n\n"].concat().into()
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    service_tier: &'static str,
    system_fingerprint: &'static str,
    choices: &'a [ChunkChoice<'a>],
    /// Null in all chunks but the last when the usage was asked for, else absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: usize,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<Finish>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// Null beside the role of an answer without text, else absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

#[derive(Serialize)]
struct CallDelta<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}
