//! The triggers that look out by themselves: a task each, started and stopped with the catalog.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::component::{Armed, Source};
use crate::engine::lock;
use crate::event::TriggerId;

use super::Daemon;
use super::catalog::{Catalog, LiveTrigger};
use super::offer::Sink;

/// Which source: the workflow's name and the trigger.
pub(super) type Key = (Arc<str>, TriggerId);

/// A source that looks out.
pub(super) struct Running {
    trigger: Arc<LiveTrigger>,
    stop: CancellationToken,
    ready: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Daemon {
    /// Makes the sources those of this catalog: what is gone or changed is stopped first, what is
    /// the same goes on undisturbed.
    pub(super) async fn swap_sources(&self, catalog: &Catalog) {
        let wanted: Vec<_> = catalog
            .workflows
            .iter()
            .flat_map(|listed| &listed.triggers)
            .filter_map(|trigger| match &trigger.armed {
                Armed::Source(source) => Some((trigger.clone(), source.clone())),
                Armed::Route(..) => None,
            })
            .collect();
        let leaving: Vec<Running> = {
            let mut running = lock(&self.inner.sources);
            let gone: Vec<Key> = running
                .iter()
                .filter(|(_, source)| {
                    !wanted.iter().any(|(trigger, _)| Arc::ptr_eq(trigger, &source.trigger))
                })
                .map(|(key, _)| key.clone())
                .collect();
            gone.iter().filter_map(|key| running.remove(key)).collect()
        };
        stop(leaving).await;
        for (trigger, source) in wanted {
            let key = (trigger.workflow.clone(), trigger.id.clone());
            if !lock(&self.inner.sources).contains_key(&key) {
                let running = self.spawn(trigger, source);
                lock(&self.inner.sources).insert(key, running);
            }
        }
    }

    fn spawn(&self, trigger: Arc<LiveTrigger>, source: Arc<dyn Source>) -> Running {
        let (ready_sender, ready) = watch::channel(false);
        let sink = Arc::new(Sink { daemon: self.clone(), trigger: trigger.clone(), ready: ready_sender });
        let stop = self.inner.shutdown.child_token();
        let task = tokio::spawn(source.run(sink, stop.clone()));
        Running { trigger, stop, ready, task }
    }

    /// Waits until every source has looked around once.
    pub(super) async fn settle_sources(&self) {
        let waiting: Vec<_> = lock(&self.inner.sources).values().map(|source| source.ready.clone()).collect();
        for mut ready in waiting {
            // A source that ended cannot become ready; its log says why.
            let _ = ready.wait_for(|ready| *ready).await;
        }
    }

    /// Stops every source.
    pub(super) async fn stop_sources(&self) {
        let leaving: Vec<Running> = lock(&self.inner.sources).drain().map(|(_, running)| running).collect();
        stop(leaving).await;
    }
}

async fn stop(leaving: Vec<Running>) {
    leaving.iter().for_each(|running| running.stop.cancel());
    for running in leaving {
        if let Err(error) = running.task.await {
            tracing::error!(trigger = %running.trigger.id, %error, "a trigger ended through a fault of howdah itself");
        }
    }
}
