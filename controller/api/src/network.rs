//! The `Network` kind.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Metadata;

/// A network that instances share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// Name and labels.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: NetworkSpec,
}

/// Who carries the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkMode {
    /// A daemon of ours, without privileges.
    #[default]
    UserV2,
    /// The host and its VMs: by socket_vmnet on macOS, by a bridge or tap of yours on Linux.
    Host,
    /// macOS: behind the host's address, by socket_vmnet.
    Shared,
    /// On the host's own network: by socket_vmnet on macOS, by a bridge or tap of yours on Linux.
    Bridged,
}

impl NetworkMode {
    /// As it is written: `user-v2`.
    pub fn word(self) -> &'static str {
        match self {
            Self::UserV2 => "user-v2",
            Self::Host => "host",
            Self::Shared => "shared",
            Self::Bridged => "bridged",
        }
    }
}

/// What is wanted of a network.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkSpec {
    /// Who carries the packets.
    #[serde(default)]
    pub mode: NetworkMode,
    /// An address of the subnet, for example `192.168.104.1`. With `user-v2` it only names the
    /// subnet: the gateway that guests see is the second address, `192.168.104.2`.
    pub gateway: Option<IpAddr>,
    /// The subnet's mask.
    #[schemars(extend("x-limekiln-default" = "`255.255.255.0`, except for `bridged`"))]
    pub netmask: Option<IpAddr>,
    /// The host's interface, for `bridged`; on Linux also for `host`: a bridge or a tap.
    pub interface: Option<String>,
    /// The last address that is given out, for `host` and `shared`.
    #[schemars(extend("x-limekiln-default" = "the last one of the subnet"))]
    pub dhcp_end: Option<IpAddr>,
}

/// The mask where none is written.
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);

impl NetworkSpec {
    /// With the mask and the last address written out, as Lima needs them.
    #[must_use]
    pub fn filled(mut self) -> Self {
        if self.gateway.is_some() && self.mode != NetworkMode::Bridged {
            self.netmask.get_or_insert(IpAddr::V4(MASK));
            let last = self.subnet().and_then(|subnet| subnet.hosts().next_back());
            if matches!(self.mode, NetworkMode::Host | NetworkMode::Shared)
                && let Some(last) = last
            {
                self.dhcp_end.get_or_insert(IpAddr::V4(last));
            }
        }
        self
    }

    /// The subnet, where the gateway and the mask make one.
    pub fn subnet(&self) -> Option<Ipv4Net> {
        let Some(IpAddr::V4(gateway)) = self.gateway else { return None };
        let mask = self.netmask.unwrap_or(IpAddr::V4(MASK));
        Ipv4Net::with_netmask(
            gateway,
            match mask {
                IpAddr::V4(mask) => mask,
                IpAddr::V6(_) => return None,
            },
        )
        .ok()
        .map(|net| net.trunc())
    }

    /// The address under which guests of a `user-v2` network find the gateway, names and the
    /// host: the second of the subnet, as in Lima.
    pub fn user_v2_gateway(&self) -> Option<Ipv4Addr> {
        let subnet = self.subnet().filter(|_| self.mode == NetworkMode::UserV2)?;
        subnet.hosts().nth(1)
    }
}
