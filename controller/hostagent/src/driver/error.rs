//! How drivers fail.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::qemu::qmp::QmpError;
use crate::network::NetworkError;

/// Why a hypervisor did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The program can't be started.
    #[error("cannot start {program}")]
    Program {
        /// Its name.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program that the hypervisor depends on failed.
    #[error("{program} failed: {reason}")]
    Helper {
        /// Its name.
        program: &'static str,
        /// What it said last.
        reason: String,
    },
    /// It ended by itself.
    #[error("the hypervisor ended at once: {reason}")]
    Ended {
        /// What it said last.
        reason: String,
    },
    /// It runs, but its control socket did not appear.
    #[error("the hypervisor did not open its control socket within {} s", .0.as_secs())]
    NoControl(Duration),
    /// The control socket failed.
    #[error("the hypervisor's control socket failed")]
    Qmp(#[from] QmpError),
    /// Nobody has let the guest begin.
    #[error("the guest has not begun")]
    NotBegun,
    /// A network can't be joined.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Something that takes time failed.
    #[error("QEMU failed: {0}")]
    Job(String),
    /// The VM has no such disk.
    #[error("the VM does not have {}", .0.display())]
    NoDisk(PathBuf),
    /// All places for disks are taken.
    #[error("all {0} places for disks are taken; a restart makes more")]
    NoPlace(usize),
    /// The disk cannot be plugged out.
    #[error("the disk came with the start of a machine that cannot give it back; a restart does")]
    Fixed,
    /// The guest does not let go of a device.
    #[error("the guest did not let go of the disk within {} s", .0.as_secs())]
    Held(Duration),
    /// A disk can't be marked, or mended.
    #[error(transparent)]
    Disk(Box<crate::Error>),
    /// A file in the instance directory can't be handled.
    #[error("cannot use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}
