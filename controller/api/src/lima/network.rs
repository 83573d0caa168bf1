//! Network interfaces of an instance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loose;

/// A further network interface. It has exactly one of `lima`, `socket` and `vzNAT`.
#[serde_with::apply(
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<u32> => #[serde(default, deserialize_with = "loose::number")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceNetwork {
    /// The name of a Network, or of one in Lima's `networks.yaml`.
    pub lima: Option<String>,
    /// The socket of a network daemon that you run yourself.
    pub socket: Option<String>,
    /// The NAT of macOS; only with the driver vz.
    #[serde(rename = "vzNAT")]
    pub vz_nat: Option<bool>,
    /// The MAC address, six pairs of hexadecimal digits.
    #[schemars(extend(
        "x-limekiln-default" = "derived from this host and the interface's position, always the same",
        "pattern" = MAC
    ))]
    pub mac_address: Option<String>,
    /// The interface's name in the guest.
    #[schemars(extend("x-limekiln-default" = "`lima0`, `lima1` and so on by position", "maxLength" = 15))]
    pub interface: Option<String>,
    /// The metric of its default route; the lowest is preferred. The built-in network has 200.
    #[schemars(extend("default" = 100))]
    pub metric: Option<u32>,
}

/// Go's forms of a 48-bit address: pairs by `:` or `-`, or groups of four by `.`; or nothing.
const MAC: &str =
    "^$|^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$|^[0-9A-Fa-f]{4}([.][0-9A-Fa-f]{4}){2}$";
