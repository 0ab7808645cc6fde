//! The workspace's files: what workflows read and write, and what is watched.
//!
//! Every path that comes from a workflow or an event goes through [`Roots`], which opens it beneath
//! a root without following a symbolic link; nothing here takes a path by another door. Writing is
//! atomic ([`Mode`], [`Draft`]), what steps hand to each other as files is kept by its digest
//! ([`FileRef`]), listing and scanning walk the same way ([`Pattern`]), and [`watch`] turns
//! what happens on disk into settled versions of files.
//!
//! What must stay true: a reader of a file that is replaced sees the old bytes or the new ones; no
//! symbolic link, `..`, FIFO or device leads out of a root or makes a call hang; an event of the
//! operating system is only ever a hint, and what a file is now is decided by looking at it.

mod beneath;
mod draft;
mod failure;
mod keep;
mod media;
mod moves;
mod pattern;
mod read;
mod roots;
mod scan;
pub mod watch;
mod write;

pub use draft::{Draft, Whole};
pub use keep::{FileRef, KEEP_LIMIT, NewFile};
pub use media::media_type;
pub use moves::{Existing, Removed, Turn};
pub use pattern::{Pattern, PatternError, Patterns};
pub use read::{Contents, Stamp};
pub use roots::{Declared, RootSettings, Roots};
pub use scan::{FileInfo, LIST_LIMIT, Observation, Scan, Skipped};
pub use write::{Mode, Written};
