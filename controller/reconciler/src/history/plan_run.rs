//! A plan that was carried out.

use jiff::Timestamp;
use limekiln_model::ObjectId;
use serde::{Deserialize, Serialize};

use crate::RecordOutcome;

/// What was begun at one look of a controller for one revision of a source, and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRun {
    /// When it was begun; of several equal ones the last.
    pub at: Timestamp,
    /// When the first of equal ones was begun.
    pub first_at: Timestamp,
    /// How often the same was done with the same end, one after the other.
    pub count: u64,
    /// When its last step ended; `None` while one runs, and for good if the controller was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Its steps, in an order in which they could run one after another.
    pub steps: Vec<StepRun>,
    /// So many more are not kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_steps: u64,
}

/// A step of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRun {
    /// On which object.
    pub object: ObjectId,
    /// What, as [`limekiln_model::Action::verb`] says it.
    pub verb: String,
    /// How it ended; `None` while it runs, and for good if the controller was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RecordOutcome>,
    /// The error, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was begun, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How long it took, in milliseconds, with all its tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl StepRun {
    /// A step that is about to be begun.
    pub(crate) fn new(object: ObjectId, verb: &str) -> Self {
        let verb = verb.to_owned();
        Self { object, verb, outcome: None, error: None, at: None, took_ms: None }
    }

    /// The same step with the same end, whenever that was.
    fn is_like(&self, other: &Self) -> bool {
        (&self.object, &self.verb, self.outcome, &self.error)
            == (&other.object, &other.verb, other.outcome, &other.error)
    }
}

impl PlanRun {
    /// Whether it is known of each step how it ended.
    pub fn is_ended(&self) -> bool {
        self.steps.iter().all(|step| step.outcome.is_some())
    }

    fn is_like(&self, other: &Self) -> bool {
        let like = |(a, b): (&StepRun, &StepRun)| a.is_like(b);
        self.is_ended()
            && self.more_steps == other.more_steps
            && self.steps.len() == other.steps.len()
            && self.steps.iter().zip(&other.steps).all(like)
    }
}

/// Equal ones that follow each other as one, with a count.
pub(super) fn fold(runs: Vec<PlanRun>) -> Vec<PlanRun> {
    let mut all: Vec<PlanRun> = Vec::new();
    for run in runs {
        match all.last_mut().filter(|last| last.is_like(&run)) {
            Some(last) => {
                let (first_at, count) = (last.first_at, last.count + run.count);
                *last = PlanRun { first_at, count, ..run };
            }
            None => all.push(run),
        }
    }
    all
}
