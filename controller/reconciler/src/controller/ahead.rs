//! A look at what exists that goes on beside other work, and a plan made before its time.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use limekiln_model::{Observed, Policy};
use tokio::time::{Instant, timeout};

use super::intake::{Foresight, blocking};
use crate::{Claims, Planned, ReconcileError, Reconciler};

/// What is not foreseen in this time is of no use.
const FORESEEN: Duration = Duration::from_secs(1);

/// What was seen is not old for so long.
const FRESH: Duration = Duration::from_millis(50);

/// What exists, with the ledger that it was seen with.
pub(super) type Looked = (Observed, Arc<Claims>);

/// What came of a look, and what was planned from it before it was known that it will be asked for.
pub(super) type Seen = (Result<Looked, ReconcileError>, Option<Arc<Planned>>);

/// One look.
pub(super) struct Look {
    begun: Instant,
    looking: Pin<Box<dyn Future<Output = Seen> + Send>>,
    seen: Option<Seen>,
}

/// What it takes to plan from what the manifests will most likely say.
#[derive(Clone)]
pub(super) struct Prepare {
    pub(super) foresight: Foresight,
    /// Without what the manifests' own policies say.
    pub(super) policy: Policy,
    pub(super) last: Option<Arc<Planned>>,
}

impl Look {
    /// This look, as long as what it sees is not old; else another one. However often somebody
    /// asks, that many are never begun.
    pub(super) fn fresh(
        look: Option<Self>,
        reconciler: &Arc<Reconciler>,
        limit: Duration,
        prepare: impl FnOnce() -> Option<Prepare>,
    ) -> Self {
        let fresh = look.filter(|look| look.begun.elapsed() <= FRESH);
        fresh.unwrap_or_else(|| Self::begin(reconciler, limit, prepare()))
    }

    /// Begins to look, for no longer than `limit`. It goes on while somebody waits for it.
    fn begin(reconciler: &Arc<Reconciler>, limit: Duration, prepare: Option<Prepare>) -> Self {
        let looking = Box::pin(look(Arc::clone(reconciler), limit, prepare));
        Self { begun: Instant::now(), looking, seen: None }
    }

    /// Looks on; ends once, when all was seen.
    pub(super) async fn go_on(&mut self) {
        if self.seen.is_some() {
            return pending().await;
        }
        self.seen = Some((&mut self.looking).await);
    }

    /// What was seen.
    pub(super) async fn end(self) -> Seen {
        match self.seen {
            Some(seen) => seen,
            None => self.looking.await,
        }
    }
}

/// Looks, and plans from what is foreseen meanwhile.
async fn look(reconciler: Arc<Reconciler>, limit: Duration, prepare: Option<Prepare>) -> Seen {
    let look = reconciler.look_within(limit);
    let Some(Prepare { foresight, policy, last }) = prepare else { return (look.await, None) };
    let for_foresight = Arc::clone(&reconciler);
    let foresee = move || foresight.foresee(&for_foresight);
    // What is half written must not be able to end the controller.
    let foresee = blocking(move || catch_unwind(AssertUnwindSafe(foresee)).ok().flatten());
    let (looked, prospect) = tokio::join!(look, timeout(FORESEEN, foresee));
    let prospect = prospect.ok().flatten();
    let planned = looked.as_ref().ok().zip(prospect).and_then(|((observed, _), wanted)| {
        let (desired, prune_budgets) = wanted;
        let policy = Policy { prune_budgets, ..policy };
        reconciler.plan_again(last.as_ref(), None, observed.clone(), desired, policy).ok()
    });
    (looked, planned)
}
