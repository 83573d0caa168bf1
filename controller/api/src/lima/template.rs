//! A whole `lima.yaml`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scalar::or_default;
use super::{
    AdditionalDisk, Arch, Audio, Base, CaCerts, Containerd, CopyToHost, Firmware, HostResolver,
    Image, InstanceNetwork, Int, Mount, MountType, PortForward, Probe, Provision, QemuOpts,
    Rosetta, Ssh, Text, User, Video,
};
use crate::ByteSize;

/// A guest's operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Os {
    /// Linux.
    Linux,
    /// macOS.
    Darwin,
    /// FreeBSD.
    #[serde(rename = "FreeBSD")]
    FreeBsd,
    /// Windows.
    Windows,
}

/// Exactly Lima's YAML: any Lima template can be pasted here.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lima {
    /// The oldest Lima that understands the template.
    pub minimum_lima_version: Option<String>,
    /// Templates that this one builds on.
    pub base: Option<Base>,
    /// The driver: `qemu`, `vz`, `wsl2` or an external one.
    pub vm_type: Option<String>,
    /// Settings per driver.
    pub vm_opts: Option<BTreeMap<String, Value>>,
    /// The guest's operating system.
    #[serde(default, deserialize_with = "or_default")]
    pub os: Option<Os>,
    /// The guest's architecture; the host's unless set.
    #[serde(default, deserialize_with = "or_default")]
    pub arch: Option<Arch>,
    /// Disk images, tried in this order.
    pub images: Option<Vec<Image>>,
    /// Processor model per architecture; deprecated for `vmOpts.qemu.cpuType`.
    pub cpu_type: Option<BTreeMap<String, String>>,
    /// Virtual processors; the smaller of 4 and the host's unless set.
    pub cpus: Option<Int>,
    /// Memory; the smaller of 4GiB and half of the host's unless set.
    pub memory: Option<ByteSize>,
    /// Size of the instance's own disk, 100GiB unless set. It can grow and never shrinks.
    pub disk: Option<ByteSize>,
    /// Additional disks.
    pub additional_disks: Option<Vec<AdditionalDisk>>,
    /// Host directories in the guest.
    pub mounts: Option<Vec<Mount>>,
    /// Ways of mounting that the guest does not support.
    pub mount_types_unsupported: Option<Vec<MountType>>,
    /// How mounts reach the guest.
    pub mount_type: Option<MountType>,
    /// Whether changes of files are announced to the guest.
    pub mount_inotify: Option<bool>,
    /// SSH.
    pub ssh: Option<Ssh>,
    /// Firmware.
    pub firmware: Option<Firmware>,
    /// Sound.
    pub audio: Option<Audio>,
    /// Display.
    pub video: Option<Video>,
    /// Provisioning steps.
    pub provision: Option<Vec<Provision>>,
    /// Whether packages are upgraded at the first boot.
    pub upgrade_packages: Option<bool>,
    /// containerd in the guest.
    pub containerd: Option<Containerd>,
    /// Where Lima's own programs go in the guest.
    pub guest_install_prefix: Option<String>,
    /// Probes.
    pub probes: Option<Vec<Probe>>,
    /// Port forwards.
    pub port_forwards: Option<Vec<PortForward>>,
    /// Files that are copied to the host.
    pub copy_to_host: Option<Vec<CopyToHost>>,
    /// What is shown when the instance has started.
    pub message: Option<String>,
    /// Further network interfaces.
    pub networks: Option<Vec<InstanceNetwork>>,
    /// Environment of the guest.
    pub env: Option<BTreeMap<String, Text>>,
    /// Parameters for scripts.
    pub param: Option<BTreeMap<String, Text>>,
    /// DNS servers; only without the host's resolver.
    pub dns: Option<Vec<IpAddr>>,
    /// The host's resolver.
    pub host_resolver: Option<HostResolver>,
    /// Whether the host's proxy settings reach the guest.
    pub propagate_proxy_env: Option<bool>,
    /// Certificate authorities that the guest trusts.
    pub ca_certs: Option<CaCerts>,
    /// Rosetta; deprecated for `vmOpts.vz.rosetta`.
    pub rosetta: Option<Rosetta>,
    /// Whether the guest is left plain: no mounts, no guest agent, no dynamic forwards.
    pub plain: Option<bool>,
    /// The guest's time zone; the host's unless set.
    pub timezone: Option<String>,
    /// Whether the guest can run VMs itself.
    pub nested_virtualization: Option<bool>,
    /// The guest's user.
    pub user: Option<User>,
    /// Whether the guest has a TPM.
    pub tpm: Option<bool>,
    /// Settings per operating system.
    pub os_opts: Option<BTreeMap<String, Value>>,
}

impl Lima {
    /// `vmOpts.qemu` as a type; empty when absent or malformed (validation names what is wrong).
    pub fn qemu_opts(&self) -> QemuOpts {
        self.vm_opts
            .as_ref()
            .and_then(|opts| opts.get("qemu"))
            .and_then(|value| QemuOpts::deserialize(value).ok())
            .unwrap_or_default()
    }

    /// The images for the configured architecture, in order: the first decides the variant that
    /// the later ones must have.
    pub fn usable_images(&self) -> impl Iterator<Item = &Image> {
        let mut matching = self
            .images
            .iter()
            .flatten()
            .filter(|image| image.arch.is_none() || image.arch == self.arch)
            .peekable();
        let variant =
            matching.peek().map(|first| (first.variant.clone(), first.arch_variant.clone()));
        matching.filter(move |image| {
            variant.as_ref().is_some_and(|(variant, arch)| {
                image.variant == *variant && image.arch_variant == *arch
            })
        })
    }
}
