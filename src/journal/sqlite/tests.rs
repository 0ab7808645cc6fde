//! What only the durable store promises: to survive, to group, to fence.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::journal::entry::Stop;
use crate::journal::samples::{BUNDLE, bundle, ended, finished, instant, new_run, sqlite, started, still};
use crate::journal::state::RunState;
use crate::journal::status::{RunEnd, RunStatus};

/// The folder as a machine that lost its power would find it: the files as they are now, with
/// nobody closing them.
fn crash(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// Keeps the writer busy until the sender is dropped: what is queued meanwhile is one group.
async fn hold(store: &Arc<SqliteStore>) -> std::sync::mpsc::Sender<()> {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (begin, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let held = Arc::clone(store);
    tokio::spawn(async move {
        let busy = held.write(move |_| {
            begin.send(()).unwrap();
            released.recv().unwrap_err();
            Ok(())
        });
        busy.await.unwrap();
    });
    begun.recv().await.unwrap();
    release
}

async fn state(store: &dyn Store, run: RunId) -> RunState {
    RunState::fold(run, &store.load(run).await.unwrap().unwrap()).unwrap()
}

#[tokio::test]
async fn all_is_there_after_closing_and_after_dropping() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path());
    let mut run = new_run(&store, "w").await;
    let large = store.keep(Arc::new("x".repeat(100_000).into())).await.unwrap();
    store.close().await;
    drop(store);
    assert!(!dir.path().join("journal.db-wal").exists(), "closing leaves one file");

    let store = sqlite(dir.path());
    assert_eq!(state(&store, run.run).await, run);
    assert_eq!(store.bundle(bundle()).await.unwrap().as_deref(), Some(BUNDLE));
    assert_eq!(store.fetch(large).await.unwrap().as_str().map(str::len), Some(100_000));
    store.append(run.commit(vec![finished("a", 1), ended(RunEnd::Succeeded)])).await.unwrap();
    drop(store);

    let store = sqlite(dir.path());
    assert_eq!(state(&store, run.run).await, run);
    assert_eq!(store.row(run.run).await.unwrap(), Some(run.summary()));
}

#[tokio::test]
async fn what_was_answered_survives_a_crash_and_what_ran_is_queued() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, after) = (dir.path().join("before"), dir.path().join("after"));
    let store = sqlite(&folder);
    let mut run = new_run(&store, "w").await;
    let queued = new_run(&store, "w").await;
    store.append(run.commit(vec![started("a", 1)])).await.unwrap();
    crash(&folder, &after);

    let store = sqlite(&after);
    let found = state(&store, run.run).await;
    assert_eq!((found.status, found.recoveries), (RunStatus::Queued, 1));
    assert_eq!(found.crashes(&"a".into()), 1);
    assert_eq!(store.row(run.run).await.unwrap(), Some(found.summary()));
    assert_eq!(store.row(queued.run).await.unwrap(), Some(queued.summary()));
    assert_eq!(store.unfinished().await.unwrap(), [found.summary(), queued.summary()]);
    let stale = store.append(run.commit(vec![finished("a", 1)])).await;
    assert_eq!(stale, Err(AppendError::Conflict { found: Version(3) }));
}

#[tokio::test]
async fn a_stop_in_order_is_no_crash() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path());
    let mut run = new_run(&store, "w").await;
    store.append(run.commit(vec![started("a", 1)])).await.unwrap();
    store.close().await;
    drop(store);
    let store = sqlite(dir.path());
    let last = store.load(run.run).await.unwrap().unwrap().pop();
    assert_eq!(last, Some(Entry::RunRecovered { after: Stop::Clean, at: instant(10_000) }));
}

#[tokio::test]
async fn a_process_that_was_taken_over_writes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let old = sqlite(dir.path());
    let mut run = new_run(&old, "w").await;
    // As if the lock had been lost: a folder on a network, say.
    let mut other = schema::create(&dir.path().join(DATABASE)).unwrap();
    write::take_over(&mut other, instant(20_000)).unwrap();
    let refused = old.append(run.commit(vec![started("a", 1)])).await;
    assert_eq!(refused, Err(StoreError::Fenced.into()));
    assert_eq!(old.put_bundle(bundle(), BUNDLE.to_vec()).await, Err(StoreError::Fenced));
}

#[tokio::test]
async fn writes_that_wait_share_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(sqlite(dir.path()));
    new_run(&*store, "w").await;
    let before = store.stats();
    let release = hold(&store).await;
    let puts = (0_u8..200).map(|number| store.put_bundle(Digest::of(&[number]), vec![number]));
    let (puts, ()) = tokio::join!(futures_util::future::join_all(puts), async { drop(release) });
    assert!(puts.iter().all(Result::is_ok));
    let after = store.stats();
    // The one that kept the writer busy, and 64, 64, 64 and 8.
    assert_eq!((after.writes - before.writes, after.commits - before.commits), (201, 5));
}

