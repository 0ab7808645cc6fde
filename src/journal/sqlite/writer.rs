//! The one thread that writes: it takes everything that is queued into one transaction, and answers
//! each caller after the flush.
//!
//! A write that is refused takes its own changes back and harms no other: the group is then done
//! again, each write in a savepoint. When the storage fails, all that wait are told so, the connection
//! is dropped (after a failed flush its pages cannot be trusted) and the next group begins on a new
//! one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::clock::SharedClock;
use crate::journal::sqlite::schema;
use crate::journal::sqlite::write::{Epoch, check_epoch, close_epoch};
use crate::journal::store::{Stats, StoreError};

/// The most writes in one transaction.
const GROUP: usize = 64;

/// The most writes that wait; beyond that callers wait to be queued.
pub(super) const QUEUE: usize = 1_024;

/// What travels to the writer.
pub(super) enum Message {
    /// Do this.
    Write(Box<dyn Write>),
    /// Do what is queued, then end.
    Close,
}

/// One write. It may be tried twice, as all in a group are tried again when one of them is refused.
pub(super) trait Write: Send {
    /// Does its work in the open transaction and says what is to become of that.
    fn attempt(&mut self, connection: &Connection) -> Change;

    /// Tells its caller what came of it, now that the group was committed, or why it was not.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// What becomes of the changes of a write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Keep,
    Undo,
}

/// A write, its result when it was tried, and where that goes.
struct Caller<T, W> {
    work: W,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W> Write for Caller<T, W>
where
    T: Send,
    W: Fn(&Connection) -> Result<T, StoreError> + Send,
{
    fn attempt(&mut self, connection: &Connection) -> Change {
        let outcome = (self.work)(connection);
        let change = if outcome.is_ok() { Change::Keep } else { Change::Undo };
        self.outcome = Some(outcome);
        change
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { outcome, reply, .. } = *self;
        let result = match (outcome, committed) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(refused)), _) => Err(refused),
            (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(StoreError::Closed),
        };
        // The write is done whether or not its caller still wants to know.
        let _gone = reply.send(result);
    }
}

/// A write that does this work, and where its result arrives once it is on stable storage.
pub(super) fn write<T, W>(work: W) -> (Box<dyn Write>, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    W: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
{
    let (reply, result) = oneshot::channel();
    (Box::new(Caller { work, outcome: None, reply }), result)
}

/// Counts that the store's readers see.
#[derive(Debug, Default)]
pub(super) struct Counters {
    commits: AtomicU64,
    writes: AtomicU64,
}

impl Counters {
    pub(super) fn stats(&self) -> Stats {
        Stats { commits: self.commits.load(Ordering::Relaxed), writes: self.writes.load(Ordering::Relaxed) }
    }
}

/// The writer's own things.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) connection: Option<Connection>,
    pub(super) epoch: Epoch,
    pub(super) clock: SharedClock,
    pub(super) counters: Arc<Counters>,
}

impl Writer {
    /// Writes until the queue is closed and drained, then leaves the file in order.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(GROUP);
        while queue.blocking_recv_many(&mut messages, GROUP) > 0 {
            let mut writes = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    Message::Write(write) => writes.push(write),
                    Message::Close => queue.close(),
                }
            }
            if !writes.is_empty() {
                self.group(writes);
            }
        }
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "the journal was not closed in order; nothing acknowledged is lost");
        }
    }

    /// Does these writes in one transaction and answers them.
    fn group(&mut self, mut writes: Vec<Box<dyn Write>>) {
        let count = writes.len() as u64;
        let result = self.transact(&mut writes);
        match &result {
            Ok(()) => {
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                self.counters.writes.fetch_add(count, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::error!(%error, writes = count, "the journal could not be written");
                self.connection = None;
            }
        }
        for write in writes {
            write.answer(result.clone());
        }
    }

    fn transact(&mut self, writes: &mut [Box<dyn Write>]) -> Result<(), StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => schema::reopen(&self.path)?,
        };
        let connection = self.connection.insert(connection);
        statement(connection, "BEGIN IMMEDIATE")?;
        check_epoch(connection, self.epoch)?;
        // Hardly ever is one refused, and a savepoint for each costs as much as the write itself.
        if writes.iter_mut().any(|write| write.attempt(connection) == Change::Undo) {
            // SQLite has ended the transaction itself when the storage is in trouble.
            if !connection.is_autocommit() {
                statement(connection, "ROLLBACK")?;
            }
            statement(connection, "BEGIN IMMEDIATE")?;
            check_epoch(connection, self.epoch)?;
            for write in writes {
                attempt_apart(connection, &mut **write)?;
            }
        }
        statement(connection, "COMMIT")
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        let Some(connection) = self.connection.take() else {
            return Err(StoreError::Unavailable("its file could not be reached at the end".to_owned()));
        };
        check_epoch(&connection, self.epoch)?;
        close_epoch(&connection, self.epoch, self.clock.now())?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

/// Does a write in such a way that it alone can be taken back.
fn attempt_apart(connection: &Connection, write: &mut dyn Write) -> Result<(), StoreError> {
    statement(connection, "SAVEPOINT one")?;
    if write.attempt(connection) == Change::Undo {
        // Fails when the storage is in trouble: SQLite has then ended the transaction.
        statement(connection, "ROLLBACK TO one")?;
    }
    statement(connection, "RELEASE one")
}

fn statement(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
