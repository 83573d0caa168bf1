//! What an engine can do.

use std::collections::BTreeSet;

use limekiln_api::lima::MountType;
use serde::{Deserialize, Serialize};

/// What an engine can do, stated by it and read by the planner.
///
/// A change is as cheap as the engine allows: a field listed in `live_fields` is changed
/// without a restart even where the cost table says `restart`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The engine's name: `native`, `limactl`, `sim`.
    pub engine: String,
    /// Whether it runs network daemons (`Network` objects, `networks[].lima`).
    pub networks: bool,
    /// Whether it can mount host directories.
    pub mounts: bool,
    /// The kinds of mounts that come and go while the VM runs. A change of `mounts` is live where
    /// the instance has, and is to have, one of these.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub live_mounts: BTreeSet<MountType>,
    /// Whether it can forward ports.
    pub forwards: bool,
    /// Whether an instance's disk can be grown while the VM runs.
    pub live_disk_resize: bool,
    /// Whether additional disks can be plugged in and out while the VM runs.
    #[serde(default)]
    pub live_disks: bool,
    /// Whether steps of `provision` that run while the guest is up (`system`, `user`, `data`) can be
    /// run in a running VM when they change.
    #[serde(default)]
    pub live_provision: bool,
    /// Field paths (below the instance, as in [`crate::Change::path`], without indices) that this
    /// engine changes in a running VM.
    pub live_fields: BTreeSet<String>,
}
