//! Drawing diagnostics: as rustc draws them, and as JSON.
