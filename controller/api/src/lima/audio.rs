//! Sound.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loose;

/// Sound. Off unless a device is set.
#[serde_with::apply(Option<String> => #[serde(default, deserialize_with = "loose::text")])]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Audio {
    /// Where the sound goes on the host: a QEMU audio backend such as `coreaudio`, `pa`, `alsa`
    /// or `default`; `vz` with the driver vz; `none` is a card without a loudspeaker. Empty is no
    /// sound at all.
    #[schemars(extend("default" = ""))]
    pub device: Option<String>,
    /// The sound card that the guest sees: `hda` or `virtio`. Empty is `hda` as soon as a device
    /// is set.
    #[schemars(extend("default" = "", "pattern" = "^(hda|virtio)?$"))]
    pub interface: Option<String>,
}
