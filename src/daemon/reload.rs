//! Reloading: the next generation is made aside, kept, and put in force in one swap. When that cannot
//! be done, everything stays as it was, and it is tried again.

use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::tz::TimeZone;

use crate::engine::DayLimit;
use crate::files::watch::{Changes, changes};
use crate::journal::StoreError;

use super::Daemon;
use super::generation::{Bound, Generation};
use super::load::{self, UnreadableFolder};

/// How long to wait before the workspace is loaded again when that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What the last reload was made from; nothing before the first.
pub(super) type Before = Option<Bound>;

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The generation that it made, or the one that stayed.
    pub generation: u64,
    /// Workflows that are new.
    pub added: Vec<String>,
    /// Workflows whose definition is another one now.
    pub changed: Vec<String>,
    /// Workflows that are gone.
    pub removed: Vec<String>,
    /// Files that have errors, by workflow name; their last good version goes on.
    pub broken: Vec<String>,
    /// How many are as they were.
    pub untouched: usize,
    /// Everything that was found, drawn.
    pub findings: String,
}

impl Receipt {
    /// `2 changed, 1 added, 9 untouched`.
    pub fn summary(&self) -> String {
        let counts = [
            (self.changed.len(), "changed"),
            (self.added.len(), "added"),
            (self.removed.len(), "removed"),
            (self.broken.len(), "with errors"),
            (self.untouched, "untouched"),
        ];
        let told: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if told.is_empty() { "no workflows".to_owned() } else { told.join(", ") }
    }
}

/// Why the workspace was not loaded. What was in force still is.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// Nobody can say what is in it.
    #[error(transparent)]
    Folder(#[from] UnreadableFolder),
    /// The definitions could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Through a fault of howdah itself.
    #[error("the load was broken off through a fault of howdah itself: {0}")]
    Fault(String),
}

/// What happens to the triggers that look out by themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceTasks {
    /// They become those of the new catalog.
    Swapped,
    /// None is started: the process is there for one run, or not so far yet.
    Left,
}

impl Daemon {
    /// Begins to watch the files of the workspace.
    pub(super) async fn watch_files(&self) -> Option<Changes> {
        let root = self.inner.workspace.clone();
        let clock = self.inner.clock.clone();
        let profile = self.inner.profile.as_ref().map(|profile| format!("howdah.{profile}.yaml"));
        let files: Vec<_> = ["howdah.yaml".to_owned(), ".env".to_owned()]
            .into_iter()
            .chain(profile)
            .map(|name| root.join(name))
            .collect();
        let folders = load::FOLDERS.iter().map(|name| root.join(name)).collect();
        tokio::task::spawn_blocking(move || changes(folders, files, clock)).await.ok()
    }

