//! The rules of a policy file.

use ipnet::Ipv4Net;
use limekiln_api::lima::MountType;
use limekiln_api::{ByteSize, NetworkMode};
use serde::{Deserialize, Serialize};

/// All rules. Their defaults deny: they are those of the closed policy.
///
/// In patterns `*` stands for anything. Paths may begin with `~` or `$LIMA_HOME`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicyRules {
    /// Patterns of the names that objects may have.
    pub names: Vec<String>,
    /// Patterns of the names of objects that came from another source and may be taken over from
    /// it.
    pub take_over: Vec<String>,
    /// Paths that are not shared whatever other rules say: neither they, nor what is below them,
    /// nor what holds them.
    pub protected: Vec<String>,
    /// What templates may build on.
    pub templates: TemplateRules,
    /// Images, kernels and all other files that the host fetches for a guest.
    pub images: ImageRules,
    /// Host directories in guests.
    pub mounts: MountRules,
    /// Files that come from guests to the host.
    pub copy_to_host: PathRules,
    /// Files of certificates that go from the host to guests.
    pub ca_certs: PathRules,
    /// Networks.
    pub networks: NetworkRules,
    /// What is forwarded between guests and the host.
    pub port_forwards: ForwardRules,
    /// What SSH brings along.
    pub ssh: SshRules,
    /// Scripts.
    pub scripts: ScriptRules,
    /// Disks that come from other sources.
    pub disks: NameRules,
    /// The machine and what of the host's it sees.
    pub machine: MachineRules,
    /// Whether the host's proxy settings, with passwords that are in them, may reach guests.
    pub proxy_env: bool,
    /// How much there may be.
    pub quotas: Quotas,
    /// The most objects that one pass deletes because they are no longer in the source; 0 is
    /// never. Without it that is a fifth of them, and at least one.
    pub prune_budget: Option<usize>,
}

/// What templates may build on, by `base` and by `file` of provisioning steps and probes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TemplateRules {
    /// Whether files of this host may be built on. Never those of a repository.
    pub files: bool,
    /// Patterns of locators.
    pub locations: Vec<String>,
}

/// Files that the host fetches for a guest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ImageRules {
    /// Patterns of URLs.
    pub locations: Vec<String>,
    /// Directories of the host below which such files may be.
    pub roots: Vec<String>,
    /// Whether each must have a digest.
    pub require_digest: bool,
}

/// Host directories in guests.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MountRules {
    /// Directories that may be mounted, with what is below them.
    pub roots: Vec<MountRoot>,
    /// How. With `reverse-sshfs` the host's SFTP server gives a guest every file that it asks for.
    pub types: Vec<MountType>,
    /// How 9p may keep owners and modes; `passthrough` lets a guest make files as any user.
    pub security_models: Vec<String>,
    /// Whether reverse-sshfs may follow links, which lead out of the directory.
    pub follow_symlinks: bool,
}

/// A directory that may be mounted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MountRoot {
    /// The directory.
    pub path: String,
    /// Whether guests may write there.
    #[serde(default)]
    pub writable: bool,
}

/// Directories of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PathRules {
    /// Below these.
    pub roots: Vec<String>,
}

/// Names of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NameRules {
    /// Patterns.
    pub names: Vec<String>,
}

/// Networks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NetworkRules {
    /// Patterns of networks that instances may join besides those of their own source.
    pub names: Vec<String>,
    /// Modes that a Network may have. `bridged` is the host's own network.
    pub modes: Vec<NetworkMode>,
    /// Networks and addresses, as `169.254.0.0/16`, that Networks may allow their guests although
    /// guests do not reach them by themselves: the host's loopback, metadata of clouds.
    pub allow: Vec<Ipv4Net>,
    /// Whether instances may join by the socket of a daemon.
    pub sockets: bool,
    /// Whether instances may have macOS's own NAT.
    #[serde(rename = "vzNAT")]
    pub vz_nat: bool,
}

/// What is forwarded between guests and the host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ForwardRules {
    /// Patterns of addresses of the host on which ports may be opened.
    pub addresses: Vec<String>,
    /// First and last of the ports of the host that may be opened.
    pub ports: Vec<[u16; 2]>,
    /// Directories of the host below which sockets may be made, besides `sock` in the instance's.
    pub sockets: Vec<String>,
    /// Whether sockets of the host may be brought into the guest.
    pub reverse: bool,
}

/// What SSH brings along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SshRules {
    /// Whether guests may use the host's SSH agent.
    pub forward_agent: bool,
    /// Whether guests may use the host's display.
    #[serde(rename = "forwardX11")]
    pub forward_x11: bool,
    /// Whether guests get to know the host user's public keys.
    #[serde(rename = "loadDotSSHPubKeys")]
    pub load_dot_ssh_pub_keys: bool,
}

/// Scripts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ScriptRules {
    /// Whether provisioning steps may run in guests.
    pub provision: bool,
    /// Whether probes may run in guests.
    pub probes: bool,
    /// Whether something may run on the host: playbooks of the mode `ansible`.
    pub on_host: bool,
}

