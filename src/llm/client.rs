//! The client of all providers, and how it is asked.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use super::answer::ChatAnswer;
use super::call::{Call, ERROR_LIMIT};
use super::error::{Asked, ModelError};
use super::feed::Delta;
use super::list::{self, ListedModel};
use super::provider::{KeyHeader, Provider, Streaming};
use super::request::ChatRequest;
use crate::clock::SharedClock;
use crate::models::{Catalog, ModelRef};
use crate::net::{self, NetError, Request};

/// The client of all providers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) net: net::Client,
    pub(super) catalog: Arc<Catalog>,
    pub(super) clock: SharedClock,
}

/// How a call is made.
#[derive(Clone, Debug, Default)]
pub struct ChatOptions {
    /// Whether the answer is streamed on the wire; `Auto` leaves it to the provider.
    pub stream: Streaming,
    /// How long it may take.
    pub limits: ChatLimits,
    /// Who watches the first choice while it is written.
    pub deltas: Option<Sender<Delta>>,
    /// Ends the call and closes its connection.
    pub cancellation: CancellationToken,
    /// The same for all attempts of a step.
    pub idempotency_key: Option<String>,
    /// Which attempt it is, from 1; 0 where nobody counts.
    pub attempt: u32,
}

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct ChatLimits {
    /// Until the answer begins: its headers, and the first text, reasoning or tool call.
    pub first_byte: Duration,
    /// Between two events of a stream, once it has begun. Comments do not count.
    pub progress: Duration,
    /// For all of it.
    pub total: Duration,
}

impl Default for ChatLimits {
    /// 300 s, 60 s, 10 min.
    fn default() -> Self {
        let [first_byte, progress, total] = [300, 60, 600].map(Duration::from_secs);
        Self { first_byte, progress, total }
    }
}

impl Client {
    /// A client that sends through `net` and counts costs by `catalog`.
    pub fn new(net: net::Client, catalog: Arc<Catalog>, clock: SharedClock) -> Self {
        Self { net, catalog, clock }
    }

    /// Asks for a chat completion, once.
    ///
    /// # Errors
    /// When there is no whole answer, or the model or a filter refuses to give one. Text that came
    /// before, and what is billed for it, are in the error.
    pub async fn chat(
        &self,
        provider: &Provider,
        request: &ChatRequest,
        options: &ChatOptions,
    ) -> Result<ChatAnswer, ModelError> {
        let model = ModelRef::new(&provider.name, &request.model);
        let url = provider.base_url.endpoint("chat/completions");
        let asked = Asked { provider, model, url, secrets: self.net.secrets() };
        Call::new(self, asked, request, options).run().await
    }

    /// The models that a provider lists; none where it has no such list.
    ///
    /// # Errors
    /// When there is no answer, or one that is no list.
    pub async fn list_models(&self, provider: &Provider) -> Result<Option<Vec<ListedModel>>, ModelError> {
        let url = provider.base_url.endpoint("models");
        let asked = Asked {
            provider,
            model: ModelRef::new(&provider.name, "models"),
            url,
            secrets: self.net.secrets(),
        };
        let mut get = Request::new(Method::GET, asked.url.as_str());
        get.headers = self.headers(provider).map_err(|error| asked.unreachable(&error))?;
        let response = self.net.send(get).await.map_err(|error| asked.unreachable(&error))?;
        match response.status {
            200..=299 => {
                let body = response.bytes().await.map_err(|error| asked.unreachable(&error))?;
                let models = serde_json::from_slice(&body).ok().and_then(|body| list::read(&body));
                models.map(Some).ok_or_else(|| asked.not_json(&body))
            }
            404 | 405 => Ok(None),
            status => {
                let headers = response.headers.clone();
                let body = response.beginning(ERROR_LIMIT).await;
                Err(asked.refused(status, &headers, &body, self.clock.now()))
            }
        }
    }

    /// The key and the provider's own headers. A key that is empty is not sent at all.
    pub(super) fn headers(&self, provider: &Provider) -> Result<Vec<(String, String)>, NetError> {
        let mut headers = provider.headers.clone();
        let key = provider.key.as_deref().unwrap_or_default();
        // A key that is not set is kept as it is: sending it gives the error that names it.
        if self.net.secrets().fill(key).map_or(true, |key| !key.trim().is_empty()) {
            headers.push(match &provider.key_header {
                KeyHeader::Bearer => ("authorization".to_owned(), format!("Bearer {key}")),
                KeyHeader::Named(name) => (name.clone(), key.to_owned()),
            });
        }
        Ok(headers)
    }
}
