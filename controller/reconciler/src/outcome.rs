//! What goes into a run and what comes out.

use std::sync::Arc;

use limekiln_executor::RunResult;
use limekiln_model::{Desired, Event, Observed, Plan, Policy, Report};
use tokio_util::sync::CancellationToken;

/// A plan together with what it was made from: what is shown, and exactly what is run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Planned {
    /// What is to be done.
    pub plan: Plan,
    /// What waits, and why.
    pub report: Report,
    /// What was seen.
    pub observed: Observed,
    /// What the manifests ask for; empty for deletions and for starts and stops by hand.
    pub desired: Desired,
    /// What was allowed.
    pub policy: Policy,
}

/// Takes the events of a plan's steps.
pub type OnEvent = Arc<dyn Fn(&Plan, &Event) + Send + Sync>;

/// How a run is watched and ended.
#[derive(Clone)]
pub struct Run {
    /// Ends the run at safe points when it fires.
    pub cancel: CancellationToken,
    /// Takes the events, with the plan that their step numbers are of. Must be quick.
    pub on_event: OnEvent,
}

impl Run {
    /// A run that nobody watches or ends.
    pub fn silent() -> Self {
        Self { cancel: CancellationToken::new(), on_event: Arc::new(|_, _| {}) }
    }
}

/// How a plan ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How each step ended.
    pub result: RunResult,
    /// What exists now.
    pub observed: Observed,
}

/// One plan of several, and how it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// The plan.
    pub plan: Plan,
    /// How its steps ended.
    pub result: RunResult,
}

/// Why no further pass was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is left to do. Objects may still wait for something, see the report.
    Settled,
    /// A step failed.
    Failed,
    /// The run was cancelled.
    Cancelled,
    /// What is left to do is destructive and was not shown before: it needs consent of its own.
    NeedsConsent,
    /// Passes succeed and the same is to be done again and again.
    Stalled,
}

/// How several passes ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The passes, at least one.
    pub passes: Vec<Pass>,
    /// The plan as it is after the last one: empty when settled.
    pub rest: Planned,
    /// Why no further pass was made.
    pub end: End,
}
