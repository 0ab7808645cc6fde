//! What the simulator remembers: the last requests, and how often a directive was followed.
//!
//! Both are bounded, by count and by bytes, however long the simulator runs.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use indexmap::IndexMap;

use super::key::Key;

/// One request to `chat/completions` or `embeddings`, and what was decided about it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The number of the request, from 0.
    pub number: u64,
    /// The path that was asked for.
    pub path: String,
    /// The body as it was sent.
    pub body: Bytes,
    /// The status of the answer; none when the request hangs.
    pub status: Option<u16>,
}

/// The bodies that are kept add up to this many bytes at most.
const KEPT_BYTES: usize = 32 << 20;

/// The last requests, the newest last.
#[derive(Debug)]
pub(super) struct Journal {
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: VecDeque<Recorded>,
    bytes: usize,
}

impl Journal {
    /// A journal of this many requests.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::default() }
    }

    /// Keeps a request, and forgets the oldest ones beyond the bounds.
    pub(super) fn record(&self, number: u64, path: &str, body: &Bytes, status: Option<u16>) {
        if self.capacity == 0 {
            return;
        }
        let mut kept = unpoisoned(&self.kept);
        kept.bytes += body.len();
        kept.requests.push_back(Recorded { number, path: path.to_owned(), body: body.clone(), status });
        while kept.requests.len() > self.capacity || kept.bytes > KEPT_BYTES {
            let Some(oldest) = kept.requests.pop_front() else { break };
            kept.bytes -= oldest.body.len();
        }
    }

    /// The requests that are kept, the oldest first.
    pub(super) fn requests(&self) -> Vec<Recorded> {
        unpoisoned(&self.kept).requests.iter().cloned().collect()
    }
}

/// How often each directive with `times` was followed.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<IndexMap<Key, u32>>);

impl Counters {
    const CAPACITY: usize = 4_096;

    /// Counts one more, and says whether that is still within `times`.
    pub(super) fn within(&self, key: Key, times: u32) -> bool {
        let mut counts = unpoisoned(&self.0);
        if counts.len() >= Self::CAPACITY && !counts.contains_key(&key) {
            counts.shift_remove_index(0);
        }
        let count = counts.entry(key).or_default();
        let within = *count < times;
        *count = count.saturating_add(1);
        within
    }
}

/// The lock's content; what is in it is whole even if a holder panicked.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_bounded_by_count_and_bytes() {
        let journal = Journal::new(2);
        for number in 0..3 {
            journal.record(number, "/", &Bytes::from_static(b"x"), Some(200));
        }
        assert_eq!(journal.requests().iter().map(|request| request.number).collect::<Vec<_>>(), [1, 2]);
        journal.record(3, "/", &Bytes::from(vec![0; KEPT_BYTES + 1]), None);
        assert!(journal.requests().is_empty());
    }

    #[test]
    fn counters_end_and_are_bounded() {
        let counters = Counters::default();
        let key = Key::new(1);
        assert_eq!([(); 3].map(|()| counters.within(key, 2)), [true, true, false]);
        for number in 0..5_000 {
            counters.within(key.number(number), 1);
        }
        assert_eq!(unpoisoned(&counters.0).len(), Counters::CAPACITY);
    }
}
