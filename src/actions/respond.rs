//! `respond`: answers the webhook that started the run, before the run ends.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Field, FieldType, OutputType, Response,
    StepFuture, Type, Written,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::value::{Json, Output};

/// `respond`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "respond",
    summary: "Answers the webhook that started the run; the run goes on. The trigger needs `respond: step`.",
    fields: &[
        Field::optional("status", FieldType::Integer { min: 200, max: 599 }, "The HTTP status")
            .with_default("200"),
        Field::optional("headers", FieldType::Map(&FieldType::Text), "Headers of the answer"),
        Field::optional("json", FieldType::Json, "The body, as JSON"),
        Field::optional("text", FieldType::Text, "The body, as text"),
    ],
    shorthand: None,
    open: None,
    output: OutputType::Fixed(Type::Null),
    effect: Effect::None,
    worst_case: None,
    rules: Some(rules),
    example: "- respond:\n    status: 201\n    json: { ticket: \"{{run.id}}\" }\n",
};

fn rules(written: &Written<'_>, diagnostics: &mut Diagnostics) {
    if let [_, (_, second)] = written.keys_among(&["json", "text"])[..] {
        let problem = Diagnostic::error("two-bodies", second, "an answer has one body: `json` or `text`");
        diagnostics.push(problem);
    }
}

/// The action.
pub struct Respond;

#[derive(Deserialize)]
struct Values {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, Json>,
    json: Option<Json>,
    text: Option<String>,
}

fn ok() -> u16 {
    200
}

impl Action for Respond {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let values: Values = attempt.values.decode()?;
            let mut headers: Vec<_> = values
                .headers
                .into_iter()
                .map(|(name, value)| {
                    (name.to_lowercase(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                })
                .collect();
            let body = match (values.json, values.text) {
                (Some(json), _) => {
                    // JSON that is text stays JSON.
                    if json.is_string() && !headers.iter().any(|(name, _)| name == "content-type") {
                        headers.push(("content-type".to_owned(), "application/json".to_owned()));
                        Json::String(json.to_string())
                    } else {
                        json
                    }
                }
                (None, Some(text)) => Json::String(text),
                (None, None) => Json::String(String::new()),
            };
            attempt.context.respond(Response { status: values.status, headers, body });
            Ok(Output::new(Json::Null))
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::None
    }
}
