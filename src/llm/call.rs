//! One call on its way: sends the request and reads the answer in whichever form it comes. What it
//! amounts to in the end is `outcome`'s.

use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, timeout_at};

use super::answer::ChatAnswer;
use super::assemble::{Assembler, Brought, Fault};
use super::client::{ChatLimits, ChatOptions, Client};
use super::error::{Asked, ModelError, Retry};
use super::feed::Feed;
use super::prepare::{Form, Prepared, prepare};
use super::provider::Streaming;
use super::request::ChatRequest;
use super::server_error::{ServerError, one_line};
use super::sse::{Decoder, Event};
use crate::models::RawUsage;
use crate::money::Money;
use crate::net::{Body, Class, Limits, NetError, Request, Response, Wait};
use crate::units::format_duration;
use crate::value::Json;

/// The most bytes of one answer.
const ANSWER_LIMIT: u64 = 64 << 20;

/// The most bytes of an error's body that are looked at.
pub(super) const ERROR_LIMIT: usize = 256 << 10;

/// A call on its way.
pub(super) struct Call<'a> {
    pub(super) client: &'a Client,
    pub(super) asked: Asked<'a>,
    pub(super) request: &'a ChatRequest,
    options: &'a ChatOptions,
    pub(super) assembler: Assembler,
    pub(super) feed: Feed,
    begun: Instant,
    pub(super) warnings: Vec<String>,
}

