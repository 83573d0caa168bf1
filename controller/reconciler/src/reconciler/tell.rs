//! Tells of each object how it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use limekiln_api::Status;
use limekiln_model::{ObjectId, Observed, Plan, Report};
use tracing::warn;

use super::Reconciler;
use crate::status::tried;
use crate::{Attempt, Planned, ReconcileError, conditions, status};

impl Reconciler {
    /// Notes the status after a run.
    pub(super) fn note_status(&self, planned: &Planned, observed: &Observed) {
        let (plan, report) = limekiln_planner::plan(
            &planned.desired,
            observed,
            &self.capabilities(),
            &planned.policy,
        );
        let compares = !planned.desired.sources.is_empty();
        let compared = compares.then_some((&plan, &report, &*planned.desired.revision));
        self.note(observed, compared, &BTreeMap::new());
    }

    /// Notes what can be told of each object, compared with the plan and the report of a revision.
    /// Times of conditions are nice to have: nothing fails for them.
    pub(crate) fn note(
        &self,
        observed: &Observed,
        compared: Option<(&Plan, &Report, &str)>,
        attempts: &BTreeMap<ObjectId, Attempt>,
    ) {
        let Ok(claims) = self.claims() else { return };
        let planned = compared.map(|(plan, report, _)| (plan, report));
        let ids = claims.by_id.keys().filter(|id| observed.exists(id));
        let current = ids.map(|id| {
            let mut found = conditions(
                id,
                observed,
                planned,
                claims.by_id.get(id).map(Arc::as_ref),
                &self.prints,
            );
            if let Some(attempt) = attempts.get(id) {
                tried(&mut found, attempt);
            }
            (id.clone(), found)
        });
        if let Err(error) = self.statuses.note(compared.map(|(.., revision)| revision), current) {
            warn!("cannot write the status file: {error}");
        }
        self.prints.keep(|name| observed.instances.contains_key(name));
    }

    /// Phase and conditions of everything that exists, with times where they are known. What is
    /// compared with manifests is what `planned` was made from; without it, what was noted last.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn statuses(
        &self,
        observed: &Observed,
        planned: Option<(&Planned, &BTreeMap<ObjectId, Attempt>)>,
    ) -> Result<BTreeMap<ObjectId, Status>, ReconcileError> {
        let (claims, store) = (self.claims()?, self.statuses.table());
        let one = |id: ObjectId| {
            let claim = claims.by_id.get(&id);
            // Manifests say nothing about what is not ours.
            let planned = planned.filter(|_| claim.is_some());
            let compared = planned.map(|(planned, _)| (&planned.plan, &planned.report));
            let mut status =
                status(&id, observed, compared, claim.map(|claim| &**claim), &self.prints);
            match planned.map(|(planned, attempts)| (planned, attempts.get(&id))) {
                Some((planned, attempt)) => {
                    status.observed_revision = Some(planned.desired.revision.clone());
                    attempt.into_iter().for_each(|one| tried(&mut status.conditions, one));
                    store.date(&id, &mut status.conditions);
                }
                None => store.complete(&id, &mut status),
            }
            (id, status)
        };
        Ok(observed.ids().map(one).collect())
    }
}
