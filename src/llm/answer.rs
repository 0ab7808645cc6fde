//! What came out of a call.

use crate::money::Money;
use crate::value::{Json, ModelFacts};

/// The answer of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatAnswer {
    /// What the model wrote, exactly, without its reasoning.
    pub text: String,
    /// Its reasoning, where it shows it.
    pub reasoning: Option<String>,
    /// The tools it wants called, in order, with unique ids.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub finish: FinishReason,
    /// The same in the server's word.
    pub raw_finish: Option<String>,
    /// The further answers when more than one was asked for.
    pub others: Vec<Choice>,
    /// Usage, cost, served model.
    pub facts: ModelFacts,
    /// What the provider says that it cost, where it does.
    pub reported_cost: Option<Money>,
    /// The id under which the server's operator finds the request.
    pub request_id: Option<String>,
    /// What was changed or looked odd, a line each.
    pub warnings: Vec<String>,
    /// The whole answer with all the fields that this page does not know; of a stream, its chunks
    /// merged, without the texts and calls above.
    pub raw: Json,
}

/// One of the answers of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// What the model wrote, without its reasoning.
    pub text: String,
    /// Why the model would not answer.
    pub refusal: Option<String>,
    /// Its reasoning.
    pub reasoning: Option<String>,
    /// The tools it wants called.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub finish: FinishReason,
    /// The same in the server's word.
    pub raw_finish: Option<String>,
}

/// A tool that the model wants called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Unique in its answer.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// Its arguments: JSON as text, as the model wrote it, right or wrong.
    pub arguments: String,
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FinishReason {
    /// It was done, or met a stop text.
    Stop,
    /// Its tokens ran out.
    Length,
    /// It wants tools called.
    ToolCalls,
    /// A filter stopped it.
    ContentFilter,
    /// It would not answer.
    Refusal,
    /// Nobody said.
    #[default]
    Unknown,
}

impl FinishReason {
    /// The reason for the word of some server.
    pub fn read(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "complete" | "completed" => {
                Self::Stop
            }
            "length" | "max_tokens" | "model_length" | "max_output_tokens" => Self::Length,
            "tool_calls" | "function_call" | "tool_use" => Self::ToolCalls,
            "content_filter" | "safety" | "recitation" | "prohibited_content" | "blocklist" => {
                Self::ContentFilter
            }
            "refusal" => Self::Refusal,
            _ => Self::Unknown,
        }
    }

    /// The word in workflows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Refusal => "refusal",
            Self::Unknown => "unknown",
        }
    }
}
