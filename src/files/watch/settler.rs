//! When a version of a file is settled: a state machine without a clock or a disk.
//!
//! A file is observed, and observed again; when it has stayed the same for the settle time it is due
//! and its content is read; when the content is new it is delivered; when that is recorded the file
//! rests until it is observed with another stamp. While it is read or delivered, what is observed
//! waits.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::hints::Hint;
use super::{Change, Seen};
use crate::clock::{Timestamp, elapsed};
use crate::files::read::{Contents, Stamp};

/// How long a file must be left alone that nobody was seen to close, whatever the settle time.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// The wait after a refusal; it doubles up to [`PATIENCE`].
const BACKOFF: Duration = Duration::from_secs(1);

/// The longest wait after a refusal.
const PATIENCE: Duration = Duration::from_secs(60);

/// What reading a due file came to.
#[derive(Debug)]
pub(super) enum Read {
    /// This.
    Contents(Contents),
    /// It changed while it was read, or has become another file.
    Changed,
    /// There is nothing to read now, or it may not be read: wait for the next observation.
    Nothing,
}

/// All files of a watch.
#[derive(Debug)]
pub(super) struct Settler {
    settle: Duration,
    files: HashMap<Arc<str>, File>,
    /// When each unsettled file is due.
    queue: BTreeSet<(Timestamp, Arc<str>)>,
    /// The latest instant heard of, to notice a clock that was set back.
    latest: Timestamp,
}

#[derive(Debug)]
struct File {
    /// The last version delivered.
    seen: Option<Seen>,
    state: State,
    refusals: u32,
}

#[derive(Debug)]
enum State {
    /// Nothing to do; the stamp whose content is known, if there is one.
    Rests(Option<Stamp>),
    /// Waiting to stay the same until it is due.
    Unsettled { stamp: Stamp, wait: Duration, due: Timestamp },
    /// Being read or delivered; what was observed meanwhile.
    Busy { stamp: Stamp, later: Option<(Stamp, Hint)> },
}

impl Settler {
    /// A settler that knows these versions.
    pub(super) fn new(settle: Duration, seen: HashMap<String, Seen>) -> Self {
        let rest = |seen| File { seen: Some(seen), state: State::Rests(None), refusals: 0 };
        let files = seen.into_iter().map(|(path, seen)| (path.into(), rest(seen))).collect();
        Self { settle, files, queue: BTreeSet::new(), latest: Timestamp::MIN }
    }

    /// A file looks like this now.
    pub(super) fn observe(&mut self, path: &str, stamp: Stamp, hint: Hint, now: Timestamp) {
        let (key, file) = match self.files.get_key_value(path) {
            Some((key, _)) => (key.clone(), self.files.get_mut(path)),
            None => {
                let key: Arc<str> = path.into();
                let file = File { seen: None, state: State::Rests(None), refusals: 0 };
                self.files.insert(key.clone(), file);
                (key, self.files.get_mut(path))
            }
        };
        let Some(file) = file else { return };
        match &mut file.state {
            State::Rests(known) => {
                let same = match (&known, &file.seen) {
                    (Some(known), _) => *known == stamp,
                    (None, Some(seen)) => seen.size == stamp.size && seen.modified == stamp.modified,
                    (None, None) => false,
                };
                // A closed writer may have left another content under an equal stamp.
                if same && hint == Hint::Seen {
                    *known = Some(stamp);
                } else {
                    self.wait(&key, stamp, hint, now);
                }
            }
            State::Unsettled { stamp: before, due, .. } => {
                if *before != stamp || hint == Hint::Closed {
                    let changed = *before != stamp;
                    let old = *due;
                    self.queue.remove(&(old, key.clone()));
                    self.wait(&key, stamp, hint, now);
                    if !changed {
                        self.hasten(&key, old);
                    }
                }
            }
            State::Busy { stamp: before, later } => {
                if *before != stamp || hint == Hint::Closed {
                    let hint = later.map_or(hint, |(_, earlier)| hint.max(earlier));
                    *later = Some((stamp, hint));
                }
            }
        }
    }

