//! One attempt of a `chat` step: the request, the calls it takes, the answer that fits.

use std::borrow::Cow;

use tokio::sync::mpsc;

use crate::component::{Ask, Attempt, CostRange, Delta, Reservation, Retry, StepError};
use crate::llm::structured::{Around, extract};
use crate::llm::{
    self, ChatAnswer, ChatOptions, ChatRequest, Content, Directory, FinishReason, JsonSchemaFormat, Message,
    ModelError, ResponseFormat, Role, Stop,
};
use crate::models::{JsonMode, ModelRef, json_mode};
use crate::money::Money;
use crate::template::Schema;
use crate::value::{Failure, Json, ModelFacts, Output};

use super::{Prompt, Values, said};

/// How many pieces of an answer may wait for whoever watches.
const WATCHED: usize = 64;

/// The failures after which nobody knows what the server had done by then.
const BROKEN_OFF: [&str; 3] = ["model_timeout", "stream_truncated", "model_bad_answer"];

/// Asks one model of the chain.
pub(super) async fn ask(models: &Directory, attempt: Attempt<'_>) -> Result<Output, StepError> {
    let schema = attempt.arguments.schema("schema").cloned();
    let values: Values = attempt.values.decode()?;
    let chain = models.chain(values.model.iter().map(String::as_str));
    let Some(model) = chain.get(attempt.alternative).or(chain.last()) else {
        return Err(Failure::new("wrong_value", "`model` is an empty list").into());
    };
    let repair = values.repair;
    let request = request(model, values)?;
    let talk = Talk { models, model, attempt: attempt.context.attempt(), context: attempt.context };
    match schema {
        None => {
            let answer = talk.call(&request, &Paid::default()).await?;
            finish(model, answer)
        }
        Some(schema) => talk.structured(request, &schema, repair).await,
    }
}

fn request(model: &ModelRef, values: Values) -> Result<ChatRequest, Failure> {
    let mut messages: Vec<_> =
        values.system.map(|text| Message::text(Role::System, text)).into_iter().collect();
    messages.extend(values.messages.into_iter().flatten().map(|line| Message::text(line.role, line.content)));
    match values.prompt {
        Some(Prompt::Text(text)) => messages.push(Message::text(Role::User, text)),
        Some(Prompt::File { messages: said }) => {
            for message in said {
                messages.push(said::message(message)?);
            }
        }
        None => {}
    }
    Ok(ChatRequest {
        temperature: values.temperature,
        top_p: values.top_p,
        max_tokens: values.max_tokens,
        seed: values.seed,
        stop: values.stop.map(Stop::Many),
        reasoning_effort: values.reasoning_effort,
        extra: values.extra,
        ..ChatRequest::new(&model.model, messages)
    })
}

/// A text answer as the step's output.
fn finish(model: &ModelRef, answer: ChatAnswer) -> Result<Output, StepError> {
    if answer.text.is_empty() && answer.finish == FinishReason::Length {
        let message = format!(
            "`{model}` used up its {} answer tokens before it wrote anything ({} of them for reasoning): raise `max_tokens`",
            answer.facts.usage.output_tokens, answer.facts.usage.reasoning_tokens
        );
        return Err(failed("model_truncated", message, Retry::Alternative, answer.facts));
    }
    Ok(Output { value: std::sync::Arc::new(Json::String(answer.text)), model: Some(answer.facts) })
}

fn failed(code: &'static str, message: String, retry: Retry, facts: ModelFacts) -> StepError {
    StepError { failure: Failure::new(code, message), retry, model: Some(Box::new(facts)) }
}

/// What the calls of one attempt have used so far.
#[derive(Default)]
struct Paid(Option<ModelFacts>);

impl Paid {
    fn add(&mut self, facts: ModelFacts) {
        match &mut self.0 {
            None => self.0 = Some(facts),
            Some(sum) => {
                let (mut usage, cost) = (sum.usage, sum.cost + facts.cost);
                usage += facts.usage;
                *sum = ModelFacts { usage, cost, ..facts };
            }
        }
    }

