//! `chat`: a chat completion, as text or as JSON of a schema.
//!
//! Whatever the server promised, an answer that must fit a schema is checked here, and asked for
//! again with what was wrong. One attempt may so make several calls; all of them are paid for and
//! shown. Trying again after a failure is the engine's business, and so is the next model of a chain.

mod ask;

use std::sync::Arc;

use serde::Deserialize;

use crate::component::{
    Action, ActionDeclaration, Argument, Arguments, Attempt, Effect, Field, FieldType, Misfit, OutputType,
    Rendered, StepFuture, Type, Written,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, did_you_mean};
use crate::llm::Directory;
use crate::value::Json;

/// `chat`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "chat",
    summary: "Asks a model: a chat completion, as text or as JSON of a schema.",
    fields: &[
        Field::required(
            "model",
            FieldType::OneOrMany(&FieldType::Text),
            "The model, or several tried in order; `provider/model`",
        ),
        Field::optional("system", FieldType::Text, "What the model is told before the prompt"),
        Field::optional("prompt", FieldType::Text, "What the model is asked"),
        Field::optional(
            "messages",
            FieldType::List(&FieldType::Record(MESSAGE)),
            "A whole conversation, instead of `prompt`",
        ),
        Field::optional("schema", FieldType::Schema, "What the answer must be; the output is then JSON"),
        Field::optional(
            "repair",
            FieldType::Integer { min: 0, max: 10 },
            "How often an answer that does not fit is asked for again",
        )
        .with_default("2"),
        Field::optional(
            "temperature",
            FieldType::Number { min: 0.0, max: 2.0 },
            "How free the choice of words is",
        ),
        Field::optional(
            "top_p",
            FieldType::Number { min: 0.0, max: 1.0 },
            "The share of likely words to choose from",
        ),
        Field::optional("max_tokens", FieldType::Integer { min: 1, max: 10_000_000 }, "The longest answer"),
        Field::optional(
            "seed",
            FieldType::Integer { min: i64::MIN, max: i64::MAX },
            "For answers that repeat",
        ),
        Field::optional(
            "stop",
            FieldType::OneOrMany(&FieldType::Text),
            "Texts at which the answer ends, four at most",
        ),
        Field::optional(
            "reasoning_effort",
            FieldType::Choice(&["none", "minimal", "low", "medium", "high"]),
            "How long a reasoning model thinks",
        ),
        Field::optional(
            "extra",
            FieldType::Map(&FieldType::Json),
            "Further fields of the request, sent as they are",
        ),
    ],
    shorthand: Some("prompt"),
    open: None,
    output: OutputType::FromSchema("schema", Type::Text),
    effect: Effect::Idempotent,
    rules: Some(rules),
    example: "- id: summary\n  chat:\n    model: gpt-4.1-mini\n    prompt: |\n      Sum this up in three sentences:\n      {{event.text}}\n",
};

const MESSAGE: &[Field] = &[
    Field::required("role", FieldType::Choice(&["system", "developer", "user", "assistant"]), "Who speaks"),
    Field::required("content", FieldType::Text, "What is said"),
];

fn rules(written: &Written<'_>, diagnostics: &mut Diagnostics) {
    match written.keys_among(&["prompt", "messages"])[..] {
        [_] => {}
        [] => diagnostics.push(
            Diagnostic::error("missing-key", written.name, "`chat` has nothing to ask")
                .with_help("add `prompt:`"),
        ),
        [(_, first), (_, second), ..] => diagnostics.push(
            Diagnostic::error("two-prompts", second, "`chat` takes `prompt` or `messages`, not both")
                .with_related(first, "the first one"),
        ),
    }
    if let [(_, first), (_, second)] = written.keys_among(&["messages", "system"])[..] {
        diagnostics.push(
            Diagnostic::error("two-prompts", second, "with `messages`, what the system says is one of them")
                .with_related(first, "the other one"),
        );
    }
}

/// The action.
pub struct Chat {
    models: Arc<Directory>,
}

#[derive(Deserialize)]
struct Values {
    model: Vec<String>,
    system: Option<String>,
    prompt: Option<String>,
    messages: Option<Vec<Line>>,
    #[serde(default = "two")]
    repair: u32,
    temperature: Option<f64>,
    top_p: Option<f64>,
    max_tokens: Option<u64>,
    seed: Option<i64>,
    stop: Option<Vec<String>>,
    reasoning_effort: Option<String>,
    #[serde(default)]
    extra: serde_json::Map<String, Json>,
}

#[derive(Deserialize)]
struct Line {
    role: crate::llm::Role,
    content: String,
}

fn two() -> u32 {
    2
}

impl Chat {
    pub fn new(models: Arc<Directory>) -> Self {
        Self { models }
    }
}

impl Action for Chat {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(ask::ask(&self.models, attempt))
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::Idempotent
    }

    fn alternatives(&self, values: &Rendered) -> usize {
        let names = values.values.get("model").and_then(Json::as_array);
        names.map_or(1, |names| self.models.chain(names.iter().filter_map(Json::as_str)).len())
    }

    fn default_attempts(&self) -> u32 {
        4
    }

    fn examine(&self, arguments: &Arguments) -> Vec<Misfit> {
        let Some(Argument::List(names)) = arguments.get("model") else { return Vec::new() };
        let written = names.iter().filter_map(|name| match name {
            Argument::Text(template, _) => template.literal(),
            _ => None,
        });
        let unknown = self.models.chain(written).into_iter().filter(|model| !self.models.knows(model));
        unknown
            .map(|model| Misfit {
                field: "model",
                severity: Severity::Warning,
                code: "unknown-model",
                message: format!("the model `{model}` is not in the list of known models"),
                help: did_you_mean(&model.model, self.models.known_models(&model.provider))
                    .filter(|help| help.starts_with("did you mean"))
                    .or_else(|| {
                        Some("it is sent as written; its price is unknown unless `prices` has it".to_owned())
                    }),
            })
            .collect()
    }
}
