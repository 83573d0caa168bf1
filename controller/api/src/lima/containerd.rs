//! containerd in the guest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::File;

/// Which containerd runs in the guest.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Containerd {
    /// The system's.
    pub system: Option<bool>,
    /// The user's.
    pub user: Option<bool>,
    /// Archives of nerdctl to install.
    pub archives: Option<Vec<File>>,
}