    /// The facts of this call, with all that was used before it.
    fn with(&self, facts: ModelFacts) -> ModelFacts {
        let mut sum = Self(self.0.clone());
        sum.add(facts);
        sum.0.unwrap_or_default()
    }
}

/// One attempt's talk with one model.
struct Talk<'a> {
    models: &'a Directory,
    model: &'a ModelRef,
    attempt: u32,
    context: &'a dyn crate::component::Context,
}

impl Talk<'_> {
    /// One call; what the attempt used before it is added to what it tells.
    async fn call(&self, request: &ChatRequest, paid: &Paid) -> Result<ChatAnswer, StepError> {
        let (sender, mut pieces) = mpsc::channel(WATCHED);
        let options = ChatOptions {
            deltas: Some(sender),
            idempotency_key: Some(self.context.key().to_owned()),
            attempt: self.attempt,
            ..ChatOptions::default()
        };
        let (reservation, request) = self
            .within_budget(request)
            .await
            .map_err(|error| StepError { model: paid.0.clone().map(Box::new), ..error })?;
        let call = self.models.chat(self.model, &request, &options);
        tokio::pin!(call);
        let answer = loop {
            tokio::select! {
                biased;
                Some(piece) = pieces.recv() => self.show(piece),
                answer = &mut call => break answer,
            }
        };
        // The last pieces may have come together with the end.
        while let Ok(piece) = pieces.try_recv() {
            self.show(piece);
        }
        settle(reservation, &answer);
        match answer {
            Ok(answer) => {
                for warning in &answer.warnings {
                    tracing::warn!(step = self.context.key(), model = %self.model, "{warning}");
                }
                Ok(ChatAnswer { facts: paid.with(answer.facts.clone()), ..answer })
            }
            Err(error) => Err(self.step_error(error, paid)),
        }
    }

    /// The request as it may be sent, and the money for it. Where money is limited and the step does
    /// not say how long the answer may be, it is as long as the money is good for.
    async fn within_budget<'r>(
        &self,
        request: &'r ChatRequest,
    ) -> Result<(Reservation, Cow<'r, ChatRequest>), StepError> {
        let worst = self.models.worst_case(self.model, request);
        let cost = worst.map(|worst| CostRange { least: worst.least(), most: worst.most() });
        let reservation = self.context.reserve(Ask { what: self.model.to_string(), cost }).await?;
        let bound = match (worst, reservation.granted()) {
            (Some(worst), Some(granted)) => worst.affordable(granted),
            _ => None,
        };
        let request = match bound {
            None => Cow::Borrowed(request),
            Some(tokens) => Cow::Owned(ChatRequest { max_tokens: Some(tokens), ..request.clone() }),
        };
        Ok((reservation, request))
    }

    fn show(&self, piece: llm::Delta) {
        if let llm::Delta::Text(text) = piece {
            self.context.emit(Delta::Text(text.into()));
        }
    }

    fn step_error(&self, error: ModelError, paid: &Paid) -> StepError {
        let retry = match error.retry {
            llm::Retry::Never => Retry::Never,
            llm::Retry::Again { after } => Retry::IfIdempotent { after },
            llm::Retry::NextModel => Retry::Alternative,
        };
        let model = match error.facts {
            Some(facts) => Some(Box::new(paid.with(*facts))),
            None => paid.0.clone().map(Box::new),
        };
        StepError { failure: error.failure, retry, model }
    }

    /// Asks for JSON of a schema until it comes, in the best way that the model and its server know.
    async fn structured(
        &self,
        request: ChatRequest,
        schema: &Schema,
        repair: u32,
    ) -> Result<Output, StepError> {
        let mut mode = self.models.json_mode(self.model).min(json_mode(&self.model.model));
        let mut request = request;
        let mut asks = 0;
        let mut paid = Paid::default();
        loop {
            let answer = match self.call(&shaped(&request, schema, mode), &paid).await {
                Err(error) if mode > JsonMode::Prompt && is_about_format(&error.failure) => {
                    mode = lower(mode);
                    self.models.learn_json_mode(self.model, mode);
                    tracing::info!(model = %self.model, ?mode, "the server refuses this way of asking for JSON");
                    continue;
                }
                answer => answer?,
            };
            if answer.finish == FinishReason::Length {
                let message = format!(
                    "the answer of `{}` was cut at {} tokens, and half a JSON value is none: raise `max_tokens`",
                    self.model, answer.facts.usage.output_tokens
                );
                return Err(failed("model_truncated", message, Retry::Alternative, answer.facts));
            }
            let wrong = match fitting(&answer.text, schema) {
                Ok(value) => {
                    return Ok(Output { value: std::sync::Arc::new(value), model: Some(answer.facts) });
                }
                Err(wrong) => wrong,
            };
            if asks == repair {
                let message = format!("the answer of `{}` does not fit the schema: {wrong}", self.model);
                return Err(failed("schema_mismatch", message, Retry::Alternative, answer.facts));
            }
            asks += 1;
            self.context.emit(Delta::Note(format!("the answer does not fit, asking again: {wrong}").into()));
            request.messages.push(Message::text(Role::Assistant, answer.text));
            request.messages.push(Message::text(
                Role::User,
                format!("That does not fit: {wrong}. Answer again, with the corrected JSON value only."),
            ));
            paid = Paid(Some(answer.facts));
        }
    }
}

