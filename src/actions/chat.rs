//! `chat`: a chat completion, as text or as JSON of a schema.
//!
//! Whatever the server promised, an answer that must fit a schema is checked here, and asked for
//! again with what was wrong. One attempt may so make several calls; all of them are paid for and
//! shown. Trying again after a failure is the engine's business, and so is the next model of a chain.

mod ask;
mod prospect;
mod said;

use std::sync::Arc;

use serde::Deserialize;

use crate::component::{
    Action, ActionDeclaration, Argument, Arguments, Asks, Attempt, Effect, Field, FieldType, Misfit, Outlook,
    OutputType, Rendered, StepFuture, Type, Written,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, did_you_mean};
use crate::llm::{self, ChatRequest, Directory, Role, WorstCase};
use crate::models::{Catalog, DEFAULT_PROVIDER, ModelRef, Quote};
use crate::money::Money;
use crate::secret::MissingSecret;
use crate::template::Tree;
use crate::template::prompt::Message;
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
        Field::optional("prompt", FieldType::Prompt, "What the model is asked: text, or a prompt file"),
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
    worst_case: Some(worst_case),
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
                .with_related(first, "the first one")
                .with_help("keep one of them; a `prompt` is a conversation of one message"),
        ),
    }
    if let [(_, first), (_, second)] = written.keys_among(&["messages", "system"])[..] {
        diagnostics.push(
            Diagnostic::error("two-prompts", second, "with `messages`, what the system says is one of them")
                .with_related(first, "the other one")
                .with_help("write it as `{ role: system, content: … }` at their beginning"),
        );
    }
}

/// What one call costs at worst, with the cheapest model and as far as everything is written out. Only
/// the built-in prices are known here.
fn worst_case(arguments: &Arguments) -> Option<Money> {
    let Argument::List(names) = arguments.get("model")? else { return None };
    let max_tokens = match arguments.get("max_tokens") {
        None => None,
        Some(Argument::Tree(Tree::Literal(tokens))) => Some(tokens.as_u64()?),
        Some(_) => return None,
    };
    let text = |field| match arguments.get(field) {
        Some(Argument::Text(template, _)) => template.literal(),
        _ => None,
    };
    let messages: Vec<_> = ["system", "prompt"]
        .into_iter()
        .filter_map(text)
        .map(|text| llm::Message::text(Role::User, text))
        .collect();
    let catalog = Catalog::default();
    let costs = names.iter().map(|name| {
        let Argument::Text(name, _) = name else { return None };
        let model = ModelRef::parse(name.literal()?, [DEFAULT_PROVIDER], DEFAULT_PROVIDER);
        let Quote::Listed(price) = catalog.price(&model)? else { return None };
        let request = ChatRequest { max_tokens, ..ChatRequest::new(&model.model, messages.clone()) };
        Some(WorstCase::of(&request, *price).least())
    });
    costs.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// The action.
pub struct Chat {
    models: Arc<Directory>,
}

#[derive(Deserialize)]
struct Values {
    model: Vec<String>,
    system: Option<String>,
    prompt: Option<Prompt>,
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

/// What is asked: one text, or what a prompt file says. Rendered text is never the second.
#[derive(Deserialize)]
#[serde(untagged)]
enum Prompt {
    Text(String),
    File { messages: Vec<Message> },
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

    fn asks(&self, arguments: &Arguments, outlook: &Outlook) -> Option<Asks> {
        Some(prospect::asks(&self.models, arguments, outlook))
    }

    fn examine(&self, arguments: &Arguments) -> Vec<Misfit> {
        let Some(Argument::List(names)) = arguments.get("model") else { return Vec::new() };
        let written = names.iter().filter_map(|name| match name {
            Argument::Text(template, _) => template.literal(),
            _ => None,
        });
        let chain = self.models.chain(written);
        let unknown = chain.iter().filter(|model| !self.models.knows(model)).map(|model| Misfit {
            field: "model",
            severity: Severity::Warning,
            code: "unknown-model",
            message: format!("the model `{model}` is not in the list of known models"),
            help: did_you_mean(&model.model, self.models.known_models(&model.provider))
                .filter(|help| help.starts_with("did you mean"))
                .or_else(|| {
                    let (provider, _) = model.model.split_once('/')?;
                    Some(format!(
                        "there is no provider `{provider}`: add it below `providers` in `howdah.yaml`"
                    ))
                })
                .or_else(|| {
                    Some("it is sent as written; its price is unknown unless `prices` has it".to_owned())
                }),
        });
        let locked = chain.iter().filter_map(|model| {
            let MissingSecret(name) = self.models.missing_key(model)?;
            Some(Misfit {
                field: "model",
                severity: Severity::Warning,
                code: "missing-secret",
                message: format!(
                    "`{}` needs the secret `{name}`, which is not set on this machine",
                    model.provider
                ),
                help: Some(format!("put `{name}=…` into `.env`, or try it without a key: `--simulate`")),
            })
        });
        unknown.chain(locked).collect()
    }
}
