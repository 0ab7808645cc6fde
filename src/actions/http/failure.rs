//! Requests that failed, as errors of a step: what happened, and whether trying again can help.

use crate::clock::Timestamp;
use crate::component::{Retry, StepError};
use crate::net::retry::{Verdict, classify};
use crate::net::{Class, NetError, Response, Sent};
use crate::secret::Secrets;
use crate::value::Failure;

/// The longest body of an error that is told.
const TOLD: usize = 300;

/// A request without an answer, as a step's error.
pub fn unsent(error: &NetError) -> StepError {
    let retry = match (error.is_passing(), error.sent) {
        (false, _) => Retry::Never,
        (true, Sent::Nothing) => Retry::Safe { after: None },
        (true, _) => Retry::IfIdempotent { after: None },
    };
    let code = match error.class {
        Class::Timeout(_) => "timeout",
        Class::TooLarge => "answer_too_large",
        Class::Secret { .. } => "missing_secret",
        Class::Policy => "address_refused",
        Class::Invalid => "wrong_value",
        _ => "unreachable",
    };
    StepError { failure: Failure::new(code, error.message.clone()), retry, model: None }
}

/// An answer with a status that is a failure, as a step's error.
pub async fn refused(response: Response, now: Timestamp, secrets: &Secrets) -> StepError {
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
    let said = secrets.redact(&String::from_utf8_lossy(&body));
    let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TOLD).collect();
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let moved = location
        .filter(|_| (300..400).contains(&status))
        .map(|to| format!("; it sends on to `{}`, and redirects are not followed", secrets.redact(&to)))
        .unwrap_or_default();
    let failure =
        Failure::new("http_status", format!("{host} answered {status}{said}{moved}")).with_status(status);
    StepError { failure, retry, model: None }
}
