//! What the engine says exists.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use limekiln_api::{
    DeletionPolicy, DiskFormat, HostFacts, HostInterface, Lima, LimaVersion, NetworkSpec,
};
use serde::{Deserialize, Serialize};

use crate::{Kind, Name, ObjectId, Origin, Shared};

/// Everything the engine saw, at one moment. It may be stale: whoever destroys looks again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Grows with every change that the engine knows of; 0 if it does not count.
    pub generation: u64,
    /// Instances by name, whoever made them. Shared: what did not change between two looks is one
    /// and the same, and is compared at once.
    pub instances: Shared<BTreeMap<Name, Arc<ObservedInstance>>>,
    /// Additional disks by name.
    pub disks: BTreeMap<Name, ObservedDisk>,
    /// Networks by name.
    pub networks: BTreeMap<Name, ObservedNetwork>,
    /// Deleted objects that can be brought back.
    pub parked: Vec<Parked>,
    /// Who owns what, from the ledger. An object that is absent here is not ours.
    pub owners: Shared<BTreeMap<ObjectId, Owner>>,
    /// Instances that a run of ours stopped or took away in order to start them again, and did
    /// not come to it; from the ledger.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub restarting: BTreeSet<Name>,
    /// The host.
    pub host: Option<Host>,
}

impl Observed {
    /// Whether the object exists, whoever made it.
    pub fn exists(&self, id: &ObjectId) -> bool {
        match id.kind {
            Kind::Instance => self.instances.contains_key(&id.name),
            Kind::Disk => self.disks.contains_key(&id.name),
            Kind::Network => self.networks.contains_key(&id.name),
        }
    }

    /// Everything that exists.
    pub fn ids(&self) -> impl Iterator<Item = ObjectId> + '_ {
        let instances = self.instances.keys().map(ObjectId::instance);
        let disks = self.disks.keys().map(ObjectId::disk);
        instances.chain(disks).chain(self.networks.keys().map(ObjectId::network))
    }

    /// An instance, to change what is observed of it.
    pub fn instance_mut(&mut self, name: impl AsRef<str>) -> Option<&mut ObservedInstance> {
        self.instances.get_mut(name.as_ref()).map(Arc::make_mut)
    }
}

/// What the planner needs to know of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The facts that defaults depend on.
    pub facts: HostFacts,
    /// TCP ports on which something other than our instances listens, of those that were asked
    /// for.
    pub taken_ports: BTreeSet<u16>,
    /// Its own network interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<HostInterface>,
}

/// What the ledger says of an object that is ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Where its manifest was.
    pub origin: Origin,
    /// What its manifest said should happen when it goes.
    pub deletion_policy: DeletionPolicy,
}

impl ObservedInstance {
    /// What it was started with, or would be.
    pub fn runs_with(&self) -> Option<&Lima> {
        self.booted.as_deref().or(self.config.as_deref())
    }
}

/// How far along an instance is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum InstancePhase {
    /// Its directory exists but creation did not finish.
    Creating,
    /// Not running.
    Stopped,
    /// The driver runs; the guest is not ready yet.
    Booting,
    /// Ready: the guest finished its boot and its probes passed.
    Ready,
    /// It runs, and something in the boot or the probes failed.
    Degraded {
        /// What failed.
        errors: Vec<String>,
    },
    /// Being stopped.
    Stopping,
    /// Half of it runs, or its files cannot be read.
    Broken {
        /// What is wrong.
        why: String,
    },
}

impl InstancePhase {
    /// Whether a driver process may exist.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Booting | Self::Ready | Self::Degraded { .. } | Self::Stopping)
    }

    /// Whether half of it runs, or nobody can tell.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }

    /// Whether its VM may be alive: of a broken one, it may be the half that runs.
    pub fn may_live(&self) -> bool {
        self.is_running() || self.is_broken()
    }

    /// The word that is shown.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Stopped => "Stopped",
            Self::Booting => "Booting",
            Self::Ready => "Ready",
            Self::Degraded { .. } => "Degraded",
            Self::Stopping => "Stopping",
            Self::Broken { .. } => "Broken",
        }
    }
}

/// What executes the guest's instructions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accelerator {
    /// `kvm`, `hvf`, `tcg`.
    pub name: String,
    /// Why it is not the one that was tried first.
    pub fallback: Option<String>,
}

/// A live mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mounted {
    /// Where in the guest.
    pub mount_point: String,
}

/// A network card of a running guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedNic {
    /// Its name in the guest.
    pub interface: String,
    /// The user-v2 network that it is on; `None` for another network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The guest's address there, when somebody on the host knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// Why the network is not there, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A mount that is not in place, though the instance runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountFault {
    /// Where in the guest it should be.
    pub mount_point: String,
    /// Why it is not there, in words.
    pub why: String,
}

