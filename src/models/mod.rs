//! What is known about models without asking anybody: names, prices, what each one accepts, and what
//! a usage report costs.
//!
//! It does no I/O and judges nothing else: what a server says at run time belongs to `llm`. What
//! must stay true: money is exact, and a price that is not known is never zero.

mod catalog;
mod facts;
mod reference;
mod table;
mod usage;

pub use catalog::{Catalog, DEFAULT_PROVIDER, Price, Quote};
pub use facts::{Family, JsonMode, Reasoning, family, json_mode, reasoning, usual_answer};
pub use reference::ModelRef;
pub use table::{ALIASES, KnownModel, MAMMOUTH};
pub use usage::{RawUsage, estimate_tokens};
