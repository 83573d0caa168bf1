//! The `Disk` kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ByteSize, DeletionPolicy, Metadata};

/// An additional disk, which outlives the instances that attach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// Name and labels.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: DiskSpec,
}

/// How a disk is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DiskFormat {
    /// QEMU's format, which grows as it is written.
    #[default]
    Qcow2,
    /// The bytes as they are, in a sparse file.
    Raw,
}

impl DiskFormat {
    /// As `qemu-img` calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Raw => "raw",
        }
    }
}

/// What is wanted of a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiskSpec {
    /// Its size. It can grow and never shrinks.
    pub size: ByteSize,
    /// How it is stored. It cannot be changed later.
    #[serde(default)]
    pub format: DiskFormat,
    /// What happens when it is no longer wanted.
    #[serde(default = "retain", skip_serializing_if = "is_retain")]
    pub deletion_policy: DeletionPolicy,
}

impl DiskSpec {
    /// A disk of this size and form, with every other field at its default.
    pub fn of(size: u64, format: DiskFormat) -> Self {
        Self { size: ByteSize(size), format, deletion_policy: retain() }
    }
}

fn retain() -> DeletionPolicy {
    DeletionPolicy::Retain
}

fn is_retain(policy: &DeletionPolicy) -> bool {
    *policy == DeletionPolicy::Retain
}
