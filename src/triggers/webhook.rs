//! `webhook`: a request from outside starts a run.
//!
//! A request passes in this order: who sent it (over the raw bytes), what its body is, whether it fits
//! the schema, which event it is. The route, the size limit and the answer are kept by whoever
//! serves requests; this says what they are.
//!
//! What must stay true: `auth` is never implied; nothing of a body is read before its sender is
//! known; no credential becomes part of an event.

mod auth;
mod body;
mod identity;
mod ingress;
mod path;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::SharedClock;
use crate::component::{
    Armed, Field, FieldType, RespondMode, Response, Route, Setting, Trigger, TriggerDeclaration, Type,
};
use crate::net;
use crate::template::Expr;
use crate::units::{ByteSize, UnitError, parse_duration};
use crate::value::{Failure, Json, VALUE_LIMIT};

use auth::{Auth, Verifier};
use identity::Dedupe;
use ingress::Door;

/// The largest body when the author says nothing, in bytes.
const MAX_SIZE: usize = 1 << 20;

/// How long a sender waits for a result when the author says nothing.
const RESPOND_WITHIN: Duration = Duration::from_secs(60);

/// `webhook`.
pub const DECLARATION: TriggerDeclaration = TriggerDeclaration {
    name: "webhook",
    summary: "Starts a run for a request to `/hooks/PATH`.",
    fields: &[
        Field::required("path", FieldType::Text, "Where it answers, below `/hooks`; `{name}` is one part of any text"),
        Field::required(
            "auth",
            FieldType::Either(&FieldType::Choice(&["none"]), &FieldType::Record(auth::FIELDS)),
            "Who may send: one of `bearer`, `hmac`, `standard`, `github`, `slack` and `stripe` with its secret, or `none`",
        )
        .with_secrets(),
        Field::optional("methods", FieldType::OneOrMany(&FieldType::Choice(METHODS)), "What it answers to")
            .with_default("POST"),
        Field::optional("body", FieldType::Schema, "What the body must be; one that does not fit is answered 422"),
        Field::optional("dedupe", FieldType::Record(DEDUPE), "What makes two requests the same event"),
        Field::optional("max_size", FieldType::Size, "The largest body").with_default("1MiB"),
        Field::optional(
            "respond",
            FieldType::Either(&FieldType::Choice(&["accepted", "result", "step"]), &FieldType::Record(FIXED)),
            "What the sender gets: the run's id, the output, what a `respond` step says, or always the same",
        )
        .with_default("accepted"),
        Field::optional("respond_within", FieldType::Duration, "How long the sender waits for a result")
            .with_default("60s"),
    ],
    event: Type::Record(EVENT),
    rules: Some(rules::check),
    example: "on:\n  webhook:\n    path: /tickets\n    auth: { bearer: \"{{secrets.TICKETS_TOKEN}}\" }\n    with: { ticket: \"{{event.body.text}}\" }\n",
};

/// What a route may answer to.
const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What `event` holds.
const EVENT: &[(&str, Type)] = &[
    ("body", Type::Schema("body")),
    ("raw", Type::Text),
    ("headers", Type::Map(&Type::Any)),
    ("params", Type::Map(&Type::Text)),
    ("query", Type::Map(&Type::Any)),
    ("method", Type::Words(METHODS)),
];

/// `dedupe`.
const DEDUPE: &[Field] = &[
    Field::optional("key", FieldType::Text, "An expression over the event, like `event.body.id`")
        .with_default("the id that the sender gives in a header it is known for"),
    Field::optional("keep", FieldType::Duration, "How long it is remembered").with_default("24h"),
];

/// `respond`, when it is always the same.
const FIXED: &[Field] = &[
    Field::optional("status", FieldType::Integer { min: 200, max: 599 }, "The status").with_default("200"),
    Field::optional("json", FieldType::Json, "The body"),
];

/// The kind.
pub struct Webhook {
    net: net::Client,
    clock: SharedClock,
}

