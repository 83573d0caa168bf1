//! The host's resolver.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loose;

/// A DNS server on the host that answers the guest as the host itself would be answered.
#[serde_with::apply(
    Option<BTreeMap<String, String>> => #[serde(default, deserialize_with = "loose::text_map")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostResolver {
    /// Whether the guest asks the host. If not, `dns` names its servers.
    #[schemars(extend("default" = true))]
    pub enabled: Option<bool>,
    /// Whether it answers with IPv6 addresses, too.
    #[schemars(extend("default" = false))]
    pub ipv6: Option<bool>,
    /// Names of your own: each stands for an address, or for another name.
    pub hosts: Option<BTreeMap<String, String>>,
}
