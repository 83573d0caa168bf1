//! Why a directory is not in the guest.

use std::io;
use std::path::PathBuf;

/// Why a directory could not be mounted, or was lost.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MountError {
    /// There is nothing to serve files with.
    #[error(
        "OpenSSH's sftp-server is not installed on this host (looked in {}); it is part of \
         openssh-sftp-server (Debian, Ubuntu), openssh-server (Fedora) or openssh (others)",
        list(looked)
    )]
    NoSftpServer { looked: Vec<PathBuf> },
    /// The directory can't be used.
    #[error("cannot use {}: {source}", path.display())]
    Location { path: PathBuf, source: io::Error },
    /// A program can't be started.
    #[error("cannot start {program}: {source}")]
    Program { program: &'static str, source: io::Error },
    /// The guest said no.
    #[error("{0}")]
    Guest(String),
    /// Nothing came of it in time.
    #[error("the guest did not mount it within {0} s")]
    Deadline(u64),
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
