//! What a host agent is started with.

use std::path::PathBuf;
use std::time::Duration;

/// Arguments of one host agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAgentArgs {
    /// The instance's directory; its last component is the instance's name.
    pub instance_dir: PathBuf,
    /// Where keys, disks and host facts are.
    pub lima_home: PathBuf,
    /// Lima's pid file, `ha.pid`.
    pub pidfile: PathBuf,
    /// The HTTP socket, `ha.sock`.
    pub socket: PathBuf,
    /// The archive of containerd for the guest, on this host.
    pub nerdctl_archive: Option<PathBuf>,
    /// Take over a QEMU that a killed host agent left behind, instead of starting one.
    pub adopt: bool,
    /// How long the guest may take until it is ready; then it counts as degraded.
    pub boot_timeout: Duration,
    /// How long the guest may take to stop after the power button; then it is killed.
    pub stop_timeout: Duration,
    /// How long a guest may show no sign of life under hardware acceleration; then it is started
    /// again without.
    pub stall_timeout: Duration,
}

impl HostAgentArgs {
    /// Lima's file names and time limits for the instance in `instance_dir`.
    pub fn new(instance_dir: impl Into<PathBuf>, lima_home: impl Into<PathBuf>) -> Self {
        let instance_dir = instance_dir.into();
        Self {
            pidfile: instance_dir.join("ha.pid"),
            socket: instance_dir.join("ha.sock"),
            instance_dir,
            lima_home: lima_home.into(),
            nerdctl_archive: None,
            adopt: false,
            boot_timeout: Duration::from_secs(600),
            stop_timeout: Duration::from_secs(180),
            stall_timeout: Duration::from_secs(5),
        }
    }
}
