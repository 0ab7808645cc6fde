//! From a request to its answer: path, method, key, body, faults, pace.
//!
//! Models and health answer at once; faults and pace are for what would reach a model.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either as Race, select};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http_body_util::{BodyExt as _, Either, LengthLimitError, Limited, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use subtle::ConstantTimeEq as _;

use super::completion::{Head, Usage, whole};
use super::faults::{Break, Fault, Pace, by_chance};
use super::reply::{Body, Cut, Problem, json, with_type};
use super::server::{InFlight, Shared};
use super::stream::{Events, Step, Streamed};
use super::wire::ChatRequest;
use super::{answer, embedding};
use crate::clock::elapsed;

/// The largest body.
const MAX_BODY: usize = 16 << 20;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// What answers at a path.
enum Route<'a> {
    Health,
    Models,
    Model(&'a str),
    Chat,
    Embeddings,
}

impl Route<'_> {
    fn of(path: &str) -> Option<Route<'_>> {
        let path = path.strip_prefix("/v1").unwrap_or(path);
        match path {
            "/health" => Some(Route::Health),
            "/models" => Some(Route::Models),
            "/chat/completions" => Some(Route::Chat),
            "/embeddings" => Some(Route::Embeddings),
            _ => path.strip_prefix("/models/").filter(|id| !id.is_empty()).map(Route::Model),
        }
    }

    fn allows(&self, method: &Method) -> Result<(), &'static str> {
        match self {
            Route::Chat | Route::Embeddings if method == Method::POST => Ok(()),
            Route::Chat | Route::Embeddings => Err("POST"),
            _ if method == Method::GET || method == Method::HEAD => Ok(()),
            _ => Err("GET, HEAD"),
        }
    }
}

/// Answers one request.
pub(super) async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    Ok(respond(shared, request).await.unwrap_or_else(|problem| problem.response()))
}

async fn respond(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let route = Route::of(path).ok_or_else(|| Problem::unknown_path(path))?;
    route.allows(&parts.method).map_err(|allow| Problem::method(path, allow))?;
    if !matches!(route, Route::Health) {
        authorize(&shared, parts.headers.get(AUTHORIZATION))?;
    }
    match route {
        Route::Health => Ok(json(StatusCode::OK, Bytes::from_static(br#"{"status":"ok"}"#))),
        Route::Models => Ok(json(StatusCode::OK, shared.models.list())),
        Route::Model(id) => {
            let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
            let found = shared.models.find(&id).ok_or_else(|| Problem::unknown_model(&id))?;
            Ok(json(StatusCode::OK, found.into()))
        }
        Route::Chat => {
            let call = Call { in_flight: shared.begin(), path, body: read(&shared, body).await? };
            chat(call).await
        }
        Route::Embeddings => {
            let call = Call { in_flight: shared.begin(), path, body: read(&shared, body).await? };
            embeddings(call).await
        }
    }
}

fn authorize(shared: &Shared, header: Option<&HeaderValue>) -> Result<(), Problem> {
    let Some(key) = &shared.options.key else { return Ok(()) };
    let sent = header.and_then(|header| header.as_bytes().strip_prefix(b"Bearer ")).unwrap_or_default();
    if bool::from(sent.ct_eq(key.expose().as_bytes())) { Ok(()) } else { Err(Problem::unauthorized()) }
}

async fn read(shared: &Shared, body: Incoming) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(Problem::too_large(MAX_BODY));
    }
    let mut reading = pin!(Limited::new(body, MAX_BODY).collect());
    // Most bodies are there already: only the others are worth a timer.
    let read = match reading.as_mut().now_or_never() {
        Some(read) => read,
        None => match select(reading, shared.options.clock.sleep(BODY_TIMEOUT)).await {
            Race::Left((read, _)) => read,
            Race::Right(_) => return Err(Problem::no_body()),
        },
    };
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::too_large(MAX_BODY)),
        Err(_) => Err(Problem::no_body()),
    }
}

/// A request to a model, read.
struct Call<'a> {
    in_flight: InFlight,
    path: &'a str,
    body: Bytes,
}

impl Call<'_> {
    /// Writes the request down with the status that it will get.
    fn record(&self, status: Option<StatusCode>) {
        let InFlight { shared, number } = &self.in_flight;
        shared.journal.record(*number, self.path, &self.body, status.map(|status| status.as_u16()));
    }

    /// The problem, written down.
    fn refuse(&self, problem: Problem) -> Problem {
        self.record(Some(problem.status));
        problem
    }

    /// The fault that chance has for this request.
    fn chance(&self) -> Option<Fault> {
        let options = &self.in_flight.shared.options;
        by_chance(options.seed, self.in_flight.number, options.hang, &options.errors)
    }

    /// Hangs or fails as the fault says; a break of the answer is handed on.
    async fn suffer(&self, fault: Option<Fault>, pace: Pace) -> Result<Option<Break>, Problem> {
        match fault {
            None => Ok(None),
            Some(Fault::Broken(how)) => Ok(Some(how)),
            Some(Fault::Error { status, retry_after }) => {
                self.record(Some(status));
                self.wait(pace.latency).await;
                Err(Problem::simulated(status, retry_after))
            }
            Some(Fault::Hang) => {
                self.record(None);
                std::future::pending().await
            }
        }
    }

    async fn wait(&self, duration: Duration) {
        if !duration.is_zero() {
            self.in_flight.shared.options.clock.sleep(duration).await;
        }
    }
}

