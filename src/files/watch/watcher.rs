//! The driver of a watch: hints in, settled versions out.
//!
//! One task, in a loop: look where hints point (or everywhere, when it is time), read what is due,
//! hand it over, and wait for the next thing to happen. While it works hints gather, so a flood is
//! a few large turns instead of many small ones, without any artificial wait.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::hints::Hints;
use super::look::{Look, Looked};
use super::settler::{Read, Settler, later};
use super::{Delivery, POLL, Settled, Status, Watch};
use crate::clock::{SharedClock, Timestamp, elapsed};
use crate::files::read::Contents;
use crate::files::roots::{Purpose, Roots};
use crate::value::Failure;

/// The most versions that are handed over and not yet recorded.
const IN_FLIGHT: usize = 64;

/// The most entries of [`Status::skipped`].
const SKIPPED: usize = 100;

/// A watch, ready to [`run`](Self::run).
pub struct Watcher {
    roots: Roots,
    options: Watch,
    clock: SharedClock,
    hints: Hints,
    look: Arc<Mutex<Look>>,
    settler: Settler,
    deliveries: mpsc::Sender<Delivery>,
    handed_over: FuturesUnordered<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    skipped: BTreeMap<String, String>,
    current: Status,
    status: watch::Sender<Status>,
}

/// What became of a version that was handed over.
struct Answer {
    path: Arc<str>,
    contents: Contents,
    recorded: bool,
}

/// Prepares a watch: the task to run, the settled versions, and how it is doing. Opens the
/// operating system's watcher, and so makes a thread, but looks at nothing yet.
///
/// # Errors
/// `file_denied` when a pattern begins outside the roots.
pub fn watch(
    roots: Roots,
    mut options: Watch,
    clock: SharedClock,
) -> Result<(Watcher, mpsc::Receiver<Delivery>, watch::Receiver<Status>), Failure> {
    for base in options.patterns.bases() {
        roots.locate(if base.is_empty() { "." } else { &base }, Purpose::Read)?;
    }
    let hints = Hints::default();
    let look = Look::new(roots.clone(), options.patterns.clone(), &hints);
    let (deliveries, received) = mpsc::channel(IN_FLIGHT);
    let (status, shown) = watch::channel(Status::default());
    let watcher = Watcher {
        roots,
        settler: Settler::new(options.settle, std::mem::take(&mut options.seen)),
        options,
        clock,
        hints,
        look: Arc::new(Mutex::new(look)),
        deliveries,
        handed_over: FuturesUnordered::new(),
        skipped: BTreeMap::new(),
        current: Status::default(),
        status,
    };
    Ok((watcher, received, shown))
}

