//! The steps that a plan is made of.

use std::sync::Arc;

use limekiln_api::{DiskFormat, DiskSpec, Lima, NetworkSpec};
use serde::{Deserialize, Serialize};

use crate::{Change, Name, ObjectId};

/// How a VM is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopMode {
    /// Press the power button, wait for the deadline, then force.
    Graceful,
    /// Kill at once.
    Force,
}

/// Kinds of work with a limit of their own on how many run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Downloads and checks of images.
    Download,
    /// Starts of VMs and waits for them.
    Boot,
    /// Everything else.
    Light,
}

/// One step on one object. Closed, so that plans serialise and engines match exhaustively.
///
/// Every action is idempotent: performed twice, it has the effect of once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "do")]
pub enum Action {
    /// Bring an image (and its kernel and initrd) of the template into the cache.
    FetchImage {
        /// The instance that needs it.
        instance: Name,
        /// The filled template.
        filled: Arc<Lima>,
    },
    /// Bring the archive of containerd of the template into the cache.
    FetchContainerd {
        /// The instance that needs it.
        instance: Name,
        /// The filled template.
        filled: Arc<Lima>,
    },
    /// Make an additional disk. Holds: it is absent. After: it exists with this size.
    CreateDisk {
        /// The disk.
        disk: Name,
        /// What to make.
        spec: DiskSpec,
    },
    /// Grow an additional disk. Never shrinks.
    ResizeDisk {
        /// The disk.
        disk: Name,
        /// Bytes it has.
        from: u64,
        /// Bytes it is to have.
        to: u64,
        /// How it is stored.
        format: DiskFormat,
    },
    /// Write a network's definition. Holds: its daemon is stopped.
    DefineNetwork {
        /// The network.
        network: Name,
        /// Its definition.
        spec: NetworkSpec,
    },
    /// Start a network's daemon.
    StartNetwork {
        /// The network.
        network: Name,
    },
    /// Stop a network's daemon. Holds: no instance that uses it runs.
    StopNetwork {
        /// The network.
        network: Name,
    },
    /// Make the instance's directory, its configuration and its disk. After: it is stopped.
    CreateInstance {
        /// The instance.
        instance: Name,
        /// What is stored in `lima.yaml`.
        template: Arc<Lima>,
        /// The same with defaults.
        filled: Arc<Lima>,
    },
    /// Store a new configuration. It takes effect at the next start, or at once for fields that
    /// the engine changes live.
    EditInstance {
        /// The instance.
        instance: Name,
        /// What is stored in `lima.yaml`.
        template: Arc<Lima>,
        /// The same with defaults.
        filled: Arc<Lima>,
        /// What differs.
        changes: Vec<Change>,
    },
    /// Grow the instance's own disk. Never shrinks.
    ResizeInstanceDisk {
        /// The instance.
        instance: Name,
        /// Bytes it has, when known.
        from: Option<u64>,
        /// Bytes it is to have.
        to: u64,
        /// Whether the VM runs meanwhile.
        live: bool,
    },
    /// Start the driver. Holds: stopped. After: booting.
    StartDriver {
        /// The instance.
        instance: Name,
    },
    /// Wait until the boot has finished and the probes have passed.
    AwaitReady {
        /// The instance.
        instance: Name,
    },
    /// Mount a host directory in the running guest.
    Mount {
        /// The instance.
        instance: Name,
        /// Where in the guest.
        mount_point: String,
    },
    /// Plug an additional disk of the configuration into the running VM, and mount it in the guest.
    AttachDisk {
        /// The instance.
        instance: Name,
        /// The disk.
        disk: Name,
    },
    /// Unmount an additional disk in the running guest, and plug it out. Fails if the guest uses it.
    DetachDisk {
        /// The instance.
        instance: Name,
        /// The disk.
        disk: Name,
    },
    /// Keep the instance's configuration and the state of its disks, to go back to if a change goes
    /// wrong. Under a tag that it has already, nothing happens.
    TakeSnapshot {
        /// The instance.
        instance: Name,
        /// The tag.
        tag: String,
    },
    /// Run the readiness probes of the configuration in the running guest. Holds: it is up.
    Probe {
        /// The instance.
        instance: Name,
    },
    /// Go back to a snapshot, with the configuration of then. Holds: stopped.
    RestoreSnapshot {
        /// The instance.
        instance: Name,
        /// The tag.
        tag: String,
    },
    /// Forget a snapshot.
    ForgetSnapshot {
        /// The instance.
        instance: Name,
        /// The tag.
        tag: String,
    },
    /// Put the forwards of the configuration in place.
    Forward {
        /// The instance.
        instance: Name,
    },
    /// Stop the VM. After: stopped.
    StopInstance {
        /// The instance.
        instance: Name,
        /// How.
        mode: StopMode,
    },
    /// Move the stopped object aside, from where it can be brought back.
    Park {
        /// What.
        object: ObjectId,
    },
    /// Bring a parked object back. Holds: its name is free.
    Restore {
        /// What.
        object: ObjectId,
        /// Which parking.
        key: String,
    },
    /// Remove for good: a parked object, or (with `key: None`) one that is stopped.
    Purge {
        /// What.
        object: ObjectId,
        /// Which parking.
        key: Option<String>,
    },
    /// Let go of an object without touching it: it stays as it is and is no longer ours.
    Release {
        /// What.
        object: ObjectId,
    },
}

