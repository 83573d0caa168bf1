//! A whole `lima.yaml`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    AdditionalDisk, Arch, Audio, Base, CaCerts, Containerd, CopyToHost, File, Firmware,
    FirmwareImage, HostResolver, Image, InstanceNetwork, Int, Mount, MountType, PortForward, Probe,
    Provision, QemuOpts, Rosetta, Ssh, Text, User, Video, VzOpts, loose,
};
use crate::ByteSize;

/// A guest's operating system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Os {
    /// Linux.
    #[default]
    Linux,
    /// macOS.
    Darwin,
    /// FreeBSD.
    #[serde(rename = "FreeBSD")]
    FreeBsd,
    /// Windows.
    Windows,
}

/// What versions look like, as a regular expression for schemas.
pub(super) const VERSION: &str = "^v?[0-9]+[.][0-9]+[.][0-9]+([-+.].*)?$";

/// Exactly Lima's YAML: any Lima template can be pasted here. What is not set comes from Lima's
/// `_config/default.yaml`, and else from the defaults that are named here.
#[serde_with::apply(
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<ByteSize> => #[serde(default, deserialize_with = "loose::size")],
    Option<BTreeMap<String, String>> => #[serde(default, deserialize_with = "loose::text_map")],
    Option<BTreeMap<String, Text>> => #[serde(default, deserialize_with = "loose::values")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lima {
    /// The oldest Lima that understands the template, such as 2.0.0.
    #[schemars(extend("pattern" = VERSION))]
    pub minimum_lima_version: Option<String>,
    /// Templates that this one builds on; what is set here has precedence.
    pub base: Option<Base>,
    /// The driver: `qemu`, `vz` (macOS), `wsl2` (Windows) or an external one.
    #[schemars(extend("x-limekiln-default" = "the first driver of the engine that can run the architecture; Lima's own is vz on macOS, else qemu", "examples" = ["qemu", "vz", "wsl2"]))]
    pub vm_type: Option<String>,
    /// Settings per driver.
    #[schemars(with = "Option<super::vm_opts::KnownVmOpts>")]
    pub vm_opts: Option<BTreeMap<String, Value>>,
    /// The guest's operating system.
    #[serde(default, deserialize_with = "loose::or_default")]
    #[schemars(extend("default" = "Linux"), transform = with_default)]
    pub os: Option<Os>,
    /// The guest's architecture.
    #[serde(default, deserialize_with = "loose::or_default")]
    #[schemars(extend("x-limekiln-default" = "the host's"), transform = with_default)]
    pub arch: Option<Arch>,
    /// Disk images to make the instance from, tried in this order. At least one is needed.
    pub images: Option<Vec<Image>>,
    /// Processor model per architecture. Deprecated: use `vmOpts.qemu.cpuType`.
    #[schemars(extend("deprecated" = true))]
    pub cpu_type: Option<BTreeMap<String, String>>,
    /// Virtual processors; 0 is the default.
    #[schemars(extend("x-limekiln-default" = "4, or as many as the host has", "minimum" = 0, "maximum" = 1024))]
    pub cpus: Option<Int>,
    /// Memory.
    #[schemars(extend("x-limekiln-default" = "4GiB, or half of the host's"))]
    pub memory: Option<ByteSize>,
    /// Size of the instance's own disk. It can grow and never shrinks.
    #[schemars(extend("default" = "100GiB"))]
    pub disk: Option<ByteSize>,
    /// Disks to attach; each is a Disk, or a disk of `limactl disk`.
    pub additional_disks: Option<Vec<AdditionalDisk>>,
    /// Host directories in the guest.
    pub mounts: Option<Vec<Mount>>,
    /// Ways of mounting that the guest does not support.
    pub mount_types_unsupported: Option<Vec<MountType>>,
    /// How mounts reach the guest.
    #[schemars(extend("x-limekiln-default" = "9p with the driver qemu (reverse-sshfs where 9p is listed in mountTypesUnsupported, or where a Lima before 1.0 made the instance), virtiofs with vz"))]
    pub mount_type: Option<MountType>,
    /// Whether changes of files on the host are announced to the guest, for programs that watch
    /// files.
    #[schemars(extend("default" = false))]
    pub mount_inotify: Option<bool>,
    /// How the guest is reached by SSH.
    pub ssh: Option<Ssh>,
    /// What starts the guest.
    pub firmware: Option<Firmware>,
    /// Sound.
    pub audio: Option<Audio>,
    /// The guest's display.
    pub video: Option<Video>,
    /// Steps that set the guest up: scripts to run and files to write.
    pub provision: Option<Vec<Provision>>,
    /// Whether all packages are upgraded at the first boot.
    #[schemars(extend("default" = false))]
    pub upgrade_packages: Option<bool>,
    /// containerd in the guest.
    pub containerd: Option<Containerd>,
    /// Where Lima's own programs and containerd go in the guest.
    #[schemars(extend("default" = "/usr/local"))]
    pub guest_install_prefix: Option<String>,
    /// Scripts that must succeed before the instance is ready.
    pub probes: Option<Vec<Probe>>,
    /// What is forwarded from the guest to the host.
    pub port_forwards: Option<Vec<PortForward>>,
    /// Files that are copied to the host when provisioning is done.
    pub copy_to_host: Option<Vec<CopyToHost>>,
    /// What is shown to the user when the instance has started. Fields of `limactl list` such as
    /// `{{.Dir}}`, `{{.Name}}` and `{{.Param.KEY}}` are replaced.
    pub message: Option<String>,
    /// Further network interfaces. The first of a `user-v2` network replaces the built-in one.
    pub networks: Option<Vec<InstanceNetwork>>,
    /// Environment of the guest, for every session and for Lima's own scripts.
    pub env: Option<BTreeMap<String, Text>>,
    /// Parameters, for `{{.Param.KEY}}` in texts and `$PARAM_KEY` in scripts. Each must be used.
    #[schemars(extend("propertyNames" = {"pattern": "^[a-zA-Z][a-zA-Z0-9_]*$"}))]
    pub param: Option<BTreeMap<String, Text>>,
    /// DNS servers of the guest; only with `hostResolver.enabled: false`.
    pub dns: Option<Vec<IpAddr>>,
    /// A DNS server on the host that answers the guest.
    pub host_resolver: Option<HostResolver>,
    /// Whether the host's proxy settings (`http_proxy` and the like) reach the guest.
    #[schemars(extend("default" = true))]
    pub propagate_proxy_env: Option<bool>,
    /// Certificate authorities that the guest trusts.
    pub ca_certs: Option<CaCerts>,
    /// Rosetta. Deprecated: use `vmOpts.vz.rosetta`.
    #[schemars(extend("deprecated" = true))]
    pub rosetta: Option<Rosetta>,
    /// Whether the guest is left as its distribution made it: no mounts, no guest agent, no
    /// containerd, and only static port forwards.
    #[schemars(extend("default" = false))]
    pub plain: Option<bool>,
    /// The guest's time zone, such as Europe/Berlin; empty leaves the guest's own.
    #[schemars(extend("x-limekiln-default" = "the host's"))]
    pub timezone: Option<String>,
    /// Whether the guest can run VMs itself, where the driver can.
    #[schemars(extend("default" = false))]
    pub nested_virtualization: Option<bool>,
    /// The guest's user.
    pub user: Option<User>,
    /// Whether the guest has a TPM; with the driver qemu, by swtpm.
    #[schemars(extend("default" = false))]
    pub tpm: Option<bool>,
    /// Settings per operating system of the guest.
    #[schemars(with = "Option<super::vm_opts::KnownOsOpts>")]
    pub os_opts: Option<BTreeMap<String, Value>>,
}

