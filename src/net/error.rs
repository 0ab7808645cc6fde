//! Why a request failed on its way: a class to decide by, and one line for people.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use crate::units::format_duration;

/// A request that got no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NetError {
    /// What happened.
    pub class: Class,
    /// Whether the server can have seen something.
    pub sent: Sent,
    /// What happened, with host and port, and what to do; one line without secrets.
    pub message: String,
}

impl NetError {
    pub(super) fn new(class: Class, sent: Sent, message: String) -> Self {
        Self { class, sent, message }
    }

    /// Whether the same request may succeed a little later.
    pub fn is_passing(&self) -> bool {
        matches!(self.class, Class::Connect | Class::Dns | Class::Timeout(_) | Class::Reset | Class::Protocol)
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// No connection: refused, unreachable.
    Connect,
    /// The host's name has no address.
    Dns,
    /// The encrypted connection could not be agreed on: certificates, versions.
    Tls,
    /// A wait was over.
    Timeout(Wait),
    /// The connection broke before the answer was whole.
    Reset,
    /// What came is not HTTP, or not compressed as it says.
    Protocol,
    /// The answer is larger than the limit.
    TooLarge,
    /// The address may not be called.
    Policy,
    /// A secret that is not set.
    Secret {
        /// Its name.
        name: String,
    },
    /// The request itself cannot be sent: not a URL, not a header.
    Invalid,
}

/// The wait that was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For the connection.
    Connect,
    /// For the headers of the answer.
    FirstByte,
    /// For the next piece of the body.
    Idle,
    /// For all of it.
    Total,
}

/// Whether anything of a request can have reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Certainly not: repeating it is safe.
    Nothing,
    /// It may have.
    Perhaps,
}

/// The error of a wait that took longer than `limit`.
pub(super) fn timeout(wait: Wait, limit: Duration, host: &str) -> NetError {
    let limit = format_duration(limit);
    let message = match wait {
        Wait::Connect => {
            format!("no connection to `{host}` within {limit}; is the address right and the server up?")
        }
        Wait::FirstByte => format!("`{host}` did not begin to answer within {limit}"),
        Wait::Idle => format!("`{host}` began to answer and then sent nothing for {limit}"),
        Wait::Total => format!("`{host}` did not finish its answer within {limit}"),
    };
    let sent = if wait == Wait::Connect { Sent::Nothing } else { Sent::Perhaps };
    NetError::new(Class::Timeout(wait), sent, message)
}

/// The error of an answer over the limit of bytes.
pub(super) fn too_large(limit: u64, host: &str) -> NetError {
    let limit = crate::units::ByteSize(limit);
    NetError::new(Class::TooLarge, Sent::Perhaps, format!("the answer of `{host}` is larger than {limit}"))
}

/// What an error of the HTTP library means. `connect` is the limit that connecting had.
pub(super) fn classify(error: &reqwest::Error, connect: Duration, host: &str) -> NetError {
    let cause = causes(error).last().map(ToString::to_string).unwrap_or_default();
    if error.is_connect() || error.is_dns() {
        let (class, message) = if error.is_dns() {
            (Class::Dns, format!("the name of `{host}` has no address ({cause}); is it spelt right?"))
        } else if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
            (Class::Tls, format!("no secure connection to `{host}`: {tls}"))
        } else if error.is_timeout() {
            return timeout(Wait::Connect, connect, host);
        } else {
            (Class::Connect, format!("no connection to `{host}` ({cause}); is the server running there?"))
        };
        return NetError::new(class, Sent::Nothing, message);
    }
    if error.is_builder() {
        return NetError::new(
            Class::Invalid,
            Sent::Nothing,
            format!("the request to `{host}` is invalid: {cause}"),
        );
    }
    if causes(error).any(is_break) {
        let message = format!("the connection to `{host}` broke before the answer was whole ({cause})");
        return NetError::new(Class::Reset, Sent::Perhaps, message);
    }
    NetError::new(Class::Protocol, Sent::Perhaps, format!("the answer of `{host}` is not readable: {cause}"))
}

/// The error and what caused it, outermost first.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Whether this cause is a connection that ended too early.
fn is_break(cause: &(dyn StdError + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return error.is_incomplete_message() || error.is_closed() || error.is_canceled();
    }
    let broken = [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::NotConnected,
    ];
    cause.downcast_ref::<io::Error>().is_some_and(|error| broken.contains(&error.kind()))
}
