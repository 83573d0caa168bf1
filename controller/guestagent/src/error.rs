//! How the guest agent fails as a whole; what one call fails with is its status.

use std::io;
use std::path::{Path, PathBuf};

/// Why it cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or a socket can't be used.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On which.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A program that is needed failed.
    #[error("{program} failed: {reason}")]
    Program {
        /// With its arguments.
        program: String,
        /// What it said.
        reason: String,
    },
    /// A file can't be edited.
    #[error(transparent)]
    Yq(#[from] limekiln_yq::YqError),
    /// The runtime can't be started.
    #[error("cannot start")]
    Runtime(#[source] io::Error),
}

impl Error {
    /// For `map_err` of an operation on a file.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }
}
