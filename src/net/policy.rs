//! Where a request may go at all: the one place that says so, asked with the filled URL before
//! anything is resolved or sent.
//!
//! Today every host is one that an author wrote, and the answer depends on the scheme. Rules for
//! hosts that data chose (allowed names, refused address ranges) belong here and in a resolver that
//! the client is built with, so that the checked address is the one that is connected to.

use url::Url;

use super::error::{Class, NetError, Sent};

/// Whether this URL may be called.
///
/// # Errors
/// With [`Class::Policy`] when it may not.
pub(super) fn check(url: &Url) -> Result<(), NetError> {
    let refuse = |message| Err(NetError::new(Class::Policy, Sent::Nothing, message));
    match url.scheme() {
        "http" | "https" => Ok(()),
        other => refuse(format!("a URL with the scheme `{other}` is not called: use `https` or `http`")),
    }
}

/// Whether the host is this machine, which no proxy of the environment stands in front of.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
