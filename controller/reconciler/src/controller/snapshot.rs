//! What a controller is doing, for whoever asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use limekiln_model::ObjectId;

use crate::Planned;

/// What a controller knew after its last pass.
#[derive(Clone, Debug, Default)]
pub struct ControllerState {
    /// How many passes it has made.
    pub passes: u64,
    /// The last plan with what it was made from; `None` before the first pass.
    pub planned: Option<Arc<Planned>>,
    /// Which sources cannot be read, and why; what they held before is in force then.
    pub source_errors: Vec<String>,
    /// Why it could not look at what exists.
    pub observe_error: Option<String>,
    /// Objects that are being worked on.
    pub busy: Vec<ObjectId>,
    /// Objects whose last tries failed or did not help.
    pub attempts: BTreeMap<ObjectId, Attempt>,
}

impl ControllerState {
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
    /// Whether the same was done again and again: it is tried seldom now.
    pub stalled: bool,
    /// Milliseconds until the next try; 0 for soon.
    pub retry_ms: u64,
}
