//! Networks, defined by hand.

use limekiln_api::NetworkSpec;
use limekiln_engine::EngineError;
use limekiln_hostagent::network::networks_config;
use limekiln_model::Name;

use super::ByHand;
use crate::networks::{define, failed};

impl ByHand {
    /// Defines a network. Blocks.
    ///
    /// # Errors
    /// If it exists, its subnet overlaps with another's, or `networks.yaml` cannot be written.
    pub fn create_network(&self, name: &Name, spec: &NetworkSpec) -> Result<(), EngineError> {
        let config = networks_config(self.paths.home()).map_err(failed)?;
        if config.networks.contains_key(name) {
            return Err(EngineError::precondition(format!("network/{name} exists already"))
                .hint(format!("`limekiln network delete {name}` removes it")));
        }
        let subnet = spec.subnet();
        let clash = config.networks.iter().find_map(|(other, theirs)| {
            let (ours, theirs) = (subnet?, theirs.subnet()?);
            let overlap = ours.contains(&theirs.network()) || theirs.contains(&ours.network());
            overlap.then(|| format!("its subnet {ours} overlaps with {theirs} of network/{other}"))
        });
        match clash {
            Some(clash) => Err(EngineError::precondition(clash)
                .hint("give it the gateway of a subnet that nothing else uses")),
            None => define(&self.paths, name, spec),
        }
    }
}
