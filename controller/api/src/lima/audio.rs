//! Sound.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sound.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Audio {
    /// QEMU's audio backend on the host, for example `coreaudio` or `pa`.
    pub device: Option<String>,
    /// The card that the guest sees: `hda` or `virtio`.
    pub interface: Option<String>,
}