    /// Reloads whenever something changes, until the daemon stops.
    pub(super) fn follow(&self, changes: Option<Changes>) {
        let Some(mut changes) = changes else { return };
        let daemon = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = daemon.inner.shutdown.cancelled() => return,
                    () = changes.next() => {}
                }
                daemon.load_in_the_end(SourceTasks::Swapped).await;
            }
        });
    }

    /// Loads the workspace as it is now.
    ///
    /// # Errors
    /// When nothing could be loaded, so that all is as it was. A file with errors is none.
    pub async fn reload(&self) -> Result<Receipt, LoadError> {
        self.load_once(SourceTasks::Swapped).await
    }

    /// Loads the workspace, and tries again until that is possible. None when the daemon stops first.
    pub(super) async fn load_in_the_end(&self, tasks: SourceTasks) -> Option<Receipt> {
        let mut told = String::new();
        loop {
            let error = match self.load_once(tasks).await {
                Ok(receipt) => return Some(receipt),
                Err(error) => error.to_string(),
            };
            self.set_starting(&format!("the workspace cannot be loaded yet: {error}"));
            if told != error {
                tracing::error!("the workspace is not loaded and all stays as it was: {error}");
                told = error;
            }
            tokio::select! {
                () = self.inner.shutdown.cancelled() => return None,
                () = self.inner.clock.sleep(PAUSE) => {}
            }
        }
    }

    /// Loads the workspace as it is now, one at a time.
    pub(super) async fn load_once(&self, tasks: SourceTasks) -> Result<Receipt, LoadError> {
        let mut before = self.inner.reloading.lock().await;
        let (daemon, bound) = (self.clone(), before.clone());
        let made = tokio::task::spawn_blocking(move || daemon.next_generation(bound)).await;
        let generation = made.map_err(|error| LoadError::Fault(error.to_string()))??;
        let receipt = self.put_in_force(generation, &mut before, tasks).await?;
        tracing::info!(generation = receipt.generation, "loaded: {}", receipt.summary());
        if !receipt.findings.is_empty() {
            tracing::warn!("\n{}", receipt.findings);
        }
        Ok(receipt)
    }

    /// Keeps the definitions of a generation and swaps it in.
    async fn put_in_force(
        &self,
        generation: Generation,
        before: &mut Before,
        tasks: SourceTasks,
    ) -> Result<Receipt, StoreError> {
        let Generation { catalog, bundles, receipt, bound } = generation;
        // All together, so that they share their flushes.
        let kept = bundles.into_iter().map(|(digest, bundle)| self.inner.store.put_bundle(digest, bundle));
        try_join_all(kept).await?;
        if let Some(bound) = &bound {
            self.inner.known.learn(&bound.assembled.secrets);
            self.inner.pinned.bind(bound.assembled.clone());
            let config = &bound.assembled.config;
            self.inner.engine.limit_days(DayLimit {
                cost: config.cost_per_day.as_ref().map(|cost| cost.value),
                timezone: config.timezone.as_ref().map_or(TimeZone::UTC, |zone| zone.value.clone()),
            });
        }
        *before = bound;
        self.inner.catalog.store(catalog.clone());
        if tasks == SourceTasks::Swapped {
            self.swap_sources(&catalog).await;
        }
        Ok(receipt)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;
    use crate::clock::{Clock, SystemClock, Timestamp};
    use crate::daemon::{Options, Readiness};
    use crate::journal::memory::MemoryStore;

    /// All waiting ends when the test says so.
    #[derive(Debug, Default)]
    struct Told(Notify);

    impl Clock for Told {
        fn now(&self) -> Timestamp {
            SystemClock.now()
        }

        fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            Box::pin(self.0.notified())
        }
    }

    #[tokio::test]
    async fn a_start_goes_on_as_soon_as_the_workspace_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let workflows = folder.path().join("workflows");
        std::fs::write(&workflows, "").unwrap();
        let clock = Arc::new(Told::default());
        let daemon = Daemon::new(Options {
            workspace: folder.path().to_owned(),
            profile: None,
            store: Arc::new(MemoryStore::new()),
            clock: clock.clone(),
            simulator: None,
            capacity: crate::engine::Capacity::default(),
        });
        let mut readiness = daemon.inner.readiness.subscribe();
        let start = tokio::spawn({
            let daemon = daemon.clone();
            async move { daemon.start().await.unwrap() }
        });
        let is_told =
            |now: &Readiness| matches!(now, Readiness::Starting(why) if why.contains("cannot be read"));
        readiness.wait_for(is_told).await.unwrap();
        std::fs::remove_file(&workflows).unwrap();
        std::fs::create_dir(&workflows).unwrap();
        std::fs::write(workflows.join("w.yaml"), "steps: []\n").unwrap();
        clock.0.notify_one();
        assert_eq!(start.await.unwrap().added, ["w"]);
        assert_eq!(daemon.readiness(), Readiness::Ready);
        daemon.stop(Duration::ZERO).await;
        // What comes late does not undo a stop.
        daemon.set_starting("nothing");
        assert_eq!(daemon.readiness(), Readiness::Stopping);
    }
}