/// The machine and what of the host's it sees.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MachineRules {
    /// Patterns of drivers. Others than `qemu`, `vz` and `wsl2` are programs of the host.
    pub drivers: Vec<String>,
    /// Patterns of processor models with their options.
    pub cpu_types: Vec<String>,
    /// Whether guests may run VMs by the host's accelerator.
    pub nested_virtualization: bool,
    /// Patterns of audio backends with their options, which can name files.
    pub audio: Vec<String>,
    /// Patterns of displays with their options.
    pub displays: Vec<String>,
    /// Patterns of VNC's addresses with their options.
    pub vnc: Vec<String>,
}

/// How much there may be; without a number as much as the host has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Quotas {
    /// Instances of the source.
    pub instances: Option<u64>,
    /// Processors of all its instances together.
    pub cpus: Option<u64>,
    /// Memory of all its instances together.
    pub memory: Option<ByteSize>,
    /// Disks of all its instances and its Disks together.
    pub disk: Option<ByteSize>,
    /// The most that one instance has.
    pub per_instance: InstanceQuotas,
    /// The largest Disk.
    pub per_disk: Option<ByteSize>,
}

impl Quotas {
    /// Whether all objects of a source are counted together.
    pub(crate) fn has_totals(&self) -> bool {
        let sizes = self.memory.is_some() || self.disk.is_some();
        self.instances.is_some() || self.cpus.is_some() || sizes
    }
}

/// The most that one instance has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InstanceQuotas {
    /// Processors.
    pub cpus: Option<u64>,
    /// Memory.
    pub memory: Option<ByteSize>,
    /// Its own disk.
    pub disk: Option<ByteSize>,
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn any() -> Vec<String> {
    texts(&["*"])
}

impl Default for PolicyRules {
    fn default() -> Self {
        Self {
            names: any(),
            take_over: Vec::new(),
            protected: texts(&["~/.ssh", "~/.gnupg", "$LIMA_HOME"]),
            templates: TemplateRules::default(),
            images: ImageRules::default(),
            mounts: MountRules::default(),
            copy_to_host: PathRules::default(),
            ca_certs: PathRules::default(),
            networks: NetworkRules::default(),
            port_forwards: ForwardRules::default(),
            ssh: SshRules::default(),
            scripts: ScriptRules::default(),
            disks: NameRules::default(),
            machine: MachineRules::default(),
            proxy_env: true,
            quotas: Quotas::default(),
            prune_budget: None,
        }
    }
}

impl Default for TemplateRules {
    fn default() -> Self {
        Self { files: false, locations: texts(&["template:*", "https://*", "github:*"]) }
    }
}

impl Default for ImageRules {
    fn default() -> Self {
        Self { locations: texts(&["https://*"]), roots: Vec::new(), require_digest: true }
    }
}

impl Default for MountRules {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            types: vec![MountType::NineP, MountType::Virtiofs],
            security_models: texts(&["none", "mapped-xattr", "mapped-file"]),
            follow_symlinks: false,
        }
    }
}

impl Default for NetworkRules {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            modes: vec![NetworkMode::UserV2],
            allow: Vec::new(),
            sockets: false,
            vz_nat: false,
        }
    }
}

impl Default for ForwardRules {
    fn default() -> Self {
        Self {
            addresses: texts(&["127.0.0.1", "::1"]),
            ports: vec![[1024, 65535]],
            sockets: Vec::new(),
            reverse: false,
        }
    }
}

impl Default for ScriptRules {
    fn default() -> Self {
        Self { provision: true, probes: true, on_host: false }
    }
}

impl Default for MachineRules {
    fn default() -> Self {
        Self {
            drivers: texts(&["qemu", "vz"]),
            cpu_types: Vec::new(),
            nested_virtualization: false,
            audio: texts(&["none"]),
            displays: texts(&["none"]),
            vnc: texts(&["127.0.0.1:0,to=9"]),
        }
    }
}

impl PolicyRules {
    /// Rules that allow everything.
    pub(super) fn open() -> Self {
        let everywhere = || texts(&["/"]);
        Self {
            names: any(),
            take_over: any(),
            protected: Vec::new(),
            templates: TemplateRules { files: true, locations: any() },
            images: ImageRules { locations: any(), roots: everywhere(), require_digest: false },
            mounts: MountRules {
                roots: vec![MountRoot { path: "/".to_owned(), writable: true }],
                types: vec![
                    MountType::ReverseSshfs,
                    MountType::NineP,
                    MountType::Virtiofs,
                    MountType::Wsl2,
                ],
                security_models: any(),
                follow_symlinks: true,
            },
            copy_to_host: PathRules { roots: everywhere() },
            ca_certs: PathRules { roots: everywhere() },
            networks: NetworkRules {
                allow: vec![Ipv4Net::default()],
                names: any(),
                modes: vec![
                    NetworkMode::UserV2,
                    NetworkMode::Host,
                    NetworkMode::Shared,
                    NetworkMode::Bridged,
                ],
                sockets: true,
                vz_nat: true,
            },
            port_forwards: ForwardRules {
                addresses: any(),
                ports: vec![[1, 65535]],
                sockets: everywhere(),
                reverse: true,
            },
            ssh: SshRules { forward_agent: true, forward_x11: true, load_dot_ssh_pub_keys: true },
            scripts: ScriptRules { provision: true, probes: true, on_host: true },
            disks: NameRules { names: any() },
            machine: MachineRules {
                drivers: any(),
                cpu_types: any(),
                nested_virtualization: true,
                audio: any(),
                displays: any(),
                vnc: any(),
            },
            proxy_env: true,
            quotas: Quotas::default(),
            prune_budget: None,
        }
    }
}