/// What is known of the disks of a running instance, beside their sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveDisks {
    /// Why nothing of its disks can be changed while it runs, though the engine could.
    pub fixed: Option<String>,
    /// How many more disks can be plugged in; `None` for any number.
    pub free: Option<usize>,
    /// What is left to be done.
    pub faults: Vec<DiskFault>,
}

impl LiveDisks {
    /// What is left to be done with a disk; `None` asks for the instance's own.
    pub fn fault(&self, disk: Option<&str>) -> Option<&DiskFault> {
        self.faults.iter().find(|fault| fault.disk.as_ref().map(Name::as_str) == disk)
    }
}

/// A disk with which something is left to be done, though the instance runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFault {
    /// The additional disk; `None` for the instance's own.
    pub disk: Option<Name>,
    /// What failed, in words.
    pub why: String,
}

/// The VNC server of a running instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VncServer {
    /// Address and display: `127.0.0.1:0`, or `unix:PATH`.
    pub display: String,
    /// The file that holds its password.
    pub password_file: PathBuf,
}

/// What came of a step of provisioning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedStep {
    /// Its mode and its place in the list: `provision.system/00000003`.
    pub name: String,
    /// What it ended with, 0 for success; `None` if it has not run in this boot.
    pub exit_code: Option<i32>,
    /// When it ended by the guest's clock, in seconds since 1970.
    pub at: Option<i64>,
    /// Whether somebody has changed the file in the guest since, that it wrote.
    #[serde(default)]
    pub changed: bool,
}

/// An instance as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedInstance {
    /// How far along it is.
    pub phase: InstancePhase,
    /// The version of Lima that made it; some defaults depend on it.
    #[serde(default)]
    pub creator: LimaVersion,
    /// Its stored configuration, with defaults filled in; `None` when it cannot be read.
    pub config: Option<Arc<Lima>>,
    /// The configuration that the running VM was started with, when it runs and that is known.
    pub booted: Option<Arc<Lima>>,
    /// The size of its own disk in bytes; `None` when there is no disk yet.
    pub disk_bytes: Option<u64>,
    /// Its directory.
    pub dir: PathBuf,
    /// The host port that leads to its SSH server.
    pub ssh_port: Option<u16>,
    /// What runs it.
    pub accelerator: Option<Accelerator>,
    /// What the boot waits for, in words.
    pub waiting_for: Option<String>,
    /// Whether Lima's `protected` marker is set.
    pub protected: bool,
    /// The mounts in place.
    pub mounts: Vec<Mounted>,
    /// Those that failed or were lost, and why. The engine tries again by itself where it can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mount_faults: Vec<MountFault>,
    /// The guest's network cards, when it runs and its host agent tells of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nics: Vec<ObservedNic>,
    /// Where its VNC server listens, while it runs and has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnc: Option<VncServer>,
    /// Whether its own disk is raw, which keeps no snapshots.
    #[serde(default)]
    pub raw_disk: bool,
    /// What is known of its disks while it runs.
    #[serde(default)]
    pub live_disks: LiveDisks,
    /// The steps of provisioning of its stored configuration, when it runs and its guest has told
    /// what came of them. Those that run before the seed volume is there, the guest tells not of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<ObservedStep>,
}

/// An additional disk as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedDisk {
    /// Virtual size in bytes.
    pub size: u64,
    /// How it is stored.
    pub format: DiskFormat,
    /// The running instance that has it attached.
    pub in_use_by: Option<Name>,
}

/// Whether a network's daemon runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkPhase {
    /// Defined, no daemon.
    Stopped,
    /// The daemon serves.
    Running,
    /// It needs no daemon: an interface of the host carries it.
    Hosted,
}

impl NetworkPhase {
    /// Whether instances can be put onto it.
    pub fn serves(&self) -> bool {
        matches!(self, Self::Running | Self::Hosted)
    }

    /// The word that is shown.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Stopped => "Stopped",
            Self::Running => "Running",
            Self::Hosted => "Hosted",
        }
    }
}

/// A network as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedNetwork {
    /// How it is defined.
    pub spec: NetworkSpec,
    /// Whether its daemon runs.
    pub phase: NetworkPhase,
    /// Whether another tool started the daemon: Lima does so before it starts an instance, which
    /// cannot be seen yet.
    #[serde(default, skip_serializing_if = "is_false")]
    pub foreign: bool,
    /// Why what belongs to its definition can't be read; then nothing is done with it, and nothing
    /// put onto it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A deleted object that waits to be brought back or to expire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// What it was.
    pub id: ObjectId,
    /// Names this parking: the object's name and the time.
    pub key: String,
    /// When, in seconds since 1970.
    pub since: i64,
}
