//! Why a directory is not in the guest.

use std::io;
use std::path::PathBuf;

/// Why a directory could not be mounted, or was lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// There is nothing to serve files with.
    #[error(
        "OpenSSH's sftp-server is not installed on this host (looked in {}); it is part of \
         openssh-sftp-server (Debian, Ubuntu), openssh-server (Fedora) or openssh (others)",
        list(looked)
    )]
    NoSftpServer {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// There is nothing to serve virtiofs with.
    #[error(
        "virtiofsd is not installed on this host{}; Debian 13, Ubuntu and Fedora package it, and \
         `cargo install virtiofsd` builds it",
        only(looked)
    )]
    NoVirtiofsd {
        /// What was found and is none.
        looked: Vec<PathBuf>,
    },
    /// virtiofsd ended at once, or did not begin.
    #[error("virtiofsd failed: {0}")]
    Daemon(String),
    /// The directory can't be used.
    #[error("cannot use {}", path.display())]
    Location {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program can't be started.
    #[error("cannot start {program}")]
    Program {
        /// Its name.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The guest said no.
    #[error("{0}")]
    Guest(String),
    /// Nothing came of it in time.
    #[error("the guest did not mount it within {0} s")]
    Deadline(u64),
}

fn only(found: &[PathBuf]) -> String {
    match found {
        [] => String::new(),
        found => format!(" ({} is the older one of QEMU)", list(found)),
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
