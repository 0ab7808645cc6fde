//! `http`: a request to another server, and its answer as a value.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Field, FieldType, OutputType, Retry, StepError,
    StepFuture, Type, Written,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::net::retry::{Verdict, classify};
use crate::net::{self, Body, NetError, Request, Response, Sent};
use crate::units::ByteSize;
use crate::value::{Failure, Json, Output};

use super::parse::{FORMATS, Format};

/// The keys that name a method.
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// The keys that name a body.
const BODIES: [&str; 3] = ["json", "form", "body"];

/// The longest body of an error that is told.
const TOLD: usize = 300;

/// `http`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "http",
    summary: "Sends a request and gives the answer.",
    fields: &[
        Field::optional("get", FieldType::Url, "The address, for a GET").with_secrets(),
        Field::optional("head", FieldType::Url, "The address, for a HEAD").with_secrets(),
        Field::optional("post", FieldType::Url, "The address, for a POST").with_secrets(),
        Field::optional("put", FieldType::Url, "The address, for a PUT").with_secrets(),
        Field::optional("patch", FieldType::Url, "The address, for a PATCH").with_secrets(),
        Field::optional("delete", FieldType::Url, "The address, for a DELETE").with_secrets(),
        Field::optional("headers", FieldType::Map(&FieldType::Text), "Headers of the request").with_secrets(),
        Field::optional("query", FieldType::Map(&FieldType::Text), "Added to the address, encoded")
            .with_secrets(),
        Field::optional("json", FieldType::Json, "The body, as JSON").with_secrets(),
        Field::optional("form", FieldType::Map(&FieldType::Text), "The body, as a form").with_secrets(),
        Field::optional("body", FieldType::Text, "The body, as text"),
        Field::optional("auth", FieldType::Record(AUTH), "A credential").with_secrets(),
        Field::optional("parse", FORMATS, "What the answer means").with_default("by its content type"),
        Field::optional(
            "accept_status",
            FieldType::OneOrMany(&FieldType::Integer { min: 100, max: 599 }),
            "The statuses that are no failure",
        )
        .with_default("200 to 299"),
        Field::optional("max_size", FieldType::Size, "The largest answer").with_default("16MiB"),
    ],
    shorthand: Some("get"),
    open: None,
    output: OutputType::Fixed(Type::Record(&[
        ("status", Type::Integer),
        ("headers", Type::Any),
        ("body", Type::Any),
    ])),
    effect: Effect::Once,
    rules: Some(rules),
    example: "- id: issues\n  http:\n    get: https://api.example.org/issues\n    query: { state: open }\n    auth: { bearer: \"{{secrets.API_KEY}}\" }\n",
};

/// `auth`.
const AUTH: &[Field] = &[
    Field::optional("bearer", FieldType::Text, "Sent as `Authorization: Bearer`").with_secrets(),
    Field::optional("basic", FieldType::Record(BASIC), "Sent as `Authorization: Basic`").with_secrets(),
];

const BASIC: &[Field] = &[
    Field::required("user", FieldType::Text, "The user").with_secrets(),
    Field::required("password", FieldType::Text, "The password").with_secrets(),
];

fn rules(written: &Written<'_>, diagnostics: &mut Diagnostics) {
    match written.keys_among(&METHODS)[..] {
        [_] => {}
        [] => diagnostics.push(
            Diagnostic::error("missing-key", written.name, "a request needs a method and an address")
                .with_help("add `get: https://…`, `post: https://…`, `put:`, `patch:`, `delete:` or `head:`"),
        ),
        [(first, at), (second, other), ..] => diagnostics.push(
            Diagnostic::error(
                "two-methods",
                other,
                format!("a request has one method, not `{first}` and `{second}`"),
            )
            .with_related(at, "the first method"),
        ),
    }
    if let [(first, at), (second, other), ..] = written.keys_among(&BODIES)[..] {
        let problem = Diagnostic::error(
            "two-bodies",
            other,
            format!("a request has one body, not `{first}` and `{second}`"),
        );
        diagnostics.push(problem.with_related(at, "the first body"));
    }
}

/// The action.
pub struct Http {
    net: net::Client,
}

#[derive(Default, Deserialize)]
struct Auth {
    bearer: Option<String>,
    basic: Option<Basic>,
}

#[derive(Deserialize)]
struct Basic {
    user: String,
    password: String,
}

#[derive(Deserialize)]
struct Values {
    get: Option<String>,
    head: Option<String>,
    post: Option<String>,
    put: Option<String>,
    patch: Option<String>,
    delete: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    query: serde_json::Map<String, Json>,
    json: Option<Json>,
    form: Option<serde_json::Map<String, Json>>,
    body: Option<String>,
    #[serde(default)]
    auth: Auth,
    parse: Option<Format>,
    accept_status: Option<Vec<u16>>,
    max_size: Option<String>,
}

impl Values {
    /// The method and the address.
    fn target(&mut self) -> Option<(reqwest::Method, String)> {
        use reqwest::Method;
        [
            (Method::GET, self.get.take()),
            (Method::HEAD, self.head.take()),
            (Method::POST, self.post.take()),
            (Method::PUT, self.put.take()),
            (Method::PATCH, self.patch.take()),
            (Method::DELETE, self.delete.take()),
        ]
        .into_iter()
        .find_map(|(method, url)| Some((method, url?)))
    }
}

impl Http {
    pub fn new(net: net::Client) -> Self {
        Self { net }
    }

