//! Trials: the tests of workflows, which run on the real engine and touch nothing.
//!
//! [`read()`] makes tests of a file, [`check()`] holds them against the workflows, [`run()`] makes one test
//! and compares what came of it, [`record()`] makes a test of a real run. Not here: which files there
//! are, and how results are shown, which is the command line's.
//!
//! What must stay true: unless somebody asked for it a test sends nothing, asks no model, and writes to
//! no file of the workspace; the same test gives the same result, whatever runs beside it; no secret
//! stands in a recording.

mod attend;
mod check;
mod drive;
mod expect;
mod ground;
mod mock;
mod outline;
mod pattern;
mod read;
mod record;
mod recording;
mod request;
mod run;
mod scratch;
mod stage;
mod treatment;

pub use check::{World, check};
pub use expect::{Ended, Outcome};
pub use ground::{Definition, Ground};
pub use pattern::Mismatch;
pub use read::{Test, TestFile, read};
pub use record::{Made, Order, record};
pub use run::{Finding, Models, Verdict, run};
