//! Port forwards.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Int, loose};

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

impl Proto {
    /// Whether something may be forwarded by both.
    pub fn meets(self, other: Self) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }
}

/// A rule of what is forwarded from the guest to the host. The first rule that matches a port of
/// the guest decides; what no rule matches is forwarded from 127.0.0.1 to the same port.
#[serde_with::apply(
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<IpAddr> => #[serde(default, deserialize_with = "loose::or_empty")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortForward {
    /// The address in the guest on which something listens.
    #[serde(rename = "guestIP")]
    #[schemars(extend("x-limekiln-default" = "0.0.0.0 with `guestIPMustBeZero: true`, else 127.0.0.1"))]
    pub guest_ip: Option<IpAddr>,
    /// Whether only listeners on 0.0.0.0 match. If not, a guestIP of 0.0.0.0 matches every
    /// address.
    #[serde(rename = "guestIPMustBeZero")]
    #[schemars(extend("x-limekiln-default" = "true if guestIP is 0.0.0.0, else false"))]
    pub guest_ip_must_be_zero: Option<bool>,
    /// The port in the guest.
    #[schemars(extend("x-limekiln-default" = "all ports", "minimum" = 0, "maximum" = 65535))]
    pub guest_port: Option<Int>,
    /// The first and the last port in the guest.
    #[schemars(extend("x-limekiln-default" = "guestPort alone, or [1, 65535]"))]
    pub guest_port_range: Option<[Int; 2]>,
    /// A socket in the guest, an absolute path. `{{.Home}}`, `{{.User}}`, `{{.UID}}`, `{{.Name}}`,
    /// `{{.Hostname}}` and `{{.Param.KEY}}` are replaced.
    pub guest_socket: Option<String>,
    /// The address on the host; 0.0.0.0 lets other machines in.
    #[serde(rename = "hostIP")]
    #[schemars(extend("default" = "127.0.0.1"))]
    pub host_ip: Option<IpAddr>,
    /// The port on the host.
    #[schemars(extend("x-limekiln-default" = "the port in the guest", "minimum" = 0, "maximum" = 65535))]
    pub host_port: Option<Int>,
    /// The first and the last port on the host, as many as in the guest.
    #[schemars(extend("x-limekiln-default" = "hostPort alone, or the ports in the guest"))]
    pub host_port_range: Option<[Int; 2]>,
    /// A socket on the host; one that is no absolute path is below `sock` in the instance's
    /// directory. `{{.Dir}}`, `{{.Home}}`, `{{.User}}`, `{{.UID}}`, `{{.Name}}` and
    /// `{{.Param.KEY}}` are replaced.
    pub host_socket: Option<String>,
    /// The protocol.
    #[serde(default, deserialize_with = "loose::or_empty")]
    #[schemars(extend("default" = "any"))]
    pub proto: Option<Proto>,
    /// Whether the guest reaches the host instead; only between two sockets.
    #[schemars(extend("default" = false))]
    pub reverse: Option<bool>,
    /// Whether what matches is not forwarded.
    #[schemars(extend("default" = false))]
    pub ignore: Option<bool>,
    /// Whether it is forwarded from the boot on, whether or not something listens.
    #[serde(rename = "static")]
    #[schemars(extend("default" = false))]
    pub static_: Option<bool>,
}
