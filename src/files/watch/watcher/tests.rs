//! Watches through the front door, on a real disk with real reports.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};

use super::*;
use crate::clock::SystemClock;
use crate::files::RootSettings;
use crate::files::pattern::Patterns;
use crate::files::watch::{Change, RESCAN, Seen, Wanted};
use crate::ids::Digest;

/// A running watch; dropped, it ends.
struct Running {
    received: mpsc::Receiver<Delivery>,
    status: watch::Receiver<Status>,
    _ends: tokio_util::sync::DropGuard,
}

fn options(pattern: &str) -> Watch {
    Watch {
        patterns: Patterns::new([pattern], []).unwrap(),
        wanted: Wanted::Both,
        settle: Duration::ZERO,
        max_size: 1000,
        keep: 100,
        rescan: RESCAN,
        seen: HashMap::new(),
    }
}

fn prepare(root: &Path, options: Watch) -> (Watcher, mpsc::Receiver<Delivery>, watch::Receiver<Status>) {
    let roots = Roots::open(root, RootSettings::default()).unwrap();
    super::watch(roots, options, SystemClock::shared()).unwrap()
}

async fn begin(prepared: (Watcher, mpsc::Receiver<Delivery>, watch::Receiver<Status>)) -> Running {
    let (watcher, received, mut status) = prepared;
    let shutdown = CancellationToken::new();
    tokio::spawn(watcher.run(shutdown.clone()));
    soon(status.wait_for(|status| status.armed)).await.unwrap();
    Running { received, status, _ends: shutdown.drop_guard() }
}

async fn start(root: &Path, options: Watch) -> Running {
    begin(prepare(root, options)).await
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("what was waited for to come")
}

impl Running {
    async fn delivery(&mut self) -> Delivery {
        soon(self.received.recv()).await.expect("a delivery")
    }

    /// The next version, put on record.
    async fn next(&mut self) -> Settled {
        let delivery = self.delivery().await;
        let settled = delivery.settled.clone();
        delivery.recorded();
        settled
    }

    /// So many versions, put on record, in order of their paths.
    async fn take(&mut self, count: usize) -> Vec<Settled> {
        let mut versions = Vec::new();
        for _ in 0..count {
            versions.push(self.next().await);
        }
        versions.sort_by(|a, b| a.path.cmp(&b.path));
        versions
    }

