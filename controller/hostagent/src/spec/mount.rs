//! Host directories in the guest.

use std::fmt::Write;
use std::path::PathBuf;

use limekiln_api::Lima;
use limekiln_api::lima::{Mount, MountType};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One host directory in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountSpec {
    /// The directory on the host.
    pub location: PathBuf,
    /// Where it is in the guest.
    pub mount_point: String,
    /// Whether the guest may write.
    pub writable: bool,
    /// How it gets there.
    pub kind: MountKind,
}

/// How a directory gets into the guest, with the settings of that way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum MountKind {
    /// sshfs in the guest, over SFTP, from a server on the host.
    ReverseSshfs {
        /// Whether the guest remembers what directories hold.
        cache: bool,
        /// Whether links are followed on the host.
        follow_symlinks: bool,
    },
    /// A 9p device of QEMU's.
    NineP {
        /// QEMU's word for how owners and modes are kept.
        security_model: String,
        /// The protocol's version.
        protocol_version: String,
        /// Most bytes in one packet.
        msize: u64,
        /// The guest's way to cache.
        cache: String,
    },
    /// virtiofsd.
    Virtiofs {
        /// Length of the request queue.
        queue_size: u32,
    },
}

impl MountSpec {
    /// The name of the device in the guest, as Lima makes it.
    pub fn tag(&self) -> String {
        let place = format!("{}:{}", self.location.display(), self.mount_point);
        let mut tag = "lima-".to_owned();
        for byte in &Sha256::digest(place)[..8] {
            // Writing to a string can't fail.
            let _ = write!(tag, "{byte:02x}");
        }
        tag
    }

    /// The guest's mount(8) options where the directory comes as a device of the machine, and the
    /// type of file system is the word for the kind of mount.
    pub fn guest_options(&self) -> Option<String> {
        let access = if self.writable { "rw" } else { "ro" };
        match &self.kind {
            MountKind::ReverseSshfs { .. } => None,
            MountKind::NineP { protocol_version, msize, cache, .. } => Some(format!(
                "{access},trans=virtio,version={protocol_version},msize={msize},cache={cache}"
            )),
            MountKind::Virtiofs { .. } => Some(access.to_owned()),
        }
    }

    /// Whether it can come and go while the VM runs.
    pub fn is_live(&self) -> bool {
        matches!(self.kind, MountKind::ReverseSshfs { .. })
    }
}

impl MountKind {
    /// Lima's name of it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::ReverseSshfs { .. } => MountType::ReverseSshfs.word(),
            Self::NineP { .. } => MountType::NineP.word(),
            Self::Virtiofs { .. } => MountType::Virtiofs.word(),
        }
    }
}

/// The mounts of a filled configuration.
pub fn mounts(lima: &Lima) -> Vec<MountSpec> {
    let kind = lima.mount_type.unwrap_or(MountType::ReverseSshfs);
    lima.mounts.iter().flatten().map(|mount| spec(mount, kind)).collect()
}

fn spec(mount: &Mount, kind: MountType) -> MountSpec {
    let writable = mount.writable == Some(true);
    MountSpec {
        location: mount.location.clone().into(),
        mount_point: mount.mount_point.clone().unwrap_or_else(|| mount.location.clone()),
        writable,
        kind: match kind {
            MountType::NineP => nine_p(mount, writable),
            MountType::Virtiofs => {
                let queue_size = mount.virtiofs.as_ref().and_then(|virtiofs| virtiofs.queue_size);
                MountKind::Virtiofs { queue_size: queue_size.unwrap_or(1024) }
            }
            MountType::ReverseSshfs | MountType::Wsl2 => {
                let sshfs = mount.sshfs.clone().unwrap_or_default();
                MountKind::ReverseSshfs {
                    cache: sshfs.cache != Some(false),
                    follow_symlinks: sshfs.follow_symlinks == Some(true),
                }
            }
        },
    }
}

fn nine_p(mount: &Mount, writable: bool) -> MountKind {
    let settings = mount.nine_p.clone().unwrap_or_default();
    let cache = if writable { "mmap" } else { "fscache" };
    MountKind::NineP {
        security_model: settings.security_model.unwrap_or_else(|| "none".to_owned()),
        protocol_version: settings.protocol_version.unwrap_or_else(|| "9p2000.L".to_owned()),
        msize: settings.msize.map_or(128 << 10, |size| size.0),
        cache: settings.cache.map_or_else(|| cache.to_owned(), |cache| cache.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{MountKind, MountSpec};

    /// `sha256sum <<< /src:/mnt/src`, without the line break.
    #[test]
    fn the_tag_is_limas() {
        let mount = MountSpec {
            location: "/src".into(),
            mount_point: "/mnt/src".to_owned(),
            writable: false,
            kind: MountKind::Virtiofs { queue_size: 1 },
        };
        assert_eq!(mount.tag(), "lima-33ff7d601297c8a6");
    }
}
