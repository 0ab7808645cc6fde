//! The task of an armed `file` trigger: from the ledger to the watch, from the watch to the daemon.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch as state};
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::component::{Arming, EventSink, Refused, Source};
use crate::event::{Event, SeenFile, TriggerId};
use crate::files::Roots;
use crate::files::watch::{Change, Delivery, Status, Watch, watch};
use crate::ids::Digest;
use crate::value::Failure;

use super::event::{data, identity, known, seen};
use super::{Existing, Wanted};

/// The wait after something went wrong that may pass by itself.
const PAUSE: Duration = Duration::from_secs(5);

/// The shortest and the longest wait after a refusal, whatever is asked for.
const WAITS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(60));

/// A `file` trigger of a workflow.
pub(super) struct FileSource {
    pub(super) workflow: String,
    pub(super) trigger: TriggerId,
    /// Tells whether it is the same that was armed before.
    pub(super) settings: Digest,
    pub(super) wanted: Vec<Wanted>,
    pub(super) existing: Existing,
    /// The watch, without what is on record.
    pub(super) watch: Watch,
    pub(super) files: Roots,
    pub(super) clock: SharedClock,
}

impl Source for FileSource {
    fn run(self: Arc<Self>, sink: Arc<dyn EventSink>, shutdown: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let work = self.work(&*sink, &shutdown);
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = work => {}
            }
        })
    }
}

impl FileSource {
    async fn work(&self, sink: &dyn EventSink, shutdown: &CancellationToken) {
        let known_files = self.begin(sink, shutdown).await;
        let watch_these =
            Watch { seen: known_files.into_iter().filter_map(known).collect(), ..self.watch.clone() };
        match watch(self.files.clone(), watch_these, self.clock.clone()) {
            Ok((watcher, deliveries, status)) => {
                // Both end with the watch, which ends at shutdown only.
                tokio::join!(watcher.run(shutdown.clone()), self.forward(deliveries, status, sink));
            }
            Err(failure) => self.complain(&failure.message),
        }
    }

    /// The versions that are on record, once all that lies aside is among them.
    async fn begin(&self, sink: &dyn EventSink, shutdown: &CancellationToken) -> Vec<SeenFile> {
        let ledger = self.insist(|| sink.ledger(self.settings)).await;
        let mut files = ledger.files;
        if ledger.arming == Arming::First {
            let aside = match self.existing {
                Existing::Process => Vec::new(),
                Existing::Ignore => self.lying_there(&files, shutdown).await,
            };
            self.insist(|| sink.arm(self.settings, aside.clone())).await;
            files.extend(aside);
        }
        files
    }

    /// The versions of files that are there now and not on record. A file on record is left to the
    /// watch: what came to it since then is new, whichever settings there were.
    async fn lying_there(&self, on_record: &[SeenFile], shutdown: &CancellationToken) -> Vec<SeenFile> {
        let on_record: Arc<HashSet<_>> = Arc::new(on_record.iter().map(|file| file.path.clone()).collect());
        loop {
            let (files, watch) = (self.files.clone(), self.watch.clone());
            let (on_record, shutdown) = (on_record.clone(), shutdown.clone());
            let look = tokio::task::spawn_blocking(move || look(&files, &watch, &on_record, &shutdown));
            match look.await {
                Ok(Ok(found)) => return found,
                Ok(Err(failure)) => self.complain(&failure.message),
                Err(error) => self.complain(&format!("the first look was broken off: {error}")),
            }
            self.clock.sleep(PAUSE).await;
        }
    }

    /// Hands over what the watch delivers, until it ends.
    async fn forward(
        &self,
        mut deliveries: mpsc::Receiver<Delivery>,
        mut status: state::Receiver<Status>,
        sink: &dyn EventSink,
    ) {
        let mut under_way = FuturesUnordered::new();
        let mut told = Told::default();
        loop {
            tokio::select! {
                delivery = deliveries.recv() => match delivery {
                    // The watch itself keeps a bound on how many are under way.
                    Some(delivery) => under_way.push(self.hand_over(delivery, sink)),
                    None => return,
                },
                Some(()) = under_way.next(), if !under_way.is_empty() => {}
                Ok(()) = status.changed() => {
                    let now = status.borrow_and_update().clone();
                    self.tell(&mut told, &now, sink);
                }
            }
        }
    }

    /// Sees one version onto the record, however often it takes.
    async fn hand_over(&self, delivery: Delivery, sink: &dyn EventSink) {
        let settled = &delivery.settled;
        let wanted = match settled.change {
            Change::Created => Wanted::Created,
            Change::Modified => Wanted::Modified,
        };
        let file = seen(settled);
        if self.wanted.contains(&wanted) {
            let data = Arc::new(data(settled));
            let event = Event { trigger: self.trigger.clone(), data, identity: Some(identity(settled)) };
            let delivered = self.insist(|| sink.deliver(event.clone(), Some(file.clone()))).await;
            tracing::debug!(workflow = self.workflow, path = settled.path, ?delivered, "a file has settled");
        } else {
            self.insist(|| sink.note(vec![file.clone()])).await;
        }
        delivery.recorded();
    }

    /// Asks until it is not refused.
    async fn insist<'s, T>(&self, mut ask: impl FnMut() -> BoxFuture<'s, Result<T, Refused>>) -> T {
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(refused) => {
                    tracing::debug!(workflow = self.workflow, trigger = %self.trigger, %refused, "files wait");
                    self.clock.sleep(refused.retry_after.clamp(WAITS.0, WAITS.1)).await;
                }
            }
        }
    }

    /// Says once what there is to say about the watch.
    fn tell(&self, told: &mut Told, status: &Status, sink: &dyn EventSink) {
        if status.armed && !told.ready {
            told.ready = true;
            sink.ready();
        }
        if status.problem != told.problem {
            told.problem.clone_from(&status.problem);
            if let Some(problem) = &status.problem {
                self.complain(problem);
            }
        }
        let skipped: HashSet<_> = status.skipped.iter().map(|skipped| skipped.path.clone()).collect();
        for left_out in status.skipped.iter().filter(|skipped| !told.skipped.contains(&skipped.path)) {
            self.complain(&format!("`{}` is left out: {}", left_out.path, left_out.reason));
        }
        told.skipped = skipped;
    }

    fn complain(&self, problem: &str) {
        tracing::warn!(workflow = self.workflow, trigger = %self.trigger, "{problem}");
    }
}

/// What was said of a watch, so that nothing is said twice.
#[derive(Default)]
struct Told {
    ready: bool,
    problem: Option<String>,
    skipped: HashSet<String>,
}

/// Reads all files that lie there and are not on record. Blocking; ends early at shutdown, when
/// nobody waits for it any more.
fn look(
    files: &Roots,
    watch: &Watch,
    on_record: &HashSet<Vec<u8>>,
    shutdown: &CancellationToken,
) -> Result<Vec<SeenFile>, Failure> {
    let mut found = Vec::new();
    for there in files.blocking_scan(&watch.patterns)?.files {
        if shutdown.is_cancelled() {
            break;
        }
        // One that is too large now is not known by anybody: should the limit be raised, it is new.
        if there.stamp.size > watch.max_size || on_record.contains(there.path.as_bytes()) {
            continue;
        }
        // One that is gone again, or cannot be read, or is being written, is left to the watch.
        let Ok(Some(contents)) = files.blocking_contents(&there.path, 0) else { continue };
        found.push(SeenFile {
            path: there.path.into_bytes(),
            content: contents.digest,
            size: contents.stamp.size,
            modified: contents.stamp.modified,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