    /// Waits until the watch has seen a last file and delivered nothing else before it.
    async fn nothing_before(&mut self, root: &Path, marker: &str) {
        std::fs::write(root.join(marker), marker).unwrap();
        assert_eq!(self.next().await.path, marker);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_version_of_a_file_comes_once() {
    let root = tempfile::tempdir().unwrap();
    let mut running = start(root.path(), options("in/*.txt")).await;
    // The folder is made only now.
    std::fs::create_dir(root.path().join("in")).unwrap();
    let mut file = std::fs::File::create(root.path().join("in/a.txt")).unwrap();
    file.write_all(b"he").unwrap();
    file.write_all(b"llo").unwrap();
    drop(file);
    let first = running.next().await;
    assert_eq!((first.path.as_str(), first.change), ("in/a.txt", Change::Created));
    assert_eq!(first.sha256, Digest::of(b"hello"));
    assert_eq!(first.bytes.as_deref(), Some(&b"hello"[..]));
    // Saved as editors do, with a swap file and a rename; then the same content again.
    std::fs::write(root.path().join("in/.a.txt.swp"), "x").unwrap();
    std::fs::rename(root.path().join("in/a.txt"), root.path().join("in/a.txt~")).unwrap();
    std::fs::write(root.path().join("in/4913"), "new").unwrap();
    std::fs::rename(root.path().join("in/4913"), root.path().join("in/a.txt")).unwrap();
    let second = running.next().await;
    assert_eq!((second.change, second.sha256), (Change::Modified, Digest::of(b"new")));
    std::fs::write(root.path().join("in/a.txt"), "new").unwrap();
    running.nothing_before(root.path(), "in/z.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_files_at_once_come_once_each() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("in")).unwrap();
    let mut running = start(root.path(), options("in/**/*")).await;
    let folder = root.path().join("in");
    let writer = tokio::task::spawn_blocking(move || {
        for index in 0..1000 {
            std::fs::write(folder.join(format!("{index:04}")), index.to_string()).unwrap();
        }
    });
    let versions = running.take(1000).await;
    writer.await.unwrap();
    let expected: Vec<_> = (0..1000).map(|index| format!("in/{index:04}")).collect();
    assert_eq!(versions.iter().map(|version| version.path.clone()).collect::<Vec<_>>(), expected);
    running.nothing_before(root.path(), "in/zz").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_folders_and_moved_trees_hide_nothing() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let mut running = start(root.path(), options("**/*.txt")).await;
    let mut expected = Vec::new();
    for index in 0..100 {
        let folder = root.path().join(format!("new{index}/a/b"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("f.txt"), "1").unwrap();
        expected.push(format!("new{index}/a/b/f.txt"));
        let tree = outside.path().join(format!("moved{index}"));
        std::fs::create_dir_all(tree.join("deep")).unwrap();
        std::fs::write(tree.join("deep/f.txt"), "1").unwrap();
        std::fs::rename(&tree, root.path().join(format!("moved{index}"))).unwrap();
        expected.push(format!("moved{index}/deep/f.txt"));
    }
    expected.sort();
    let versions = running.take(200).await;
    assert_eq!(versions.into_iter().map(|version| version.path).collect::<Vec<_>>(), expected);
    // What was moved is watched where it is now.
    std::fs::write(root.path().join("moved7/deep/g.txt"), "1").unwrap();
    assert_eq!(running.next().await.path, "moved7/deep/g.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_deleted_and_made_again_is_watched_again() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a/in");
    let mut running = start(root.path(), options("a/in/*")).await;
    for turn in ["1", "2", "3"] {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(turn), turn).unwrap();
        assert_eq!(running.next().await.path, format!("a/in/{turn}"));
        std::fs::remove_dir_all(root.path().join("a")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_nobody_watched_comes_and_what_is_on_record_does_not() {
    let root = tempfile::tempdir().unwrap();
    for name in ["old.txt", "changed.txt", "new.txt"] {
        std::fs::write(root.path().join(name), name).unwrap();
    }
    let roots = Roots::open(root.path(), RootSettings::default()).unwrap();
    let stamp = roots.blocking_stamp("old.txt").unwrap();
    let seen = Seen { digest: None, size: stamp.size, modified: stamp.modified };
    let changed = Seen { digest: Some(Digest::of(b"before")), size: 6, ..seen };
    let seen = [("old.txt".to_owned(), seen), ("changed.txt".to_owned(), changed)].into();
    let mut running = start(root.path(), Watch { seen, ..options("*.txt") }).await;
    let versions = running.take(2).await;
    assert_eq!((versions[0].path.as_str(), versions[0].change), ("changed.txt", Change::Modified));
    assert_eq!((versions[1].path.as_str(), versions[1].change), ("new.txt", Change::Created));
    running.nothing_before(root.path(), "z.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_version_comes_again() {
    let root = tempfile::tempdir().unwrap();
    let mut running = start(root.path(), options("*.txt")).await;
    std::fs::write(root.path().join("a.txt"), "1").unwrap();
    drop(running.delivery().await);
    assert_eq!(running.next().await.path, "a.txt");
    soon(running.status.wait_for(|status| status.delivered == 1 && status.waiting == 0)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_an_event_is_told_instead() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join(OsStr::from_bytes(b"\xff.txt")), "").unwrap();
    std::fs::write(root.path().join("large.txt"), [b'a'; 1001]).unwrap();
    std::fs::write(root.path().join("medium.txt"), [b'a'; 101]).unwrap();
    rustix::fs::mknodat(CWD, root.path().join("pipe.txt"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    symlink("/etc/passwd", root.path().join("link.txt")).unwrap();
    let mut running = start(root.path(), options("*.txt")).await;
    let medium = running.next().await;
    assert_eq!((medium.path.as_str(), medium.bytes), ("medium.txt", None));
    running.nothing_before(root.path(), "z.txt").await;
    let skipped: Vec<_> = running.status.borrow().skipped.iter().map(|file| file.path.clone()).collect();
    assert_eq!(skipped, ["large.txt", "�.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_wanted_changes_come() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a.txt"), "1").unwrap();
    let before = Seen { digest: None, size: 0, modified: Timestamp::UNIX_EPOCH };
    let seen = [("a.txt".to_owned(), before)].into();
    let mut running = start(root.path(), Watch { seen, wanted: Wanted::Modified, ..options("*.txt") }).await;
    assert_eq!(running.next().await.change, Change::Modified);
    std::fs::write(root.path().join("b.txt"), "first").unwrap();
    std::fs::write(root.path().join("a.txt"), "22").unwrap();
    let second = running.next().await;
    assert_eq!((second.path.as_str(), second.sha256), ("a.txt", Digest::of(b"22")));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_watched_files_are_found_by_scanning() {
    let root = tempfile::tempdir().unwrap();
    let prepared = prepare(root.path(), options("*.txt"));
    prepared.0.hints.report(Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch)));
    let mut running = begin(prepared).await;
    assert!(running.status.borrow().polling.is_some());
    std::fs::write(root.path().join("a.txt"), "1").unwrap();
    assert_eq!(running.next().await.path, "a.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settle_time_merges_what_is_written_within_it() {
    let root = tempfile::tempdir().unwrap();
    let settle = Duration::from_millis(300);
    let mut running = start(root.path(), Watch { settle, ..options("*.txt") }).await;
    for text in ["a", "ab", "abc"] {
        std::fs::write(root.path().join("a.txt"), text).unwrap();
    }
    assert_eq!(running.next().await.sha256, Digest::of(b"abc"));
    running.nothing_before(root.path(), "z.txt").await;
}

#[test]
fn a_pattern_outside_the_roots_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let roots = Roots::open(root.path(), RootSettings::default()).unwrap();
    let refused = super::watch(roots, options("/etc/*.conf"), SystemClock::shared()).err().unwrap();
    assert_eq!(refused.code, "file_denied");
}
