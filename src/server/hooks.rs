//! `/hooks/PATH`: from a stranger's request to an event, or to the reason why not.
//!
//! What costs nothing is asked first: whether howdah is ready, whether the path and the method lead
//! anywhere, whether the body may be read at all. Then the trigger judges the raw bytes, and only
//! what passed becomes an event.
//!
//! What must stay true: nothing is read of a body that would be refused anyway; nothing here looks
//! into a body before its trigger has verified the sender; no answer of ours can act in a browser.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::component::{Armed, Incoming, Ingress, Rejection, RespondMode, Route};
use crate::daemon::{Daemon, LiveTrigger, Match, OfferError, Offered, Readiness};
use crate::engine::Refusal;

use super::answer::{Problem, json, read};
use super::auth::Hosts;
use super::{links, reply};

/// What answers webhooks.
pub(super) struct Hooks {
    daemon: Daemon,
    hosts: Hosts,
    held: Arc<Semaphore>,
}

impl Hooks {
    /// Webhooks of this daemon, of which so many may wait for their runs at once.
    pub fn new(daemon: Daemon, hosts: Hosts, held: usize) -> Self {
        Self { daemon, hosts, held: Arc::new(Semaphore::new(held)) }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        let given_away = request.uri().path().strip_prefix("/hooks/-/").map(str::to_owned);
        if let Some(rest) = given_away {
            // A page has a fence of its own.
            return self.link(&rest, request).await.unwrap_or_else(|problem| fence(problem.into_response()));
        }
        fence(self.receive(request).await.unwrap_or_else(Problem::into_response))
    }

    /// Answers at an address that a run gave away.
    async fn link(&self, rest: &str, request: Request<Body>) -> Result<Response, Problem> {
        ready(&self.daemon.readiness())?;
        self.admit(request.headers())?;
        links::answer(&self.daemon, rest, request).await
    }

    async fn receive(&self, request: Request<Body>) -> Result<Response, Problem> {
        ready(&self.daemon.readiness())?;
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().strip_prefix("/hooks").filter(|path| path.starts_with('/'));
        let found = path.and_then(|path| self.daemon.catalog().route(path));
        let Some(found) = found else {
            return Err(Problem::not_found("no workflow listens at this path"));
        };
        let Some(hook) = Hook::choose(&found, &parts.method) else {
            return not_allowed(&found, &parts.method);
        };
        self.admit(&parts.headers)?;
        if self.daemon.engine().is_full(&hook.trigger.workflow) {
            return Err(reply::refused(Refusal::Busy));
        }
        let _place = self.hold(hook.ingress.respond())?;
        let body = read(body, hook.route.max_body).await?;
        self.take(&hook, incoming(parts, &found, body)).await
    }

    /// Refuses what no trigger takes.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if self.hosts.is_foreign(headers) {
            let message = "the `Origin` is another site; webhooks are sent by servers, not by pages";
            return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", message));
        }
        let is_plain = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
        if !headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
            let message = "compressed bodies are not taken; send it without `Content-Encoding`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded", message));
        }
        Ok(())
    }

    /// A place among those that wait, for a sender who is answered by the run itself.
    fn hold(&self, mode: &RespondMode) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        match mode {
            RespondMode::Accepted | RespondMode::Fixed(_) => Ok(None),
            RespondMode::Result(_) | RespondMode::Step(_) => match self.held.clone().try_acquire_owned() {
                Ok(place) => Ok(Some(place)),
                Err(_) => Err(Problem::unavailable(
                    "busy",
                    "too many requests wait for an answer; try again later",
                    1,
                )),
            },
        }
    }

    /// Turns a request into an event and answers by what becomes of it.
    async fn take(&self, hook: &Hook<'_>, request: Incoming) -> Result<Response, Problem> {
        let received = hook.ingress.receive(&request).map_err(rejected)?;
        drop(request);
        let mode = hook.ingress.respond();
        match self.daemon.offer(hook.trigger, received.data, received.identity).await {
            Ok(Offered::Started(ticket)) => reply::reply(&self.daemon, ticket, mode).await,
            Ok(Offered::Filtered) => Ok(filtered(mode)),
            Err(OfferError::Inputs(errors)) => Err(unfit("inputs", errors.to_string())),
            Err(OfferError::Condition(failure)) => Err(unfit(
                "condition",
                format!("the trigger's `if` or `with` cannot be evaluated: {}", failure.message),
            )),
            Err(OfferError::Refused(refusal)) => Err(reply::refused(refusal)),
        }
    }
}

/// Refuses what cannot be taken now. Why not is not for strangers.
fn ready(readiness: &Readiness) -> Result<(), Problem> {
    match readiness {
        Readiness::Ready => Ok(()),
        Readiness::Starting(_) => {
            Err(Problem::unavailable("starting", "howdah is starting; try again soon", 1))
        }
        Readiness::Stopping => {
            Err(Problem::unavailable("stopping", "howdah is stopping; try again later", 5))
        }
        Readiness::StorageTrouble(_) => {
            Err(Problem::unavailable("storage", "nothing can be kept now; try again later", 5))
        }
    }
}