/// Says what a call has cost. One that was broken off with nothing told may have cost all that was set
/// aside for it; one that was refused has cost nothing.
fn settle(reservation: Reservation, answer: &Result<ChatAnswer, ModelError>) {
    match answer {
        Ok(answer) => reservation.settle(answer.facts.cost.amount),
        Err(ModelError { facts: Some(facts), .. }) => reservation.settle(facts.cost.amount),
        Err(error) if BROKEN_OFF.contains(&&*error.failure.code) => drop(reservation),
        Err(_) => reservation.settle(Money::ZERO),
    }
}

/// The JSON value of an answer, if it fits; else what is wrong with it.
fn fitting(text: &str, schema: &Schema) -> Result<Json, String> {
    let found = extract(text).map_err(|error| error.to_string())?;
    schema.validate(&found.value).map_err(|violations| {
        let told = violations.iter().take(5).map(|violation| match violation.pointer.as_str() {
            "" => violation.message.clone(),
            pointer => format!("`{pointer}`: {}", violation.message),
        });
        told.collect::<Vec<_>>().join("; ")
    })?;
    match found.around {
        Around::AnotherValue => Err("it holds more than one JSON value".to_owned()),
        _ => Ok(found.value),
    }
}

/// The request with the schema asked for in this way.
fn shaped(request: &ChatRequest, schema: &Schema, mode: JsonMode) -> ChatRequest {
    let mut shaped = request.clone();
    if mode == JsonMode::Schema {
        let strict = schema.strict();
        shaped.response_format = Some(ResponseFormat::JsonSchema {
            json_schema: JsonSchemaFormat {
                name: "answer".to_owned(),
                strict: Some(strict.is_some()),
                schema: Some(strict.unwrap_or_else(|| schema.json().clone())),
            },
        });
        return shaped;
    }
    if mode == JsonMode::Object {
        shaped.response_format = Some(ResponseFormat::JsonObject);
    }
    let words = format!(
        "Answer with one JSON value that fits this JSON Schema, and nothing else:\n{}",
        schema.json()
    );
    match shaped.messages.iter_mut().find(|message| message.role == Role::System) {
        Some(Message { content: Some(Content::Text(text)), .. }) => {
            text.push_str("\n\n");
            text.push_str(&words);
        }
        _ => shaped.messages.insert(0, Message::text(Role::System, words)),
    }
    shaped
}

fn lower(mode: JsonMode) -> JsonMode {
    match mode {
        JsonMode::Schema => JsonMode::Object,
        JsonMode::Object | JsonMode::Prompt => JsonMode::Prompt,
    }
}

/// Whether a refusal is about the form that was asked for, rather than about the prompt.
fn is_about_format(failure: &Failure) -> bool {
    matches!(failure.status, Some(400 | 422 | 501))
        && ["response_format", "json_schema", "json_object", "schema", "grammar"]
            .iter()
            .any(|word| failure.message.contains(word))
}
