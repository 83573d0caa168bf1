//! Runs plans, and keeps the books.

use std::sync::Arc;
use std::time::Duration;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_executor::{Executor, RunResult};
use limekiln_model::{Action, ObjectId, Observed, Plan, StepOutcome};
use limekiln_planner::basis_holds;
use tracing::warn;

use super::Reconciler;
use crate::home::Fence;
use crate::ledger::{LedgerEngine, Owners, follow, owners_after};
use crate::{Claims, Outcome, Planned, ReconcileError, Record, Run};

impl Reconciler {
    /// Runs exactly this plan, and updates the ledger, also when the plan is empty.
    ///
    /// # Errors
    /// If another limekiln is at work, or an object with a step has changed since the plan was
    /// made: then nothing is done.
    pub async fn execute(&self, planned: &Planned, run: &Run) -> Result<Outcome, ReconcileError> {
        let lock = self.home.lock()?;
        self.execute_locked(&lock.fence(), planned, run).await
    }

    pub(super) async fn execute_locked(
        &self,
        fence: &Fence,
        planned: &Planned,
        run: &Run,
    ) -> Result<Outcome, ReconcileError> {
        // Read before the look: what somebody claims by hand meanwhile must not seem to be gone.
        let claims = self.claims()?;
        // Who destroys looks again: the plan may have waited for an answer for hours.
        let observed = self.observe_for(&planned.desired).await?;
        basis_holds(&planned.plan, &observed).map_err(ReconcileError::Moved)?;
        self.nothing_suspended(planned)?;
        self.take_up_requests(&planned.desired);
        let earlier = Some(&planned.observed);
        self.keep_books(fence, &claims, planned, &observed, earlier, &|_| false)?;
        let (inner, ledger) = (Arc::clone(&self.engine), self.ledger.fenced(fence));
        let engine = LedgerEngine::new(
            inner,
            ledger,
            &planned.plan,
            Arc::new(owners_after(&planned.plan, &planned.desired)),
        );
        let executor = Executor::new(Arc::new(engine), self.limits.clone());
        let sink = self.sink(&Arc::new(planned.plan.clone()), run);
        let result = executor.run(&planned.plan, &run.cancel, sink).await;
        let observed = self.observe_for(&planned.desired).await?;
        self.note_status(planned, &observed);
        Ok(Outcome { result, observed })
    }

    /// Whether nothing was suspended since the plan was made. By hand, everything may be done.
    pub(crate) fn nothing_suspended(&self, planned: &Planned) -> Result<(), ReconcileError> {
        if planned.desired.sources.is_empty() {
            return Ok(());
        }
        let requests = self.requests()?;
        let objects = planned.plan.steps.iter().map(|step| step.action.object());
        let moved: Vec<_> = objects.filter(|id| requests.suspended.contains(id)).collect();
        if moved.is_empty() { Ok(()) } else { Err(ReconcileError::Moved(moved)) }
    }

    /// An executor with the limits of this host, for parts of plans that run side by side.
    pub(crate) fn executor(&self) -> Executor {
        Executor::new(Arc::clone(&self.engine), self.limits.clone())
    }

    /// Keeps the ledger in step, but for objects that are being worked on.
    pub(crate) fn keep_books(
        &self,
        fence: &Fence,
        claims: &Claims,
        planned: &Planned,
        observed: &Observed,
        earlier: Option<&Observed>,
        busy: &dyn Fn(&ObjectId) -> bool,
    ) -> Result<(), ReconcileError> {
        let ledger = self.ledger.fenced(fence);
        for aside in ledger.set_aside(claims)? {
            warn!("a damaged ledger file was set aside as {}", aside.display());
        }
        follow(&ledger, claims, planned, observed, earlier, busy)?;
        Ok(())
    }

    /// Runs a part of a plan beside others. The home's lock is held by the caller, who has just
    /// looked, and has kept the books.
    pub(crate) async fn run_part(
        &self,
        fence: &Fence,
        longest_look: Duration,
        executor: &Executor,
        part: &Arc<Plan>,
        owners: Arc<Owners>,
        run: &Run,
    ) -> RunResult {
        if disrupts(part)
            && !is_on(Mutant::StopsUnseen)
            && let Err(error) = Box::pin(self.look_again(part, longest_look)).await
        {
            return withheld(part, &error);
        }
        let (inner, ledger) = (Arc::clone(&self.engine), self.ledger.fenced(fence));
        let engine = LedgerEngine::new(inner, ledger, part, owners);
        executor.with_engine(Arc::new(engine)).run(part, &run.cancel, self.sink(part, run)).await
    }

    /// Who takes something away looks again: what the plan was made from may be out of date.
    async fn look_again(&self, part: &Plan, limit: Duration) -> Result<(), ReconcileError> {
        let (observed, _) = self.look_within(limit).await?;
        basis_holds(part, &observed).map_err(ReconcileError::Moved)
    }

    fn sink(&self, plan: &Arc<Plan>, run: &Run) -> limekiln_executor::EventSink {
        let (plan, journal, on_event) =
            (Arc::clone(plan), self.journal(), Arc::clone(&run.on_event));
        Arc::new(move |event| {
            if let Some(record) = Record::of(&plan, &event)
                && let Err(error) = journal.append(&record)
            {
                warn!("cannot write the event log: {error}");
            }
            on_event(&plan, &event);
        })
    }
}

/// Whether something stops that runs, or goes.
fn disrupts(part: &Plan) -> bool {
    let stops = |action: &Action| {
        matches!(action, Action::StopInstance { .. } | Action::StopNetwork { .. })
    };
    part.steps.iter().any(|step| step.action.is_destructive() || stops(&step.action))
}

/// Nothing of the part was begun.
fn withheld(part: &Plan, error: &ReconcileError) -> RunResult {
    let failed = StepOutcome::Failed { error: error.chain(), hint: error.hint() };
    let rest = part.steps.iter().skip(1).map(|_| StepOutcome::Skipped);
    RunResult { outcomes: std::iter::once(failed).chain(rest).collect(), look_again: true }
}