/// A trigger that a request is meant for.
struct Hook<'a> {
    trigger: &'a Arc<LiveTrigger>,
    route: &'a Route,
    ingress: &'a dyn Ingress,
}

impl<'a> Hook<'a> {
    fn all(found: &'a Match) -> impl Iterator<Item = Self> {
        found.triggers.iter().filter_map(|trigger| match &trigger.armed {
            Armed::Route(route, ingress) => Some(Self { trigger, route, ingress: &**ingress }),
            Armed::Source(_) => None,
        })
    }

    fn choose(found: &'a Match, method: &Method) -> Option<Self> {
        Self::all(found).find(|hook| hook.route.methods.iter().any(|own| own == method.as_str()))
    }
}

/// The answer to a method that no trigger of the path takes. Asking which ones are taken is fine.
fn not_allowed(found: &Match, method: &Method) -> Result<Response, Problem> {
    let mut methods: Vec<_> =
        Hook::all(found).flat_map(|hook| &hook.route.methods).map(String::as_str).collect();
    methods.push(Method::OPTIONS.as_str());
    let allowed = methods.join(", ");
    match HeaderValue::from_str(&allowed) {
        Ok(allowed) if method == Method::OPTIONS => {
            Ok((StatusCode::NO_CONTENT, [(ALLOW, allowed)]).into_response())
        }
        _ => Err(Problem::method(method, &allowed)),
    }
}

/// The request as its trigger sees it.
fn incoming(parts: Parts, found: &Match, body: Bytes) -> Incoming {
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let header = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Incoming {
        method: parts.method.as_str().to_owned(),
        params: found.params.clone(),
        query: query.into_owned().collect(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), header(value)))
            .collect(),
        body,
    }
}

fn rejected(rejection: Rejection) -> Problem {
    let Rejection { status, code, message } = rejection;
    Problem::new(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), code, message)
}

fn unfit(code: &'static str, message: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
}

/// The answer to an event that the trigger's `if` did not want: a success, so that the sender does
/// not send it again. A fixed answer is what the sender expects either way.
fn filtered(mode: &RespondMode) -> Response {
    match mode {
        RespondMode::Fixed(fixed) if (200..300).contains(&fixed.status) => reply::written(fixed),
        _ => json(StatusCode::OK, &json!({ "run": null, "filtered": true })),
    }
}

/// What every answer to a webhook carries, whatever the workflow wrote: opened in a browser it can
/// run nothing, and it leaves nothing behind.
fn fence(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.remove(SET_COOKIE);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_not_told_what_howdah_waits_for() {
        for (readiness, expected) in [
            (Readiness::Starting("the scan of `private`".to_owned()), "503 starting"),
            (Readiness::Stopping, "503 stopping"),
        ] {
            let problem = ready(&readiness).unwrap_err();
            let text = format!("{problem:?}");
            assert!(text.starts_with(expected) && !text.contains("private"), "{text}");
            assert!(problem.into_response().headers().contains_key("retry-after"));
        }
        assert!(ready(&Readiness::Ready).is_ok());
    }

    #[tokio::test]
    async fn a_body_is_not_read_when_no_run_could_be_started() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("workflows")).unwrap();
        let text = "on: { webhook: { path: /w, auth: none } }\nsteps: []\n";
        std::fs::write(folder.path().join("workflows/w.yaml"), text).unwrap();
        let daemon = Daemon::new(crate::daemon::Options {
            workspace: folder.path().to_owned(),
            profile: None,
            store: Arc::new(crate::journal::memory::MemoryStore::new()),
            clock: crate::clock::SystemClock::shared(),
            simulator: None,
            capacity: crate::engine::Capacity::NONE,
        });
        daemon.load().await.unwrap();
        let hooks = Hooks::new(daemon, Hosts::new(std::net::Ipv4Addr::LOCALHOST.into(), &[]), 1);
        // One that never ends, so that whoever reads it waits for ever.
        let endless = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let request = Request::post("/hooks/w").body(Body::from_stream(endless)).unwrap();
        let answer = hooks.answer(request).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.headers().contains_key("retry-after"));
    }

    #[tokio::test]
    async fn nothing_a_workflow_wrote_gets_past_the_fence() {
        let headers =
            [("content-security-policy", "default-src *"), ("set-cookie", "a=b"), ("x-own", "kept")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let answer =
            fence(reply::written(&crate::component::Response { status: 200, headers, body: json!("x") }));
        let all: Vec<_> = answer.headers().get_all(CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(all, ["sandbox"]);
        assert!(!answer.headers().contains_key(SET_COOKIE) && answer.headers().contains_key("x-own"));
    }

    #[test]
    fn a_fixed_answer_stands_for_unwanted_events_too_if_it_is_a_success() {
        let fixed = |status| crate::component::Response { status, headers: Vec::new(), body: json!({}) };
        assert_eq!(filtered(&RespondMode::Fixed(fixed(204))).status(), 204);
        assert_eq!(filtered(&RespondMode::Fixed(fixed(410))).status(), 200);
        assert_eq!(filtered(&RespondMode::Accepted).status(), 200);
    }
}
