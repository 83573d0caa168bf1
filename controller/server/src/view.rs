//! What exists, together with what a controller makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use limekiln_api::{ConditionStatus, Status};
use limekiln_model::{Action, ObjectId, Observed, StepId};
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::{Attempt, ControllerState, Planned};
use tokio::time::Instant;

use crate::convert::{duration, object_ref, wait};

/// One look at everything.
pub(crate) struct View {
    pub(crate) observed: Observed,
    pub(crate) statuses: BTreeMap<ObjectId, Status>,
    /// `None` without a controller, or before its first look.
    pub(crate) known: Option<Known>,
}

/// What a controller knew after its last look.
pub(crate) struct Known {
    pub(crate) planned: Arc<Planned>,
    busy: BTreeSet<ObjectId>,
    pub(crate) attempts: BTreeMap<ObjectId, Attempt>,
    age: Duration,
}

impl Known {
    /// From a controller's state.
    pub(crate) fn of(state: &ControllerState) -> Option<Self> {
        Some(Self {
            planned: Arc::clone(state.planned.as_ref()?),
            busy: state.busy.iter().cloned().collect(),
            attempts: state.attempts.clone(),
            age: state.at.map(|at| Instant::now().duration_since(at)).unwrap_or_default(),
        })
    }
}

impl View {
    /// What exists, and what is wanted here.
    pub(crate) fn ids(&self) -> BTreeSet<ObjectId> {
        let mut ids: BTreeSet<_> = self.statuses.keys().cloned().collect();
        if let Some(known) = &self.known {
            let desired = &known.planned.desired;
            ids.extend(desired.ids().chain(desired.frozen.keys().cloned()));
        }
        ids
    }

    /// The revision that statuses compare with.
    pub(crate) fn revision(&self) -> &str {
        self.known.as_ref().map_or("", |known| &known.planned.desired.revision)
    }

    /// What the controller makes of an object, if it has to do with it.
    pub(crate) fn reconciliation(&self, id: &ObjectId) -> Option<wire::Reconciliation> {
        let known = self.known.as_ref()?;
        let Planned { plan, report, desired, .. } = &*known.planned;
        let steps: Vec<_> = plan.steps.iter().filter(|step| step.action.object() == *id).collect();
        let busy = known.busy.contains(id);
        if !desired.mentions(id) && steps.is_empty() && !busy {
            return None;
        }
        let mut waits: Vec<_> = report
            .waiting
            .get(id)
            .into_iter()
            .flatten()
            .map(|reason| self.told(wait(reason)))
            .collect();
        waits.extend(self.behind(id));
        let attempt = known.attempts.get(id);
        let left = attempt
            .filter(|_| !busy)
            .map(|attempt| Duration::from_millis(attempt.retry_ms).saturating_sub(known.age));
        Some(wire::Reconciliation {
            busy,
            waits,
            steps: steps.iter().map(|step| step.action.verb().to_owned()).collect(),
            tries: attempt.map_or(0, |attempt| attempt.times),
            last_error: attempt.and_then(|attempt| attempt.error.clone()).unwrap_or_default(),
            next_try: left.map(duration),
            stalled: attempt.is_some_and(|attempt| attempt.stalled),
        })
    }

    /// What the next step on the object comes after, on others.
    fn behind(&self, id: &ObjectId) -> Vec<wire::Wait> {
        let plan = self.known.as_ref().map(|known| &known.planned.plan);
        let first =
            plan.and_then(|plan| plan.steps.iter().find(|step| step.action.object() == *id));
        let (Some(plan), Some(first)) = (plan, first) else { return Vec::new() };
        let others = |before: &StepId| {
            let action = &plan.step(*before)?.action;
            let on = action.object();
            if on == *id {
                return None;
            }
            let what = match action {
                Action::AwaitReady { .. } => "Ready",
                other => other.verb(),
            };
            Some(self.told(wire::Wait {
                reason: "Dependency".to_owned(),
                message: format!("waits for {on}: {what}"),
                hint: String::new(),
                on: Some(object_ref(&on)),
            }))
        };
        first.after.iter().filter_map(others).collect()
    }

    /// The reason, with how that is which it waits for.
    fn told(&self, mut wait: wire::Wait) -> wire::Wait {
        let on = wait.on.as_ref().and_then(|on| crate::convert::object_id(Some(on)).ok());
        if let Some(how) = on.and_then(|on| self.unready(&on)) {
            wait.message += &how;
        }
        wait
    }

    /// How an object is that is not ready.
    fn unready(&self, id: &ObjectId) -> Option<String> {
        let Some(status) = self.statuses.get(id) else {
            let attempt = self.known.as_ref().and_then(|known| known.attempts.get(id));
            let error = attempt.and_then(|attempt| attempt.error.clone());
            let why = error.map(|error| format!(": {error}")).unwrap_or_default();
            return Some(format!(", which does not exist yet{why}"));
        };
        let ready = status.conditions.first()?;
        let unready = ready.status != ConditionStatus::True;
        unready.then(|| format!(", which is {}: {}", ready.reason, ready.message))
    }
}
