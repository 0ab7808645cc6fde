//! What goes wrong by chance: which share of the requests fails, and how.
//!
//! Not what a message asks for: those faults are directives. Whether the n-th request fails depends
//! on the seed and n alone, so that a retry of the same request can succeed.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use hyper::StatusCode;

use super::key::Key;

/// A share of all requests, from 0 (none) to 1 (every one).
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Chance(f64);

impl Chance {
    /// No request.
    pub const NEVER: Self = Self(0.0);
    /// Every request.
    pub const ALWAYS: Self = Self(1.0);

    /// This share.
    ///
    /// # Errors
    /// When it is not between 0 and 1.
    pub fn new(share: f64) -> Result<Self, FaultError> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(FaultError::Chance(share.to_string()))
        }
    }
}

impl FromStr for Chance {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share = text.trim().parse().map_err(|_| FaultError::Chance(text.to_owned()))?;
        Self::new(share)
    }
}

/// Answers a share of the requests with an error. Written `429=0.1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorRule {
    status: StatusCode,
    chance: Chance,
}

impl ErrorRule {
    /// This status for this share of the requests.
    ///
    /// # Errors
    /// When the status is not an error: 400 to 599.
    pub fn new(status: u16, chance: Chance) -> Result<Self, FaultError> {
        let status = error_status(status).ok_or_else(|| FaultError::Status(status.to_string()))?;
        Ok(Self { status, chance })
    }
}

impl FromStr for ErrorRule {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (status, chance) = text.split_once('=').ok_or_else(|| FaultError::Rule(text.to_owned()))?;
        let number = status.trim().parse().map_err(|_| FaultError::Status(status.to_owned()))?;
        Self::new(number, chance.parse()?)
    }
}

/// Why a text or a number is not a fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// Not between 0 and 1.
    #[error("`{0}` is not a chance: write a number from 0 to 1, like `0.1`")]
    Chance(String),
    /// Not an HTTP status of an error.
    #[error("`{0}` is not the status of an error: write one from 400 to 599, like `429`")]
    Status(String),
    /// No `=` between status and chance.
    #[error("`{0}` is not an error rule: write a status and a chance, like `429=0.1`")]
    Rule(String),
}

/// A status from 400 to 599.
pub(super) fn error_status(number: u16) -> Option<StatusCode> {
    let status = StatusCode::from_u16(number).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

/// What happens to a request instead of an answer, or to the answer on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An error with this status, and for 429 and 503 the time to wait.
    Error { status: StatusCode, retry_after: Option<Duration> },
    /// Nothing is ever answered.
    Hang,
    /// The answer begins and goes wrong half-way.
    Broken(Break),
}

/// How an answer goes wrong half-way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// The connection is dropped.
    Cut,
    /// A stream ends cleanly, without a finish reason and `[DONE]`; another answer is cut.
    Truncate,
    /// Nothing more comes, and the connection stays open.
    Stall,
    /// One event of a stream, or the whole body, is not JSON.
    Malformed,
    /// A stream holds an error as its last event; another answer is a plain 500.
    ErrorEvent,
}

/// The fault that chance has for the request of this number, if any.
pub(super) fn by_chance(seed: u64, number: u64, hang: Chance, errors: &[ErrorRule]) -> Option<Fault> {
    if hang == Chance::NEVER && errors.is_empty() {
        return None;
    }
    let drawn = Key::new(seed).number(number).fraction();
    if drawn < hang.0 {
        return Some(Fault::Hang);
    }
    let mut below = hang.0;
    errors.iter().find_map(|rule| {
        below += rule.chance.0;
        (drawn < below).then_some(Fault::Error { status: rule.status, retry_after: None })
    })
}

/// What a request asks of the pace: the wait before the first byte, and tokens a second after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) latency: Duration,
    pub(super) speed: Option<NonZeroU32>,
}

impl Pace {
    /// How long after the first byte this many tokens are out.
    pub(super) fn due(self, tokens: u64) -> Duration {
        let millis = |speed: NonZeroU32| tokens.saturating_mul(1_000) / u64::from(speed.get());
        Duration::from_millis(self.speed.map_or(0, millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_people_write_them() {
        assert_eq!("429=0.1".parse::<ErrorRule>(), ErrorRule::new(429, Chance(0.1)));
        assert_eq!("429".parse::<ErrorRule>(), Err(FaultError::Rule("429".into())));
        assert_eq!("200=1".parse::<ErrorRule>(), Err(FaultError::Status("200".into())));
        assert_eq!("500=2".parse::<ErrorRule>(), Err(FaultError::Chance("2".into())));
        assert!(Chance::new(f64::NAN).is_err());
    }

    #[test]
    fn chance_hits_its_share_and_is_repeatable() {
        let errors = ["429=0.1", "500=0.2"].map(|rule| rule.parse().unwrap());
        let draw = |seed| (0..2_000).map(|n| by_chance(seed, n, Chance(0.1), &errors)).collect::<Vec<_>>();
        let faults = draw(7);
        assert_eq!(faults, draw(7));
        assert_ne!(faults, draw(8));
        let share = |wanted: Option<u16>| {
            let of = |fault: &Option<Fault>| match fault {
                Some(Fault::Error { status, .. }) => Some(status.as_u16()) == wanted,
                Some(Fault::Hang) => wanted.is_none(),
                _ => false,
            };
            faults.iter().filter(|fault| of(fault)).count()
        };
        assert!((150..250).contains(&share(None)), "{}", share(None));
        assert!((150..250).contains(&share(Some(429))), "{}", share(Some(429)));
        assert!((330..470).contains(&share(Some(500))), "{}", share(Some(500)));
    }
}
