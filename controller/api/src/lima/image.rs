//! Images and other files that an instance is made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Arch;

/// A file that is fetched.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// URL or path; `~/` is the host user's home.
    pub location: String,
    /// The architecture that it is for.
    pub arch: Option<Arch>,
    /// `sha256:<hex>` of the file as downloaded.
    pub digest: Option<String>,
}

/// A kernel to start directly.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kernel {
    /// URL or path.
    pub location: String,
    /// The architecture, that of the image.
    pub arch: Option<Arch>,
    /// `sha256:<hex>` of the file as downloaded.
    pub digest: Option<String>,
    /// The kernel's command line.
    pub cmdline: Option<String>,
}

/// A disk image to make the instance from.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// URL or path; `~/` is the host user's home.
    pub location: String,
    /// The architecture that it is for.
    pub arch: Option<Arch>,
    /// `sha256:<hex>` of the file as downloaded.
    pub digest: Option<String>,
    /// Started directly, instead of by the image's boot loader.
    pub kernel: Option<Kernel>,
    /// The initial RAM disk that goes with the kernel.
    pub initrd: Option<File>,
    /// A variant of the distribution; fallbacks must have the same.
    pub variant: Option<String>,
    /// A variant of the architecture; fallbacks must have the same.
    pub arch_variant: Option<String>,
}
