//! Images and other files that an instance is made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arch, loose};

/// What digests look like, as a regular expression for schemas.
pub(super) const DIGEST: &str =
    "^$|^sha256:[0-9a-f]{64}$|^sha384:[0-9a-f]{96}$|^sha512:[0-9a-f]{128}$";

/// A file that is fetched.
#[serde_with::apply(
    String => #[serde(deserialize_with = "loose::required_text")],
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<Arch> => #[serde(default, deserialize_with = "loose::or_empty")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// URL or path; `~/` is the host user's home.
    pub location: String,
    /// The architecture that it is for.
    #[schemars(extend("x-limekiln-default" = "the instance's `arch`"))]
    pub arch: Option<Arch>,
    /// What the file as downloaded must be: `sha256:` and 64 lower-case hexadecimal digits.
    #[schemars(extend("pattern" = DIGEST))]
    pub digest: Option<String>,
}

/// A kernel to start directly, without the image's boot loader.
#[serde_with::apply(
    String => #[serde(deserialize_with = "loose::required_text")],
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<Arch> => #[serde(default, deserialize_with = "loose::or_empty")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kernel {
    /// URL or path; `~/` is the host user's home.
    pub location: String,
    /// The architecture; it must be that of the image.
    #[schemars(extend("x-limekiln-default" = "the image's `arch`"))]
    pub arch: Option<Arch>,
    /// What the file as downloaded must be: `sha256:` and 64 lower-case hexadecimal digits.
    #[schemars(extend("pattern" = DIGEST))]
    pub digest: Option<String>,
    /// The kernel's command line.
    pub cmdline: Option<String>,
}

/// A disk image to make the instance from. The first that fits the architecture and can be
/// fetched is used.
#[serde_with::apply(
    String => #[serde(deserialize_with = "loose::required_text")],
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<Arch> => #[serde(default, deserialize_with = "loose::or_empty")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// URL or path; `~/` is the host user's home.
    pub location: String,
    /// The architecture that it is for.
    #[schemars(extend("x-limekiln-default" = "the instance's `arch`"))]
    pub arch: Option<Arch>,
    /// What the file as downloaded must be: `sha256:` and 64 lower-case hexadecimal digits.
    #[schemars(extend("pattern" = DIGEST))]
    pub digest: Option<String>,
    /// A kernel to start directly, without the image's boot loader.
    pub kernel: Option<Kernel>,
    /// The initial RAM disk that goes with the kernel.
    pub initrd: Option<File>,
    /// The variant of the distribution, such as `server` or `minimal`. The images after the first
    /// that fits are used only if theirs is the same.
    pub variant: Option<String>,
    /// The variant of the architecture, such as `v3`. The images after the first that fits are
    /// used only if theirs is the same.
    pub arch_variant: Option<String>,
}
