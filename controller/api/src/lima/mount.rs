//! Host directories in the guest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Text, loose};
use crate::ByteSize;

/// How mounts reach the guest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MountType {
    /// sshfs in the guest, an SFTP server on the host.
    ReverseSshfs,
    /// QEMU's 9p.
    #[serde(rename = "9p")]
    NineP,
    /// virtiofsd with QEMU, the driver's own with others.
    Virtiofs,
    /// WSL's own.
    Wsl2,
}

impl MountType {
    /// Lima's name: `reverse-sshfs`, `9p`.
    pub fn word(self) -> &'static str {
        match self {
            Self::ReverseSshfs => "reverse-sshfs",
            Self::NineP => "9p",
            Self::Virtiofs => "virtiofs",
            Self::Wsl2 => "wsl2",
        }
    }
}

/// A host directory in the guest.
#[serde_with::apply(
    String => #[serde(deserialize_with = "loose::required_text")],
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// The directory on the host: an absolute path, or `~` or one below `~/` in quotes.
    /// `{{.Home}}`, `{{.Dir}}` (the instance's directory), `{{.Name}}`, `{{.User}}`, `{{.UID}}`,
    /// `{{.TempDir}}`, `{{.GlobalTempDir}}` and `{{.Param.KEY}}` are replaced.
    pub location: String,
    /// Where it is in the guest, an absolute path. `{{.Home}}`, `{{.User}}`, `{{.UID}}`,
    /// `{{.Name}}`, `{{.Hostname}}` and `{{.Param.KEY}}` are replaced.
    #[schemars(extend("x-limekiln-default" = "the same path as on the host"))]
    pub mount_point: Option<String>,
    /// Whether the guest may write.
    #[schemars(extend("default" = false))]
    pub writable: Option<bool>,
    /// Settings that matter with `mountType: reverse-sshfs`.
    pub sshfs: Option<Sshfs>,
    /// Settings that matter with `mountType: 9p`.
    #[serde(rename = "9p")]
    pub nine_p: Option<NineP>,
    /// Settings that matter with `mountType: virtiofs`.
    pub virtiofs: Option<Virtiofs>,
}

impl Mount {
    /// Where it is in the guest: the same path as on the host if none is written.
    pub fn mount_point(&self) -> &str {
        self.mount_point.as_deref().unwrap_or(&self.location)
    }
}

/// Who serves SFTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SftpDriver {
    /// The host agent.
    #[serde(rename = "builtin")]
    Builtin,
    /// OpenSSH's program.
    #[serde(rename = "openssh-sftp-server")]
    OpensshSftpServer,
}

/// Settings of reverse-sshfs.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sshfs {
    /// Whether the guest caches: faster, and changes on the host may show late.
    #[schemars(extend("default" = true))]
    pub cache: Option<bool>,
    /// Whether symbolic links are followed on the host, so that the guest sees what they lead to.
    #[schemars(extend("default" = false))]
    pub follow_symlinks: Option<bool>,
    /// Who serves the files on the host.
    #[serde(default, deserialize_with = "loose::or_empty")]
    #[schemars(extend("x-limekiln-default" = "openssh-sftp-server where it is installed, else builtin"))]
    pub sftp_driver: Option<SftpDriver>,
}

/// Settings of 9p.
#[serde_with::apply(
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<ByteSize> => #[serde(default, deserialize_with = "loose::size")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NineP {
    /// How owners and modes of the guest are kept on the host: `none`, `passthrough`,
    /// `mapped-xattr` or `mapped-file`. The mapped ones keep changes of owner, and do not go
    /// together with symbolic links.
    #[schemars(extend("default" = "none", "examples" = ["none", "passthrough", "mapped-xattr", "mapped-file"]))]
    pub security_model: Option<String>,
    /// The protocol's version: `9p2000`, `9p2000.u` or `9p2000.L`.
    #[schemars(extend("default" = "9p2000.L", "examples" = ["9p2000.L", "9p2000.u", "9p2000"]))]
    pub protocol_version: Option<String>,
    /// The most bytes in one packet; larger is faster for large files.
    #[schemars(extend("default" = "128KiB"))]
    pub msize: Option<ByteSize>,
    /// How the guest caches: `none`, `loose`, `fscache` or `mmap`. With `fscache` and `loose`
    /// changes on the host may show late.
    #[schemars(extend("x-limekiln-default" = "`mmap` for a writable mount, else `fscache`", "examples" = ["fscache", "mmap", "loose", "none"]))]
    pub cache: Option<Text>,
}

/// Settings of virtiofs.
#[serde_with::apply(Option<u32> => #[serde(default, deserialize_with = "loose::number")])]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Virtiofs {
    /// The length of the request queue, on Linux hosts.
    #[schemars(extend("default" = 1024))]
    pub queue_size: Option<u32>,
}
