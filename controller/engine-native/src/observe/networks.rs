//! Networks, and whether their daemons run.

use std::collections::BTreeMap;

use limekiln_engine::EngineError;
use limekiln_hostagent::network::{networks_and_faults, networks_yaml};
use limekiln_model::{Name, ObservedNetwork};

use crate::networks::Carrier;
use crate::paths::Paths;

/// Every network of Lima's `networks.yaml`, or those that Lima has without one. One that a later
/// release defined keeps no other from being seen.
pub(super) fn read(paths: &Paths) -> Result<BTreeMap<Name, ObservedNetwork>, EngineError> {
    let (config, faults) = networks_and_faults(paths.home()).map_err(|error| {
        let mend = || format!("mend {}, or move it away", networks_yaml(paths.home()).display());
        let hint = error.hint().map_or_else(mend, str::to_owned);
        EngineError::needs_human("the networks cannot be read").because(error).hint(hint)
    })?;
    let observed = config.networks.iter().map(|(name, spec)| {
        let carrier = Carrier::of(paths.home(), name, spec);
        let phase = carrier.phase(paths.home(), &config, name);
        let foreign = matches!(&carrier, Carrier::UserV2(daemon) if daemon.is_limas());
        let unreadable = faults.get(name).map(ToString::to_string);
        (name.clone(), ObservedNetwork { spec: spec.clone(), phase, foreign, unreadable })
    });
    Ok(observed.collect())
}

#[cfg(test)]
mod tests {
    use limekiln_api::NetworkSpec;
    use limekiln_hostagent::network::NetworkFiles;

    use super::*;
    use crate::networks::define;

    #[test]
    fn what_a_later_release_defined_keeps_no_other_from_being_seen() {
        let dir = tempfile::tempdir().expect("a directory");
        let paths = Paths::new(dir.path());
        let [one, two] = ["one", "two"].map(|name| Name::new(name).expect("a name"));
        for (name, gateway) in [(&one, "10.7.0.1"), (&two, "10.8.0.1")] {
            let gateway = gateway.parse().ok();
            let spec = NetworkSpec { gateway, mtu: Some(9000), ..NetworkSpec::default() };
            define(&paths, name, &spec).expect("defined");
        }
        let path = NetworkFiles::new(paths.home(), "one").definition();
        std::fs::write(&path, r#"{"version": 9}"#).expect("writable");
        let seen = read(&paths).expect("seen");
        let why = seen[&one].unreadable.as_ref().expect("not understood");
        assert!(why.contains("later release") && why.ends_with("definition.json"), "{why}");
        assert_eq!((&seen[&two].unreadable, seen[&two].spec.mtu), (&None, Some(9000)));
    }
}
