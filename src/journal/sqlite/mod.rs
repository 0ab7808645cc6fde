//! The durable store: one SQLite file, one thread that writes it, a few connections that read it,
//! and a folder of blobs beside it.
//!
//! What must stay true: WAL with `synchronous=FULL`, read back at every opening; no write outside
//! the [writer]'s transaction, which begins by checking that no other process has taken over.

mod read;
mod schema;
mod variables;
mod write;
mod writer;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

pub use self::read::Reader;
pub use self::schema::OpenError;
use self::write::{Epoch, More, NewRun};
use self::writer::{Counters, Message, QUEUE, Writer};
use crate::clock::{SharedClock, Timestamp};
use crate::event::SeenFile;
use crate::ids::{Digest, RunId};
use crate::journal::blobs::{Blobs, Packed, pack, unpack};
use crate::journal::entry::Entry;
use crate::journal::form::encode;
use crate::journal::items::{LoopKey, items};
use crate::journal::lock::StateLock;
use crate::journal::row::{Found, Page, RunFilter, RunRow};
use crate::journal::store::{
    Acceptance, Accepted, AppendError, Arming, Commit, Quarter, Stats, Store, StoreError, TriggerKey, Version,
};
use crate::journal::variables::{StateChange, StateOwner, StateValues};
use crate::money::Money;
use crate::value::{SharedJson, Value};

/// The database's name in the state folder.
const DATABASE: &str = "journal.db";

/// The store of a state folder. It owns the folder until it is closed or dropped.
pub struct SqliteStore {
    queue: mpsc::Sender<Message>,
    ended: watch::Receiver<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
    epoch: Epoch,
    reader: Reader,
    blobs: Blobs,
}

impl SqliteStore {
    /// Opens the store of this folder, makes it if there is none, and queues again what an earlier
    /// process had under way. Blocks for some milliseconds.
    ///
    /// # Errors
    /// When the folder cannot be written, or the file is damaged or of a newer program.
    pub fn open(lock: StateLock, clock: SharedClock) -> Result<Self, OpenError> {
        let path = lock.folder().join(DATABASE);
        let not_writable = |path: &Path, reason: &dyn fmt::Display| OpenError::NotWritable {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        let mut connection = schema::create(&path)?;
        let epoch =
            write::take_over(&mut connection, clock.now()).map_err(|error| not_writable(&path, &error))?;
        let folder = lock.folder().join("blobs");
        let blobs = Blobs::open(folder.clone()).map_err(|error| not_writable(&folder, &error))?;
        let reader = Reader::open(lock.folder())?;
        let counters = Arc::new(Counters::default());
        let (queue, messages) = mpsc::channel(QUEUE);
        let (ending, ended) = watch::channel(());
        let writer = Writer {
            path: path.clone(),
            connection: Some(connection),
            epoch,
            clock,
            counters: Arc::clone(&counters),
        };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                writer.run(messages);
                // Only now may another process have the folder, and only then is the store closed.
                drop(lock);
                drop(ending);
            })
            .map_err(|error| not_writable(&path, &error))?;
        Ok(Self { queue, ended, thread: Mutex::new(Some(thread)), counters, epoch, reader, blobs })
    }

    /// The blobs of the store, by digest.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Queues a write and waits until it is on stable storage.
    async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (write, result) = writer::write(work);
        self.queue.send(Message::Write(write)).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("epoch", &self.epoch).field("reader", &self.reader).finish()
    }
}

/// Waits for what is queued, so that the folder is free when the store is gone.
impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.reader.close();
        // The thread ends when no sender is left; this was the only one.
        self.queue = mpsc::channel(1).0;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the journal's writer stopped in an unexpected way");
        }
    }
}

/// Runs work that blocks, on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.to_string()))?
}

impl Store for SqliteStore {
    fn accept(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        async move {
            let trigger = acceptance.trigger();
            let changes = acceptance.commit.state_changes();
            let spent = acceptance.commit.spendings();
            let Acceptance { commit: Commit { entries, row, .. }, claim, file } = acceptance;
            let items = items(&entries, &row);
            let new = NewRun { data: encode(&entries)?, spent, items, row, trigger, claim, file, changes };
            let epoch = self.epoch;
            self.write(move |connection| write::accept(connection, epoch, &new)).await
        }
        .boxed()
    }

    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Version, AppendError>> {
        async move {
            let changes = commit.state_changes();
            let spent = commit.spendings();
            let Commit { expected, entries, row } = commit;
            let items = items(&entries, &row);
            let more = More { expected, data: encode(&entries)?, spent, items, row };
            let epoch = self.epoch;
            self.write(move |connection| {
                let appended = write::append(connection, epoch, &more)?;
                if appended.is_ok() {
                    variables::apply(connection, &changes)?;
                }
                Ok(appended)
            })
            .await?
            .map_err(|found| AppendError::Conflict { found })
        }
        .boxed()
    }

