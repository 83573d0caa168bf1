//! Display.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Display.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Video {
    /// QEMU's display: `none`, `vnc`, `default` and so on.
    pub display: Option<String>,
    /// Settings of VNC.
    pub vnc: Option<Vnc>,
}

/// Settings of VNC.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vnc {
    /// Address, display and options: `127.0.0.1:0,to=9`.
    pub display: Option<String>,
}
