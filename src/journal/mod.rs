//! The journal: what happened, kept so that nothing acknowledged is lost.
//!
//! A run is its [entries](entry), which are kept in a [form] of their own; its [state] is their fold; its [row] in the index is made
//! from the state. A [store] keeps entries and rows, and beside them what must be written in the
//! same transaction: the identities of events, the ledger of files, bundles, the [values](variables)
//! that outlive runs. There are two stores
//! with one contract, [SQLite](sqlite) and [memory], and one suite of tests over both.
//!
//! Not here: when to write what, which is the engine's.
//!
//! What must stay true: an answer follows the flush of what it answers for. Entries are only
//! appended, each commit on the version it was made from. A row equals the fold of its entries. One
//! process at a time owns a state folder ([lock]), and one that has lost it can write no more.

pub mod blobs;
pub mod entry;
pub mod form;
pub mod items;
pub mod lock;
pub mod memory;
pub mod row;
pub mod sqlite;
pub mod state;
pub mod status;
pub mod store;
pub mod variables;

pub use entry::{AfterFailure, Entry, Overflow, Parent, StepEnd, Turn};
pub use items::LoopKey;
pub use row::RunRow;
pub use state::{Attempt, RunState, Signal, StepState, WaitState};
pub use status::{RunEnd, RunStatus, StepStatus};
pub use store::{
    Acceptance, Accepted, AppendError, Arming, Claim, Commit, SharedStore, Store, StoreError, TriggerKey,
    Version,
};
pub use variables::{StateChange, StateLimit, StateOwner, StateValues};

#[cfg(test)]
mod samples;
#[cfg(test)]
mod suite;
