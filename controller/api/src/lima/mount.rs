//! Host directories in the guest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;
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
    /// virtiofsd, or the driver's own.
    Virtiofs,
    /// WSL's own.
    Wsl2,
}

/// A host directory in the guest.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// The host directory; `~` is the host user's home.
    pub location: String,
    /// Where in the guest; the same path unless set.
    pub mount_point: Option<String>,
    /// Whether the guest may write.
    pub writable: Option<bool>,
    /// Settings of reverse-sshfs.
    pub sshfs: Option<Sshfs>,
    /// Settings of 9p.
    #[serde(rename = "9p")]
    pub nine_p: Option<NineP>,
    /// Settings of virtiofs.
    pub virtiofs: Option<Virtiofs>,
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sshfs {
    /// Whether sshfs caches.
    pub cache: Option<bool>,
    /// Whether symbolic links are followed on the host.
    pub follow_symlinks: Option<bool>,
    /// Who serves SFTP.
    pub sftp_driver: Option<SftpDriver>,
}

/// Settings of 9p.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NineP {
    /// QEMU's security model.
    pub security_model: Option<String>,
    /// The protocol's version.
    pub protocol_version: Option<String>,
    /// The largest message.
    pub msize: Option<ByteSize>,
    /// The guest's cache mode.
    pub cache: Option<Text>,
}

/// Settings of virtiofs.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Virtiofs {
    /// The length of the request queue.
    pub queue_size: Option<u32>,
}
