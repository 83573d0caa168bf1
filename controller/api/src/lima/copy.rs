//! Files that are copied to the host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file that is copied to the host when the guest is ready.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyToHost {
    /// The absolute path in the guest.
    pub guest: Option<String>,
    /// The absolute path on the host.
    pub host: Option<String>,
    /// Whether its absence in the guest is fine.
    pub skip_if_missing: Option<bool>,
    /// Whether it is removed from the host when the VM stops.
    pub delete_on_stop: Option<bool>,
}
