//! What carries the packets of a network.

use std::path::Path;

use limekiln_api::networks_yaml::NetworksConfig;
use limekiln_api::{InterfaceKind, NetworkMode, NetworkSpec};
use limekiln_hostagent::network::host::interface_kind;
use limekiln_hostagent::network::vmnet::{VmnetDaemon, VmnetNetwork};
use limekiln_hostagent::network::{Daemon, NetworkFiles};
use limekiln_model::{Name, NetworkPhase};

/// sudo, where macOS has it.
pub(super) const SUDO: &str = "/usr/bin/sudo";

/// What carries the packets of a network on this host.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// A daemon of ours.
    UserV2(Daemon),
    /// socket_vmnet.
    Vmnet,
    /// A bridge or a tap that is there already.
    Interface(String),
    /// Nothing can.
    None,
}

impl Carrier {
    /// Of the network.
    pub(crate) fn of(home: &Path, name: &Name, spec: &NetworkSpec) -> Self {
        match (spec.mode, &spec.interface) {
            (NetworkMode::UserV2, _) => {
                Self::UserV2(Daemon::new(NetworkFiles::new(home, name.as_str())))
            }
            _ if cfg!(target_os = "macos") => Self::Vmnet,
            (NetworkMode::Host | NetworkMode::Bridged, Some(interface)) => {
                Self::Interface(interface.clone())
            }
            _ => Self::None,
        }
    }

    /// Whether instances can use it now.
    pub(crate) fn phase(&self, home: &Path, config: &NetworksConfig, name: &Name) -> NetworkPhase {
        let runs = match self {
            Self::UserV2(daemon) => daemon.serves(),
            Self::Vmnet => vmnet(config, name)
                .is_some_and(|it| VmnetDaemon::new(it, home, Path::new(SUDO)).serves()),
            Self::Interface(interface) => {
                let kind = interface_kind(interface);
                return match kind {
                    Some(InterfaceKind::Bridge | InterfaceKind::Tap) => NetworkPhase::Hosted,
                    _ => NetworkPhase::Stopped,
                };
            }
            Self::None => false,
        };
        if runs { NetworkPhase::Running } else { NetworkPhase::Stopped }
    }
}

/// The network as socket_vmnet sees it.
pub(super) fn vmnet<'a>(config: &'a NetworksConfig, name: &Name) -> Option<VmnetNetwork<'a>> {
    VmnetNetwork::all(config).find(|network| network.is(name))
}
