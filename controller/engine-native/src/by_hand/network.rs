//! Networks, defined by hand.

use limekiln_api::NetworkSpec;
use limekiln_engine::EngineError;
use limekiln_hostagent::network::host::interfaces;
use limekiln_hostagent::network::networks_config;
use limekiln_model::Name;

use super::ByHand;
use crate::networks::{define, failed};

impl ByHand {
    /// Defines a network. Blocks.
    ///
    /// # Errors
    /// If it exists, its subnet overlaps with another's or with one of the host's, or
    /// `networks.yaml` cannot be written.
    pub fn create_network(&self, name: &Name, spec: &NetworkSpec) -> Result<(), EngineError> {
        let config = networks_config(self.paths.home()).map_err(failed)?;
        if config.networks.contains_key(name) {
            return Err(EngineError::precondition(format!("network/{name} exists already"))
                .hint(format!("`limekiln network delete {name}` removes it")));
        }
        let clash = config.networks.iter().find_map(|(other, theirs)| {
            let (ours, theirs) = spec.overlap(theirs)?;
            Some(format!("its subnet {ours} overlaps with {theirs} of network/{other}"))
        });
        let interfaces = interfaces();
        let of_host = || {
            let (interface, theirs) = spec.overlap_with_host(&interfaces)?;
            let ours = spec.subnet()?;
            let whose = format!("{theirs} of this host's interface {interface}");
            Some(format!("its subnet {ours} overlaps with {whose}"))
        };
        let clash = clash.or_else(of_host);
        match clash {
            Some(clash) => Err(EngineError::precondition(clash)
                .hint("give it the gateway of a subnet that nothing else uses")),
            None => define(&self.paths, name, spec),
        }
    }
}
