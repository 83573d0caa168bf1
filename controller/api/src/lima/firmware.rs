//! Firmware.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arch, loose};

/// What starts the guest.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Firmware {
    /// Whether x86_64 guests start by the legacy BIOS instead of UEFI. Other architectures have
    /// none.
    #[serde(rename = "legacyBIOS")]
    #[schemars(extend("default" = false))]
    pub legacy_bios: Option<bool>,
    /// UEFI images to use instead of those that are installed.
    pub images: Option<Vec<FirmwareImage>>,
}

/// A UEFI image.
#[serde_with::apply(
    String => #[serde(deserialize_with = "loose::required_text")],
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<Arch> => #[serde(default, deserialize_with = "loose::or_empty")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirmwareImage {
    /// URL or path; `~/` is the host user's home.
    pub location: String,
    /// The architecture that it is for.
    #[schemars(extend("x-limekiln-default" = "the instance's `arch`"))]
    pub arch: Option<Arch>,
    /// What the file as downloaded must be: `sha256:` and 64 lower-case hexadecimal digits.
    #[schemars(extend("pattern" = super::image::DIGEST))]
    pub digest: Option<String>,
    /// The driver that it is for; every driver unless set.
    pub vm_type: Option<String>,
}
