//! Plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use limekiln_model::{Capabilities, Desired, Name, ObjectId, Observed, Plan, Policy, Report};
use limekiln_planner::{RunVerb, basis_holds, checker};

use super::Reconciler;
use super::filled::refill;
use crate::{Planned, ReconcileError, Requests, SavedPlan, SavedPlanError};

impl Reconciler {
    /// Plans what the manifests ask for.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn plan(&self, desired: Desired, policy: Policy) -> Result<Planned, ReconcileError> {
        self.plan_on(self.observe().await?, desired, policy)
    }

    /// Plans what the manifests ask for, from what was observed.
    ///
    /// # Errors
    /// If what people ask for beside them cannot be read.
    pub fn plan_on(
        &self,
        observed: Observed,
        desired: Desired,
        policy: Policy,
    ) -> Result<Planned, ReconcileError> {
        let (observed, desired, policy) = self.complete(observed, desired, policy)?;
        let (plan, report) =
            limekiln_planner::plan(&desired, &observed, &self.capabilities(), &policy);
        Ok(Planned { plan, report, observed, desired, policy })
    }

    /// The same again and again: planning is pure, so of what the last plan was made from, or one
    /// that was made ahead, the same plan is made.
    ///
    /// # Errors
    /// As [`Self::plan_on`].
    pub(crate) fn plan_again(
        &self,
        last: Option<&Arc<Planned>>,
        ahead: Option<&Arc<Planned>>,
        observed: Observed,
        desired: Desired,
        policy: Policy,
    ) -> Result<Arc<Planned>, ReconcileError> {
        let requests = self.requests()?;
        let (mut observed, mut desired, policy) =
            self.asked_for(&requests, observed, desired, policy);
        self.filled.prepare(&mut desired, &mut observed, &self.facts);
        let same = |known: &&Arc<Planned>| {
            known.policy == policy && known.desired == desired && known.observed == observed
        };
        if let Some(known) = [last, ahead].into_iter().flatten().find(same) {
            // What one has to say for an object may be another thing all the same.
            let mut report = known.report.clone();
            requests.tell(&mut report, &desired, &observed, &policy);
            if report == known.report {
                return Ok(Arc::clone(known));
            }
        }
        let (plan, mut report) =
            limekiln_planner::plan(&desired, &observed, &self.capabilities(), &policy);
        requests.tell(&mut report, &desired, &observed, &policy);
        Ok(Arc::new(Planned { plan, report, observed, desired, policy }))
    }

    /// Puts in what people ask for beside the manifests, what the host says, and defaults that
    /// depend on what exists.
    fn complete(
        &self,
        observed: Observed,
        desired: Desired,
        policy: Policy,
    ) -> Result<(Observed, Desired, Policy), ReconcileError> {
        let mut requests = Requests::clone(&*self.requests()?);
        // As a controller would.
        requests.take_up(&desired);
        let (observed, mut desired, policy) = self.asked_for(&requests, observed, desired, policy);
        refill(&mut desired, &observed, &self.facts);
        Ok((observed, desired, policy))
    }

    /// The first two of these.
    fn asked_for(
        &self,
        requests: &Requests,
        observed: Observed,
        mut desired: Desired,
        mut policy: Policy,
    ) -> (Observed, Desired, Policy) {
        requests.apply(&mut desired, &observed, &mut policy);
        (self.with_ports(observed, &desired), desired, policy)
    }

    /// Plans deletions: parked, or with `purge` removed for good.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn plan_delete(
        &self,
        ids: &[ObjectId],
        purge: bool,
    ) -> Result<Planned, ReconcileError> {
        self.plan_with(|observed, can| limekiln_planner::plan_delete(observed, can, ids, purge))
            .await
    }

    /// Plans bringing parked objects back, each from the parking with this key, or from its latest
    /// one.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn plan_restore(
        &self,
        ids: &[ObjectId],
        key: Option<&str>,
    ) -> Result<Planned, ReconcileError> {
        let plan = |observed: &_, can: &_| limekiln_planner::plan_restore(observed, can, ids, key);
        self.plan_with(plan).await
    }

    /// Plans starts and stops by hand.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn plan_run(&self, names: &[Name], verb: RunVerb) -> Result<Planned, ReconcileError> {
        self.plan_with(|observed, can| limekiln_planner::plan_run(observed, can, names, verb)).await
    }

    /// Plans the way back to snapshots that were taken before a change, by instance.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn plan_go_back(
        &self,
        before: &Observed,
        tags: &BTreeMap<Name, String>,
    ) -> Result<Planned, ReconcileError> {
        self.plan_with(|now, can| limekiln_planner::plan_go_back(now, before, can, tags)).await
    }

    async fn plan_with(
        &self,
        plan: impl FnOnce(&Observed, &Capabilities) -> (Plan, Report),
    ) -> Result<Planned, ReconcileError> {
        let observed = self.observe().await?;
        let (plan, report) = plan(&observed, &self.capabilities());
        Ok(Planned { plan, report, observed, ..Planned::default() })
    }

    /// The plan as it is to be written to a file.
    pub fn save(&self, planned: &Planned) -> SavedPlan {
        SavedPlan::new(planned, self.home.lima_home())
    }

    /// Takes up a saved plan, after a look at whether it still fits.
    ///
    /// # Errors
    /// If it was made for another home or another state, or breaks a rule of plans.
    pub async fn resume(&self, saved: SavedPlan) -> Result<Planned, ReconcileError> {
        let observed = self.observe().await?;
        self.resume_on(saved, observed)
    }

    /// The same, from what was observed.
    pub(crate) fn resume_on(
        &self,
        saved: SavedPlan,
        observed: Observed,
    ) -> Result<Planned, ReconcileError> {
        let here = self.home.lima_home();
        if saved.lima_home != here {
            let (made_for, here) = (saved.lima_home, here.to_owned());
            return Err(SavedPlanError::Elsewhere { made_for, here }.into());
        }
        let observed = self.with_ports(observed, &saved.desired);
        basis_holds(&saved.plan, &observed).map_err(ReconcileError::Moved)?;
        let broken = checker::check(&saved.plan, &saved.desired, &observed, saved.policy.adopt);
        if let Some(first) = broken.first() {
            return Err(SavedPlanError::Unsound(first.to_string()).into());
        }
        let SavedPlan { plan, report, desired, policy, .. } = saved;
        Ok(Planned { plan, report, observed, desired, policy })
    }
}
