//! "Something is not as it was": for whoever reads a few folders whole when anything changes.
//!
//! Unlike a watch this follows symbolic links, as the folders are the author's own: a workflow may be
//! a link, and a mounted configuration changes by turning one. What counts is what a reader would see:
//! a snapshot of sizes and times. Reports of the operating system only say when to take the next one.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::hints::{Hints, Pending};
use super::look::Arms;
use super::{POLL, RESCAN};
use crate::clock::SharedClock;
use crate::files::read::Stamp;

/// How long a burst of reports (an editor's save, a checkout) may go on before it is told.
const QUIET: Duration = Duration::from_millis(20);

/// The deepest folder below a watched one.
const DEPTH: usize = 16;

/// The most files that a snapshot holds.
const FILES: usize = 50_000;

/// A stream of "something changed".
pub struct Changes {
    view: Arc<Mutex<View>>,
    hints: Hints,
    clock: SharedClock,
}

/// What is looked at, and how it looked last.
struct View {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    arms: Arms,
    last: BTreeMap<PathBuf, Stamp>,
    /// Whether a change was seen and not yet told.
    owed: bool,
}

/// Begins to watch `folders`, with all below them, and single `files`; neither need exist yet. What
/// is there now is where changes count from, so call this before reading it. Blocking.
pub fn changes(folders: Vec<PathBuf>, files: Vec<PathBuf>, clock: SharedClock) -> Changes {
    let hints = Hints::default();
    let mut view = View { folders, files, arms: Arms::new(&hints), last: BTreeMap::new(), owed: false };
    view.last = view.snapshot();
    if let Some(reason) = view.arms.broken() {
        tracing::warn!(reason, "the workspace is looked at every second, as it cannot be watched");
    }
    Changes { view: Arc::new(Mutex::new(view)), hints, clock }
}

impl Changes {
    /// Ends when something is not as it was when this last ended. Many changes at once are one;
    /// cancelled, it loses none.
    pub async fn next(&mut self) {
        loop {
            let period = {
                let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
                if std::mem::take(&mut view.owed) {
                    return;
                }
                if view.arms.broken().is_some() { POLL } else { RESCAN }
            };
            let hinted = tokio::select! {
                () = self.hints.came() => true,
                () = self.clock.sleep(period) => false,
            };
            if hinted {
                self.clock.sleep(QUIET).await;
            }
            let (view, hints) = (self.view.clone(), self.hints.clone());
            // All in one piece off the task, so that whoever stops waiting here loses nothing.
            let look = tokio::task::spawn_blocking(move || {
                let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
                view.look(hints.take(), hinted);
                if view.owed {
                    hints.wake();
                }
            });
            if let Err(error) = look.await {
                tracing::warn!(%error, "the look at the workspace was broken off; it is tried again");
            }
        }
    }
}

impl View {
    /// Takes a new snapshot, which replaces the last one, and notes whether they differ.
    fn look(&mut self, pending: Pending, hinted: bool) {
        self.arms.lose(&pending.lost);
        if let Some(reason) = pending.broken {
            self.arms.give_up(reason);
        }
        if pending.all || !hinted {
            self.arms.renew();
        }
        let new = self.snapshot();
        self.owed |= new != self.last;
        self.last = new;
    }

    /// What a reader would see, after watching every folder on the way.
    fn snapshot(&mut self) -> BTreeMap<PathBuf, Stamp> {
        let mut seen = BTreeMap::new();
        for file in &self.files {
            if let Some(folder) = file.parent() {
                self.arms.arm(folder);
            }
            note(file, &mut seen);
        }
        let mut visited = HashSet::new();
        let mut left = Vec::new();
        for folder in &self.folders {
            if let Some(parent) = folder.parent() {
                self.arms.arm(parent);
            }
            left.push((folder.clone(), 0));
        }
        while let Some((folder, depth)) = left.pop() {
            // Watched first, then listed, so that nothing falls between.
            self.arms.arm(&folder);
            let Ok(metadata) = folder.metadata() else { continue };
            if !visited.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            let Ok(entries) = folder.read_dir() else { continue };
            for entry in entries.flatten() {
                let path = entry.path();
                let Ok(metadata) = path.metadata() else { continue };
                if metadata.is_dir() && depth < DEPTH {
                    left.push((path, depth + 1));
                } else if metadata.is_file() && seen.len() < FILES {
                    seen.insert(path, Stamp::of(&metadata));
                }
            }
        }
        seen
    }
}

/// Adds a file to a snapshot, if it is there.
fn note(path: &Path, seen: &mut BTreeMap<PathBuf, Stamp>) {
    if let Ok(metadata) = path.metadata() {
        seen.insert(path.to_owned(), Stamp::of(&metadata));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::clock::SystemClock;

    async fn told(changes: &mut Changes) {
        tokio::time::timeout(Duration::from_secs(10), changes.next()).await.expect("a change to be told");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_way_of_saving_is_told() {
        let root = tempfile::tempdir().unwrap();
        let workflows = root.path().join("workflows");
        let config = root.path().join("howdah.yaml");
        let mut changes = changes(vec![workflows.clone()], vec![config.clone()], SystemClock::shared());
        // A folder and what is in it, made later.
        std::fs::create_dir_all(workflows.join("sub")).unwrap();
        std::fs::write(workflows.join("sub/a.yaml"), "1").unwrap();
        told(&mut changes).await;
        // Written in place; replaced by a rename; made; removed; moved with its folder.
        std::fs::write(workflows.join("sub/a.yaml"), "22").unwrap();
        told(&mut changes).await;
        std::fs::write(root.path().join("swap"), "1").unwrap();
        std::fs::rename(root.path().join("swap"), workflows.join("sub/a.yaml")).unwrap();
        told(&mut changes).await;
        std::fs::write(&config, "vars: {}").unwrap();
        told(&mut changes).await;
        std::fs::remove_file(&config).unwrap();
        told(&mut changes).await;
        std::fs::rename(workflows.join("sub"), workflows.join("other")).unwrap();
        told(&mut changes).await;
        std::fs::write(workflows.join("other/a.yaml"), "333").unwrap();
        told(&mut changes).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_turned_link_is_told_and_a_stranger_is_not() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("workflows");
        for version in ["1", "2"] {
            std::fs::create_dir_all(folder.join(version)).unwrap();
            std::fs::write(folder.join(version).join("a.yaml"), "same").unwrap();
        }
        symlink("1", folder.join("..data")).unwrap();
        symlink("..data/a.yaml", folder.join("a.yaml")).unwrap();
        symlink(".", folder.join("loop")).unwrap();
        let mut changes =
            changes(vec![folder.clone()], vec![root.path().join("x.yaml")], SystemClock::shared());
        std::fs::write(root.path().join("stranger"), "").unwrap();
        {
            let mut view = changes.view.lock().unwrap();
            view.look(Pending::default(), true);
            assert!(!view.owed);
        }
        symlink("2", folder.join("..new")).unwrap();
        std::fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
        told(&mut changes).await;
    }

    #[test]
    fn without_watches_snapshots_still_differ() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a");
        let changes = changes(vec![], vec![file.clone()], SystemClock::shared());
        let mut view = changes.view.lock().unwrap();
        view.arms.give_up("a test".to_owned());
        view.look(Pending::default(), false);
        assert!(!view.owed);
        std::fs::write(&file, "1").unwrap();
        view.look(Pending::default(), false);
        assert!(view.owed);
    }
}
