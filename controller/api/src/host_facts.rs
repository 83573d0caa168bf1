//! What defaults depend on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Arch, Lima};

/// Facts about the host and its user. Whoever does I/O gathers them; this crate only reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostFacts {
    /// `linux` or `macos`, as Rust names them.
    pub os: String,
    /// The processor's architecture.
    pub arch: Arch,
    /// Processors.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Login name.
    pub user_name: String,
    /// User id.
    pub user_uid: u32,
    /// Full name, from the password file.
    pub user_comment: String,
    /// Home directory.
    pub home: PathBuf,
    /// Where the instances are.
    pub lima_home: PathBuf,
    /// For temporary files.
    pub temp_dir: PathBuf,
    /// The size of `sun_path`: 108 bytes on Linux, 104 elsewhere.
    pub unix_path_max: usize,
    /// Time zone, such as `Europe/Berlin`; empty when unknown.
    pub timezone: String,
    /// What tells this host from others; network addresses are derived from it.
    #[serde(default)]
    pub machine_id: String,
    /// The drivers that the engine here runs, best first: `qemu`, `vz`.
    #[serde(default)]
    pub drivers: Vec<String>,
    /// Whether guests get containerd where nothing is said of it: Lima's default, and not ours, which
    /// would have every host download 250 MB.
    #[serde(default)]
    pub containerd: bool,
    /// `$LIMA_HOME/_config/default.yaml`: what instances have beneath their own values.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub defaults: Lima,
    /// `$LIMA_HOME/_config/override.yaml`: what instances have above their own values.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub overrides: Lima,
}

fn is_empty(lima: &Lima) -> bool {
    *lima == Lima::default()
}

impl HostFacts {
    /// A typical Linux host, for tests and examples.
    pub fn example() -> Self {
        Self {
            os: "linux".into(),
            arch: Arch::X86_64,
            cpus: 8,
            memory: 16 << 30,
            user_name: "alice".into(),
            user_uid: 1000,
            user_comment: "Alice".into(),
            home: "/home/alice".into(),
            lima_home: "/home/alice/.lima".into(),
            temp_dir: "/tmp".into(),
            unix_path_max: 108,
            timezone: "Etc/UTC".into(),
            machine_id: "0123456789abcdef0123456789abcdef".into(),
            drivers: vec!["qemu".into()],
            containerd: true,
            defaults: Lima::default(),
            overrides: Lima::default(),
        }
    }
}