/// Lets the schema of a choice accept `""` and `default`, which Lima takes for "not set".
fn with_default(schema: &mut Schema) {
    let choices = schema.get_mut("anyOf").and_then(|any| any.get_mut(0)?.get_mut("oneOf"));
    if let Some(Value::Array(choices)) = choices {
        choices.push(
            json!({"type": "string", "enum": ["default", ""], "description": "As if not set."}),
        );
    }
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

    /// `vmOpts.vz` as a type; empty when absent or malformed.
    pub fn vz_opts(&self) -> VzOpts {
        self.vm_opts
            .as_ref()
            .and_then(|opts| opts.get("vz"))
            .and_then(|value| VzOpts::deserialize(value).ok())
            .unwrap_or_default()
    }

    /// The UEFI images for the machine, in order, of which the first that can be had is used. None
    /// for machines that start without UEFI.
    pub fn usable_firmware(&self) -> impl Iterator<Item = &FirmwareImage> {
        let firmware = self.firmware.as_ref();
        let legacy = firmware.and_then(|firmware| firmware.legacy_bios) == Some(true);
        let uefi = match self.arch {
            Some(Arch::X86_64 | Arch::Armv7l) => !legacy,
            Some(Arch::Ppc64le | Arch::S390x) => false,
            _ => true,
        };
        let images = firmware.filter(|_| uefi).and_then(|firmware| firmware.images.as_ref());
        images.into_iter().flatten().filter(|image| {
            let driver = image.vm_type.as_deref().unwrap_or_default();
            (image.arch.is_none() || image.arch == self.arch) && ["", "qemu"].contains(&driver)
        })
    }

    /// Whether the guest gets containerd. Of a filled template.
    pub fn installs_containerd(&self) -> bool {
        let wanted = |it: &Containerd| it.system == Some(true) || it.user == Some(true);
        self.containerd.as_ref().is_some_and(wanted)
    }

    /// The archives of containerd for the machine, in order, of which the first that can be had is
    /// installed; none where it is not. Of a filled template.
    pub fn usable_archives(&self) -> impl Iterator<Item = &File> {
        let containerd = self.containerd.iter().filter(|_| self.installs_containerd());
        let archives = containerd.flat_map(|containerd| containerd.archives.iter().flatten());
        archives.filter(|archive| archive.arch.is_none() || archive.arch == self.arch)
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