#[tokio::test]
async fn a_write_that_is_refused_harms_no_other_of_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(sqlite(dir.path()));
    let run = new_run(&*store, "w").await;
    let writes = |connection: &Connection, name: &str| {
        connection.execute("INSERT INTO armed VALUES ('w', ?1, x'00')", [name])?;
        Ok(())
    };
    let release = hold(&store).await;
    let good = |name: &'static str| store.write(move |connection| writes(connection, name));
    let bad = store.write(move |connection| {
        writes(connection, "bad")?;
        Err::<(), _>(StoreError::TooDeep)
    });
    let stale = store.append(Commit {
        expected: Version(9),
        entries: vec![ended(RunEnd::Failed)],
        row: run.summary(),
    });
    let (first, bad, stale, last, ()) =
        tokio::join!(good("first"), bad, stale, good("last"), async { drop(release) });
    assert_eq!((first, last), (Ok(()), Ok(())));
    assert_eq!(bad, Err(StoreError::TooDeep));
    assert_eq!(stale, Err(AppendError::Conflict { found: Version(1) }));
    let connection = schema::readable(&dir.path().join(DATABASE)).unwrap();
    let names: Vec<String> = connection
        .prepare("SELECT trigger FROM armed ORDER BY trigger")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(names, ["first", "last"]);
}

#[tokio::test]
async fn storage_trouble_is_told_to_all_that_wait_and_passes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(sqlite(dir.path()));
    let mut run = new_run(&*store, "w").await;
    let release = hold(&store).await;
    // The transaction ends under the writer's feet, as it does when the disk is full.
    let trouble = store.write(|connection| {
        connection.execute_batch("ROLLBACK")?;
        Err::<(), _>(StoreError::TooDeep)
    });
    let commit = run.commit(vec![started("a", 1)]);
    let (trouble, append, ()) = tokio::join!(trouble, store.append(commit.clone()), async { drop(release) });
    assert_eq!(trouble, Err(StoreError::TooDeep));
    assert!(matches!(append, Err(AppendError::Store(StoreError::Unavailable(_)))), "{append:?}");
    assert_eq!(store.append(commit).await, Ok(Version(2)), "the next group is on a new connection");
}

#[tokio::test]
async fn a_full_disk_refuses_and_work_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path());
    let mut run = new_run(&store, "w").await;
    store.write(|connection| Ok(connection.execute_batch("PRAGMA max_page_count = 1")?)).await.unwrap();
    let commit = run.commit(vec![Entry::CancelRequested { by: "x".repeat(60_000), at: instant(1) }]);
    let full = store.append(commit.clone()).await.unwrap_err().to_string();
    assert!(full.contains("database or disk is full"), "{full}");
    assert_eq!(store.load(run.run).await.unwrap().map(|entries| entries.len()), Some(1));
    // The limit went with the connection.
    assert_eq!(store.append(commit).await, Ok(Version(2)));
}

#[tokio::test]
async fn forgotten_identities_are_cleared_away() {
    use crate::event::Identity;
    use crate::journal::samples::accepted;
    use crate::journal::store::Claim;

    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path());
    store.put_bundle(bundle(), BUNDLE.to_vec()).await.unwrap();
    for number in 0..20 {
        let (_, commit) = RunState::accept(RunId::new(), vec![accepted("w")]).unwrap();
        let identity = Identity { key: number.to_string(), keep: Some(std::time::Duration::from_millis(1)) };
        let claim = Some(Claim { identity, now: instant(number) });
        store.accept(Acceptance { claim, ..Acceptance::of(commit) }).await.unwrap();
    }
    let connection = schema::readable(&dir.path().join(DATABASE)).unwrap();
    let kept: i64 = connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn a_reader_looks_in_beside_the_owner() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Reader::open(dir.path()).is_err(), "there is no history yet");
    let store = sqlite(dir.path());
    let run = new_run(&store, "w").await;
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.list(RunFilter::default()).await.unwrap().rows, [run.summary()]);
    assert!(StateLock::acquire(dir.path()).is_err());
    store.close().await;
    StateLock::acquire(dir.path()).unwrap();
    assert_eq!(reader.row(run.run).await.unwrap(), Some(run.summary()));
}

#[tokio::test]
async fn entries_that_cannot_be_understood_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = sqlite(dir.path());
    let run = new_run(&store, "w").await.run;
    store
        .write(move |connection| {
            Ok(connection.execute(
                "UPDATE entries SET data = ?2 WHERE run = ?1",
                (run.as_bytes(), br#"{"v":7,"entries":[]}"#),
            )?)
        })
        .await
        .unwrap();
    let refused = store.load(run).await.unwrap_err().to_string();
    assert!(refused.starts_with(&format!("the journal cannot be read: run `{run}`: ")), "{refused}");
    assert!(refused.contains("format 7"), "{refused}");
}

#[test]
fn a_folder_that_is_no_place_for_a_journal_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(DATABASE)).unwrap();
    let lock = StateLock::acquire(dir.path()).unwrap();
    let refused = SqliteStore::open(lock, still()).unwrap_err().to_string();
    assert!(refused.contains("cannot be written") && refused.contains(DATABASE), "{refused}");
}
