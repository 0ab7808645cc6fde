//! `webhook`: delivers JSON to somebody who waits for it, signed and as often as it takes.
//!
//! It always carries the step's key, by which the receiver knows a repeat; so it may be sent again.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Field, FieldType, OutputType, StepError,
    StepFuture, Type,
};
use crate::net::{self, Body, Request, signature};
use crate::value::{Failure, Json, Output};

use super::http::{refused, unsent};
use super::parse::{Format, Source};

/// `webhook`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "webhook",
    summary: "Delivers JSON to an address, with the step's idempotency key, and again until it arrives.",
    fields: &[
        Field::required("url", FieldType::Url, "Where to").with_secrets(),
        Field::required("json", FieldType::Json, "What").with_secrets(),
        Field::optional("headers", FieldType::Map(&FieldType::Text), "Headers of the request").with_secrets(),
        Field::optional(
            "sign",
            FieldType::Text,
            "The key to sign with, as Standard Webhooks has it (`whsec_…`)",
        )
        .with_secrets(),
    ],
    shorthand: None,
    open: None,
    output: OutputType::Fixed(Type::Record(&[("status", Type::Integer), ("body", Type::Any)])),
    effect: Effect::Idempotent,
    worst_case: None,
    rules: None,
    example: "- webhook:\n    url: \"{{secrets.OPS_URL}}\"\n    json: { text: \"{{inputs.ticket}}\" }\n",
};

/// The action.
pub struct Webhook {
    net: net::Client,
}

#[derive(Deserialize)]
struct Values {
    url: String,
    json: Json,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    sign: Option<String>,
}

impl Webhook {
    pub fn new(net: net::Client) -> Self {
        Self { net }
    }

    async fn deliver(&self, attempt: Attempt<'_>) -> Result<Output, StepError> {
        let key = attempt.context.key().to_owned();
        let now = attempt.context.clock().now();
        let values: Values = attempt.values.decode()?;
        let mut request = Request::new(Method::POST, values.url);
        request.headers.extend(values.headers);
        request.headers.push(("idempotency-key".to_owned(), key.clone()));
        request.headers.push(("webhook-id".to_owned(), key.clone()));
        request.headers.push(("webhook-timestamp".to_owned(), now.as_second().to_string()));
        request.body = match values.sign {
            None => Body::Json(values.json),
            Some(sign) => {
                // What is signed is what is sent, to the byte, secrets filled in.
                let missing = |missing: crate::secret::MissingSecret| {
                    Failure::new("missing_secret", missing.to_string())
                };
                let body = self.net.secrets().fill(&values.json.to_string()).map_err(missing)?;
                let secret = self.net.secrets().fill(&sign).map_err(missing)?;
                let signed = signature::standard(&secret, &key, now.as_second(), body.as_bytes())
                    .map_err(|error| Failure::new("wrong_value", format!("`sign`: {error}")))?;
                request.headers.push(("webhook-signature".to_owned(), signed));
                request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
                Body::Bytes(body.into())
            }
        };
        let response = self.net.send(request).await.map_err(|error| unsent(&error))?;
        if !(200..300).contains(&response.status) {
            return Err(refused(response, now, self.net.secrets()).await);
        }
        let status = response.status;
        let content_type = response.headers.get("content-type").map(str::to_owned);
        let format = Format::of_content_type(content_type.as_deref().unwrap_or_default());
        let source = Source { content_type, ..Source::default() };
        let body = response.bytes().await.map_err(|error| unsent(&error))?;
        // It was delivered; an answer that cannot be read is no reason to deliver it again.
        let body = format.read(&body, &source).unwrap_or(Json::Null);
        Ok(Output::new(json!({ "status": status, "body": body })))
    }
}

impl Action for Webhook {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(self.deliver(attempt))
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::Idempotent
    }

    fn default_attempts(&self) -> u32 {
        4
    }
}
