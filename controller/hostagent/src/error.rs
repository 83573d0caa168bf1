//! How a host agent fails.

use std::io;
use std::path::{Path, PathBuf};

use crate::driver::DriverError;
use crate::mounts::MountError;
use crate::network::NetworkError;
use crate::spec::SpecError;
use crate::ssh::SshError;

/// Why the instance could not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation failed.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Another host agent runs this instance.
    #[error("a host agent already runs this instance (pid {pid})")]
    AlreadyRunning {
        /// Its process.
        pid: u32,
    },
    /// The VM of a killed host agent still runs.
    #[error("the instance's VM still runs (pid {pid}); it can be adopted")]
    Orphan {
        /// QEMU's process.
        pid: u32,
    },
    /// `adopt` was asked for, but there is no VM to take over.
    #[error("there is no running VM to adopt: {reason}")]
    NothingToAdopt {
        /// What is missing.
        reason: String,
    },
    /// Work on the snapshots of a disk was interrupted, and what it left can't be mended.
    #[error("cannot mend {}, on whose snapshots somebody was at work: {reason}", path.display())]
    Unmended {
        /// The disk.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The configuration can't be run.
    #[error("the instance's configuration can't be run")]
    Spec(#[from] SpecError),
    /// The seed volume could not be made.
    #[error("cannot make the seed volume: {reason}")]
    Cidata {
        /// Why.
        reason: String,
    },
    /// The hypervisor failed.
    #[error("the VM could not be started")]
    Driver(#[from] DriverError),
    /// A host directory can't be served to the machine.
    #[error("a host directory can't be shared")]
    Mount(#[from] MountError),
    /// A network can't be joined.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The VM ended by itself.
    #[error("the VM ended: {reason}")]
    VmEnded {
        /// What the hypervisor said last.
        reason: String,
    },
    /// SSH could not be set up.
    #[error("SSH could not be set up")]
    Ssh(#[from] SshError),
    /// Something of the operating system failed.
    #[error("cannot {doing}")]
    System {
        /// What was tried, as a verb.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// For `map_err` of a file operation.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// For `map_err` of an operation without a file.
    pub(crate) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }
}

/// An error and all its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
