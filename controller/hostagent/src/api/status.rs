//! What the API tells.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::accel::Accelerator;
use crate::guest::Transport;

/// Lima's answer to `/v1/info`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Info {
    /// The forwarded port on 127.0.0.1; 0 if there is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub ssh_local_port: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The VM starts, or its guest is not ready.
    Booting,
    /// The guest is ready.
    Running,
    /// The VM runs, but something failed; see the errors.
    Degraded,
    /// The VM is stopping.
    Stopping,
}

/// A host directory in the guest, as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountStatus {
    /// Where it is in the guest.
    pub mount_point: String,
    /// The directory on the host.
    pub location: String,
    /// How it gets there: `reverse-sshfs`, `9p` or `virtiofs`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the guest may write.
    pub writable: bool,
    /// Whether it is there.
    pub state: MountState,
    /// Why it is not there, or no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often it was lost and put back.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub restored: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none_yet(number: &u64) -> bool {
    *number == 0
}

/// A network card of the guest, as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkStatus {
    /// Its name in the guest.
    pub interface: String,
    /// Its address on the wire.
    pub mac: String,
    /// The user-v2 network that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The guest's address there; `None` while it has none, or if nobody here knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// Why the network is not there, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether a directory is in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountState {
    /// It is being brought there, or taken away.
    Mounting,
    /// It is.
    Mounted,
    /// It is not. What can be tried again is, from time to time.
    Failed,
}

/// A disk of a running VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskStatus {
    /// The additional disk; `None` for the instance's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is left to be done with it and failed, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// What came of a step of provisioning in this boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// Of the step, see [`crate::spec::Step::digest`].
    pub digest: String,
    /// What it ended with; 0 is success.
    pub exit_code: i32,
    /// When it ended by the guest's clock, in seconds since 1970.
    pub at: i64,
    /// Whether the file that it wrote has another content now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
}

/// Our answer to `/v1/limekiln/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentStatus {
    /// Where it is in its life.
    pub phase: Phase,
    /// What it waits for, in words; `None` when it waits for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// What runs the guest's instructions; `None` until the VM has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<Accelerator>,
    /// Why it is not a quicker one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_reason: Option<String>,
    /// What failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Why the guest does nothing just now, in words; it goes on by itself once that is over. Lima's
    /// host agent does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// When the VM was started; an adopted VM keeps its time.
    pub started_at: Timestamp,
    /// The forwarded port on 127.0.0.1.
    pub ssh_local_port: u16,
    /// The hypervisor's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_pid: Option<u32>,
    /// `sha256:<hex>` of the `lima.yaml` that the VM was started with, which `booted.yaml` holds.
    pub config_digest: String,
    /// Over what the guest agent is reached; `None` while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_agent: Option<Transport>,
    /// Port forwards, at most 256: `tcp 127.0.0.1:80 to 0.0.0.0:80`, and why it does not work yet
    /// where it does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forwards: BTreeMap<String, Option<String>>,
    /// The host directories that the guest has or is to have. Lima's host agent does not say.
    #[serde(default)]
    pub mounts: Vec<MountStatus>,
    /// The guest's network cards, the first first. Lima's host agent does not say.
    #[serde(default)]
    pub networks: Vec<NetworkStatus>,
    /// The disks that were looked at since the host agent runs.
    #[serde(default)]
    pub disks: Vec<DiskStatus>,
    /// How many more disks can be plugged in; `None` until that is known, and where the host agent
    /// cannot change disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_disk_places: Option<usize>,
    /// What came of the steps of provisioning; `None` as long as the guest has not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<StepStatus>>,
    /// How often the configuration was read again; see [`Reload`](super::Reload).
    #[serde(default)]
    pub reloads: u64,
}

/// Our answer to `/v1/limekiln/reload`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Which it is. When [`AgentStatus::reloads`] has reached it, the status shows what came of it.
    pub reload: u64,
}
