//! The `Network` kind.

use std::net::IpAddr;

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
    /// macOS: the host and its VMs, by socket_vmnet.
    Host,
    /// macOS: behind the host's address, by socket_vmnet.
    Shared,
    /// macOS: on the host's own network, by socket_vmnet.
    Bridged,
}

/// What is wanted of a network.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkSpec {
    /// Who carries the packets.
    #[serde(default)]
    pub mode: NetworkMode,
    /// The subnet's gateway, for example `192.168.104.1`.
    pub gateway: Option<IpAddr>,
    /// The subnet's mask, for example `255.255.255.0`.
    pub netmask: Option<IpAddr>,
    /// The host's interface, for `bridged`.
    pub interface: Option<String>,
    /// The last address that is given out, for `host` and `shared`.
    pub dhcp_end: Option<IpAddr>,
}
