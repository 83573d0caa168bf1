//! The host's own network interfaces.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// What a network interface is, as far as VMs can be put onto it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InterfaceKind {
    /// A bridge of Linux.
    Bridge,
    /// A tap of Linux.
    Tap,
    /// Anything else.
    Other,
}

/// A network interface of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostInterface {
    /// Such as `eth0`.
    pub name: String,
    /// What it is.
    pub kind: InterfaceKind,
    /// Its IPv4 addresses with their subnets.
    pub addresses: Vec<Ipv4Net>,
}
