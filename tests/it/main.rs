//! The promises to the user, each tried through the front door.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod bed;
mod check;
mod durable;
mod examples;
mod files;
mod flow;
mod models;
mod reload;
mod resume;
mod run;
mod serve;
mod storage;
mod tidy;