    /// The files that are due, at most `room` of them; they are busy until [`read`](Self::read).
    pub(super) fn due(&mut self, now: Timestamp, room: usize) -> Vec<Arc<str>> {
        if now < self.latest {
            self.clock_was_set_back(now);
        }
        self.latest = now;
        let mut paths = Vec::new();
        while paths.len() < room
            && let Some((due, _)) = self.queue.first()
            && *due <= now
            && let Some((_, path)) = self.queue.pop_first()
        {
            if let Some(file) = self.files.get_mut(&path)
                && let State::Unsettled { stamp, .. } = file.state
            {
                file.state = State::Busy { stamp, later: None };
                paths.push(path);
            }
        }
        paths
    }

    /// When the next file is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// How many files wait to settle.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// What reading a due file came to: the change, if there is a new version to deliver, which is
    /// then [`recorded`](Self::recorded) or [`refused`](Self::refused).
    pub(super) fn read(&mut self, path: &str, read: &Read, now: Timestamp) -> Option<Change> {
        let file = self.files.get_mut(path)?;
        let State::Busy { stamp, .. } = &mut file.state else { return None };
        match read {
            // With a settle time the version that was observed must be the one that was read.
            Read::Contents(contents) if contents.stamp == *stamp || self.settle.is_zero() => {
                *stamp = contents.stamp;
                if file.seen.is_some_and(|seen| seen.digest == Some(contents.digest)) {
                    self.recorded(path, contents, now);
                    return None;
                }
                Some(if file.seen.is_some() { Change::Modified } else { Change::Created })
            }
            Read::Contents(Contents { stamp, .. }) => {
                let stamp = *stamp;
                self.later_or(path, Some((stamp, Hint::Seen)), now);
                None
            }
            Read::Changed => {
                let stamp = *stamp;
                self.later_or(path, Some((stamp, Hint::Seen)), now);
                None
            }
            Read::Nothing => {
                self.later_or(path, None, now);
                None
            }
        }
    }

    /// The version is on record; also for one that is not wanted.
    pub(super) fn recorded(&mut self, path: &str, contents: &Contents, now: Timestamp) {
        let Some(file) = self.files.get_mut(path) else { return };
        let Contents { stamp, digest, .. } = contents;
        file.seen = Some(Seen { digest: Some(*digest), size: stamp.size, modified: stamp.modified });
        file.refusals = 0;
        self.later_or(path, None, now);
        if let Some(File { state: State::Rests(known), .. }) = self.files.get_mut(path) {
            *known = Some(*stamp);
        }
    }

    /// The version was not recorded: it is read again after a while.
    pub(super) fn refused(&mut self, path: &str, now: Timestamp) {
        let Some((key, _)) = self.files.get_key_value(path) else { return };
        let key = key.clone();
        let Some(file) = self.files.get_mut(path) else { return };
        let State::Busy { stamp, later } = &file.state else { return };
        let stamp = later.map_or(*stamp, |(stamp, _)| stamp);
        let wait = BACKOFF.saturating_mul(1 << file.refusals.min(6)).min(PATIENCE).max(self.settle);
        file.refusals = file.refusals.saturating_add(1);
        self.queue_up(&key, stamp, wait, now);
    }

    /// From busy to what was observed meanwhile, else to `other`, else to rest.
    fn later_or(&mut self, path: &str, other: Option<(Stamp, Hint)>, now: Timestamp) {
        let Some((key, _)) = self.files.get_key_value(path) else { return };
        let key = key.clone();
        let Some(file) = self.files.get_mut(path) else { return };
        let State::Busy { later, .. } = &file.state else { return };
        match later.or(other) {
            Some((stamp, hint)) => self.wait(&key, stamp, hint, now),
            None if file.seen.is_none() => {
                self.files.remove(path);
            }
            None => file.state = State::Rests(None),
        }
    }

    fn wait(&mut self, key: &Arc<str>, stamp: Stamp, hint: Hint, now: Timestamp) {
        let left_alone = hint == Hint::Closed || elapsed(stamp.changed, now) >= GRACE;
        let wait = if left_alone { self.settle } else { self.settle.max(GRACE) };
        self.queue_up(key, stamp, wait, now);
    }

