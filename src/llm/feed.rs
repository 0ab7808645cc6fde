//! The answer while it is written, for whoever watches.
//!
//! A watcher that is slow gets larger pieces later, one that is stuck gets none: neither holds up the
//! call, and what waits for it is never more than the answer itself.

use std::collections::VecDeque;

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// More text.
    Text(String),
    /// More reasoning.
    Reasoning(String),
}

/// The way to a watcher, if there is one.
#[derive(Debug)]
pub(super) struct Feed {
    to: Option<Sender<Delta>>,
    waiting: VecDeque<Delta>,
}

impl Feed {
    pub(super) fn new(to: Option<Sender<Delta>>) -> Self {
        Self { to, waiting: VecDeque::new() }
    }

    /// Hands on what fits, and keeps the rest for the next time.
    pub(super) fn send(&mut self, delta: Delta) {
        let Some(to) = &self.to else { return };
        match (self.waiting.back_mut(), delta) {
            (Some(Delta::Text(last)), Delta::Text(more)) => last.push_str(&more),
            (Some(Delta::Reasoning(last)), Delta::Reasoning(more)) => last.push_str(&more),
            (_, delta) => self.waiting.push_back(delta),
        }
        while let Some(next) = self.waiting.pop_front() {
            match to.try_send(next) {
                Ok(()) => {}
                Err(TrySendError::Full(next)) => return self.waiting.push_front(next),
                Err(TrySendError::Closed(_)) => {
                    self.to = None;
                    return self.waiting.clear();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_watcher_gets_larger_pieces_and_loses_none() {
        let (to, mut from) = tokio::sync::mpsc::channel(1);
        let mut feed = Feed::new(Some(to));
        for text in ["a", "b", "c"] {
            feed.send(Delta::Text(text.into()));
        }
        assert_eq!(from.recv().await, Some(Delta::Text("a".into())));
        feed.send(Delta::Text("d".into()));
        assert_eq!(from.recv().await, Some(Delta::Text("bcd".into())));
        drop(from);
        feed.send(Delta::Reasoning("e".into()));
        assert!(feed.to.is_none());
    }
}
