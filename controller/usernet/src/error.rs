//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

/// Why a daemon doesn't start or ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another daemon serves the network.
    #[error("a daemon with pid {pid} serves this network already")]
    AlreadyRunning {
        /// Its pid; 0 if it isn't known.
        pid: u32,
    },
    /// A file or a socket.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The sandbox can't be entered.
    #[error("cannot lock itself in: {0}")]
    Sandbox(String),
    /// The operating system.
    #[error("cannot {doing}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Error {
    /// For a file or a socket.
    pub fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// For the operating system.
    pub fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }
}
