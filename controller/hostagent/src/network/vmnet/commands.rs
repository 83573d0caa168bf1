//! What root is asked to run. The sudoers file holds the very same lines, so nothing here may
//! differ from Lima's by a blank.

use std::path::PathBuf;

use limekiln_api::networks_yaml::NetworksConfig;
use limekiln_api::{Name, NetworkMode, NetworkSpec};

/// A network that socket_vmnet carries.
#[derive(Clone, Copy, Debug)]
pub struct VmnetNetwork<'a> {
    pub(super) config: &'a NetworksConfig,
    pub(super) name: &'a Name,
    pub(super) spec: &'a NetworkSpec,
}

impl<'a> VmnetNetwork<'a> {
    /// All of them, by name.
    pub fn all(config: &'a NetworksConfig) -> impl Iterator<Item = Self> {
        let networks = config.networks.iter();
        let networks = networks.filter(|(_, spec)| spec.mode != NetworkMode::UserV2);
        networks.map(move |(name, spec)| Self { config, name, spec })
    }

    /// Whether it is the network of this name.
    pub fn is(&self, name: &Name) -> bool {
        self.name == name
    }

    /// The socket that VMs connect to.
    pub fn socket(&self) -> PathBuf {
        self.config.paths.var_run.join(format!("socket_vmnet.{}", self.name))
    }

    /// The daemon's pid file.
    pub fn pidfile(&self) -> PathBuf {
        self.config.paths.var_run.join(format!("{}_socket_vmnet.pid", self.name))
    }

    /// Makes the directory of both.
    pub fn mkdir(config: &NetworksConfig) -> String {
        format!("/bin/mkdir -m 775 -p {}", config.paths.var_run.display())
    }

    /// Starts the daemon; it stays in the foreground.
    pub fn start(&self) -> String {
        let program = self.config.paths.socket_vmnet.display();
        let (pid, mode) = (self.pidfile(), self.spec.mode.word());
        let mut line = format!(
            "{program} --pidfile={} --socket-group={} --vmnet-mode={mode}",
            pid.display(),
            self.config.group
        );
        match self.spec.mode {
            NetworkMode::Bridged => {
                let interface = self.spec.interface.as_deref().unwrap_or_default();
                line += &format!(" --vmnet-interface={interface}");
            }
            _ => {
                for (option, address) in [
                    ("gateway", self.spec.gateway),
                    ("dhcp-end", self.spec.dhcp_end),
                    ("mask", self.spec.netmask),
                ] {
                    // Go's word for an address that is not there.
                    let address = address.map_or("<nil>".to_owned(), |address| address.to_string());
                    line += &format!(" --vmnet-{option}={address}");
                }
            }
        }
        line + &format!(" {}", self.socket().display())
    }

    /// Stops it.
    pub fn stop(&self) -> String {
        format!("/usr/bin/pkill -F {}", self.pidfile().display())
    }
}
