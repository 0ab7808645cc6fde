//! How a run is asked to end: the request is in its journal before it is heard.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use crate::clock::Timestamp;
use crate::journal::Entry;

use super::book::Book;
use super::lock;

/// How a run is asked to end. The request is on stable storage before the run is told.
#[derive(Clone, Default)]
pub(super) struct Cancel {
    pub token: CancellationToken,
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
    /// It was asked, or what is left runs whatever is asked.
    Closed,
}

impl Cancel {
    /// Asks the run to end. False when it is past that.
    pub async fn ask(&self, by: &str, at: Timestamp) -> bool {
        let book = match &*lock(&self.ask) {
            Ask::Early => None,
            Ask::Open(book) => Some(book.clone()),
            Ask::Closed => return self.token.is_cancelled(),
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
}
