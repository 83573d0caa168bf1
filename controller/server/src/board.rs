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
use crate::desk::{Desk, LONGEST_LOOK};
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
        // Who waits behind a look that hangs is told so, too.
        let hangs = |_| ReconcileError::Hangs(LONGEST_LOOK.as_secs());
        let _one = timeout(LONGEST_LOOK, self.looking.lock()).await.map_err(hangs)?;
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

#[cfg(test)]
mod tests {
    use limekiln_api::HostFacts;
    use limekiln_engine::{ActionContext, Engine, EngineError};
    use limekiln_engine_sim::SimEngine;
    use limekiln_model::{Action, Capabilities, Observed};
    use limekiln_reconciler::{Home, Reconciler};

    use super::*;

    /// Its first look never ends.
    struct HangsOnce(SimEngine, AtomicUsize);

    #[async_trait::async_trait]
    impl Engine for HangsOnce {
        fn capabilities(&self) -> Capabilities {
            self.0.capabilities()
        }

        fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)] {
            self.0.unsupported_fields()
        }

        async fn observe(&self) -> Result<Observed, EngineError> {
            if self.1.fetch_add(1, Ordering::Relaxed) == 0 {
                std::future::pending::<()>().await;
            }
            self.0.observe().await
        }

        async fn perform(
            &self,
            action: &Action,
            context: &ActionContext,
        ) -> Result<(), EngineError> {
            self.0.perform(action, context).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_is_told_and_keeps_no_later_watch_waiting() {
        let dir = tempfile::tempdir().expect("dir");
        let facts = HostFacts { lima_home: dir.path().to_owned(), ..HostFacts::example() };
        let engine = Arc::new(HangsOnce(SimEngine::new(1), AtomicUsize::new(0)));
        let reconciler = Reconciler::new(engine, Home::new(dir.path()), facts);
        let board = Arc::new(Board::new(Desk::alone(Arc::new(reconciler))));
        let watch = || {
            let board = Arc::clone(&board);
            tokio::spawn(async move { board.watch().await.map(|watching| watching.is_some()) })
        };
        let (first, behind) = (watch(), watch());
        for hung in [first, behind] {
            let ended = timeout(LONGEST_LOOK * 3, hung).await.expect("it ends").expect("no panic");
            assert!(matches!(ended, Ok(true) | Err(ReconcileError::Hangs(60))), "{ended:?}");
        }
        let later = timeout(LONGEST_LOOK, watch()).await.expect("at once").expect("no panic");
        assert!(later.expect("it looks"));
        // One was told, and what it counted for is free again.
        assert!(board.watchers.load(Ordering::Relaxed) == 0);
    }
}
