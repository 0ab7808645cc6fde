//! What the operating system reports, gathered until somebody looks.
//!
//! Reports come on a thread of their own and in floods; they only mark what is worth a look, so
//! that a thousand of them cost one look. Past a bound they become "look at everything".

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use tokio::sync::Notify;

/// How sure it is that a writer is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hint {
    /// It is there, and may still be written.
    Seen,
    /// Its writer closed it, or it was moved here whole.
    Closed,
}

/// What is worth a look.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// These paths, files or folders.
    pub(super) paths: HashMap<PathBuf, Hint>,
    /// These folders with all below them.
    pub(super) folders: HashSet<PathBuf>,
    /// What stands here, if it was watched, is watched no more.
    pub(super) lost: HashSet<PathBuf>,
    /// Everything.
    pub(super) all: bool,
    /// Why watching does not work any more.
    pub(super) broken: Option<String>,
}

impl Pending {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty()
            && self.folders.is_empty()
            && self.lost.is_empty()
            && !self.all
            && self.broken.is_none()
    }

    fn see(&mut self, path: PathBuf, hint: Hint) {
        let known = self.paths.entry(path).or_insert(hint);
        *known = hint.max(*known);
    }
}

/// The most paths that are kept apart.
const BOUND: usize = 10_000;

/// The meeting point of the reporting thread and the looking task.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    pending: Mutex<Pending>,
    came: Notify,
}

impl Hints {
    /// Takes what was gathered.
    pub(super) fn take(&self) -> Pending {
        std::mem::take(&mut *self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends when something was gathered since the last [`take`](Self::take), perhaps before this call.
    pub(super) async fn came(&self) {
        self.inner.came.notified().await;
    }

    /// Wakes the looking task without a hint.
    pub(super) fn wake(&self) {
        self.inner.came.notify_one();
    }

    /// Takes a report of the operating system in.
    pub(super) fn report(&self, report: notify::Result<notify::Event>) {
        let mut pending = self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner);
        match report {
            Ok(event) => gather(&mut pending, event),
            Err(error) if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
                pending.broken = Some(error.to_string());
            }
            Err(_) => pending.all = true,
        }
        if pending.paths.len() > BOUND || pending.folders.len() > BOUND {
            pending.paths.clear();
            pending.folders.clear();
            pending.all = true;
        }
        if pending.lost.len() > BOUND {
            // Looking at everything watches everything anew.
            pending.lost.clear();
            pending.all = true;
        }
        let wake = !pending.is_empty();
        drop(pending);
        if wake {
            self.wake();
        }
    }
}

fn gather(pending: &mut Pending, event: notify::Event) {
    if event.need_rescan() {
        pending.all = true;
    }
    for path in event.paths {
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => pending.see(path, Hint::Closed),
            // Reading, our own too, changes nothing; a pair of names was told name by name already.
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {}
            EventKind::Create(CreateKind::Folder) => {
                pending.folders.insert(path);
            }
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                pending.lost.insert(path.clone());
                pending.see(path, Hint::Seen);
            }
            EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => {
                pending.see(path, Hint::Seen);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{DataChange, Flag, RemoveKind};

    use super::*;

    fn event(kind: EventKind, path: &str) -> notify::Result<notify::Event> {
        Ok(notify::Event::new(kind).add_path(path.into()))
    }

    #[test]
    fn a_flood_of_reports_is_one_look() {
        let hints = Hints::default();
        hints.report(event(EventKind::Create(CreateKind::File), "/a"));
        hints.report(event(EventKind::Access(AccessKind::Close(AccessMode::Write)), "/a"));
        hints.report(event(EventKind::Modify(ModifyKind::Data(DataChange::Any)), "/a"));
        hints.report(event(EventKind::Remove(RemoveKind::Folder), "/b"));
        let pending = hints.take();
        assert_eq!(pending.paths[&PathBuf::from("/a")], Hint::Closed);
        assert!(pending.lost.contains(&PathBuf::from("/b")) && !pending.all);
        for index in 0..=BOUND {
            hints.report(event(EventKind::Create(CreateKind::File), &format!("/{index}")));
        }
        let pending = hints.take();
        assert!(pending.all && pending.paths.is_empty());
    }

    #[test]
    fn reading_is_no_news_and_an_overflow_is_all_news() {
        let hints = Hints::default();
        hints.report(event(EventKind::Access(AccessKind::Open(AccessMode::Any)), "/a"));
        hints.report(event(EventKind::Access(AccessKind::Close(AccessMode::Read)), "/a"));
        assert!(hints.take().is_empty());
        hints.report(Ok(notify::Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert!(hints.take().all);
        hints.report(Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch)));
        assert!(hints.take().broken.is_some());
    }
}
