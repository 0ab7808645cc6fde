//! From what was written to what it means: names resolved, texts compiled, all mistakes reported.
//!
//! Checking does no I/O and knows nothing of this machine: which models there are and which secrets
//! are set is the business of [`plan`](crate::plan). A workflow with errors gives no [`Workflow`].

mod allow;
mod arguments;
mod calls;
mod chains;
mod cost;
mod data;
mod dead;
mod defaults;
mod file_loop;
pub mod flow;
mod forms;
mod globs;
mod inputs;
mod names;
mod order;
mod prompts;
mod settings;
mod steps;
mod texts;
mod together;
mod types;
mod unused;
mod workflow;

pub use allow::without_allowed;
pub use calls::callees_first;
pub use inputs::Input;
pub use prompts::Prompts;
pub use settings::settings;
pub use steps::Call;
pub use together::together;
pub use workflow::{
    Checked, Concurrency, Limits, Overflow, Read, Reads, Setting, Signatures, Trigger, Workflow, World, read,
};
