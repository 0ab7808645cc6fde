//! The model client: one call of a chat completion, at any server that speaks OpenAI's dialect.
//!
//! In the order in which data passes: `request` says what is asked, `prepare` makes it fit the model,
//! `provider` says where, `client` and `call` send, `sse` and `assemble` read what comes, `think` parts
//! reasoning from text, `outcome` makes an `answer` of it; `server_error` reads every shape of refusal,
//! `net::retry` decides by status and headers, `error` tells the engine and people. `worst` says what a call
//! can cost before it is made.
//!
//! What must stay true: requests are strict and hold only what was set; answers are read leniently,
//! every field optional and unknown ones kept; a cut answer is never taken for a whole one; nothing
//! that a server sends takes unbounded time or memory. There is no retry loop here and no
//! structured-output or tool loop: those are the engine's and the `chat` action's.

mod answer;
mod assemble;
mod call;
mod client;
mod directory;
mod error;
mod feed;
mod list;
mod outcome;
mod prepare;
mod provider;
mod request;
mod server_error;
mod sse;
pub mod structured;
mod think;
mod worst;

#[cfg(test)]
mod replay;

pub use answer::{ChatAnswer, Choice, FinishReason, ToolCall};
pub use client::{ChatLimits, ChatOptions, Client};
pub use directory::Directory;
pub use error::{ModelError, Retry};
pub use feed::Delta;
pub use list::ListedModel;
pub use provider::{
    BaseUrl, BaseUrlError, KeyHeader, ParameterRules, Provider, StreamUsage, Streaming, ThinkTags,
};
pub use request::{
    ChatRequest, Content, FunctionCall, FunctionSpec, ImageUrl, JsonSchemaFormat, Message, Part,
    RequestToolCall, ResponseFormat, Role, Stop, Tool, ToolKind,
};
pub use worst::WorstCase;
