//! What an answer's status and headers say about trying again. It waits for nothing and counts no
//! attempts: the engine does.

use std::time::Duration;

use super::response::Headers;
use crate::clock::{Timestamp, elapsed};

/// The longest wait that a server may ask for.
pub const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Whether the same request is worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is: after this time where the server asked for one, else after the policy's own.
    Again(Option<Duration>),
    /// It would be, but only after longer than [`LONGEST_WAIT`].
    TooLong(Duration),
    /// It is not.
    No,
}

/// Reads status and headers: 408, 409, 425, 429 and 5xx are worth another attempt unless
/// `x-should-retry` says otherwise, after `retry-after-ms` or `retry-after` (seconds or a date).
pub fn classify(status: u16, headers: &Headers, now: Timestamp) -> Verdict {
    let again = match headers.get("x-should-retry").map(str::trim) {
        Some("true") => true,
        Some("false") => false,
        _ => matches!(status, 408 | 409 | 425 | 429 | 500..),
    };
    if !again {
        return Verdict::No;
    }
    match asked_wait(headers, now) {
        Some(wait) if wait > LONGEST_WAIT => Verdict::TooLong(wait),
        wait => Verdict::Again(wait),
    }
}

/// The wait that the headers ask for, if it is one.
fn asked_wait(headers: &Headers, now: Timestamp) -> Option<Duration> {
    let number = |name, unit: f64| {
        let value: f64 = headers.get(name)?.trim().parse().ok()?;
        Duration::try_from_secs_f64(value * unit).ok().filter(|wait| !wait.is_zero())
    };
    number("retry-after-ms", 0.001).or_else(|| number("retry-after", 1.0)).or_else(|| {
        let date = jiff::fmt::rfc2822::parse(headers.get("retry-after")?.trim()).ok()?;
        Some(elapsed(now, date.timestamp())).filter(|wait| !wait.is_zero())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn verdict(status: u16, headers: &[(&str, &str)], expected: Verdict) {
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        assert_eq!(classify(status, &headers.iter().copied().collect(), now), expected);
    }

    fn after(millis: u64) -> Verdict {
        Verdict::Again(Some(Duration::from_millis(millis)))
    }

    #[test]
    fn the_status_decides_unless_the_server_does() {
        for status in [408, 409, 425, 429, 500, 502, 503, 504, 529] {
            verdict(status, &[], Verdict::Again(None));
            verdict(status, &[("x-should-retry", "false")], Verdict::No);
        }
        for status in [301, 400, 401, 402, 403, 404, 405, 413, 422] {
            verdict(status, &[], Verdict::No);
            verdict(status, &[("X-Should-Retry", "true")], Verdict::Again(None));
        }
    }

    #[test]
    fn the_wait_is_read_in_three_forms() {
        verdict(429, &[("retry-after", "7")], after(7_000));
        verdict(429, &[("retry-after", "0.5")], after(500));
        verdict(429, &[("retry-after", "60"), ("retry-after-ms", "59913")], after(59_913));
        verdict(503, &[("retry-after", "Mon, 23 Nov 2026 00:00:09 GMT")], after(9_000));
        verdict(429, &[("retry-after", "120")], after(120_000));
    }

    #[test]
    fn a_wait_that_is_none_leaves_it_to_the_policy() {
        for odd in ["0", "-5", "NaN", "soon", "", "Mon, 23 Nov 2020 00:00:00 GMT", "1e999"] {
            verdict(429, &[("retry-after", odd)], Verdict::Again(None));
        }
        verdict(429, &[("retry-after-ms", "x"), ("retry-after", "2")], after(2_000));
    }

    #[test]
    fn a_wait_beyond_two_minutes_is_no_retry() {
        verdict(429, &[("retry-after", "121")], Verdict::TooLong(Duration::from_secs(121)));
        let hour = Verdict::TooLong(Duration::from_secs(3600));
        verdict(429, &[("retry-after", "Mon, 23 Nov 2026 01:00:00 GMT")], hour);
        verdict(400, &[("retry-after", "121")], Verdict::No);
    }
}
