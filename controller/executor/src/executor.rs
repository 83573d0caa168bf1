//! The executor.

use std::sync::Arc;

use limekiln_engine::Engine;
use limekiln_model::{Event, Plan};
use tokio_util::sync::CancellationToken;

use crate::run::Run;
use crate::{Limits, RunResult};

/// Takes the events of a run, in order. It is called between actions and must be quick.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// Runs plans on an engine.
#[derive(Clone)]
pub struct Executor {
    engine: Arc<dyn Engine>,
    limits: Limits,
}

impl Executor {
    /// An executor with its limits.
    pub fn new(engine: Arc<dyn Engine>, limits: Limits) -> Self {
        Self { engine, limits }
    }

    /// Runs the plan to its end: until every step is done, failed, skipped or cancelled.
    ///
    /// Never fails as a whole. When `cancel` fires, no further step begins, and those that run are
    /// asked to end at their next safe point and waited for.
    pub async fn run(
        &self,
        plan: &Plan,
        cancel: &CancellationToken,
        on_event: EventSink,
    ) -> RunResult {
        Run::new(self.engine.as_ref(), &self.limits, plan, cancel, on_event).finish().await
    }
}
