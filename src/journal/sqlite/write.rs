//! What each write does inside its transaction: few statements, each prepared once.
//!
//! Beginning, committing and grouping are the [writer](super::writer)'s.

use rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY;
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension as _, params};

use crate::clock::Timestamp;
use crate::event::SeenFile;
use crate::ids::{Digest, RunId};
use crate::journal::entry::{Entry, Stop};
use crate::journal::form::{decode, encode};
use crate::journal::items::Item;
use crate::journal::row::RunRow;
use crate::journal::sqlite::{OpenError, variables};
use crate::journal::status::RunStatus;
use crate::journal::store::{Accepted, Claim, Quarter, StoreError, TriggerKey, Version};
use crate::journal::variables::StateChange;
use crate::money::Money;

/// How many forgotten identities, or items, each new one clears away.
const CLEARED: i64 = 2;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
        let damaged =
            matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
        let odd = matches!(
            error,
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)
        );
        if damaged || odd {
            Self::Unreadable(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The number of a process among those that owned the file; the newest alone may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(pub(super) i64);

/// Begins a new epoch: takes over what an earlier process had under way, and fences that process.
pub(super) fn take_over(connection: &mut Connection, now: Timestamp) -> Result<Epoch, StoreError> {
    let at = now.as_millisecond();
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let last: Option<Option<i64>> = transaction
        .query_row("SELECT closed FROM epochs ORDER BY epoch DESC LIMIT 1", [], |row| row.get(0))
        .optional()?;
    let after = if last == Some(None) { Stop::Crash } else { Stop::Clean };
    transaction.execute("INSERT INTO epochs (opened) VALUES (?1)", [at])?;
    let epoch = Epoch(transaction.last_insert_rowid());
    let recovered = encode(&[Entry::RunRecovered { after, at: now }])?;
    revive_stuck(&transaction)?;
    transaction.execute(
        "INSERT INTO entries (run, version, data) SELECT run, version + 1, ?2 FROM runs WHERE status = ?1",
        params![RunStatus::Running.as_str(), recovered],
    )?;
    transaction.execute(
        "UPDATE runs SET status = ?2, version = version + 1, recoveries = recoveries + 1, epoch = ?3 \
         WHERE status = ?1",
        params![RunStatus::Running.as_str(), RunStatus::Queued.as_str(), epoch.0],
    )?;
    transaction.commit()?;
    Ok(epoch)
}

/// Treats runs that stand still as a whole, for a reason that may be gone, as if they had been under way.
fn revive_stuck(connection: &Connection) -> Result<(), StoreError> {
    let mut select = connection.prepare(
        "SELECT run, data FROM runs JOIN entries USING (run, version) WHERE status = ?1 ORDER BY run",
    )?;
    let standing = select.query_map([RunStatus::NeedsAttention.as_str()], |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    for standing in standing.collect::<Result<Vec<_>, _>>()? {
        let (run, last) = standing;
        // One that cannot be read stays where it is.
        let entries = decode(&last).unwrap_or_default();
        if entries.last().is_some_and(Entry::stops_whole_run) {
            connection.execute(
                "UPDATE runs SET status = ?2, reason = NULL WHERE run = ?1",
                params![run, RunStatus::Running.as_str()],
            )?;
        }
    }
    Ok(())
}

/// Whether no other process has begun an epoch since.
pub(super) fn check_epoch(connection: &Connection, epoch: Epoch) -> Result<(), StoreError> {
    let newest: i64 = cached(connection, "SELECT max(epoch) FROM epochs")?.query_row([], |row| row.get(0))?;
    if newest == epoch.0 { Ok(()) } else { Err(StoreError::Fenced) }
}

/// Notes that this process let go of the file in order.
pub(super) fn close_epoch(connection: &Connection, epoch: Epoch, now: Timestamp) -> Result<(), StoreError> {
    connection
        .execute("UPDATE epochs SET closed = ?2 WHERE epoch = ?1", params![epoch.0, now.as_millisecond()])?;
    Ok(())
}

/// An acceptance whose entries are written out.
pub(super) struct NewRun {
    pub(super) row: RunRow,
    pub(super) data: Vec<u8>,
    pub(super) spent: Vec<(Quarter, Money)>,
    pub(super) items: Vec<Item>,
    pub(super) trigger: TriggerKey,
    pub(super) claim: Option<Claim>,
    pub(super) file: Option<SeenFile>,
    pub(super) changes: Vec<StateChange>,
}

/// A commit whose entries are written out.
pub(super) struct More {
    pub(super) expected: Version,
    pub(super) row: RunRow,
    pub(super) data: Vec<u8>,
    pub(super) spent: Vec<(Quarter, Money)>,
    pub(super) items: Vec<Item>,
}

pub(super) fn accept(connection: &Connection, epoch: Epoch, new: &NewRun) -> Result<Accepted, StoreError> {
    let row = &new.row;
    see(connection, &new.trigger, new.file.as_slice())?;
    if let Some(claim) = &new.claim
        && let Some(first) = claim_identity(connection, &new.trigger, claim, row.run)?
    {
        return Ok(Accepted::Repeat(first));
    }
    let inserted = cached(
        connection,
        "INSERT INTO runs (run, workflow, bundle, trigger_kind, trigger_index, status, reason, accepted, started, \
         ended, cost, cost_exact, recoveries, version, epoch, turn) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        row.run.as_bytes(),
        row.workflow,
        row.bundle.as_bytes(),
        row.trigger.kind,
        row.trigger.index as i64,
        row.status.as_str(),
        row.reason,
        row.accepted.as_millisecond(),
        row.started.map(Timestamp::as_millisecond),
        row.ended.map(Timestamp::as_millisecond),
        row.cost.amount.pico().cast_signed(),
        row.cost.exact,
        row.recoveries,
        row.version.0.cast_signed(),
        epoch.0,
        row.turn.as_ref().map(serde_json::to_string).transpose().map_err(unwritten)?,
    ])
    .map_err(|error| match error.sqlite_error() {
        Some(cause) if cause.extended_code == SQLITE_CONSTRAINT_FOREIGNKEY => {
            StoreError::NoBundle(row.bundle)
        }
        _ => error.into(),
    })?;
    if inserted == 0 {
        return Ok(Accepted::Repeat(row.run));
    }
    add_entries(connection, row, &new.data)?;
    variables::apply(connection, &new.changes)?;
    spend(connection, &row.workflow, &new.spent)?;
    add_items(connection, &new.items)?;
    Ok(Accepted::New)
}

/// Gives the identity to this run, or says which run has it.
fn claim_identity(
    connection: &Connection,
    trigger: &TriggerKey,
    claim: &Claim,
    run: RunId,
) -> Result<Option<RunId>, StoreError> {
    let now = claim.now.as_millisecond();
    let name = trigger.trigger.to_string();
    let identity = Digest::of(claim.identity.key.as_bytes());
    cached(
        connection,
        "DELETE FROM events WHERE (workflow, trigger, identity) IN \
         (SELECT workflow, trigger, identity FROM events WHERE expires <= ?1 LIMIT ?2)",
    )?
    .execute(params![now, CLEARED])?;
    let claimed = cached(
        connection,
        "INSERT INTO events (workflow, trigger, identity, run, expires) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO UPDATE SET run = excluded.run, expires = excluded.expires WHERE expires <= ?6",
    )?
    .execute(params![
        trigger.workflow,
        name,
        identity.as_bytes(),
        run.as_bytes(),
        claim.expires().map(Timestamp::as_millisecond),
        now,
    ])?;
    if claimed > 0 {
        return Ok(None);
    }
    let first =
        cached(connection, "SELECT run FROM events WHERE workflow = ?1 AND trigger = ?2 AND identity = ?3")?
            .query_row(params![trigger.workflow, name, identity.as_bytes()], |row| row.get(0))?;
    Ok(Some(RunId::from_bytes(first)))
}

/// Adds a commit to a run that is at the expected version; otherwise gives the one it is at.
pub(super) fn append(
    connection: &Connection,
    epoch: Epoch,
    more: &More,
) -> Result<Result<Version, Version>, StoreError> {
    let More { expected, row, data, spent, items } = more;
    // What the first entry said does not change, nor do the columns for it.
    let updated = cached(
        connection,
        "UPDATE runs SET status = ?3, reason = ?4, started = ?5, ended = ?6, cost = ?7, cost_exact = ?8, \
         recoveries = ?9, version = ?10, epoch = ?11 WHERE run = ?1 AND version = ?2",
    )?
    .execute(params![
        row.run.as_bytes(),
        expected.0.cast_signed(),
        row.status.as_str(),
        row.reason,
        row.started.map(Timestamp::as_millisecond),
        row.ended.map(Timestamp::as_millisecond),
        row.cost.amount.pico().cast_signed(),
        row.cost.exact,
        row.recoveries,
        row.version.0.cast_signed(),
        epoch.0,
    ])?;
    if updated == 0 {
        let found: Option<i64> = cached(connection, "SELECT version FROM runs WHERE run = ?1")?
            .query_row([row.run.as_bytes()], |row| row.get(0))
            .optional()?;
        return Ok(Err(found.map_or(Version::NONE, |found| Version(found.cast_unsigned()))));
    }
    add_entries(connection, row, data)?;
    spend(connection, &row.workflow, spent)?;
    add_items(connection, items)?;
    Ok(Ok(row.version))
}

/// Adds to what a workflow has spent.
fn spend(connection: &Connection, workflow: &str, spent: &[(Quarter, Money)]) -> Result<(), StoreError> {
    for (quarter, amount) in spent {
        cached(
            connection,
            "INSERT INTO spent (quarter, workflow, amount) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
        )?
        .execute(params![quarter.0, workflow, amount.pico().cast_signed()])?;
    }
    Ok(())
}

fn unwritten(error: serde_json::Error) -> StoreError {
    StoreError::Unreadable(format!("a run's turn cannot be written as JSON: {error}"))
}

fn add_entries(connection: &Connection, row: &RunRow, data: &[u8]) -> Result<(), StoreError> {
    cached(connection, "INSERT INTO entries (run, version, data) VALUES (?1, ?2, ?3)")?.execute(params![
        row.run.as_bytes(),
        row.version.0.cast_signed(),
        data
    ])?;
    Ok(())
}

/// Remembers items that are done, and clears away some that are forgotten.
fn add_items(connection: &Connection, items: &[Item]) -> Result<(), StoreError> {
    for item in items {
        cached(
            connection,
            "DELETE FROM items WHERE (workflow, loop, key) IN \
             (SELECT workflow, loop, key FROM items WHERE expires <= ?1 LIMIT ?2)",
        )?
        .execute(params![item.at.as_millisecond(), CLEARED])?;
        cached(
            connection,
            "INSERT INTO items (workflow, loop, key, run, expires) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO UPDATE SET run = excluded.run, expires = excluded.expires",
        )?
        .execute(params![
            item.of.workflow,
            item.of.path.as_str(),
            item.key.as_bytes(),
            item.run.as_bytes(),
            item.until.map(Timestamp::as_millisecond),
        ])?;
    }
    Ok(())
}

pub(super) fn put_bundle(connection: &Connection, digest: Digest, data: &[u8]) -> Result<(), StoreError> {
    cached(connection, "INSERT INTO bundles (digest, data) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![digest.as_bytes(), data])?;
    Ok(())
}

pub(super) fn arm(
    connection: &Connection,
    trigger: &TriggerKey,
    settings: Digest,
    existing: &[SeenFile],
) -> Result<(), StoreError> {
    cached(
        connection,
        "INSERT INTO armed (workflow, trigger, settings) VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET settings = excluded.settings",
    )?
    .execute(params![trigger.workflow, trigger.trigger.to_string(), settings.as_bytes()])?;
    see(connection, trigger, existing)
}

pub(super) fn see(
    connection: &Connection,
    trigger: &TriggerKey,
    files: &[SeenFile],
) -> Result<(), StoreError> {
    if files.is_empty() {
        return Ok(());
    }
    let name = trigger.trigger.to_string();
    let mut insert = cached(
        connection,
        "INSERT INTO files (workflow, trigger, path, content, size, modified, modified_nanos) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET content = excluded.content, \
         size = excluded.size, modified = excluded.modified, modified_nanos = excluded.modified_nanos",
    )?;
    for file in files {
        insert.execute(params![
            trigger.workflow,
            name,
            file.path,
            file.content.as_bytes(),
            file.size.cast_signed(),
            file.modified.as_second(),
            file.modified.subsec_nanosecond(),
        ])?;
    }
    Ok(())
}

fn cached<'a>(connection: &'a Connection, sql: &str) -> Result<CachedStatement<'a>, StoreError> {
    Ok(connection.prepare_cached(sql)?)
}
