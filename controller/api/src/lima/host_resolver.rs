//! The host's resolver.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A DNS server on the host for the guest.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostResolver {
    /// Whether there is one.
    pub enabled: Option<bool>,
    /// Whether it answers with IPv6 addresses.
    pub ipv6: Option<bool>,
    /// Names and their addresses, or names that they stand for.
    pub hosts: Option<BTreeMap<String, String>>,
}
