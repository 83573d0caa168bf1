//! Settings of one driver, and of one operating system.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{File, loose};

/// `vmOpts.qemu`.
#[serde_with::apply(
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<BTreeMap<String, String>> => #[serde(default, deserialize_with = "loose::text_map")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QemuOpts {
    /// The oldest QEMU that will do, such as 9.1.0.
    #[schemars(extend("pattern" = super::template::VERSION))]
    pub minimum_version: Option<String>,
    /// The processor model per architecture, as `qemu-system-ARCH -cpu` takes it.
    #[schemars(extend("x-limekiln-default" = "`host` with an accelerator for the host's own architecture, else `max`"))]
    pub cpu_type: Option<BTreeMap<String, String>>,
}

/// `vmOpts.vz`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VzOpts {
    /// Rosetta in the guest, which runs x86_64 programs on Apple's processors.
    pub rosetta: Option<Rosetta>,
    /// How the disk is stored.
    #[schemars(extend("x-limekiln-default" = "raw; asif for macOS guests on macOS 26 and later"))]
    pub disk_image_format: Option<VzDiskFormat>,
}

/// How vz stores a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VzDiskFormat {
    /// A plain file.
    Raw,
    /// Apple's sparse image, on macOS 26 and later.
    Asif,
}

/// Rosetta in the guest.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rosetta {
    /// Whether it is there.
    #[schemars(extend("default" = false))]
    pub enabled: Option<bool>,
    /// Whether the guest runs x86_64 programs by it without being told.
    #[schemars(extend("default" = false))]
    pub binfmt: Option<bool>,
}

/// `osOpts.Windows`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowsOpts {
    /// CD images with the virtio drivers, per architecture.
    pub virtio_win: Option<Vec<File>>,
}

/// What is known of `vmOpts`; other drivers have keys of their own. Only for schemas.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
#[expect(dead_code, reason = "stands for the shape in schemas, never made")]
pub(super) struct KnownVmOpts {
    /// Settings of the driver qemu.
    qemu: Option<QemuOpts>,
    /// Settings of the driver vz.
    vz: Option<VzOpts>,
}

/// What is known of `osOpts`. Only for schemas.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
#[expect(dead_code, reason = "stands for the shape in schemas, never made")]
pub(super) struct KnownOsOpts {
    /// Settings of Windows guests.
    #[schemars(rename = "Windows")]
    windows: Option<WindowsOpts>,
}
