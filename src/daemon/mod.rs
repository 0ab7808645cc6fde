//! The daemon: a workspace that is loaded, watched, and alive.
//!
//! Start-up is a reload from nothing. A reload takes a snapshot of all files, compiles every
//! workflow, and swaps the whole catalog at once: a broken file changes nothing but what is said of
//! it, and runs under way keep the definition they started with.

mod assemble;
mod catalog;
mod claims;
mod generation;
pub mod load;
mod offer;
mod part;
mod pinned;
mod reload;
mod sources;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::component::Kinds;
use crate::engine::{self, Engine};
use crate::journal::{SharedStore, StoreError};
use crate::registry;
use crate::secret::Known;
use crate::value::Json;

pub use assemble::{Assembled, Configured, Place, assemble, configure};
pub use catalog::{Catalog, Listed, LiveTrigger, Match};
pub use offer::{OfferError, Offered, StartError};
pub use part::{Extent, Part, PartError};
pub use reload::{LoadError, Receipt};

/// What a daemon is made with.
pub struct Options {
    /// The workspace's folder.
    pub workspace: PathBuf,
    /// The profile whose file overlays `howdah.yaml`.
    pub profile: Option<String>,
    /// The opened journal.
    pub store: SharedStore,
    /// The clock for all waiting.
    pub clock: SharedClock,
    /// A simulator's base URL, instead of every provider's own.
    pub simulator: Option<String>,
    /// How much is taken on at once.
    pub capacity: engine::Capacity,
}

/// How long a stopping daemon waits for the steps that are under way.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Whether work is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet: what is awaited.
    Starting(String),
    /// Yes.
    Ready,
    /// No more.
    Stopping,
    /// Not now: the journal cannot be written; why.
    StorageTrouble(String),
}

/// A workspace that is alive. Cheap to clone.
#[derive(Clone)]
pub struct Daemon {
    inner: Arc<Inner>,
}

struct Inner {
    workspace: PathBuf,
    profile: Option<String>,
    store: SharedStore,
    clock: SharedClock,
    simulator: Option<String>,
    kinds: Kinds,
    engine: Engine,
    known: Arc<Known>,
    pinned: Arc<pinned::Pinned>,
    catalog: Arc<ArcSwap<Catalog>>,
    readiness: watch::Sender<Readiness>,
    sources: Mutex<HashMap<sources::Key, sources::Running>>,
    /// Held during a reload, so that there is one at a time.
    reloading: tokio::sync::Mutex<reload::Before>,
    shutdown: CancellationToken,
}