    fn load(&self, run: RunId) -> BoxFuture<'_, Result<Option<Vec<Entry>>, StoreError>> {
        self.reader.load(run).boxed()
    }

    fn row(&self, run: RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        self.reader.row(run).boxed()
    }

    fn list(&self, filter: RunFilter) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.reader.list(filter).boxed()
    }

    fn find(&self, prefix: String) -> BoxFuture<'_, Result<Found, StoreError>> {
        async move { self.reader.find(&prefix).await }.boxed()
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        self.reader.unfinished().boxed()
    }

    fn spent_since(&self, from: Timestamp) -> BoxFuture<'_, Result<Vec<(String, Money)>, StoreError>> {
        self.reader.spent_since(Quarter::of(from)).boxed()
    }

    fn put_bundle(&self, digest: Digest, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(move |connection| write::put_bundle(connection, digest, &bytes)).boxed()
    }

    fn bundle(&self, digest: Digest) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.reader.bundle(digest).boxed()
    }

    fn keep(&self, value: SharedJson) -> BoxFuture<'_, Result<Value, StoreError>> {
        let bytes = match pack(value) {
            Ok(Packed::Inline(value)) => return ready(Ok(value)).boxed(),
            Ok(Packed::Blob(bytes)) => bytes,
            Err(error) => return ready(Err(error)).boxed(),
        };
        let blobs = self.blobs.clone();
        blocking(move || match blobs.put(&bytes) {
            Ok(digest) => Ok(Value::Blob { digest, size: bytes.len() as u64 }),
            Err(error) => Err(StoreError::Unavailable(format!("a blob cannot be written: {error}"))),
        })
        .boxed()
    }

    fn fetch(&self, value: Value) -> BoxFuture<'_, Result<SharedJson, StoreError>> {
        let digest = match value {
            Value::Inline(json) => return ready(Ok(json)).boxed(),
            Value::Blob { digest, .. } => digest,
        };
        let blobs = self.blobs.clone();
        blocking(move || match blobs.get(digest) {
            Ok(bytes) => unpack(digest, bytes.as_deref()),
            Err(error) => Err(StoreError::Unreadable(format!("the blob `{digest}`: {error}"))),
        })
        .boxed()
    }

    fn items_done(
        &self,
        of: LoopKey,
        keys: Vec<Digest>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<HashMap<Digest, RunId>, StoreError>> {
        self.reader.items_done(of, keys, now).boxed()
    }

    fn arming(&self, trigger: TriggerKey, settings: Digest) -> BoxFuture<'_, Result<Arming, StoreError>> {
        self.reader.arming(trigger, settings).boxed()
    }

    fn arm(
        &self,
        trigger: TriggerKey,
        settings: Digest,
        existing: Vec<SeenFile>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(move |connection| write::arm(connection, &trigger, settings, &existing)).boxed()
    }

    fn files_seen(&self, trigger: TriggerKey) -> BoxFuture<'_, Result<Vec<SeenFile>, StoreError>> {
        self.reader.files_seen(trigger).boxed()
    }

    fn mark_seen(&self, trigger: TriggerKey, files: Vec<SeenFile>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(move |connection| write::see(connection, &trigger, &files)).boxed()
    }

    fn state(&self, owner: StateOwner) -> BoxFuture<'_, Result<StateValues, StoreError>> {
        self.reader.state(owner).boxed()
    }

    fn change_state(&self, change: StateChange) -> BoxFuture<'_, Result<(), StoreError>> {
        let changes = [change];
        self.write(move |connection| variables::apply(connection, &changes)).boxed()
    }

    fn stats(&self) -> Stats {
        self.counters.stats()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.reader.close();
            // Refused when it is closed already: then only its end is waited for.
            let _closed = self.queue.send(Message::Close).await;
            let mut ended = self.ended.clone();
            while ended.changed().await.is_ok() {}
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
