//! Lima's YAML as types.
//!
//! Every field is an `Option`: `None` is "not set", which is what Lima makes of an absent key
//! and of `null`. Unknown keys are not refused here, because Lima ignores them in the files that
//! it stores; manifests are checked for them in [`crate::parse`].

mod arch;
mod audio;
mod base;
mod ca_certs;
mod containerd;
mod copy;
mod disk;
mod firmware;
mod host_resolver;
mod image;
mod listening;
mod loose;
mod mount;
mod network;
mod port_forward;
mod probe;
mod provision;
mod scalar;
mod ssh;
mod template;
mod user;
mod version;
mod video;
mod vm_opts;

pub use arch::Arch;
pub use audio::Audio;
pub use base::{Base, PinnedLocator};
pub use ca_certs::CaCerts;
pub use containerd::Containerd;
pub use copy::CopyToHost;
pub use disk::AdditionalDisk;
pub use firmware::{Firmware, FirmwareImage};
pub use host_resolver::HostResolver;
pub use image::{File, Image, Kernel};
pub use listening::{HostPlace, Listening, Protocol};
pub use mount::{Mount, MountType, NineP, SftpDriver, Sshfs, Virtiofs};
pub use network::InstanceNetwork;
pub use port_forward::{PortForward, Proto};
pub use probe::{Probe, ProbeMode};
pub use provision::{Provision, ProvisionMode};
pub use scalar::{Int, Text};
pub use ssh::Ssh;
pub use template::{Lima, Os};
pub use user::User;
pub use version::LimaVersion;
pub use video::{Video, Vnc};
pub use vm_opts::{QemuOpts, Rosetta, VzDiskFormat, VzOpts, WindowsOpts};
