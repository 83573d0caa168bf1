//! Port forwards.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Int;

/// Which protocol is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Both.
    Any,
}

/// A rule of what is forwarded; the first that matches decides.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortForward {
    /// The address in the guest.
    #[serde(rename = "guestIP")]
    pub guest_ip: Option<IpAddr>,
    /// Whether only listeners on 0.0.0.0 match.
    #[serde(rename = "guestIPMustBeZero")]
    pub guest_ip_must_be_zero: Option<bool>,
    /// The port in the guest.
    pub guest_port: Option<Int>,
    /// The first and the last port in the guest.
    pub guest_port_range: Option<[Int; 2]>,
    /// A socket in the guest.
    pub guest_socket: Option<String>,
    /// The address on the host.
    #[serde(rename = "hostIP")]
    pub host_ip: Option<IpAddr>,
    /// The port on the host.
    pub host_port: Option<Int>,
    /// The first and the last port on the host.
    pub host_port_range: Option<[Int; 2]>,
    /// A socket on the host.
    pub host_socket: Option<String>,
    /// The protocol.
    pub proto: Option<Proto>,
    /// From the host to the guest's side: only sockets.
    pub reverse: Option<bool>,
    /// What matches is not forwarded.
    pub ignore: Option<bool>,
    /// Forwarded from the boot on, whether or not something listens.
    #[serde(rename = "static")]
    pub static_: Option<bool>,
}
