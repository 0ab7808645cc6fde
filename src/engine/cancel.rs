//! How a run is asked to end: the request is in its journal before it is heard.
//!
//! Asked once, a run stops what it does and then does what is left to do whatever the outcome
//! (`on_failure`, `finally`). Asked again, it stops that too.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use crate::clock::Timestamp;
use crate::journal::Entry;

use super::book::Book;
use super::lock;

/// How a run is asked to end. The first request is on stable storage before the run is told.
#[derive(Clone, Default)]
pub(super) struct Cancel {
    /// Ends what the run does.
    pub token: CancellationToken,
    /// Ends what is left to do after that.
    pub rest: CancellationToken,
    ask: Arc<Mutex<Ask>>,
}

/// How far a run is open to being asked.
#[derive(Default)]
enum Ask {
    /// Its book is not open yet; who asked in the meantime.
    #[default]
    Early,
    /// It can be asked.
    Open(Arc<Book>),
    /// Its outcome is what it is, and what is left to do is under way.
    Rest,
    /// Nothing is left that could be ended.
    Closed,
}

impl Cancel {
    /// Asks the run to end, or to end what is left to do. False when it is past that.
    pub async fn ask(&self, by: &str, at: Timestamp) -> bool {
        let again = self.token.is_cancelled();
        let book = match &*lock(&self.ask) {
            Ask::Early if !again => None,
            Ask::Open(book) if !again => Some(book.clone()),
            Ask::Early | Ask::Open(_) | Ask::Rest => {
                self.rest.cancel();
                return true;
            }
            Ask::Closed => return again,
        };
        if let Some(book) = book {
            book.note(Entry::CancelRequested { by: by.to_owned(), at });
            // A run that can no longer write is told all the same.
            if let Err(closed) = book.flush().await {
                tracing::debug!(?closed, "the request to cancel was not written");
            }
        }
        self.token.cancel();
        true
    }

    /// From now on requests are written into this book.
    pub fn open(&self, book: &Arc<Book>) {
        *lock(&self.ask) = Ask::Open(book.clone());
    }

    /// From now on requests come too late. True when none came before.
    pub fn close(&self) -> bool {
        *lock(&self.ask) = Ask::Closed;
        !self.token.is_cancelled()
    }

    /// From now on requests end what is left to do, and change nothing else.
    pub fn leave_rest(&self) {
        *lock(&self.ask) = Ask::Rest;
    }
}
