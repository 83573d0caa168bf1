//! What a controller is doing, for whoever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use limekiln_model::ObjectId;
use tokio::time::Instant;

use crate::Planned;

/// What a controller knew after its last pass.
#[derive(Clone, Debug, Default)]
pub struct ControllerState {
    /// Since when this controller works; what it began itself and has no end yet is under way.
    pub since: Option<Timestamp>,
    /// How many passes it has made.
    pub passes: u64,
    /// The last plan with what it was made from; `None` before the first pass.
    pub planned: Option<Arc<Planned>>,
    /// Which sources cannot be read, and why; what they held before is in force then.
    pub source_errors: Vec<String>,
    /// Sources of which nothing is known yet: the first answer of a slow remote is still to come.
    pub unread: Vec<String>,
    /// Why it could not look at what exists.
    pub observe_error: Option<String>,
    /// Objects that are being worked on.
    pub busy: Vec<ObjectId>,
    /// Objects whose last tries failed or did not help.
    pub attempts: BTreeMap<ObjectId, Attempt>,
    /// When that was; times until a next try are from here.
    pub at: Option<Instant>,
    /// How long all its passes took.
    pub looks: Looks,
}

/// How long passes took, counted by duration.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Looks {
    /// Seconds in all.
    pub seconds: f64,
    /// By bound, those that took no longer than it and longer than the one before; the last are
    /// those beyond all bounds.
    pub counts: [u64; Self::BOUNDS.len() + 1],
}

impl Looks {
    /// Upper bounds, in seconds.
    pub const BOUNDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

    /// Counts one more.
    pub(super) fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.seconds += seconds;
        let bound = Self::BOUNDS.iter().position(|bound| seconds <= *bound);
        self.counts[bound.unwrap_or(Self::BOUNDS.len())] += 1;
    }
}

impl ControllerState {
    /// Objects that have steps to be done and are not worked on: they wait for their next try, or
    /// for others that their steps belong together with.
    pub fn queued(&self) -> BTreeSet<ObjectId> {
        let busy: BTreeSet<_> = self.busy.iter().collect();
        let steps = self.planned.iter().flat_map(|planned| &planned.plan.steps);
        steps.map(|step| step.action.object()).filter(|id| !busy.contains(id)).collect()
    }

    /// Whether nothing is left to do, and nothing is being done.
    pub fn is_settled(&self) -> bool {
        let planned = self.planned.as_ref();
        self.busy.is_empty()
            && self.source_errors.is_empty()
            && self.observe_error.is_none()
            && planned.is_some_and(|planned| planned.plan.is_empty())
    }
}

/// Tries of one object that came to no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How many.
    pub times: u32,
    /// Why the last one failed; `None` if it was done and did not help.
    pub error: Option<String>,
    /// Whether the same was done again and again, or failed each time in the same way: it is tried
    /// seldom now.
    pub stalled: bool,
    /// Milliseconds until the next try; 0 for soon.
    pub retry_ms: u64,
}

#[cfg(test)]
mod tests {
    use limekiln_model::{Action, Plan, Step};

    use super::*;

    #[test]
    fn what_has_steps_and_is_not_worked_on_is_queued() {
        let [a, b]: [ObjectId; 2] = ["disk/a", "disk/b"].map(|id| id.parse().expect("an id"));
        let step = |object: &ObjectId| Step {
            action: Action::Release { object: object.clone() },
            after: Vec::new(),
            cost: None,
            why: None,
        };
        let steps = vec![step(&a), step(&b), step(&b)];
        let planned = Planned { plan: Plan { steps, ..Plan::default() }, ..Planned::default() };
        let mut state = ControllerState::default();
        assert!(state.queued().is_empty(), "nothing was planned yet");
        state.planned = Some(planned.into());
        state.busy = vec![a];
        assert_eq!(state.queued(), [b].into());
    }
}
