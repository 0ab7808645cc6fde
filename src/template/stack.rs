//! Running a parser where its stack is known to be enough.
//!
//! Both parsers recurse, and a stack that overflows ends the whole process. Their input is first
//! capped in length and nesting; what is simple then runs at once, and the rest on a thread of its
//! own whose stack the deepest permitted input has been measured to leave mostly unused. A panic
//! inside a library is caught either way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// How much stack the deepest input may take, in bytes. Only what is touched becomes memory.
const LARGE: usize = 64 * 1024 * 1024;

/// How demanding an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// A few levels: any thread will do.
    Shallow,
    /// Up to the limits.
    Deep,
}

/// What `work` returns; none if it panicked or no thread could be had.
pub(super) fn run<T: Send>(depth: Depth, work: impl FnOnce() -> T + Send) -> Option<T> {
    match depth {
        Depth::Shallow => catch_unwind(AssertUnwindSafe(work)).ok(),
        Depth::Deep => thread::scope(|scope| {
            let thread = thread::Builder::new().name("parse".to_owned()).stack_size(LARGE);
            thread.spawn_scoped(scope, work).ok()?.join().ok()
        }),
    }
}
