//! The one outbound HTTP client. Everything that leaves the program over HTTP leaves through here.
//!
//! It fills secrets at the last moment, bounds every wait and every body, names the host and the way
//! out in its errors, and lets no secret into them. It is not a retry loop (the engine has the only
//! one) and follows no redirect. What must stay true: a [`NetError`] says truthfully whether
//! anything of the request can have reached the server, as repeating a step depends on it.

mod client;
mod error;
mod policy;
mod request;
mod response;
pub mod retry;
pub mod signature;

pub use client::{Client, NetOptions};
pub use error::{Class, NetError, Sent, Wait};
pub use request::{Body, Limits, Request};
pub use reqwest::Method;
pub use response::{Headers, Response};
