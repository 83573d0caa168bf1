//! Networks and their daemons.

use limekiln_api::NetworkSpec;
use limekiln_engine::EngineError;
use limekiln_model::{Capabilities, Name, NetworkPhase, ObservedNetwork};

use super::store::{World, refuse};

impl World {
    pub(super) fn define_network(
        &mut self,
        name: &Name,
        spec: &NetworkSpec,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        if !capabilities.networks {
            return refuse("this engine has no networks");
        }
        let phase = match self.observed.networks.get(name) {
            Some(there) if there.spec == *spec => return Ok(()),
            Some(there) if there.phase == NetworkPhase::Running => {
                if there.foreign || !spec.is_live_change_of(&there.spec) {
                    return refuse(format!("the daemon of {name} runs"));
                }
                NetworkPhase::Running
            }
            _ => NetworkPhase::Stopped,
        };
        self.observed.networks.insert(
            name.clone(),
            ObservedNetwork { spec: spec.clone(), phase, foreign: false, unreadable: None },
        );
        Ok(())
    }

    pub(super) fn start_network(&mut self, name: &Name) -> Result<(), EngineError> {
        match self.observed.networks.get_mut(name) {
            None => refuse(format!("there is no network {name}")),
            Some(network) => {
                network.phase = NetworkPhase::Running;
                Ok(())
            }
        }
    }

    pub(super) fn stop_network(&mut self, name: &Name) -> Result<(), EngineError> {
        if let Some(user) = self.running_user(|lima| uses(lima, name)) {
            return refuse(format!("{user} uses network {name}"));
        }
        match self.observed.networks.get_mut(name) {
            None => refuse(format!("there is no network {name}")),
            Some(network) => {
                network.phase = NetworkPhase::Stopped;
                Ok(())
            }
        }
    }
}

fn uses(lima: &limekiln_api::Lima, name: &Name) -> bool {
    let mut networks = lima.networks.iter().flatten();
    networks.any(|network| network.lima.as_deref() == Some(name.as_str()))
}
