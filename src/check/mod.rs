//! From what was written to what it means: names resolved, texts compiled, all mistakes reported.
//!
//! Checking does no I/O and knows nothing of this machine: which models there are and which secrets
//! are set is the business of [`plan`](crate::plan). A workflow with errors gives no [`Workflow`].

mod arguments;
mod defaults;
pub mod flow;
mod names;
mod order;
mod settings;
mod shape;
mod steps;
mod workflow;

pub use settings::settings;
pub use steps::Call;
pub use workflow::{Input, Setting, Trigger, Workflow, check};