impl Watcher {
    /// Watches until `shutdown` or until nobody receives any more. What was handed over and not
    /// recorded by then comes again with the next watch.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut scan_at = Timestamp::MIN;
        while !self.deliveries.is_closed() {
            let now = self.clock.now();
            // A clock that was set back must not put the scan off.
            scan_at = scan_at.min(later(now, self.period()));
            let pending = self.hints.take();
            let all = pending.all || pending.broken.is_some() || scan_at <= now;
            if all || !pending.is_empty() {
                let look = self.look.clone();
                let looked = tokio::task::spawn_blocking(move || {
                    let mut look = look.lock().unwrap_or_else(PoisonError::into_inner);
                    if all { look.everywhere(pending) } else { look.at(pending) }
                });
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    looked = looked => self.take_in(looked.unwrap_or_else(|_| broken_off()), all),
                }
                if all {
                    scan_at = later(self.clock.now(), self.period());
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.hand_over() => {}
            }
            self.publish();
            if !self.wait(&shutdown, scan_at).await {
                return;
            }
        }
    }

    /// The time between full scans.
    fn period(&self) -> Duration {
        if self.current.polling.is_some() { POLL } else { self.options.rescan }
    }

    /// Tells the settler what was seen.
    fn take_in(&mut self, looked: Looked, all: bool) {
        let now = self.clock.now();
        if all {
            self.skipped.clear();
            self.current.problem = None;
            self.current.armed = true;
        }
        if let Some(problem) = looked.problem {
            self.current.problem = Some(problem.message);
        }
        if let (Some(reason), None) = (&looked.polling, &self.current.polling) {
            tracing::warn!(
                reason,
                "files are scanned every second, as they cannot be watched: raise fs.inotify.max_user_watches or max_user_instances"
            );
        }
        self.current.polling = looked.polling.or(self.current.polling.take());
        for skipped in looked.skipped {
            self.skip(skipped.path, skipped.reason);
        }
        for (file, hint) in looked.files {
            if file.stamp.size > self.options.max_size {
                self.skip(file.path, format!("it is larger than {} bytes", self.options.max_size));
            } else {
                self.settler.observe(&file.path, file.stamp, hint, now);
            }
        }
    }

    /// Reads what is due and sends the new versions off.
    async fn hand_over(&mut self) {
        let room = IN_FLIGHT.saturating_sub(self.handed_over.len());
        let due = self.settler.due(self.clock.now(), room);
        if due.is_empty() {
            return;
        }
        let (roots, paths) = (self.roots.clone(), due.clone());
        let (keep, max_size) = (self.options.keep, self.options.max_size);
        let read = move || paths.iter().map(|path| read(&roots, path, keep, max_size)).collect::<Vec<_>>();
        let contents = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        let now = self.clock.now();
        let mut contents = contents.into_iter();
        for path in due {
            let (read, problem) = contents.next().unwrap_or((Read::Nothing, None));
            if let Some(reason) = problem {
                self.skip(path.to_string(), reason);
            }
            let change = self.settler.read(&path, &read, now);
            let (Some(change), Read::Contents(contents)) = (change, read) else { continue };
            if !self.options.wanted.includes(change) {
                self.settler.recorded(&path, &contents, now);
                continue;
            }
            let settled = Settled {
                path: path.to_string(),
                change,
                size: contents.stamp.size,
                modified: contents.stamp.modified,
                sha256: contents.digest,
                bytes: contents.bytes.clone(),
            };
            let (recorded, answer) = oneshot::channel();
            // There is room for all that is in flight; a closed channel ends the loop.
            if self.deliveries.try_send(Delivery { settled, recorded }).is_err() {
                self.settler.refused(&path, now);
                continue;
            }
            let contents = Contents { bytes: None, ..contents };
            self.handed_over.push(Box::pin(async move {
                let recorded = answer.await.is_ok();
                Answer { path, contents, recorded }
            }));
        }
    }

    /// Waits for whatever comes next; false when it is the end.
    async fn wait(&mut self, shutdown: &CancellationToken, scan_at: Timestamp) -> bool {
        let has_room = self.handed_over.len() < IN_FLIGHT;
        let due = self.settler.next_due().filter(|_| has_room);
        let next = due.map_or(scan_at, |due| due.min(scan_at));
        let nap = elapsed(self.clock.now(), next);
        let answer = tokio::select! {
            () = shutdown.cancelled() => return false,
            () = self.deliveries.closed() => return false,
            Some(answer) = self.handed_over.next(), if !self.handed_over.is_empty() => Some(answer),
            () = self.hints.came() => None,
            () = self.clock.sleep(nap) => None,
        };
        if let Some(answer) = answer {
            self.answered(answer);
        }
        // All answers that are there belong to one turn.
        while let Some(Some(answer)) = futures_util::FutureExt::now_or_never(self.handed_over.next()) {
            self.answered(answer);
        }
        true
    }

    fn answered(&mut self, Answer { path, contents, recorded }: Answer) {
        let now = self.clock.now();
        if recorded {
            self.current.delivered += 1;
            self.settler.recorded(&path, &contents, now);
        } else {
            self.settler.refused(&path, now);
        }
    }

    fn skip(&mut self, path: String, reason: String) {
        if self.skipped.len() < SKIPPED || self.skipped.contains_key(&path) {
            self.skipped.insert(path, reason);
        }
    }

    fn publish(&mut self) {
        self.current.waiting = self.settler.waiting() + self.handed_over.len();
        let told = |(path, reason): (&String, &String)| crate::files::scan::Skipped {
            path: path.clone(),
            reason: reason.clone(),
        };
        self.current.skipped = self.skipped.iter().map(told).collect();
        self.status.send_if_modified(|status| {
            let news = *status != self.current;
            if news {
                status.clone_from(&self.current);
            }
            news
        });
    }
}

/// What a due file holds, and why it cannot be read, if somebody should know. Blocking.
fn read(roots: &Roots, path: &str, keep: u64, max_size: u64) -> (Read, Option<String>) {
    match roots.blocking_contents(path, keep.min(max_size)) {
        Ok(Some(contents)) if contents.stamp.size > max_size => (Read::Changed, None),
        Ok(Some(contents)) => (Read::Contents(contents), None),
        Ok(None) => (Read::Changed, None),
        Err(failure) if failure.code == "file_missing" => (Read::Nothing, None),
        Err(failure) => (Read::Nothing, Some(failure.message)),
    }
}

/// What is left of a look that ended in a panic.
fn broken_off() -> Looked {
    Looked {
        problem: Some(Failure::new("file_io", "the scan was broken off; it is tried again")),
        ..Looked::default()
    }
}

#[cfg(test)]
mod tests;