impl Daemon {
    /// A daemon that has loaded nothing yet.
    pub fn new(options: Options) -> Self {
        let kinds = registry::kinds();
        let known = Arc::<Known>::default();
        let bench = pinned::Bench {
            kinds: kinds.clone(),
            workspace: options.workspace.clone(),
            clock: options.clock.clone(),
            simulator: options.simulator.clone(),
        };
        let catalog = Arc::<ArcSwap<Catalog>>::default();
        let pinned = pinned::Pinned::new(options.store.clone(), known.clone(), bench, catalog.clone());
        let pinned = Arc::new(pinned);
        let engine = Engine::new(engine::Options {
            store: options.store.clone(),
            clock: options.clock.clone(),
            secrets: known.clone(),
            definitions: pinned.clone(),
            capacity: options.capacity,
        });
        let (readiness, _) = watch::channel(Readiness::Starting("the first load".to_owned()));
        let inner = Inner {
            workspace: options.workspace,
            profile: options.profile,
            store: options.store,
            clock: options.clock,
            simulator: options.simulator,
            kinds,
            engine,
            known,
            pinned,
            catalog,
            readiness,
            sources: Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
            shutdown: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Loads the workspace, takes up unfinished runs, arms the triggers and watches the files. Ready
    /// when all of that is done; how it went is in the receipt. A workspace that cannot be loaded is
    /// tried again until it can be, or until the daemon stops.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn start(&self) -> Result<Receipt, StoreError> {
        // Changes count from before the first look, so that none falls in between.
        let changes = self.watch_files().await;
        let Some(receipt) = self.load_in_the_end(reload::SourceTasks::Left).await else {
            return Ok(Receipt::default());
        };
        self.set_starting("unfinished runs");
        // Before any trigger is armed: a run that starts now is no unfinished one.
        let resumed = self.inner.engine.resume().await?;
        if resumed > 0 {
            tracing::info!(runs = resumed, "taking up unfinished runs");
        }
        self.set_starting("the first scan of the watched folders");
        {
            let _before = self.inner.reloading.lock().await;
            self.swap_sources(&self.catalog()).await;
        }
        // From here on, as a source that cannot get ready may be waiting for an edit.
        self.follow(changes);
        self.settle_sources().await;
        self.inner.readiness.send_if_modified(|readiness| {
            let starting = matches!(readiness, Readiness::Starting(_));
            if starting {
                *readiness = Readiness::Ready;
            }
            starting
        });
        Ok(receipt)
    }

    /// Loads the workspace without arming triggers or taking up runs: enough to start one by hand.
    ///
    /// # Errors
    /// When nothing could be loaded.
    pub async fn load(&self) -> Result<Receipt, LoadError> {
        let receipt = self.load_once(reload::SourceTasks::Left).await?;
        self.inner.readiness.send_replace(Readiness::Ready);
        Ok(receipt)
    }

    /// Says what a start waits for. One that is over stays so, and so does a stop.
    fn set_starting(&self, awaited: &str) {
        self.inner.readiness.send_if_modified(|readiness| {
            let is_starting = matches!(readiness, Readiness::Starting(_));
            if is_starting {
                *readiness = Readiness::Starting(awaited.to_owned());
            }
            is_starting
        });
    }

    /// Takes no more work, waits for the steps under way, and leaves the journal in order. False
    /// when a step was still under way; it is taken up by the next process.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.inner.readiness.send_replace(Readiness::Stopping);
        self.inner.shutdown.cancel();
        self.stop_sources().await;
        let done = self.inner.engine.stop(patience).await;
        self.inner.store.close().await;
        done
    }

    /// The generation in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.inner.catalog.load_full()
    }

    /// Whether work is taken.
    pub fn readiness(&self) -> Readiness {
        let readiness = self.inner.readiness.borrow().clone();
        match (readiness, self.inner.engine.trouble()) {
            (Readiness::Ready, Some(trouble)) => Readiness::StorageTrouble(trouble),
            (readiness, _) => readiness,
        }
    }

    /// The journal.
    pub fn store(&self) -> &SharedStore {
        &self.inner.store
    }

    /// What runs the runs.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The clock for all waiting.
    pub fn clock(&self) -> &SharedClock {
        &self.inner.clock
    }

    /// The workspace's folder.
    pub fn workspace(&self) -> &Path {
        &self.inner.workspace
    }

    /// Ends when the daemon stops.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.inner.shutdown
    }

    /// What is loaded and how it is doing, for people and scripts.
    pub fn status(&self) -> Json {
        let catalog = self.catalog();
        let readiness = match self.readiness() {
            Readiness::Starting(awaited) => json!({ "state": "starting", "awaiting": awaited }),
            Readiness::Ready => json!({ "state": "ready" }),
            Readiness::Stopping => json!({ "state": "stopping" }),
            Readiness::StorageTrouble(why) => json!({ "state": "storage_trouble", "why": why }),
        };
        let workflows: Vec<_> = catalog.workflows.iter().map(|listed| listed_json(listed)).collect();
        let stats = self.inner.store.stats();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "workspace": self.inner.workspace.display().to_string(),
            "readiness": readiness,
            "generation": catalog.generation,
            "active_runs": self.inner.engine.active(),
            "queued_runs": self.inner.engine.queued(),
            "workflows": workflows,
            "journal": { "commits": stats.commits, "writes": stats.writes },
        })
    }
}

/// A workflow as it is listed to people and scripts.
pub fn listed_json(listed: &Listed) -> Json {
    json!({
        "name": &*listed.name,
        "file": listed.file.display().to_string(),
        "digest": listed.digest.map(|digest| digest.to_string()),
        "loaded_at": listed.loaded_at.to_string(),
        "error": listed.error,
        "triggers": listed.triggers.iter().map(|trigger| trigger.id.to_string()).collect::<Vec<_>>(),
    })
}