    async fn send(&self, attempt: Attempt<'_>) -> Result<Output, StepError> {
        let key = attempt.context.key().to_owned();
        let now = attempt.context.clock().now();
        let mut values: Values = attempt.values.decode()?;
        let (method, url) =
            values.target().ok_or_else(|| Failure::new("wrong_value", "the request has no address"))?;
        let is_write = !matches!(method, reqwest::Method::GET | reqwest::Method::HEAD);
        let mut request = Request::new(method, with_query(url, &values.query));
        request.headers.extend(values.headers);
        if let Some(bearer) = values.auth.bearer {
            request.headers.push(("authorization".to_owned(), format!("Bearer {bearer}")));
        }
        if let Some(Basic { user, password }) = values.auth.basic {
            request.headers.push(("authorization".to_owned(), self.basic(&user, &password)?));
        }
        let has_key = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
        if is_write && !has_key {
            request.headers.push(("idempotency-key".to_owned(), key));
        }
        request.body = match (values.json, values.form, values.body) {
            (Some(json), ..) => Body::Json(json),
            (_, Some(form), _) => {
                Body::Form(form.into_iter().map(|(name, value)| (name, as_text(&value))).collect())
            }
            (.., Some(text)) => Body::Text(text),
            _ => Body::Empty,
        };
        if let Some(size) = values.max_size {
            let size: ByteSize = size.parse().map_err(|error: crate::units::UnitError| {
                Failure::new("wrong_value", format!("`max_size`: {error}"))
            })?;
            request.limits.max_body = size.0;
        }
        let response = self.net.send(request).await.map_err(|error| unsent(&error))?;
        let accepted = match &values.accept_status {
            Some(statuses) => statuses.contains(&response.status),
            None => (200..300).contains(&response.status),
        };
        if !accepted {
            return Err(refused(response, now, &self.net).await);
        }
        let status = response.status;
        let headers: serde_json::Map<String, Json> =
            response.headers.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let parse = values.parse.unwrap_or_else(|| {
            Format::of_content_type(response.headers.get("content-type").unwrap_or_default())
        });
        let what = format!("the answer of {}", response.host());
        let body = response.bytes().await.map_err(|error| unsent(&error))?;
        let body = if body.is_empty() { Json::Null } else { parse.read(&body, &what)? };
        Ok(Output::new(json!({ "status": status, "headers": headers, "body": body })))
    }

    /// Basic credentials are encoded as one, so their secrets are filled in here, into a value that
    /// goes to the wire and nowhere else.
    fn basic(&self, user: &str, password: &str) -> Result<String, StepError> {
        use base64::Engine as _;
        let pair = self.net.secrets().fill(&format!("{user}:{password}"));
        let pair = pair.map_err(|missing| Failure::new("missing_secret", missing.to_string()))?;
        Ok(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
    }
}

fn with_query(url: String, query: &serde_json::Map<String, Json>) -> String {
    if query.is_empty() {
        return url;
    }
    let (url, fragment) = url.split_once('#').map_or((url.as_str(), None), |(url, rest)| (url, Some(rest)));
    // A secret in the query is encoded by the client when it fills it in.
    let pairs = query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(&as_text(value))));
    let joined = pairs.collect::<Vec<_>>().join("&");
    let glue = if url.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|rest| format!("#{rest}")).unwrap_or_default();
    format!("{url}{glue}{joined}{fragment}")
}

fn encode(text: &str) -> String {
    if crate::secret::has_placeholder(text) {
        return text.to_owned();
    }
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn as_text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A request without an answer, as a step's error.
pub(super) fn unsent(error: &NetError) -> StepError {
    let retry = match (error.is_passing(), error.sent) {
        (false, _) => Retry::Never,
        (true, Sent::Nothing) => Retry::Safe { after: None },
        (true, _) => Retry::IfIdempotent { after: None },
    };
    let code = match error.class {
        net::Class::Timeout(_) => "timeout",
        net::Class::TooLarge => "answer_too_large",
        net::Class::Secret { .. } => "missing_secret",
        net::Class::Policy => "address_refused",
        net::Class::Invalid => "wrong_value",
        _ => "unreachable",
    };
    StepError { failure: Failure::new(code, error.message.clone()), retry, model: None }
}

/// An answer with a status that is a failure, as a step's error.
pub(super) async fn refused(response: Response, now: jiff::Timestamp, net: &net::Client) -> StepError {
    let (status, host) = (response.status, response.host().to_owned());
    let retry = match (classify(status, &response.headers, now), status) {
        (Verdict::Again(after), 425 | 429) => Retry::Safe { after },
        (Verdict::Again(after), _) => Retry::IfIdempotent { after },
        // The engine says that this is longer than anybody waits.
        (Verdict::TooLong(wait), _) => Retry::Safe { after: Some(wait) },
        (Verdict::No, _) => Retry::Never,
    };
    let location = response.headers.get("location").map(str::to_owned);
    let body = response.beginning(16 << 10).await;
    let said = net.secrets().redact(&String::from_utf8_lossy(&body));
    let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TOLD).collect();
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let moved = location
        .filter(|_| (300..400).contains(&status))
        .map(|to| format!("; it sends on to `{}`, and redirects are not followed", net.secrets().redact(&to)))
        .unwrap_or_default();
    let failure =
        Failure::new("http_status", format!("{host} answered {status}{said}{moved}")).with_status(status);
    StepError { failure, retry, model: None }
}

impl Action for Http {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(self.send(attempt))
    }

    fn effect(&self, arguments: &Arguments) -> Effect {
        match arguments.get("get").or_else(|| arguments.get("head")) {
            Some(_) => Effect::Idempotent,
            None => Effect::Once,
        }
    }

    fn default_attempts(&self) -> u32 {
        4
    }
}