#[derive(Deserialize)]
struct Values {
    path: String,
    auth: Auth,
    methods: Option<Vec<String>>,
    #[serde(default)]
    dedupe: DedupeValues,
    max_size: Option<String>,
    respond: Option<Json>,
    respond_within: Option<String>,
}

#[derive(Default, Deserialize)]
struct DedupeValues {
    key: Option<String>,
    keep: Option<String>,
}

#[derive(Deserialize)]
struct Fixed {
    status: Option<u16>,
    #[serde(default)]
    json: Json,
}

impl Webhook {
    pub fn new(net: net::Client, clock: SharedClock) -> Self {
        Self { net, clock }
    }
}

impl Trigger for Webhook {
    fn arm(&self, written: Setting<'_>) -> Result<Armed, Failure> {
        let Setting { workflow, id, values, arguments } = written;
        let values: Values = values.decode()?;
        if let Some(problem) = path::problem(&values.path) {
            return Err(wrong(format!("`path`: {problem}")));
        }
        let route = Route {
            path: values.path,
            methods: values.methods.unwrap_or_else(|| vec!["POST".to_owned()]),
            max_body: max_body(values.max_size)?,
        };
        let verifier = Verifier::new(values.auth, self.net.secrets());
        if let Some(missing) = verifier.missing() {
            tracing::warn!(workflow, trigger = %id, "the webhook `{}` lets nobody in: {missing}", route.path);
        }
        let dedupe = Dedupe {
            key: values.dedupe.key.map(|text| key(&text)).transpose()?,
            keep: duration("dedupe.keep", values.dedupe.keep)?.unwrap_or(identity::KEEP),
        };
        let within = duration("respond_within", values.respond_within)?.unwrap_or(RESPOND_WITHIN);
        let door = Door {
            verifier,
            dedupe,
            schema: arguments.schema("body").cloned(),
            respond: respond(values.respond, within)?,
            clock: self.clock.clone(),
        };
        Ok(Armed::Route(route, Arc::new(door)))
    }
}

fn max_body(written: Option<String>) -> Result<usize, Failure> {
    let Some(text) = written else { return Ok(MAX_SIZE) };
    let size: ByteSize = text.parse().map_err(|error: UnitError| wrong(format!("`max_size`: {error}")))?;
    let fits = usize::try_from(size.0).ok().filter(|size| *size <= VALUE_LIMIT);
    fits.ok_or_else(|| {
        wrong(format!("`max_size` is at most {}, found `{text}`", ByteSize(VALUE_LIMIT as u64)))
    })
}

fn duration(field: &str, written: Option<String>) -> Result<Option<Duration>, Failure> {
    let parse = |text: String| parse_duration(&text).map_err(|error| wrong(format!("`{field}`: {error}")));
    written.map(parse).transpose()
}

fn key(text: &str) -> Result<Expr, Failure> {
    Expr::compile(text).map_err(|errors| {
        let message = errors.first().map_or("it cannot be read", |error| &error.message);
        wrong(format!("`dedupe.key`: {message}"))
    })
}

fn respond(written: Option<Json>, within: Duration) -> Result<RespondMode, Failure> {
    match &written {
        None => Ok(RespondMode::Accepted),
        Some(Json::String(word)) if word == "accepted" => Ok(RespondMode::Accepted),
        Some(Json::String(word)) if word == "result" => Ok(RespondMode::Result(within)),
        Some(Json::String(word)) if word == "step" => Ok(RespondMode::Step(within)),
        Some(value) => {
            let fixed = Fixed::deserialize(value).map_err(|error| wrong(format!("`respond`: {error}")))?;
            let status = fixed.status.unwrap_or(200);
            Ok(RespondMode::Fixed(Response { status, headers: Vec::new(), body: fixed.json }))
        }
    }
}

fn wrong(message: String) -> Failure {
    Failure::new("wrong_value", message)
}

#[cfg(test)]
mod tests;
