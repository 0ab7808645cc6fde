//! The controls of the journal: what the disk takes of the same rows when nothing else is done.
//!
//! The rows are those that the daemon wrote for one of its runs, read back and written again under
//! new ids: once through howdah's store, which checks, queues and indexes, and once through SQLite
//! alone, in transactions of as many writes as there are callers.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use howdah::clock::SystemClock;
use howdah::ids::RunId;
use howdah::journal::entry::Entry;
use howdah::journal::form::{decode, encode};
use howdah::journal::lock::StateLock;
use howdah::journal::sqlite::SqliteStore;
use howdah::journal::state::RunState;
use howdah::journal::store::{Acceptance, Store};
use rusqlite::{Connection, OpenFlags, params};

use crate::Outcome;

/// The most writes in one transaction, as in the store.
const GROUP: usize = 64;

/// The commits of a run, the first one's entries first.
#[derive(Clone)]
pub struct Commits(Vec<Vec<Entry>>);

impl Commits {
    /// Those of the last run that succeeded, from a daemon's database.
    pub fn of_last_run(database: &Path) -> Outcome<Self> {
        let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut rows = connection.prepare(
            "SELECT data FROM entries WHERE run = \
             (SELECT run FROM runs WHERE status = 'succeeded' ORDER BY run DESC LIMIT 1) ORDER BY version",
        )?;
        let blobs = rows.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        let commits = blobs.map(|blob| Ok(decode(&blob?)?)).collect::<Outcome<Vec<_>>>()?;
        if commits.is_empty() { Err("no run has succeeded".into()) } else { Ok(Self(commits)) }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The bytes of their entries.
    pub fn bytes(&self) -> Outcome<usize> {
        Ok(self.encoded()?.iter().map(Vec::len).sum())
    }

    fn encoded(&self) -> Outcome<Vec<Vec<u8>>> {
        self.0.iter().map(|entries| Ok(encode(entries)?)).collect()
    }
}

/// Runs a second through howdah's store, from so many callers for so long.
pub fn store(commits: &Commits, callers: usize, length: Duration) -> Outcome<f64> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = SqliteStore::open(StateLock::acquire(folder.path())?, SystemClock::shared())?;
        let store = Arc::new(store);
        if let Some(Entry::RunAccepted { bundle, .. }) = commits.0.first().and_then(|first| first.first()) {
            store.put_bundle(*bundle, b"bench".to_vec()).await?;
        }
        let begun = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            let (store, commits) = (store.clone(), commits.clone());
            tasks.spawn(async move {
                let mut runs = 0_usize;
                while begun.elapsed() < length {
                    let mut rest = commits.0.iter().cloned();
                    let first = rest.next().unwrap_or_default();
                    let (mut state, acceptance) = RunState::accept(RunId::new(), first)?;
                    store.accept(Acceptance::of(acceptance)).await?;
                    for entries in rest {
                        store.append(state.commit(entries)).await?;
                    }
                    runs += 1;
                }
                Outcome::Ok(runs)
            });
        }
        let mut runs = 0;
        while let Some(task) = tasks.join_next().await {
            runs += task??;
        }
        let rate = runs as f64 / begun.elapsed().as_secs_f64();
        store.close().await;
        Ok(rate)
    })
}

/// Runs a second with nothing but SQLite: two tables, no index, no answers, no checks.
pub fn sqlite(commits: &Commits, callers: usize, length: Duration) -> Outcome<f64> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let connection = Connection::open(folder.path().join("control.db"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(
        "CREATE TABLE runs (run BLOB PRIMARY KEY, workflow TEXT, status TEXT, accepted INTEGER, ended INTEGER, \
         version INTEGER) WITHOUT ROWID;
         CREATE TABLE entries (run BLOB, version INTEGER, data BLOB, PRIMARY KEY (run, version));",
    )?;
    let blobs = commits.encoded()?;
    let group = callers.min(GROUP);
    let begun = Instant::now();
    let mut runs = 0_usize;
    while begun.elapsed() < length {
        let batch: Vec<RunId> = (0..group).map(|_| RunId::new()).collect();
        for (version, blob) in (1_i64..).zip(&blobs) {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            for run in &batch {
                write(&connection, *run, version, blob)?;
            }
            connection.execute_batch("COMMIT")?;
        }
        runs += group;
    }
    Ok(runs as f64 / begun.elapsed().as_secs_f64())
}

fn write(connection: &Connection, run: RunId, version: i64, blob: &[u8]) -> Outcome {
    connection
        .prepare_cached(
            "INSERT INTO runs VALUES (?1, 'bench', 'running', ?2, NULL, ?3) \
             ON CONFLICT DO UPDATE SET ended = ?2, version = ?3",
        )?
        .execute(params![run.as_bytes(), 1_700_000_000_000_i64, version])?;
    connection.prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3)")?.execute(params![
        run.as_bytes(),
        version,
        blob
    ])?;
    Ok(())
}
