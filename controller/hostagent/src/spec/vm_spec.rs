//! The machine that a driver builds.

use std::path::PathBuf;

use limekiln_api::Arch;

use super::{AttachedDisk, Devices, DiskFormat, MountSpec, Nic};
use crate::files::InstanceFiles;

/// A virtual machine.
#[derive(Clone, Debug)]
pub struct VmSpec {
    /// The instance's name.
    pub name: String,
    /// Where its files are.
    pub files: InstanceFiles,
    /// The guest's architecture.
    pub arch: Arch,
    /// Processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The processor model, where the user chose one.
    pub cpu_model: Option<String>,
    /// Whether the guest can have guests of its own, where that is a matter of QEMU's options.
    pub nested: bool,
    /// What starts the guest.
    pub firmware: Firmware,
    /// A kernel to start without a boot loader.
    pub kernel: Option<DirectKernel>,
    /// The disk it starts from.
    pub disk: BootDisk,
    /// A CD to start from, `iso` in the instance directory.
    pub iso: Option<PathBuf>,
    /// Further disks: `vdb`, `vdc` and so on.
    pub disks: Vec<AttachedDisk>,
    /// Display, sound, TPM.
    pub devices: Devices,
    /// Host directories in the guest.
    pub mounts: Vec<MountSpec>,
    /// The seed volume.
    pub cidata: PathBuf,
    /// The port on 127.0.0.1 that leads to the guest's port 22.
    pub ssh_port: u16,
    /// Network cards, the first first; never empty.
    pub nics: Vec<Nic>,
    /// How a card comes back to a daemon that was started anew.
    pub reconnect: Reconnect,
}

impl VmSpec {
    /// Whether daemons of its networks are told which process it is, before its guest begins.
    pub fn is_introduced(&self) -> bool {
        self.nics.iter().any(|nic| nic.link.user_v2().is_some())
    }
}

/// How a card comes back to a daemon that was started anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reconnect {
    /// The host agent gives it a new connection, behind a hub: before QEMU 8.0 nothing else can.
    #[default]
    ByHostAgent,
    /// QEMU itself, every second (from 8.0).
    Seconds,
    /// QEMU itself, several times a second (from 9.2).
    Milliseconds,
}

/// What starts the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// What QEMU has built in for the machine: SeaBIOS on x86_64, SLOF on ppc64le.
    BuiltIn,
    /// A UEFI image.
    Uefi(PathBuf),
}

/// A kernel to start without a boot loader.
#[derive(Clone, Debug)]
pub struct DirectKernel {
    /// The kernel.
    pub kernel: PathBuf,
    /// The initial RAM disk.
    pub initrd: Option<PathBuf>,
    /// The kernel's command line.
    pub cmdline: String,
}

/// The disk that the guest starts from.
#[derive(Clone, Debug)]
pub struct BootDisk {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: DiskFormat,
}
