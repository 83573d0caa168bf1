//! What was performed.

use limekiln_engine::ErrorClass;
use limekiln_model::Action;

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It failed.
    Failed(ErrorClass),
}

/// One performed action.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What was asked for.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// Virtual milliseconds at its end.
    pub at_ms: u64,
}