/// What came beside the answer itself.
pub(super) struct Received {
    pub(super) request_id: Option<String>,
    pub(super) reported_cost: Option<Money>,
    /// The body, where it came in one piece.
    pub(super) whole: Option<Json>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        client: &'a Client,
        asked: Asked<'a>,
        request: &'a ChatRequest,
        options: &'a ChatOptions,
    ) -> Self {
        let assembler = Assembler::new(asked.provider.think_tags);
        let feed = Feed::new(options.deltas.clone());
        Self { client, asked, request, options, assembler, feed, begun: Instant::now(), warnings: Vec::new() }
    }

    /// Makes the call.
    pub(super) async fn run(mut self) -> Result<ChatAnswer, ModelError> {
        let options = self.options;
        let exchanged = tokio::select! {
            biased;
            () = options.cancellation.cancelled() => {
                let message = format!("the call of `{}` was cancelled", self.asked.model);
                Err(ModelError::new("cancelled", Retry::Never, message))
            }
            exchanged = self.exchange() => exchanged,
        };
        match exchanged {
            Ok(received) => self.finish(received),
            Err(error) => Err(self.bill(error)),
        }
    }

    /// Sends the request and reads the answer into the assembler.
    async fn exchange(&mut self) -> Result<Received, ModelError> {
        let Self { request, options, .. } = *self;
        let model = &self.asked.model;
        if let Some(fault) = request.fault() {
            return Err(ModelError::new(
                "model_bad_request",
                Retry::Never,
                format!("`{model}` was not asked: {fault}"),
            ));
        }
        let form = match (options.stream, self.asked.provider.streaming) {
            (Streaming::Off, _) | (Streaming::Auto, Streaming::Off) => Form::Whole,
            _ => Form::Stream,
        };
        let Prepared { body, warnings } = prepare(self.asked.provider, request, form).map_err(|error| {
            ModelError::new("model_bad_request", Retry::Never, format!("`{model}` was not asked: {error}"))
        })?;
        self.warnings = warnings;
        let sent = self.outgoing(body, form).map_err(|error| self.asked.unreachable(&error))?;
        let response = self.client.net.send(sent).await.map_err(|error| self.asked.unreachable(&error))?;
        let headers = response.headers.clone();
        if !(200..300).contains(&response.status) {
            let (status, body) = (response.status, response.beginning(ERROR_LIMIT).await);
            return Err(self.asked.refused(status, &headers, &body, self.client.clock.now()));
        }
        let ids = ["x-request-id", "x-litellm-call-id", "x-generation-id"];
        let kind = headers.get("content-type").unwrap_or_default().to_ascii_lowercase();
        let whole = if kind.contains("event-stream") {
            self.read_stream(response).await?;
            None
        } else {
            self.read_whole(response).await?
        };
        Ok(Received {
            request_id: ids.into_iter().find_map(|name| headers.get(name)).map(ToOwned::to_owned),
            reported_cost: headers.get("x-litellm-response-cost").and_then(RawUsage::reported_cost),
            whole,
        })
    }

    /// The HTTP request.
    fn outgoing(&self, body: bytes::Bytes, form: Form) -> Result<Request, NetError> {
        let options = self.options;
        let mut request = Request::new(Method::POST, self.asked.url.as_str());
        request.headers = self.client.headers(self.asked.provider)?;
        let mut header = |name: &str, value: String| request.headers.push((name.to_owned(), value));
        header("content-type", "application/json".to_owned());
        header("x-client-request-id", uuid::Uuid::new_v4().to_string());
        if form == Form::Stream {
            header("accept", "text/event-stream, application/json".to_owned());
            // A compressor could hold events back.
            header("accept-encoding", "identity".to_owned());
        } else {
            header("accept", "application/json".to_owned());
        }
        if let Some(key) = &options.idempotency_key {
            header("idempotency-key", key.clone());
        }
        if options.attempt > 0 {
            header("x-howdah-attempt", options.attempt.to_string());
        }
        let ChatLimits { first_byte, progress, total } = options.limits;
        request.body = Body::Bytes(body);
        // The progress of a stream is watched here, where comments can be told from events.
        request.limits = Limits { first_byte, idle: first_byte.max(progress), total, max_body: ANSWER_LIMIT };
        Ok(request)
    }

    /// Reads events until the stream says that it is done, or ends.
    async fn read_stream(&mut self, mut response: Response) -> Result<(), ModelError> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        let mut limit = self.options.limits.first_byte;
        let mut last_progress = self.begun;
        loop {
            let chunk = match timeout_at(last_progress + limit, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                // A choice that has ended is whole, even if the rest of the stream is lost.
                Ok(Err(_)) | Err(_) if self.assembler.has_finished() => break,
                Ok(Err(error)) => return Err(self.broken(&error)),
                Err(_) => return Err(self.stuck(limit)),
            };
            decoder.push(&chunk, &mut events).map_err(|_| self.odd("an event is larger than 4MiB", b""))?;
            for event in events.drain(..) {
                last_progress = Instant::now();
                match self.take(&event)? {
                    Taken::Done => return Ok(()),
                    Taken::Chunk(Brought::Content) => limit = self.options.limits.progress,
                    Taken::Chunk(Brought::Nothing) => {}
                }
            }
        }
        self.end_stream(decoder)
    }

    /// The end of a stream that did not say that it is done.
    fn end_stream(&mut self, decoder: Decoder) -> Result<(), ModelError> {
        // Some servers close right after the last line. An event that was cut there is not valid
        // JSON, so one that is was whole.
        let last = decoder
            .finish()
            .filter(|event| is_done(event) || serde_json::from_slice::<Json>(&event.data).is_ok());
        if let Some(event) = last
            && let Taken::Done = self.take(&event)?
        {
            return Ok(());
        }
        if self.assembler.has_finished() {
            return Ok(());
        }
        let message =
            format!("the answer of `{}` was cut: the stream ended without a finish reason", self.asked.model);
        Err(ModelError::new("stream_truncated", Retry::Again { after: None }, message))
    }

    /// Reads a body in one piece, which may be a stream after all.
    async fn read_whole(&mut self, response: Response) -> Result<Option<Json>, ModelError> {
        let body = response.bytes().await.map_err(|error| self.broken(&error))?;
        let start = body.trim_ascii_start();
        if [&b"data:"[..], b"event:", b":"].iter().any(|field| start.starts_with(field)) {
            let (mut decoder, mut events) = (Decoder::default(), Vec::new());
            decoder.push(&body, &mut events).map_err(|_| self.odd("an event is larger than 4MiB", b""))?;
            for event in &events {
                if let Taken::Done = self.take(event)? {
                    return Ok(None);
                }
            }
            self.end_stream(decoder)?;
            return Ok(None);
        }
        let json: Json = serde_json::from_slice(&body).map_err(|_| self.asked.not_json(&body))?;
        self.push(&json).map_err(|fault| self.fault(fault, &body))?;
        Ok(Some(json))
    }

    /// Takes one event.
    fn take(&mut self, event: &Event) -> Result<Taken, ModelError> {
        if is_done(event) {
            if !self.assembler.has_finished() {
                let warning = format!("`{}` ended its stream without a finish reason", self.asked.model);
                self.warnings.push(warning);
            }
            return Ok(Taken::Done);
        }
        let data = event.data.trim_ascii();
        if event.name == b"error" {
            return Err(self.asked.reported(&ServerError::read(data)));
        }
        if data.is_empty() {
            return Ok(Taken::Chunk(Brought::Nothing));
        }
        let chunk: Json =
            serde_json::from_slice(data).map_err(|_| self.odd("an event of its stream is not JSON", data))?;
        self.push(&chunk).map(Taken::Chunk).map_err(|fault| self.fault(fault, data))
    }

    fn push(&mut self, chunk: &Json) -> Result<Brought, Fault> {
        let mut deltas = Vec::new();
        let brought = self.assembler.push(chunk, &mut deltas);
        deltas.into_iter().for_each(|delta| self.feed.send(delta));
        brought
    }

    fn fault(&self, fault: Fault, data: &[u8]) -> ModelError {
        match fault {
            Fault::Server(error) => self.asked.reported(&ServerError::read_json(&error)),
            Fault::Shape(what) => self.odd(what, data),
        }
    }

    /// The connection broke while the answer was read.
    fn broken(&self, error: &NetError) -> ModelError {
        let began = !self.assembler.text().is_empty();
        match error.class {
            Class::Reset | Class::Protocol if began => {
                let message = format!("the answer of `{}` was cut: {error}", self.asked.model);
                ModelError::new("stream_truncated", Retry::Again { after: None }, message)
            }
            Class::Timeout(Wait::Total) => {
                let limit = format_duration(self.options.limits.total);
                self.late(format!("was not done with its answer within {limit}"))
            }
            _ => self.asked.unreachable(error),
        }
    }

    /// The stream is open and says nothing.
    fn stuck(&self, limit: Duration) -> ModelError {
        let limit = format_duration(limit);
        self.late(match self.assembler.written().is_empty() {
            true => format!("sent nothing of its answer within {limit}"),
            false => format!("stopped in the middle of its answer for {limit}"),
        })
    }

    fn late(&self, what: String) -> ModelError {
        ModelError::new(
            "model_timeout",
            Retry::Again { after: None },
            format!("`{}` {what}", self.asked.model),
        )
    }

    /// An answer that makes no sense, which may be better the next time.
    pub(super) fn odd(&self, what: &str, data: &[u8]) -> ModelError {
        let begin = &data[..data.len().min(ERROR_LIMIT)];
        let shown = match one_line(&String::from_utf8_lossy(begin), self.asked.secrets) {
            shown if shown.is_empty() => String::new(),
            shown => format!(": {shown}"),
        };
        let message = format!("the answer of `{}` is not usable, {what}{shown}", self.asked.model);
        ModelError::new("model_bad_answer", Retry::Again { after: None }, message)
    }
}

/// What an event was.
enum Taken {
    /// The end.
    Done,
    /// A part of the answer.
    Chunk(Brought),
}

fn is_done(event: &Event) -> bool {
    event.data.trim_ascii() == b"[DONE]"
}
