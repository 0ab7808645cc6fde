//! Reading, beside the writer and never in its way: a few connections that can only read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use tokio::sync::Semaphore;

use crate::clock::Timestamp;
use crate::event::{SeenFile, TriggerId};
use crate::ids::{Digest, RunId};
use crate::journal::entry::Entry;
use crate::journal::form::decode;
use crate::journal::items::LoopKey;
use crate::journal::row::{Found, Page, RunFilter, RunRow, prefix_range};
use crate::journal::sqlite::{DATABASE, OpenError, schema, variables};
use crate::journal::status::RunStatus;
use crate::journal::store::{Arming, Quarter, StoreError, TriggerKey, Version};
use crate::journal::variables::{StateOwner, StateValues};
use crate::money::{Cost, Money};

/// How many reads go on at once; more wait.
const CONNECTIONS: usize = 2;

const COLUMNS: &str = "run, workflow, bundle, trigger_kind, trigger_index, status, reason, accepted, started, ended, \
                       cost, cost_exact, recoveries, turn, version";

/// A view of a state folder's history that changes nothing and needs no lock: for a look beside the
/// process that owns it.
#[derive(Clone, Debug)]
pub struct Reader {
    pool: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    free: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Reader {
    /// Opens the history in this state folder.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(DATABASE);
        let first = schema::readable(&path)?;
        let pool = Pool { path, free: Mutex::new(vec![first]), turns: Arc::new(Semaphore::new(CONNECTIONS)) };
        Ok(Self { pool: Arc::new(pool) })
    }

    /// All entries of a run; none when there is no such run.
    ///
    /// # Errors
    /// When they cannot be read or understood.
    pub async fn load(&self, run: RunId) -> Result<Option<Vec<Entry>>, StoreError> {
        let blobs = self
            .read(move |connection| {
                let mut select =
                    connection.prepare_cached("SELECT data FROM entries WHERE run = ?1 ORDER BY version")?;
                let blobs = select.query_map([run.as_bytes()], |row| row.get::<_, Vec<u8>>(0))?;
                blobs.map(|blob| decode(&blob?)).collect::<Result<Vec<_>, StoreError>>()
            })
            .await
            .map_err(|error| match error {
                StoreError::Unreadable(reason) => StoreError::Unreadable(format!("run `{run}`: {reason}")),
                other => other,
            })?;
        Ok(if blobs.is_empty() { None } else { Some(blobs.concat()) })
    }

