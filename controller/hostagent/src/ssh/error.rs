//! How SSH fails.

use std::io;
use std::path::PathBuf;

/// Why SSH could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// A program of OpenSSH can't be run.
    #[error("cannot run {program}")]
    Program {
        /// Its name.
        program: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The key could not be made.
    #[error("ssh-keygen failed: {0}")]
    Keygen(String),
    /// A file can't be used.
    #[error("cannot use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The configured port is taken.
    #[error("port {port} on 127.0.0.1, which ssh.localPort asks for, is taken")]
    PortTaken {
        /// The port.
        port: u16,
        /// Why it could not be bound.
        #[source]
        source: io::Error,
    },
    /// A value would break out of its line in `ssh.config`.
    #[error("{key} holds a line break")]
    LineBreak {
        /// The option.
        key: &'static str,
    },
}
