//! Firmware.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Arch;

/// What starts the guest.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Firmware {
    /// Whether x86_64 guests start by the legacy BIOS instead of UEFI.
    #[serde(rename = "legacyBIOS")]
    pub legacy_bios: Option<bool>,
    /// UEFI images to try before those that are installed.
    pub images: Option<Vec<FirmwareImage>>,
}

/// A UEFI image.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirmwareImage {
    /// URL or path.
    pub location: String,
    /// The architecture that it is for.
    pub arch: Option<Arch>,
    /// `sha256:<hex>` of the file as downloaded.
    pub digest: Option<String>,
    /// The driver that it is for.
    pub vm_type: Option<String>,
}
