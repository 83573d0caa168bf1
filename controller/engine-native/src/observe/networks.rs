//! Networks, and whether their daemons run.

use std::collections::BTreeMap;

use limekiln_engine::EngineError;
use limekiln_hostagent::network::{networks_config, networks_yaml};
use limekiln_model::{Name, ObservedNetwork};

use crate::networks::Carrier;
use crate::paths::Paths;

/// Every network of Lima's `networks.yaml`, or those that Lima has without one.
pub(super) fn read(paths: &Paths) -> Result<BTreeMap<Name, ObservedNetwork>, EngineError> {
    let config = networks_config(paths.home()).map_err(|error| {
        let mend = || format!("mend {}, or move it away", networks_yaml(paths.home()).display());
        let hint = error.hint().map_or_else(mend, str::to_owned);
        EngineError::needs_human("the networks cannot be read").because(error).hint(hint)
    })?;
    let observed = config.networks.iter().map(|(name, spec)| {
        let carrier = Carrier::of(paths.home(), name, spec);
        let phase = carrier.phase(paths.home(), &config, name);
        let foreign = matches!(&carrier, Carrier::UserV2(daemon) if daemon.is_limas());
        (name.clone(), ObservedNetwork { spec: spec.clone(), phase, foreign })
    });
    Ok(observed.collect())
}
