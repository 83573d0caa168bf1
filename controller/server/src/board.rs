//! The objects as those know them who watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::ReconcileError;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use crate::convert;
use crate::desk::Desk;
use crate::news::{Limits, News};

/// How often is looked while somebody watches, whatever happens.
const LOOK: Duration = Duration::from_millis(500);
/// Between looks at least.
const PAUSE: Duration = Duration::from_millis(50);
/// So many watch at the same time at most.
const WATCHERS: usize = 64;

/// What is told to those who watch. While nobody does, nothing is looked at.
pub(crate) struct Board {
    desk: Desk,
    pub(crate) objects: Arc<News<ObjectId, Arc<wire::Object>>>,
    watchers: AtomicUsize,
    begun: Notify,
    looking: Mutex<()>,
}

/// Somebody watches, as long as it lives.
pub(crate) struct Watching(Arc<Board>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Board {
    pub(crate) fn new(desk: Desk) -> Self {
        let objects = Arc::new(News::new(Limits { values: usize::MAX, gone: 1_024 }));
        let (watchers, begun) = (AtomicUsize::new(0), Notify::new());
        Self { desk, objects, watchers, begun, looking: Mutex::new(()) }
    }

    /// One more watches; `None` if too many do. What he sees first is as of now.
    ///
    /// # Errors
    /// If it cannot be looked.
    pub(crate) async fn watch(self: &Arc<Self>) -> Result<Option<Watching>, ReconcileError> {
        if self.watchers.fetch_add(1, Ordering::Relaxed) >= WATCHERS {
            self.watchers.fetch_sub(1, Ordering::Relaxed);
            return Ok(None);
        }
        let watching = Watching(Arc::clone(self));
        self.look().await?;
        self.begun.notify_one();
        Ok(Some(watching))
    }

    async fn look(&self) -> Result<(), ReconcileError> {
        let _one = self.looking.lock().await;
        let view = self.desk.view().await?;
        let object = |id: ObjectId| {
            let mut object = convert::object(&view, &id, true);
            // It changes all the time, and is no change.
            if let Some(reconciliation) = &mut object.reconciliation {
                reconciliation.next_try = None;
            }
            (id, Arc::new(object))
        };
        let all: BTreeMap<_, _> = view.ids().into_iter().map(object).collect();
        self.objects.replace(all);
        Ok(())
    }

    /// Looks again whenever the controller has, and now and then, as long as somebody watches.
    pub(crate) async fn keep(&self) {
        let mut state = self.desk.controller.as_ref().map(limekiln_reconciler::Handle::state);
        let mut told = None;
        loop {
            if self.watchers.load(Ordering::Relaxed) == 0 {
                self.begun.notified().await;
            }
            let begun = Instant::now();
            let error = self.look().await.err().map(|error| error.chain());
            if let Some(error) = error.as_ref().filter(|error| told.as_ref() != Some(*error)) {
                warn!("those who watch are not told what changes: {error}");
            }
            told = error;
            // Looking takes at most a fifth of the time.
            sleep(PAUSE.max(begun.elapsed() * 4)).await;
            let changed = async {
                match &mut state {
                    Some(state) => state.changed().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            let ended = timeout(LOOK, changed).await == Ok(false);
            if ended {
                return;
            }
        }
    }
}