async fn embeddings(call: Call<'_>) -> Result<Response<Body>, Problem> {
    let pace = call.in_flight.shared.pace();
    let answer = embedding::answer(&call.body).map_err(|problem| call.refuse(problem))?;
    call.suffer(call.chance(), pace).await?;
    call.record(Some(StatusCode::OK));
    call.wait(pace.latency).await;
    Ok(json(StatusCode::OK, answer.into()))
}

async fn chat(call: Call<'_>) -> Result<Response<Body>, Problem> {
    let shared = &call.in_flight.shared;
    let (request, script) = ChatRequest::read(&call.body)
        .and_then(|request| answer::script(&request).map(|script| (request, script)))
        .map_err(|problem| call.refuse(problem))?;
    let pace = shared.pace();
    let pace = Pace { latency: script.latency.unwrap_or(pace.latency), speed: script.speed.or(pace.speed) };
    let fault = script.fault(&shared.counters).or_else(|| call.chance());
    let broken = call.suffer(fault, pace).await?;

    let key = answer::key(shared.options.seed, &request);
    let say = script.say(&shared.counters);
    let choices = answer::choices(&request, say, key).map_err(|problem| call.refuse(problem))?;
    let usage = Usage::new(answer::prompt_tokens(&request), &choices);
    let id = format!("chatcmpl-{:016x}{:x}", key.value(), call.in_flight.number);
    let head = Head { id, created: shared.options.clock.now().as_second(), model: request.model.clone() };
    let streams = request.stream == Some(true);
    if broken == Some(Break::ErrorEvent) && !streams {
        let problem = call.refuse(Problem::mid_stream());
        call.wait(pace.latency).await;
        return Err(problem);
    }
    call.record(Some(StatusCode::OK));
    call.wait(pace.latency).await;
    if streams {
        let tokens_per_event = shared.options.tokens_per_event.get().into();
        let with_usage = request.includes_usage();
        let streamed = Streamed { head, choices, usage, with_usage, tokens_per_event, broken };
        let body = paced(Events::new(streamed), pace, call.in_flight);
        return Ok(with_type(StatusCode::OK, "text/event-stream", body));
    }
    call.wait(pace.due(usage.completion_tokens())).await;
    Ok(whole_or_broken(whole(&head, &choices, usage).into(), broken, call.in_flight))
}

/// A whole answer, or its first half and what breaks it.
fn whole_or_broken(body: Bytes, broken: Option<Break>, in_flight: InFlight) -> Response<Body> {
    let half = body.slice(..body.len() / 2);
    let last = match broken {
        None | Some(Break::ErrorEvent) => return json(StatusCode::OK, body),
        Some(Break::Malformed) => return json(StatusCode::OK, half),
        Some(Break::Cut | Break::Truncate) => Step::Cut,
        Some(Break::Stall) => Step::Stall,
    };
    let pace = Pace { latency: Duration::ZERO, speed: None };
    let steps = [Step::Send(half, 0), last].into_iter();
    let mut response = with_type(StatusCode::OK, "application/json", paced(steps, pace, in_flight));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    response
}

/// A body that sends each step when its tokens are due. The request is in flight until its end.
fn paced(steps: impl Iterator<Item = Step> + Send + 'static, pace: Pace, in_flight: InFlight) -> Body {
    let began = in_flight.shared.options.clock.now();
    let sending = stream::unfold((steps, in_flight, 0_u64), move |(mut steps, in_flight, sent)| async move {
        let step = steps.next()?;
        let clock = &in_flight.shared.options.clock;
        let (frame, sent) = match step {
            Step::Send(bytes, tokens) => {
                let sent = sent.saturating_add(tokens);
                if pace.speed.is_some() {
                    // Against the time when it began, so that late wake-ups do not add up.
                    let left = pace.due(sent).saturating_sub(elapsed(began, clock.now()));
                    if !left.is_zero() {
                        clock.sleep(left).await;
                    }
                }
                (Ok(Frame::data(bytes)), sent)
            }
            Step::Cut => {
                // What was sent so far reaches the socket while this waits its turn.
                tokio::task::yield_now().await;
                (Err(Cut), sent)
            }
            Step::Stall => std::future::pending().await,
        };
        Some((frame, (steps, in_flight, sent)))
    });
    Either::Right(StreamBody::new(sending.boxed()))
}
