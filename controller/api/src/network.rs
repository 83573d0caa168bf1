//! The `Network` kind.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{HostInterface, Metadata};

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
    /// The longest IP packet on a `user-v2` network, from 576 to 65520 bytes. Guests learn it by
    /// DHCP.
    #[schemars(range(min = 576, max = 65520), extend("x-limekiln-default" = "`1500`"))]
    pub mtu: Option<u16>,
    /// What guests of a `user-v2` network may reach although it is denied by itself: addresses, or
    /// networks such as `169.254.0.0/16`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Names that guests of a `user-v2` network can look up, each with its IPv4 address or with
    /// the name that it stands for. They can be changed while guests run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, String>,
}

/// The longest packet where nothing is written.
const MTU: u16 = 1500;

/// The mask where none is written.
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);

impl NetworkSpec {
    /// With the mask and the last address written out, as Lima needs them, and in the one form of
    /// several that mean the same.
    #[must_use]
    pub fn filled(mut self) -> Self {
        self.mtu = self.mtu.filter(|mtu| *mtu != MTU);
        if let Ok(mut allowed) = self.allowed() {
            allowed.sort_unstable();
            allowed.dedup();
            self.allow = allowed.iter().map(Ipv4Net::to_string).collect();
        }
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

    /// What is written under `allow`, as networks; an address alone is a network of one.
    ///
    /// # Errors
    /// The first entry that is neither.
    pub fn allowed(&self) -> Result<Vec<Ipv4Net>, &str> {
        self.allow.iter().map(|text| Self::allowed_net(text).ok_or(text.as_str())).collect()
    }

    /// What one entry under `allow` says; `None` if it is no IPv4 address and no network.
    pub fn allowed_net(text: &str) -> Option<Ipv4Net> {
        let address = text.parse::<Ipv4Addr>().map(Ipv4Net::from);
        address.or_else(|_| text.parse()).map(|net: Ipv4Net| net.trunc()).ok()
    }

    /// Without what Lima's `networks.yaml` has no words for.
    #[must_use]
    pub fn limas(mut self) -> Self {
        (self.mtu, self.allow, self.hosts) = (None, Vec::new(), BTreeMap::new());
        self
    }

    /// Whether a daemon that serves the other definition can go on under this one: it reads its
    /// `hosts` anew by itself.
    pub fn is_live_change_of(&self, other: &Self) -> bool {
        let but_hosts = |spec: &Self| Self { hosts: BTreeMap::new(), ..spec.clone() };
        self.mode == NetworkMode::UserV2 && but_hosts(self) == but_hosts(other)
    }

    /// Where the network's subnet and another's meet: both, if they do.
    pub fn overlap(&self, other: &Self) -> Option<(Ipv4Net, Ipv4Net)> {
        let (one, other) = (self.subnet()?, other.subnet()?);
        subnets_overlap(one, other).then_some((one, other))
    }

    /// The interface of the host whose subnet the network's meets, other than the network's own end,
    /// and that subnet.
    pub fn overlap_with_host<'a>(
        &self,
        interfaces: &'a [HostInterface],
    ) -> Option<(&'a str, Ipv4Net)> {
        let subnet = self.subnet()?;
        let own = |interface: &HostInterface, address: &Ipv4Net| {
            let named = self.interface.as_ref() == Some(&interface.name);
            let gateway = self.gateway == Some(IpAddr::V4(address.addr()));
            self.mode != NetworkMode::UserV2 && (named || gateway)
        };
        let mut addresses = interfaces
            .iter()
            .flat_map(|interface| interface.addresses.iter().map(move |at| (interface, at)));
        let found = addresses.find(|(interface, at)| {
            !at.addr().is_loopback() && !own(interface, at) && subnets_overlap(subnet, **at)
        });
        found.map(|(interface, at)| (interface.name.as_str(), at.trunc()))
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
/// Whether two subnets have an address in common.
pub fn subnets_overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}
