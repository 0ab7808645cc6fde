//! `approve`: waits for a person's yes or no, with a message and the fields that a yes needs.
//!
//! Not how people answer: that is the server's and the command line's, through the engine, which has
//! checked an answer before it comes here.

use serde::Deserialize;
use serde_json::json;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Decision, Effect, Field, FieldType, OutputType, Resumed,
    StepFuture, Type, Wait, Written,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::Awaited;
use crate::value::{Failure, Json, Output};

use super::wait::after;

/// The longest message, in bytes: it is shown wherever people answer.
const MESSAGE_LIMIT: usize = 16 * 1024;

/// `approve`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "approve",
    summary: "Waits until a person says yes or no: on a page, by `howdah approve`, or through the API.",
    fields: &[
        Field::required("message", FieldType::Text, "What is asked"),
        Field::optional("fields", FieldType::Schema, "What a yes has to come with"),
        Field::optional("to", FieldType::OneOrMany(&FieldType::Text), "Who is asked; shown, not enforced"),
        Field::optional("timeout", FieldType::Duration, "How long to wait").with_default("for ever"),
        Field::optional(
            "on_timeout",
            FieldType::Choice(&["fail", "reject", "approve"]),
            "What holds when nobody has answered by then",
        )
        .with_default("fail"),
        Field::optional(
            "notify",
            FieldType::Steps,
            "Steps that tell people, run once before the wait; they read `approval.url` and `approval.id`",
        ),
    ],
    shorthand: Some("message"),
    open: None,
    output: OutputType::Fixed(Type::Record(&[
        ("approved", Type::Boolean),
        ("by", Type::Any),
        ("comment", Type::Any),
        ("fields", Type::Any),
    ])),
    effect: Effect::None,
    rules: Some(rules),
    worst_case: None,
    example: "- id: release\n  approve:\n    message: \"Publish {{inputs.version}}?\"\n    to: [ada, grace]\n    fields: { note?: string }\n    timeout: 2d\n    on_timeout: reject\n    notify:\n      - webhook: { url: \"{{secrets.CHAT_URL}}\", json: { text: \"{{approval.url}}\" } }\n- if: steps.release.output.approved\n  write: { path: out/released.txt, content: \"{{inputs.version}}\" }\n",
};

fn rules(written: &Written<'_>, diagnostics: &mut Diagnostics) {
    if written.get("timeout").is_none()
        && let [(_, at)] = written.keys_among(&["on_timeout"])[..]
    {
        let problem = Diagnostic::error("no-effect", at, "`on_timeout` does nothing without `timeout`");
        diagnostics.push(problem.with_help("add `timeout:` with a duration, or leave `on_timeout` out"));
    }
}

/// The action.
pub struct Approve;

#[derive(Deserialize)]
struct Values {
    message: String,
    #[serde(default)]
    to: Vec<String>,
    timeout: Option<String>,
    #[serde(default)]
    on_timeout: OnTimeout,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnTimeout {
    #[default]
    Fail,
    Reject,
    Approve,
}

impl Action for Approve {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let now = attempt.context.clock().now();
            let values: Values = attempt.values.decode()?;
            if values.message.len() > MESSAGE_LIMIT {
                let message = format!(
                    "the message has {} bytes, and the limit is {MESSAGE_LIMIT}; put what is long into a file and name it",
                    values.message.len()
                );
                return Err(Failure::new("too_long", message).into());
            }
            let due = values.timeout.as_ref().map(|timeout| after(now, timeout)).transpose()?;
            let schema = attempt.arguments.schema("fields").cloned();
            let fields = schema.as_ref().map(|schema| schema.json().clone());
            let awaited = Awaited::Approval { message: values.message, to: values.to, fields };
            let resumed = attempt.context.wait(Wait { awaited, due, fields: schema }).await?;
            let signal = match resumed {
                Resumed::Signal(signal) => signal,
                Resumed::Due => return unanswered(values.on_timeout, values.timeout.as_deref()),
            };
            let decision: Decision = serde_json::from_value(Json::clone(&signal.data)).map_err(|error| {
                Failure::new("wrong_value", format!("the recorded answer cannot be read: {error}"))
            })?;
            Ok(Output::new(json!({
                "approved": decision.approved,
                "by": signal.by,
                "comment": decision.comment,
                "fields": decision.fields,
            })))
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::None
    }
}

fn unanswered(on_timeout: OnTimeout, timeout: Option<&str>) -> Result<Output, crate::component::StepError> {
    let decided = |approved: bool| {
        Output::new(json!({ "approved": approved, "by": null, "comment": null, "fields": null }))
    };
    match on_timeout {
        OnTimeout::Reject => Ok(decided(false)),
        OnTimeout::Approve => Ok(decided(true)),
        OnTimeout::Fail => {
            let message = format!("nobody answered within {}", timeout.unwrap_or("the time given"));
            Err(Failure::new("approval_timeout", message).into())
        }
    }
}
