//! What the sender of a webhook is answered once its event has become a run, or had become one before.
//!
//! What must stay true: nothing is answered before the run is on stable storage, and a repeat of an
//! event is answered as its first was, from memory or from the journal.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response as Answered;
use hyper::StatusCode;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use serde_json::json;

use crate::component::{RespondMode, Response};
use crate::daemon::Daemon;
use crate::engine::{Answer, Finish, Kept, Refusal, Ticket};
use crate::ids::RunId;
use crate::journal::{RunState, RunStatus, StoreError};
use crate::value::{Failure, Json};

use super::answer::{Problem, json, typed};

/// Headers that are the connection's, or would leave something behind: a workflow does not set them.
const NOT_THE_AUTHORS: [HeaderName; 8] =
    [CONNECTION, CONTENT_LENGTH, DATE, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Waits for what the mode asks for, and answers.
pub(super) async fn reply(
    daemon: &Daemon,
    mut ticket: Ticket,
    mode: &RespondMode,
) -> Result<Answered, Problem> {
    let run = match ticket.accepted().await.map_err(refused)? {
        Kept::New => ticket.run,
        Kept::Repeat(first) => first,
        Kept::Skipped => return Ok(skipped(mode)),
    };
    let within = match mode {
        RespondMode::Accepted => return Ok(accepted(run)),
        RespondMode::Fixed(fixed) => return Ok(written(fixed)),
        RespondMode::Result(within) | RespondMode::Step(within) => *within,
    };
    let ticket = if run == ticket.run { Some(ticket) } else { daemon.engine().attach(run) };
    match ticket {
        Some(ticket) => Ok(follow(daemon, ticket, mode, within).await),
        None => recall(daemon, run, mode).await,
    }
}

/// The answer of a run that is under way here.
async fn follow(daemon: &Daemon, mut ticket: Ticket, mode: &RespondMode, within: Duration) -> Answered {
    let run = ticket.run;
    let answer = async {
        match mode {
            RespondMode::Step(_) => ticket.answered().await,
            _ => ticket.finished().await,
        }
    };
    let answer = tokio::select! {
        biased;
        answer = answer => answer,
        () = daemon.clock().sleep(within) => return accepted(run),
    };
    match answer {
        Answer::Response(response) => written(&response),
        Answer::Finished(finish) => finished(run, &finish),
        // The run is kept and goes on in the next process.
        Answer::Interrupted => accepted(run),
    }
}

/// The answer of a run that ended before, from its journal.
async fn recall(daemon: &Daemon, run: RunId, mode: &RespondMode) -> Result<Answered, Problem> {
    let store = daemon.store();
    let lost = |error: StoreError| refused(Refusal::Storage(error.to_string()));
    let Some(entries) = store.load(run).await.map_err(lost)? else {
        return Ok(accepted(run));
    };
    let Ok(state) = RunState::fold(run, &entries) else {
        return Ok(accepted(run));
    };
    let cost = state.cost_with_calls();
    if let (RespondMode::Step(_), Some(kept)) = (mode, state.response) {
        let body = store.fetch(kept.body).await.map_err(lost)?;
        let body = Arc::unwrap_or_clone(body);
        return Ok(written(&Response { status: kept.status, headers: kept.headers, body }));
    }
    if state.status.is_unfinished() {
        return Ok(accepted(run));
    }
    let output = match &state.output {
        Some(output) => store.fetch(output.clone()).await.map_err(lost)?,
        None => Arc::new(Json::Null),
    };
    let attention = state.attention.map(|attention| Failure::new("in_doubt", attention.reason));
    let failure = state.failure.or(attention);
    Ok(finished(run, &Finish { status: state.status, output, failure, step: state.failed_step, cost }))
}

/// 202: the run is kept, and more is not known yet.
pub(super) fn accepted(run: RunId) -> Answered {
    json(StatusCode::ACCEPTED, &json!({ "run": run.to_string() }))
}

/// What is said of an event that became no run.
const SKIPPED: &str = "as many runs as this workflow wants are under way";

/// 202: there is no run, and the sender need not come again. A fixed answer stands either way.
fn skipped(mode: &RespondMode) -> Answered {
    match mode {
        RespondMode::Fixed(fixed) if (200..300).contains(&fixed.status) => written(fixed),
        _ => unstarted(),
    }
}

/// 202: as many runs as the workflow wants are under way, so that there is none for this event.
pub(super) fn unstarted() -> Answered {
    json(StatusCode::ACCEPTED, &json!({ "skipped": SKIPPED }))
}

/// What a run that ended gives: its output, or why there is none.
fn finished(run: RunId, finish: &Finish) -> Answered {
    let (code, message) = match (finish.status, &finish.failure) {
        (RunStatus::Succeeded, _) => return json(StatusCode::OK, &finish.output),
        (_, Some(failure)) => (failure.code.clone(), failure.message.clone()),
        (RunStatus::Cancelled, None) => ("cancelled".into(), "the run was cancelled".to_owned()),
        (_, None) => ("failed".into(), "the run failed".to_owned()),
    };
    let error = json!({ "code": code, "message": message, "run": run.to_string() });
    json(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": error }))
}

/// An answer as the workflow wrote it. A header that cannot be sent is left out.
pub(super) fn written(response: &Response) -> Answered {
    let status = StatusCode::from_u16(response.status).ok().filter(|status| !status.is_informational());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = match &response.body {
        Json::String(text) => typed(status, "text/plain; charset=utf-8", text.clone()),
        body => json(status, body),
    };
    for (name, value) in &response.headers {
        let name =
            HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !NOT_THE_AUTHORS.contains(name));
        match (name, HeaderValue::from_str(value)) {
            (Some(CONTENT_TYPE), Ok(value)) => drop(answer.headers_mut().insert(CONTENT_TYPE, value)),
            (Some(name), Ok(value)) => drop(answer.headers_mut().append(name, value)),
            _ => tracing::warn!("a header of a `respond` step cannot be sent and was left out"),
        }
    }
    answer
}

/// Why an event was not taken, without what the storage says of this machine.
pub(super) fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Storage(reason) => {
            tracing::warn!(reason, "a webhook could not be kept");
            Problem::unavailable("storage", "the event could not be kept; try again later", 5)
        }
        refusal => refusal.into(),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn text(answer: Answered) -> (u16, String) {
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn finish(status: RunStatus, output: Json, failure: Option<Failure>) -> Finish {
        Finish { output: Arc::new(output), failure, ..Finish::bare(status) }
    }

    #[tokio::test]
    async fn an_ended_run_answers_with_its_output_or_its_error() {
        let run = RunId::new();
        let done = finish(RunStatus::Succeeded, json!({ "queue": "outage" }), None);
        assert_eq!(text(finished(run, &done)).await, (200, r#"{"queue":"outage"}"#.to_owned()));
        let bare = finish(RunStatus::Succeeded, json!("text"), None);
        assert_eq!(text(finished(run, &bare)).await, (200, r#""text""#.to_owned()));
        let failure = Failure::new("timeout", "the step took longer");
        let (status, body) = text(finished(run, &finish(RunStatus::Failed, Json::Null, Some(failure)))).await;
        let error =
            format!(r#"{{"error":{{"code":"timeout","message":"the step took longer","run":"{run}"}}}}"#);
        assert_eq!((status, body), (500, error));
        let (status, body) = text(finished(run, &finish(RunStatus::Cancelled, Json::Null, None))).await;
        assert!(status == 500 && body.contains(r#""code":"cancelled""#), "{body}");
    }

    #[tokio::test]
    async fn a_response_is_sent_as_written_but_for_what_is_not_the_authors() {
        let headers = [
            ("content-type", "text/html"),
            ("x-ticket", "7"),
            ("set-cookie", "a=b"),
            ("content-length", "99"),
            ("transfer-encoding", "chunked"),
            ("x-split", "a\r\nx-injected: b"),
            ("not a name", "x"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let answer = written(&Response { status: 201, headers, body: json!("<p>hello</p>") });
        let names: Vec<_> = answer.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "x-ticket"]);
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/html");
        assert_eq!(text(answer).await, (201, "<p>hello</p>".to_owned()));
    }

    #[tokio::test]
    async fn a_status_that_is_no_answer_is_an_error() {
        for status in [0, 99, 101, 1_000] {
            let answer = written(&Response { status, headers: Vec::new(), body: json!({}) });
            assert_eq!(text(answer).await, (500, "{}".to_owned()));
        }
    }

    #[tokio::test]
    async fn a_refusal_keeps_what_the_storage_says_to_itself() {
        use axum::response::IntoResponse as _;
        let answer = refused(Refusal::Storage("no space left on the disk".to_owned())).into_response();
        assert_eq!(answer.headers()["retry-after"], "5");
        let (status, body) = text(answer).await;
        assert!(status == 503 && !body.contains("disk"), "{body}");
        assert_eq!(text(refused(Refusal::Busy).into_response()).await.0, 429);
    }
}
