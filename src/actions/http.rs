//! `http`: a request to another server, and its answer as a value, as a file, or page by page.
//!
//! Secrets stay placeholders until the client sends them; what has to be encoded together with one
//! is filled in right before, into what goes to the wire and nowhere else.

mod auth;
mod body;
mod failure;
mod fields;
mod multipart;
mod pages;

use std::sync::Arc;

use serde_json::json;

use crate::clock::Timestamp;
use crate::component::{Action, Arguments, Attempt, Effect, StepError, StepFuture};
use crate::files::{FileRef, KEEP_LIMIT, Roots, Whole};
use crate::net::{self, Headers, Method, Request, Response};
use crate::secret::Secrets;
use crate::units::ByteSize;
use crate::value::{Failure, Json, Output};

use super::parse::{self, Format, Source};
use auth::{Credential, Tokens};
use fields::Values;

pub use failure::{refused, unsent};
pub use fields::DECLARATION;

/// The action.
pub struct Http {
    net: net::Client,
    files: Roots,
    tokens: Tokens,
}

/// What is the same for every request of one attempt.
struct Exchange<'a> {
    http: &'a Http,
    credential: Credential,
    accept: Option<Vec<u16>>,
    now: Timestamp,
}

impl Http {
    pub fn new(net: net::Client, files: Roots) -> Self {
        Self { net, files, tokens: Tokens::default() }
    }

    async fn send(&self, attempt: Attempt<'_>) -> Result<Output, StepError> {
        let key = attempt.context.key().to_owned();
        let now = attempt.context.clock().now();
        let mut values: Values = attempt.values.decode()?;
        let (method, url) =
            values.target().ok_or_else(|| Failure::new("wrong_value", "the request has no address"))?;
        let is_write = !matches!(method, Method::GET | Method::HEAD);
        let mut request = Request::new(method, with_query(url, &values.query));
        request.headers.extend(std::mem::take(&mut values.headers));
        let has_key = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
        if is_write && !has_key {
            request.headers.push(("idempotency-key".to_owned(), key));
        }
        body::fill(&mut request, &mut values, self).await?;
        let is_file = values.save.is_some() || values.parse == Some(Format::Bytes);
        if is_file {
            request.limits.max_body = KEEP_LIMIT;
        }
        if let Some(size) = &values.max_size {
            let size: ByteSize = size.parse().map_err(|error: crate::units::UnitError| {
                Failure::new("wrong_value", format!("`max_size`: {error}"))
            })?;
            request.limits.max_body = size.0;
        }
        let credential = Credential::new(values.auth, &self.net)?;
        let exchange = Exchange { http: self, credential, accept: values.accept_status, now };
        let output = match (&values.save, values.pages) {
            (Some(path), _) => exchange.save(request, path).await,
            (None, Some(pages)) => {
                let rules = pages::Rules::new(&pages, attempt.arguments)?;
                exchange.pages(request, &rules).await
            }
            (None, None) => exchange.value(request, values.parse).await,
        };
        let output = output?;
        if let Some(body) = output.get("body") {
            parse::check_schema(attempt.arguments, body, "the answer's body")?;
        }
        Ok(Output::new(output))
    }
}

impl Exchange<'_> {
    /// Sends a request with its credential; an answer whose status is none of those accepted is an
    /// error. A token that is refused is fetched anew, once.
    async fn answer(&self, request: &Request) -> Result<Response, StepError> {
        let mut header = self.http.tokens.header(&self.credential, &self.http.net, self.now).await?;
        loop {
            let mut request = request.clone();
            request.headers.extend(header.value().map(|value| ("authorization".to_owned(), value)));
            let response = self.http.net.send(request).await.map_err(|error| unsent(&error))?;
            let accepted = match &self.accept {
                Some(statuses) => statuses.contains(&response.status),
                None => (200..300).contains(&response.status),
            };
            if accepted {
                return Ok(response);
            }
            if response.status == 401 && header.is_old() {
                self.http.tokens.forget(&self.credential);
                header = self.http.tokens.header(&self.credential, &self.http.net, self.now).await?;
                continue;
            }
            return Err(refused(response, self.now, &self.secrets()).await);
        }
    }

    /// Every secret that an answer may echo, the token among them.
    fn secrets(&self) -> Secrets {
        self.http.tokens.secrets(&self.credential, self.http.net.secrets())
    }

    /// The answer as a value.
    async fn value(&self, request: Request, parse: Option<Format>) -> Result<Json, StepError> {
        let response = self.answer(&request).await?;
        let (status, headers) = (response.status, headers(&response.headers));
        let source = source(&response, self.http.net.secrets());
        let format = parse
            .unwrap_or_else(|| Format::of_content_type(source.content_type.as_deref().unwrap_or_default()));
        if format == Format::Bytes {
            let kept = self.keep(response, &source).await?;
            return Ok(json!({ "status": status, "headers": headers, "body": parse::reference(&kept)? }));
        }
        let body = response.bytes().await.map_err(|error| unsent(&error))?;
        // Nothing is no JSON, but it is what many servers answer where there is nothing to say.
        let empty_is_null = parse.is_none() || parse == Some(Format::Json);
        let mut body = match body.is_empty() && empty_is_null {
            true => Json::Null,
            false => format.value(body, source, &self.http.files).await?,
        };
        if self.credential.is_token() {
            self.secrets().redact_json(&mut body);
        }
        Ok(json!({ "status": status, "headers": headers, "body": body }))
    }

    async fn keep(&self, mut response: Response, source: &Source) -> Result<FileRef, StepError> {
        let mut file = self.http.files.new_file().await?;
        while let Some(piece) = response.chunk().await.map_err(|error| unsent(&error))? {
            file = file.add(piece).await?;
        }
        Ok(file.keep(&source.name, source.content_type.as_deref()).await?)
    }

    /// The answer as a file of the workspace: all of it, or none.
    async fn save(&self, request: Request, path: &str) -> Result<Json, StepError> {
        // A path that is refused is refused before anything is sent.
        let mut draft = self.http.files.draft(path, Whole::Replace).await?;
        let mut response = self.answer(&request).await?;
        let (status, headers) = (response.status, headers(&response.headers));
        while let Some(piece) = response.chunk().await.map_err(|error| unsent(&error))? {
            draft = draft.add(piece).await?;
        }
        let written = draft.put().await?;
        Ok(json!({ "status": status, "headers": headers, "path": path, "bytes": written.bytes }))
    }
}

fn headers(headers: &Headers) -> Arc<Json> {
    let headers = headers.iter().map(|(name, value)| (name.to_owned(), Json::from(value)));
    Arc::new(Json::Object(headers.collect()))
}

/// What is known of an answer's body.
fn source(response: &Response, secrets: &Secrets) -> Source {
    let url = response.url();
    Source {
        what: format!("the answer of {}", response.host()),
        name: url.path().rsplit('/').next().unwrap_or_default().to_owned(),
        content_type: response.headers.get("content-type").map(str::to_owned),
        // Links must not carry a secret into the output.
        base: (secrets.redact(url.as_str()) == url.as_str()).then(|| url.clone()),
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

/// A value as it stands in text.
fn as_text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
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