    fn queue_up(&mut self, key: &Arc<str>, stamp: Stamp, wait: Duration, now: Timestamp) {
        let due = later(now, wait);
        if let Some(file) = self.files.get_mut(key) {
            file.state = State::Unsettled { stamp, wait, due };
            self.queue.insert((due, key.clone()));
        }
    }

    /// A file that did not change is not due later than it was.
    fn hasten(&mut self, key: &Arc<str>, before: Timestamp) {
        if let Some(File { state: State::Unsettled { due, .. }, .. }) = self.files.get_mut(key)
            && before < *due
        {
            self.queue.remove(&(*due, key.clone()));
            *due = before;
            self.queue.insert((before, key.clone()));
        }
    }

    /// Lets nothing wait for an instant that is now far away.
    fn clock_was_set_back(&mut self, now: Timestamp) {
        self.queue.clear();
        for (path, file) in &mut self.files {
            if let State::Unsettled { wait, due, .. } = &mut file.state {
                *due = (*due).min(later(now, *wait));
                self.queue.insert((*due, path.clone()));
            }
        }
    }
}

/// So much after `now`, or the end of the calendar.
pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Digest;

    const SECOND: u64 = 1_000;

    fn at(millis: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_millis(1_000_000 + millis))
    }

    fn stamp(size: u64, changed: u64) -> Stamp {
        Stamp { size, modified: at(changed), changed: at(changed), inode: 1 }
    }

    fn contents(text: &str, changed: u64) -> Read {
        Read::Contents(Contents {
            stamp: stamp(text.len() as u64, changed),
            digest: Digest::of(text.as_bytes()),
            bytes: None,
        })
    }

    fn settler(settle: u64) -> Settler {
        Settler::new(Duration::from_millis(settle), HashMap::new())
    }

    fn due(settler: &mut Settler, now: u64) -> Vec<String> {
        settler.due(at(now), 10).iter().map(ToString::to_string).collect()
    }

    /// Reads and records a due file.
    fn take(settler: &mut Settler, text: &str, changed: u64, now: u64) -> Option<Change> {
        let read = contents(text, changed);
        let change = settler.read("f", &read, at(now));
        if let (Some(_), Read::Contents(contents)) = (change, &read) {
            settler.recorded("f", contents, at(now));
        }
        change
    }

    #[test]
    fn a_file_settles_when_it_stays_as_it_is() {
        let mut settler = settler(SECOND);
        settler.observe("f", stamp(1, 0), Hint::Seen, at(0));
        settler.observe("f", stamp(2, 600), Hint::Closed, at(600));
        assert!(due(&mut settler, 1_599).is_empty());
        settler.observe("f", stamp(2, 600), Hint::Seen, at(1_599));
        settler.observe("f", stamp(2, 600), Hint::Closed, at(1_599));
        assert_eq!(settler.next_due(), Some(at(1_600)));
        assert_eq!(due(&mut settler, 1_600), ["f"]);
        assert!(due(&mut settler, 9_999).is_empty());
        assert_eq!(take(&mut settler, "ab", 600, 9_999), Some(Change::Created));
        settler.observe("f", stamp(2, 600), Hint::Seen, at(20_000));
        assert_eq!(settler.next_due(), None);
    }

    #[test]
    fn without_a_settle_time_a_closed_file_is_due_at_once_and_an_open_one_soon() {
        let mut settler = settler(0);
        settler.observe("open", stamp(1, 0), Hint::Seen, at(0));
        assert!(due(&mut settler, 0).is_empty());
        settler.observe("f", stamp(1, 0), Hint::Closed, at(0));
        assert_eq!(due(&mut settler, 0), ["f"]);
        settler.observe("open", stamp(1, 0), Hint::Closed, at(5));
        assert_eq!(due(&mut settler, 5), ["open"]);
        // One that has not been touched for long needs no grace.
        settler.observe("old", stamp(1, 0), Hint::Seen, at(200));
        assert_eq!(due(&mut settler, 200), ["old"]);
    }

    #[test]
    fn the_same_content_is_one_version() {
        let mut settler = settler(0);
        settler.observe("f", stamp(2, 0), Hint::Closed, at(0));
        due(&mut settler, 0);
        assert_eq!(take(&mut settler, "ab", 0, 0), Some(Change::Created));
        settler.observe("f", stamp(2, 10), Hint::Closed, at(10));
        assert_eq!(due(&mut settler, 10), ["f"]);
        assert_eq!(take(&mut settler, "ab", 10, 10), None);
        // Even under an equal stamp a closed writer is looked after.
        settler.observe("f", stamp(2, 10), Hint::Closed, at(11));
        assert_eq!(due(&mut settler, 11), ["f"]);
        assert_eq!(take(&mut settler, "cd", 10, 11), Some(Change::Modified));
    }

    #[test]
    fn what_is_on_record_is_not_delivered_again() {
        let seen = Seen { digest: Some(Digest::of(b"ab")), size: 2, modified: at(0) };
        let untouched = Seen { digest: None, ..seen };
        let on_record = [("f".to_owned(), seen), ("g".to_owned(), untouched)].into();
        let mut settler = Settler::new(Duration::ZERO, on_record);
        settler.observe("f", stamp(2, 0), Hint::Seen, at(900));
        settler.observe("g", stamp(2, 0), Hint::Seen, at(900));
        assert_eq!(settler.next_due(), None);
        settler.observe("f", stamp(3, 900), Hint::Closed, at(900));
        assert_eq!(due(&mut settler, 900), ["f"]);
        assert_eq!(take(&mut settler, "abc", 900, 900), Some(Change::Modified));
    }

    #[test]
    fn what_happens_while_a_file_is_read_is_not_lost() {
        let mut settler = settler(0);
        settler.observe("f", stamp(1, 0), Hint::Closed, at(0));
        due(&mut settler, 0);
        settler.observe("f", stamp(2, 1), Hint::Closed, at(1));
        assert_eq!(take(&mut settler, "a", 0, 2), Some(Change::Created));
        assert_eq!(due(&mut settler, 2), ["f"]);
        assert_eq!(settler.read("f", &Read::Changed, at(3)), None);
        assert_eq!(due(&mut settler, 3 + 100), ["f"]);
        assert_eq!(settler.read("f", &Read::Nothing, at(200)), None);
        assert_eq!(settler.next_due(), None);
        settler.observe("f", stamp(2, 1), Hint::Seen, at(300));
        assert_eq!(due(&mut settler, 300), ["f"]);
        assert_eq!(take(&mut settler, "ab", 1, 300), Some(Change::Modified));
    }

    #[test]
    fn a_version_other_than_the_settled_one_settles_anew() {
        let mut settler = settler(SECOND);
        settler.observe("f", stamp(1, 0), Hint::Closed, at(0));
        due(&mut settler, 1_000);
        assert_eq!(take(&mut settler, "ab", 990, 1_000), None);
        assert_eq!(settler.next_due(), Some(at(2_000)));
    }

    #[test]
    fn a_refused_version_comes_again_later_and_later() {
        let mut settler = settler(0);
        settler.observe("f", stamp(1, 0), Hint::Closed, at(0));
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(due(&mut settler, now), ["f"]);
            assert_eq!(settler.read("f", &contents("a", 0), at(now)), Some(Change::Created));
            settler.refused("f", at(now));
            now += wait * SECOND;
            assert_eq!(settler.next_due(), Some(at(now)));
        }
    }

    #[test]
    fn a_clock_set_back_delays_nothing() {
        let mut settler = settler(SECOND);
        assert!(due(&mut settler, 500_000).is_empty());
        settler.observe("f", stamp(1, 0), Hint::Closed, at(500_000));
        assert!(due(&mut settler, 10).is_empty());
        assert_eq!(due(&mut settler, 1_010), ["f"]);
    }

    #[test]
    fn only_as_many_are_due_as_there_is_room_for() {
        let mut settler = settler(0);
        for path in ["a", "b", "c"] {
            settler.observe(path, stamp(1, 0), Hint::Closed, at(0));
        }
        assert_eq!(settler.due(at(0), 2).len(), 2);
        assert_eq!(settler.waiting(), 1);
    }
}
