//! Networks, defined by hand.

use limekiln_api::NetworkSpec;
use limekiln_api::networks_yaml::NetworksConfig;
use limekiln_engine::EngineError;
use limekiln_hostagent::network::host::interfaces;
use limekiln_model::Name;

use super::ByHand;
use crate::networks::{define_if, must_be_possible};

impl ByHand {
    /// Defines a network. Blocks.
    ///
    /// # Errors
    /// If it exists, this host cannot have it, its subnet overlaps with another's or with one of the
    /// host's, or `networks.yaml` cannot be written.
    pub fn create_network(&self, name: &Name, spec: &NetworkSpec) -> Result<(), EngineError> {
        define_if(&self.paths, name, spec, |config| {
            fits(config, name, spec)?;
            must_be_possible(&self.paths, config, name, spec)
        })
    }
}

/// Fails if something else has the name or the addresses.
fn fits(config: &NetworksConfig, name: &Name, spec: &NetworkSpec) -> Result<(), EngineError> {
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
    match clash.or_else(of_host) {
        Some(clash) => Err(EngineError::precondition(clash)
            .hint("give it the gateway of a subnet that nothing else uses")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use limekiln_api::HostFacts;

    use super::*;

    /// A manifest would be refused, too.
    #[test]
    #[cfg(target_os = "linux")]
    fn what_this_host_cannot_have_is_not_made() {
        use limekiln_api::NetworkMode;

        let home = tempfile::tempdir().expect("a directory");
        let by_hand =
            ByHand::new(&HostFacts { lima_home: home.path().to_owned(), ..HostFacts::example() });
        let bridged = |interface: &str| NetworkSpec {
            mode: NetworkMode::Bridged,
            interface: Some(interface.to_owned()),
            ..NetworkSpec::default()
        };
        let gateway = "10.7.0.1".parse().ok();
        let shared = NetworkSpec { mode: NetworkMode::Shared, gateway, ..NetworkSpec::default() };
        let name = Name::new("lan").expect("a name");
        for spec in [bridged("no-such-bridge"), bridged("lo"), shared.filled()] {
            let error = by_hand.create_network(&name, &spec).expect_err("refused");
            assert!(error.hint.is_some_and(|hint| hint.contains("a bridge or a tap")), "{spec:?}");
        }
        assert!(!home.path().join("_config/networks.yaml").exists());
    }

    #[test]
    fn of_two_with_the_same_addresses_at_once_one_is_made() {
        for _ in 0..20 {
            let home = tempfile::tempdir().expect("a directory");
            let by_hand = ByHand::new(&HostFacts {
                lima_home: home.path().to_owned(),
                ..HostFacts::example()
            });
            let begin = Barrier::new(2);
            let create = |name: &str| {
                let name = Name::new(name).expect("a name");
                let gateway = "10.7.0.1".parse().ok();
                let spec = NetworkSpec { gateway, ..NetworkSpec::default() }.filled();
                begin.wait();
                by_hand.create_network(&name, &spec).is_ok()
            };
            let made = std::thread::scope(|scope| {
                let both = ["one", "two"].map(|name| scope.spawn(move || create(name)));
                both.map(|thread| thread.join().expect("no panic"))
            });
            assert!(made[0] != made[1], "{made:?}");
        }
    }
}
