//! The text of a workspace's files as trees that know their places.
//!
//! [`sources`] is the snapshot of files that gets compiled, [`yaml`] makes a [`tree`] of one of them,
//! and [`fields`] reads a map of that tree key by key, so that a misspelt key is an error with a caret;
//! [`prompt`] parts a prompt file into its front matter, which is such a tree, and its body;
//! [`mod@format`] lays a file out as it is best written, without changing what it says.
//! What a workflow is made of, and which names exist, is decided further on.
//!
//! It must stay true that nothing here reads a file, and that no text, however hostile, makes
//! anything here fail otherwise than by a diagnostic, soon and within a bounded amount of memory.

pub mod ast;
pub mod comments;
pub mod credentials;
pub mod fields;
pub mod format;
pub mod prompt;
pub mod sources;
pub mod tree;
pub mod yaml;

/// The largest file that is read, in bytes.
pub const FILE_LIMIT: usize = 1024 * 1024;
