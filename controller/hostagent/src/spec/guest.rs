//! What the guest is told through the seed volume, and what is waited for.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::{AttachedDisk, CopySpec, MountSpec, Nic, ResolverSpec};
use crate::user_network::HOST;

/// The guest's side of an instance.
#[derive(Clone, Debug)]
pub struct GuestSpec {
    /// The instance's name.
    pub name: String,
    /// The guest's host name.
    pub hostname: String,
    /// Login name.
    pub user: String,
    /// User id.
    pub uid: u32,
    /// Full name.
    pub comment: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// Whether `sudo` asks for no password.
    pub passwordless_sudo: bool,
    /// Whether only the essential is set up.
    pub plain: bool,
    /// Which containerd it gets.
    pub containerd: ContainerdSpec,
    /// Where programs of ours and containerd go.
    pub install_prefix: String,
    /// Whether packages are upgraded at first boot.
    pub upgrade_packages: bool,
    /// Time zone; empty leaves the guest's.
    pub timezone: String,
    /// Name servers instead of those that DHCP names.
    pub dns: Vec<IpAddr>,
    /// How the host resolves names for it.
    pub resolver: ResolverSpec,
    /// Lines for its `/etc/hosts`, where no server of ours tells it those names.
    pub hosts: Vec<String>,
    /// Certificates to trust, in PEM.
    pub ca_certs: Vec<String>,
    /// Whether the certificates that the guest comes with are no longer trusted.
    pub remove_default_certs: bool,
    /// Environment of every session, with proxies; these may hold passwords.
    pub env: BTreeMap<String, String>,
    /// Parameters, for scripts.
    pub param: BTreeMap<String, String>,
    /// Disks to make file systems on and to mount.
    pub disks: Vec<AttachedDisk>,
    /// Host directories to mount.
    pub mounts: Vec<MountSpec>,
    /// Whether the guest brings what it needs itself.
    pub skip_dependencies: bool,
    /// Where the host user's home directory is in the guest, if it is.
    pub host_home: Option<String>,
    /// Provisioning in order.
    pub steps: Vec<Step>,
    /// What must succeed before the instance is ready.
    pub probes: Vec<ReadinessProbe>,
    /// Files that the host gets when the guest is ready.
    pub copies: Vec<CopySpec>,
    /// Network cards, the first first; never empty.
    pub nics: Vec<Nic>,
    /// Whether the host user's own keys are let in, too.
    pub load_dot_ssh: bool,
    /// `ForwardAgent`.
    pub forward_agent: bool,
    /// `ForwardX11`.
    pub forward_x11: bool,
    /// `ForwardX11Trusted`.
    pub forward_x11_trusted: bool,
}

impl GuestSpec {
    /// The address of the user-v2 network in the place of QEMU's own, which has the host, names and
    /// the way out there.
    pub(crate) fn user_v2_gateway(&self) -> Option<Ipv4Addr> {
        let network = self.nics.first().and_then(|nic| nic.link.user_v2())?;
        network.spec.user_v2_gateway()
    }

    /// Where the guest finds the host.
    pub(crate) fn host_address(&self) -> Ipv4Addr {
        self.user_v2_gateway().unwrap_or(HOST)
    }
}

/// For whom containerd runs in the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerdSpec {
    /// As root, for the whole guest.
    pub system: bool,
    /// For the guest's user, without root.
    pub user: bool,
}

/// One step of provisioning. Its index in the list names its file.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub kind: StepKind,
    /// The script, the file's content, or the expression.
    pub text: String,
}

/// What a step of provisioning does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Runs a script as root.
    System,
    /// Runs a script as the user.
    User,
    /// Runs a script as root before all others of these.
    Dependency,
    /// Runs a script as root before the seed volume is mounted.
    Boot,
    /// Writes a file.
    Data {
        /// The file.
        path: String,
        /// Owner and group.
        owner: String,
        /// Permissions in octal.
        permissions: String,
        /// Whether an existing file is replaced.
        overwrite: bool,
    },
    /// Edits a file by an expression.
    Yq {
        /// The file.
        path: String,
        /// Its format, `auto` for the one that its name tells.
        format: String,
        /// Owner and group.
        owner: String,
        /// Permissions in octal.
        permissions: String,
    },
}

impl StepKind {
    /// Lima's name of the mode.
    pub fn word(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Dependency => "dependency",
            Self::Boot => "boot",
            Self::Data { .. } => "data",
            Self::Yq { .. } => "yq",
        }
    }
}

/// A script in the guest that must succeed.
#[derive(Clone, Debug)]
pub struct ReadinessProbe {
    /// What is waited for, in words.
    pub description: String,
    /// The script, with its `#!` line.
    pub script: String,
    /// What to do when it fails.
    pub hint: String,
}
