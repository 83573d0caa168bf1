//! What an action leaves behind when whoever performs it dies in the middle.

use limekiln_engine::EngineError;
use limekiln_model::{Action, Capabilities, InstancePhase};

use super::instance::blank;
use super::store::World;

impl World {
    /// Does half of an action. An action that one rename completes has no half.
    ///
    /// # Errors
    /// Its precondition does not hold; nothing has changed.
    pub(crate) fn apply_half(
        &mut self,
        action: &Action,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        let mut whole = self.clone();
        whole.apply(action, capabilities)?;
        match action {
            Action::CreateInstance { instance, .. } => {
                let half = || blank(instance, InstancePhase::Creating).into();
                self.observed.instances.entry(instance.clone()).or_insert_with(half);
            }
            Action::StartDriver { instance } => {
                // The hypervisor runs, and nothing looks after it.
                *self = whole;
                if let Some(instance) = self.observed.instance_mut(instance) {
                    let why = "its host agent is gone".to_owned();
                    instance.phase = InstancePhase::Broken { why };
                }
            }
            Action::StopInstance { instance, .. } => {
                let stopping = self.observed.instance_mut(instance);
                if let Some(instance) = stopping.filter(|instance| instance.phase.is_running()) {
                    instance.phase = InstancePhase::Stopping;
                }
            }
            Action::Purge { object, key: None } => self.park(object)?,
            _ => {}
        }
        self.touch();
        Ok(())
    }
}
