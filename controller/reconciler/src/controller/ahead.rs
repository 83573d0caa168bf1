//! A look at what exists that goes on beside other work.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use limekiln_model::Observed;
use tokio::time::Instant;

use crate::{Claims, ReconcileError, Reconciler};

/// What was seen is not old for so long.
const FRESH: Duration = Duration::from_millis(50);

/// What exists, with the ledger that it was seen with.
pub(super) type Looked = (Observed, Arc<Claims>);

/// One look.
pub(super) struct Look {
    begun: Instant,
    looking: Pin<Box<dyn Future<Output = Result<Looked, ReconcileError>> + Send>>,
    looked: Option<Result<Looked, ReconcileError>>,
}

impl Look {
    /// This look, as long as what it sees is not old; else another one. However often somebody
    /// asks, that many are never begun.
    pub(super) fn fresh(look: Option<Self>, reconciler: &Arc<Reconciler>, limit: Duration) -> Self {
        let fresh = look.filter(|look| look.begun.elapsed() <= FRESH);
        fresh.unwrap_or_else(|| Self::begin(reconciler, limit))
    }

    /// Begins to look, for no longer than `limit`. It goes on while somebody waits for it.
    fn begin(reconciler: &Arc<Reconciler>, limit: Duration) -> Self {
        let reconciler = Arc::clone(reconciler);
        let looking = Box::pin(async move { reconciler.look_within(limit).await });
        Self { begun: Instant::now(), looking, looked: None }
    }

    /// Looks on; ends once, when all was seen.
    pub(super) async fn go_on(&mut self) {
        if self.looked.is_some() {
            return pending().await;
        }
        self.looked = Some((&mut self.looking).await);
    }

    /// What was seen.
    pub(super) async fn end(self) -> Result<Looked, ReconcileError> {
        match self.looked {
            Some(looked) => looked,
            None => self.looking.await,
        }
    }
}
