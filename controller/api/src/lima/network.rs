//! Network interfaces of an instance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A further network interface.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceNetwork {
    /// The name of a network.
    pub lima: Option<String>,
    /// The socket of a running network daemon.
    pub socket: Option<String>,
    /// Virtualization.framework's NAT.
    #[serde(rename = "vzNAT")]
    pub vz_nat: Option<bool>,
    /// The MAC address; derived unless set.
    pub mac_address: Option<String>,
    /// The interface's name in the guest.
    pub interface: Option<String>,
    /// The metric of its default route.
    pub metric: Option<u32>,
}
