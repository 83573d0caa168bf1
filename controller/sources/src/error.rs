//! Why an input cannot be read.

use std::io;
use std::path::PathBuf;

/// An input that gives no snapshot. Nothing is planned then, least of all a deletion.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Missing, or no permission.
    #[error("cannot read {path}", path = .path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A symbolic link that leads out of the directory.
    #[error("{path} leads out of {root}", path = .path.display(), root = .root.display())]
    Escapes {
        /// The link.
        path: PathBuf,
        /// The directory.
        root: PathBuf,
    },
    /// A symbolic link that leads to nothing or in a circle.
    #[error("{path} leads to nothing", path = .path.display())]
    Dangling {
        /// The link.
        path: PathBuf,
    },
    /// A pipe, a socket or a device under a manifest's name.
    #[error("{path} is not a regular file", path = .path.display())]
    NotAFile {
        /// What.
        path: PathBuf,
    },
    /// A file over the bound.
    #[error("{path} has {size} bytes, and at most {max} are read", path = .path.display())]
    TooLarge {
        /// What.
        path: PathBuf,
        /// Its size.
        size: u64,
        /// The bound.
        max: u64,
    },
    /// A directory whose manifests are over a bound.
    #[error("{path} holds more than {max} {what}", path = .path.display())]
    TooMuch {
        /// The directory.
        path: PathBuf,
        /// The bound.
        max: u64,
        /// `files`, `bytes`, or what else is counted.
        what: &'static str,
    },
    /// It keeps changing.
    #[error("{path} is still being written after {seconds} s", path = .path.display())]
    Busy {
        /// What.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
}

impl SourceError {
    pub(crate) fn read(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Read { path: path.into(), source }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Read { .. } => Some("nothing was changed; check the path after -f"),
            Self::Escapes { .. } => Some("copy the file into the directory"),
            Self::Dangling { .. } => Some("correct the link, or remove it"),
            Self::Busy { .. } => Some("let whatever writes it finish, and try again"),
            Self::NotAFile { .. } | Self::TooLarge { .. } | Self::TooMuch { .. } => None,
        }
    }
}
