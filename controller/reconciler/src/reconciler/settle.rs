//! Goes on until nothing is left to do.

use limekiln_executor::RunResult;

use super::Reconciler;
use crate::{End, Pass, Planned, ReconcileError, Run, Settled};

/// The most passes that [`Reconciler::settle`] makes.
const PASSES: usize = 5;
/// How often the same plan may come again, though it was done each time.
const SAME: usize = 3;

impl Reconciler {
    /// Runs the plan, looks again, and goes on with what has become possible, until nothing is
    /// left to do. Later passes destroy nothing: that would need consent of its own.
    ///
    /// # Errors
    /// As [`Self::execute`], for the first pass; if the home can no longer be read later.
    pub async fn settle(&self, planned: Planned, run: &Run) -> Result<Settled, ReconcileError> {
        let lock = self.home.lock()?;
        let fence = lock.fence();
        let pass = async |planned: &Planned| {
            self.execute_locked(&fence, planned, run).await.map(|outcome| outcome.result)
        };
        self.settle_by(planned, run, pass).await
    }

    /// The same where somebody else runs the plans: a controller, which has the lock.
    ///
    /// # Errors
    /// Those of `pass`; if the home can no longer be read.
    pub async fn settle_by<E: From<ReconcileError>>(
        &self,
        planned: Planned,
        run: &Run,
        pass: impl AsyncFn(&Planned) -> Result<RunResult, E>,
    ) -> Result<Settled, E> {
        let mut passes: Vec<Pass> = Vec::new();
        let mut rest = planned;
        loop {
            let result = pass(&rest).await?;
            let Planned { plan, desired, policy, .. } = rest;
            passes.push(Pass { plan, result });
            rest = self.plan(desired, policy).await?;
            if let Some(end) = end(&passes, &rest, run) {
                return Ok(Settled { passes, rest, end });
            }
        }
    }
}

/// Why to stop after these passes, if so.
fn end(passes: &[Pass], rest: &Planned, run: &Run) -> Option<End> {
    let last = &passes.last()?.result;
    if last.was_cancelled() || run.cancel.is_cancelled() {
        Some(End::Cancelled)
    } else if !last.is_done() && !last.look_again {
        Some(End::Failed)
    } else if rest.plan.is_empty() {
        Some(if last.is_done() { End::Settled } else { End::Failed })
    } else if passes.iter().filter(|pass| pass.plan.steps == rest.plan.steps).count() >= SAME
        || passes.len() >= PASSES
    {
        Some(if last.is_done() { End::Stalled } else { End::Failed })
    } else if rest.plan.destructive().next().is_some() {
        Some(End::NeedsConsent)
    } else {
        None
    }
}