impl Action {
    /// The object it works on.
    pub fn object(&self) -> ObjectId {
        match self {
            Self::FetchImage { instance, .. }
            | Self::FetchContainerd { instance, .. }
            | Self::CreateInstance { instance, .. }
            | Self::EditInstance { instance, .. }
            | Self::ResizeInstanceDisk { instance, .. }
            | Self::StartDriver { instance }
            | Self::AwaitReady { instance }
            | Self::Mount { instance, .. }
            | Self::AttachDisk { instance, .. }
            | Self::DetachDisk { instance, .. }
            | Self::TakeSnapshot { instance, .. }
            | Self::Probe { instance }
            | Self::RestoreSnapshot { instance, .. }
            | Self::ForgetSnapshot { instance, .. }
            | Self::Forward { instance }
            | Self::StopInstance { instance, .. } => ObjectId::instance(instance),
            Self::CreateDisk { disk, .. } | Self::ResizeDisk { disk, .. } => ObjectId::disk(disk),
            Self::DefineNetwork { network, .. }
            | Self::StartNetwork { network }
            | Self::StopNetwork { network } => ObjectId::network(network),
            Self::Park { object }
            | Self::Restore { object, .. }
            | Self::Purge { object, .. }
            | Self::Release { object } => object.clone(),
        }
    }

    /// A short verb phrase for lists and progress: `create`, `start`, `wait until ready`.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::FetchImage { .. } => "fetch image",
            Self::FetchContainerd { .. } => "fetch containerd",
            Self::CreateDisk { .. } | Self::CreateInstance { .. } => "create",
            Self::ResizeDisk { .. } => "resize",
            Self::ResizeInstanceDisk { .. } => "grow disk",
            Self::DefineNetwork { .. } => "define",
            Self::StartNetwork { .. } | Self::StartDriver { .. } => "start",
            Self::StopNetwork { .. } | Self::StopInstance { .. } => "stop",
            Self::EditInstance { .. } => "edit",
            Self::AwaitReady { .. } => "wait until ready",
            Self::Mount { .. } => "mount",
            Self::AttachDisk { .. } => "attach disk",
            Self::DetachDisk { .. } => "detach disk",
            Self::TakeSnapshot { .. } => "take snapshot",
            Self::Probe { .. } => "probe",
            Self::RestoreSnapshot { .. } => "go back to snapshot",
            Self::ForgetSnapshot { .. } => "forget snapshot",
            Self::Forward { .. } => "forward ports",
            Self::Park { .. } => "park",
            Self::Restore { .. } => "bring back",
            Self::Purge { .. } => "remove for good",
            Self::Release { .. } => "release",
        }
    }

    /// Whether it takes something away from the user: needs a guard in the plan and consent.
    pub fn is_destructive(&self) -> bool {
        matches!(self, Self::Park { .. } | Self::Purge { .. })
    }

    /// Which limit it falls under.
    pub fn work(&self) -> Work {
        match self {
            Self::FetchImage { .. } | Self::FetchContainerd { .. } => Work::Download,
            Self::StartDriver { .. } | Self::AwaitReady { .. } => Work::Boot,
            _ => Work::Light,
        }
    }
}