    /// The row of a run; none when there is no such run.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn row(&self, run: RunId) -> Result<Option<RunRow>, StoreError> {
        self.read(move |connection| {
            let mut select =
                connection.prepare_cached(&format!("SELECT {COLUMNS} FROM runs WHERE run = ?1"))?;
            Ok(select.query_row([run.as_bytes()], run_row).optional()?)
        })
        .await
    }

    /// A page of runs, the newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn list(&self, filter: RunFilter) -> Result<Page, StoreError> {
        self.read(move |connection| {
            let limit = filter.bounded();
            // Every id is less than seventeen times 0xff.
            let before = filter.before.map_or(vec![0xff; 17], |run| run.as_bytes().to_vec());
            let most = limit as i64 + 1;
            let mut rows = Vec::new();
            if filter.workflow.is_none() && filter.statuses.is_empty() {
                let sql = format!("SELECT {COLUMNS} FROM runs WHERE run < ?1 ORDER BY run DESC LIMIT ?2");
                select(connection, &sql, params![before, most], &mut rows)?;
                return Ok(Page::of(rows, limit));
            }
            // One look into an index for each status gives its newest in order; together they hold
            // the newest of all.
            let workflow = filter.workflow.as_ref().map_or("", |_| "AND workflow = ?4");
            let sql = format!(
                "SELECT {COLUMNS} FROM runs WHERE run < ?1 AND status = ?3 {workflow} ORDER BY run DESC LIMIT ?2"
            );
            for status in RunStatus::ALL {
                if !filter.statuses.is_empty() && !filter.statuses.contains(&status) {
                    continue;
                }
                let status = status.as_str();
                match &filter.workflow {
                    Some(workflow) => {
                        select(connection, &sql, params![before, most, status, workflow], &mut rows)?;
                    }
                    None => select(connection, &sql, params![before, most, status], &mut rows)?,
                }
            }
            rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.run));
            Ok(Page::of(rows, limit))
        })
        .await
    }

    /// The run whose id begins with this text; hyphens do not matter.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn find(&self, prefix: &str) -> Result<Found, StoreError> {
        let Some((first, last)) = prefix_range(prefix) else { return Ok(Found::None) };
        self.read(move |connection| {
            let mut select = connection
                .prepare_cached("SELECT run FROM runs WHERE run BETWEEN ?1 AND ?2 ORDER BY run LIMIT ?3")?;
            let runs = select
                .query_map(params![first.as_bytes(), last.as_bytes(), Found::ENOUGH as i64], |row| {
                    Ok(RunId::from_bytes(row.get(0)?))
                })?;
            Ok(Found::of(runs.collect::<Result<_, _>>()?))
        })
        .await
    }

    /// The runs that are not at their end and need no person, the oldest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn unfinished(&self) -> Result<Vec<RunRow>, StoreError> {
        self.read(|connection| {
            let statuses = RunStatus::ALL.into_iter().filter(|status| status.is_unfinished());
            let sql = format!("SELECT {COLUMNS} FROM runs WHERE status IN (?1, ?2, ?3) ORDER BY run");
            let mut rows = Vec::new();
            select(connection, &sql, params_from_iter(statuses.map(RunStatus::as_str)), &mut rows)?;
            Ok(rows)
        })
        .await
    }

    pub(super) async fn spent_since(&self, from: Quarter) -> Result<Vec<(String, Money)>, StoreError> {
        self.read(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT workflow, amount FROM spent WHERE quarter >= ?1 ORDER BY workflow, quarter",
            )?;
            let mut sums: Vec<(String, Money)> = Vec::new();
            for row in
                select.query_map([from.0], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?
            {
                let (workflow, amount) = row?;
                let amount = Money::from_pico(amount.cast_unsigned());
                match sums.last_mut().filter(|(last, _)| *last == workflow) {
                    Some((_, sum)) => *sum += amount,
                    None => sums.push((workflow, amount)),
                }
            }
            Ok(sums)
        })
        .await
    }

    /// A definition that was kept.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn bundle(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(move |connection| {
            let mut select = connection.prepare_cached("SELECT data FROM bundles WHERE digest = ?1")?;
            Ok(select.query_row([digest.as_bytes()], |row| row.get(0)).optional()?)
        })
        .await
    }

    /// What an owner keeps in the state.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn state(&self, owner: StateOwner) -> Result<StateValues, StoreError> {
        self.read(move |connection| variables::read(connection, &owner)).await
    }

    /// The workflows that keep something in the state, in the order of their names.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn state_owners(&self) -> Result<Vec<StateOwner>, StoreError> {
        self.read(variables::owners).await
    }

    pub(super) async fn items_done(
        &self,
        of: LoopKey,
        keys: Vec<Digest>,
        now: Timestamp,
    ) -> Result<HashMap<Digest, RunId>, StoreError> {
        let keys = serde_json::Value::from_iter(keys.iter().map(Digest::to_string)).to_string();
        self.read(move |connection| {
            // The keys lead, however many items the loop has done: one look at the table for each.
            let mut select = connection.prepare_cached(
                "SELECT items.key, run FROM json_each(?3) AS wanted CROSS JOIN items \
                 ON workflow = ?1 AND loop = ?2 AND items.key = unhex(wanted.value) \
                 WHERE expires IS NULL OR expires > ?4",
            )?;
            let done = select
                .query_map(params![of.workflow, of.path.as_str(), keys, now.as_millisecond()], |row| {
                    Ok((Digest::from_bytes(row.get(0)?), RunId::from_bytes(row.get(1)?)))
                })?;
            Ok(done.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub(super) async fn arming(&self, trigger: TriggerKey, settings: Digest) -> Result<Arming, StoreError> {
        self.read(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT 1 FROM armed WHERE workflow = ?1 AND trigger = ?2 AND settings = ?3",
            )?;
            let known =
                select.exists(params![trigger.workflow, trigger.trigger.to_string(), settings.as_bytes()])?;
            Ok(if known { Arming::Known } else { Arming::First })
        })
        .await
    }

    pub(super) async fn files_seen(&self, trigger: TriggerKey) -> Result<Vec<SeenFile>, StoreError> {
        self.read(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT path, content, size, modified, modified_nanos FROM files \
                 WHERE workflow = ?1 AND trigger = ?2 ORDER BY path",
            )?;
            let files = select.query_map(params![trigger.workflow, trigger.trigger.to_string()], |row| {
                Ok(SeenFile {
                    path: row.get(0)?,
                    content: Digest::from_bytes(row.get(1)?),
                    size: row.get::<_, i64>(2)?.cast_unsigned(),
                    modified: Timestamp::new(row.get(3)?, row.get(4)?).map_err(|error| odd(3, error))?,
                })
            })?;
            Ok(files.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Reads on a thread that may block. A connection that failed is not used again.
    async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.pool.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let pool = Arc::clone(&self.pool);
        tokio::task::spawn_blocking(move || {
            // The read goes on to its end, and keeps its turn, even when nobody waits for it any more.
            let _turn = turn;
            let free = pool.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match free {
                Some(connection) => connection,
                None => schema::readable(&pool.path)?,
            };
            let result = work(&connection)?;
            // Closing takes the turns away first and empties the pool then, so that nothing which
            // comes back later holds the file.
            let mut free = pool.free.lock().unwrap_or_else(PoisonError::into_inner);
            if !pool.turns.is_closed() {
                free.push(connection);
            }
            Ok(result)
        })
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    /// Takes no more reads and lets go of the file.
    pub(super) fn close(&self) {
        self.pool.turns.close();
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn select(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    rows: &mut Vec<RunRow>,
) -> Result<(), StoreError> {
    for row in connection.prepare_cached(sql)?.query_map(parameters, run_row)? {
        rows.push(row?);
    }
    Ok(())
}

/// A row of [`COLUMNS`].
fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let instant =
        |column: usize, millis: i64| Timestamp::from_millisecond(millis).map_err(|error| odd(column, error));
    let some_instant =
        |column: usize| row.get::<_, Option<i64>>(column)?.map(|millis| instant(column, millis)).transpose();
    let status = row.get_ref(5)?.as_str()?.parse().map_err(|error| odd(5, error))?;
    let index = row.get::<_, i64>(4)?;
    let turn = row.get::<_, Option<String>>(13)?;
    let turn = turn.map(|turn| serde_json::from_str(&turn).map_err(|error| odd(13, error)));
    Ok(RunRow {
        run: RunId::from_bytes(row.get(0)?),
        workflow: row.get(1)?,
        bundle: Digest::from_bytes(row.get(2)?),
        trigger: TriggerId {
            kind: row.get(3)?,
            index: usize::try_from(index).map_err(|error| odd(4, error))?,
        },
        status,
        reason: row.get(6)?,
        accepted: instant(7, row.get(7)?)?,
        started: some_instant(8)?,
        ended: some_instant(9)?,
        cost: Cost { amount: Money::from_pico(row.get::<_, i64>(10)?.cast_unsigned()), exact: row.get(11)? },
        recoveries: row.get(12)?,
        turn: turn.transpose()?,
        version: Version(row.get::<_, i64>(14)?.cast_unsigned()),
    })
}

/// A column that holds something else than was written there.
fn odd(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, Box::new(error))
}
