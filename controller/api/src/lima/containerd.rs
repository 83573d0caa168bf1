//! containerd in the guest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::File;

/// Which containerd is installed and started in the guest, with nerdctl.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Containerd {
    /// Whether one runs as root for the whole guest.
    #[schemars(extend("default" = false))]
    pub system: Option<bool>,
    /// Whether one runs for the guest's user, without root.
    #[schemars(extend("x-limekiln-default" = "false; Lima's is true for Linux guests on x86_64 and aarch64"))]
    pub user: Option<bool>,
    /// Archives of nerdctl with all that belongs to it; the first for the guest's architecture is
    /// installed.
    #[schemars(extend("x-limekiln-default" = "nerdctl-full 2.3.5 for x86_64 and aarch64"))]
    pub archives: Option<Vec<File>>,
}
