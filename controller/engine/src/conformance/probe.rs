//! Performs actions and says which rule was broken.

use std::sync::Arc;

use limekiln_model::{Action, Observed};

use super::Harness;
use crate::{ActionContext, Engine, EngineError, ErrorClass};

/// The harness with the checks that every action is put through.
pub(super) struct Probe<'a> {
    pub(super) harness: &'a dyn Harness,
}

impl<'a> Probe<'a> {
    pub(super) fn new(harness: &'a dyn Harness) -> Self {
        Self { harness }
    }

    pub(super) fn engine(&self) -> &'a dyn Engine {
        self.harness.engine()
    }

    /// What is there now.
    pub(super) async fn observe(&self) -> Observed {
        match self.engine().observe().await {
            Ok(observed) => observed,
            Err(error) => panic!("observing fails: {}", error.chain()),
        }
    }

    async fn perform(&self, action: &Action) -> Result<(), EngineError> {
        let context = ActionContext::silent();
        let limit = self.harness.deadline();
        match tokio::time::timeout(limit, self.engine().perform(action, &context)).await {
            Ok(result) => result,
            Err(_) => panic!("{} takes more than {limit:?}", what(action)),
        }
    }

    /// Performs an action that must succeed.
    pub(super) async fn done(&self, action: Action) {
        if let Err(error) = self.perform(&action).await {
            panic!("{} fails: {}", what(&action), error.chain());
        }
    }

    /// Performs an action twice: the second time changes nothing.
    pub(super) async fn twice(&self, action: Action) {
        self.done(action.clone()).await;
        let once = objects(self.observe().await);
        if let Err(error) = self.perform(&action).await {
            panic!("{} for the second time fails: {}", what(&action), error.chain());
        }
        let again = objects(self.observe().await);
        assert_eq!(once, again, "{} for the second time changes something", what(&action));
    }

    /// Performs an action that must be refused, and must change nothing.
    pub(super) async fn refused(&self, action: Action) {
        let before = objects(self.observe().await);
        match self.perform(&action).await {
            Ok(()) => panic!("{} is not refused", what(&action)),
            Err(error) => assert_eq!(
                error.class,
                ErrorClass::Precondition,
                "{} fails in another way: {}",
                what(&action),
                error.chain()
            ),
        }
        let after = objects(self.observe().await);
        assert_eq!(before, after, "{} is refused and changes something", what(&action));
    }
}

fn what(action: &Action) -> String {
    format!("{} {}", action.verb(), action.object())
}

/// Everything that must stay the same when nothing is done: not counters, nor what a boot is at.
fn objects(mut observed: Observed) -> Observed {
    observed.generation = 0;
    for instance in observed.instances.values_mut().map(Arc::make_mut) {
        instance.waiting_for = None;
        // A boot goes on by itself.
        if instance.phase.is_running() {
            instance.phase = limekiln_model::InstancePhase::Ready;
            instance.accelerator = None;
            instance.ssh_port = None;
        }
    }
    observed
}
