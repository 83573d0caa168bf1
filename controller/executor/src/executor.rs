//! The executor.

use std::sync::Arc;

use limekiln_engine::Engine;
use limekiln_model::{Event, Plan};
use tokio_util::sync::CancellationToken;

use crate::gate::{Gate, Rooms};
use crate::run::Run;
use crate::{Limits, RunResult};

/// Takes the events of a run, in order. It is called between actions and must be quick.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// Runs plans on an engine. The limits hold for all runs of an executor together, also of its
/// clones.
#[derive(Clone)]
pub struct Executor {
    engine: Arc<dyn Engine>,
    limits: Limits,
    rooms: Rooms,
}

impl Executor {
    /// An executor with its limits.
    pub fn new(engine: Arc<dyn Engine>, limits: Limits) -> Self {
        let rooms = Rooms::new(&limits);
        Self { engine, limits, rooms }
    }

    /// The same with another engine; the limits hold for both together.
    #[must_use]
    pub fn with_engine(&self, engine: Arc<dyn Engine>) -> Self {
        Self { engine, ..self.clone() }
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
        let gate = Gate::new(&self.rooms, plan);
        Run::new(self.engine.as_ref(), &self.limits, gate, plan, cancel, on_event).finish().await
    }
}
