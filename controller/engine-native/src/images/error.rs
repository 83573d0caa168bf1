//! Why an image cannot be had.

use std::io;
use std::path::PathBuf;

use limekiln_engine::{EngineError, ErrorClass};

use super::header::HeaderError;

/// Why an image cannot be had. `what` is the location as the template writes it.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A local file that does not exist or cannot be read.
    #[error("cannot read {}", path.display())]
    Local {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The location is neither a URL that we know nor a path.
    #[error("{0} is no location: http, https, file and paths are")]
    Location(String),
    /// The server cannot be reached, or the connection broke.
    #[error("cannot download {what}")]
    Network {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server answered with an error.
    #[error("cannot download {what}: the server answered {status}")]
    Status {
        /// Which.
        what: String,
        /// The status code.
        status: u16,
    },
    /// Fewer bytes came than the server announced.
    #[error("the download of {what} ended after {got} of {expected} bytes")]
    Truncated {
        /// Which.
        what: String,
        /// Bytes that came.
        got: u64,
        /// Bytes that were announced.
        expected: u64,
    },
    /// The bytes are not those that the template wants.
    #[error("{what} has the digest {found}, and the template wants {wanted}")]
    Digest {
        /// Which.
        what: String,
        /// What was found.
        found: String,
        /// What was wanted.
        wanted: String,
    },
    /// The template's digest is malformed.
    #[error("{0:?} is not a digest")]
    BadDigest(String),
    /// Unpacking failed, or gave more than is plausible.
    #[error("cannot unpack {what}: {why}")]
    Unpack {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// Not an image that we let QEMU open.
    #[error("{what} is refused")]
    Header {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: HeaderError,
    },
    /// A file of ours cannot be written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl ImageError {
    /// For `map_err` of an operation on a file of ours.
    pub(crate) fn file(
        doing: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// For `map_err` of a request. The error's own text need not name the URL once more.
    pub(super) fn network(url: &str) -> impl Fn(reqwest::Error) -> Self {
        move |source| Self::Network { what: url.to_owned(), source: source.without_url() }
    }

    fn class(&self) -> ErrorClass {
        match self {
            Self::Network { source, .. } if source.is_redirect() => ErrorClass::Permanent,
            Self::Network { .. } | Self::Truncated { .. } => ErrorClass::Transient,
            Self::Status { status, .. } if *status >= 500 || matches!(status, 408 | 429) => {
                ErrorClass::Transient
            }
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                ErrorClass::NeedsHuman
            }
            Self::Local { .. } => ErrorClass::NeedsHuman,
            Self::Cancelled => ErrorClass::Cancelled,
            _ => ErrorClass::Permanent,
        }
    }

    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Digest { .. } => {
                Some("if the image was renewed on purpose, put its new digest into the template")
            }
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("free some space, then apply again")
            }
            Self::Header { .. } => {
                Some("flatten it with `qemu-img convert -O qcow2`, if you trust it")
            }
            Self::Local { .. } => Some("put the image there, or correct `images[].location`"),
            Self::Network { .. } | Self::Truncated { .. } => {
                Some("check the network, or add another place to `images`")
            }
            Self::Status { .. } | Self::Location(_) => {
                Some("correct `images[].location`, or add another place to `images`")
            }
            Self::BadDigest(_) => {
                Some("write sha256:, sha384: or sha512: and the digest in lower-case hex")
            }
            Self::Unpack { .. } => {
                Some("the file is damaged, or packed otherwise than its name says; get it again")
            }
            _ => None,
        }
    }
}

impl ImageError {
    /// What to do where it is no image, but the archive of containerd that can't be had.
    pub(super) fn hint_of_archive(&self) -> Option<&'static str> {
        match self {
            Self::File { .. } | Self::BadDigest(_) | Self::Unpack { .. } => self.hint(),
            _ if self.class() == ErrorClass::Transient => {
                Some("check the network, or name an archive on this host in `containerd.archives`")
            }
            _ => Some(
                "correct `containerd.archives`, or set `containerd.system` and `user` to false",
            ),
        }
    }
}

impl From<ImageError> for EngineError {
    fn from(error: ImageError) -> Self {
        let (class, hint) = (error.class(), error.hint());
        let message = error.to_string();
        let engine = match std::error::Error::source(&error) {
            Some(_) => Self::new(class, message).because(Cause(error)),
            None => Self::new(class, message),
        };
        match hint {
            Some(hint) => engine.hint(hint),
            None => engine,
        }
    }
}

/// The causes below an image error, whose own text is already the engine error's message.
#[derive(Debug)]
struct Cause(ImageError);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::error::Error::source(&self.0).map_or(Ok(()), |source| write!(f, "{source}"))
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0).and_then(std::error::Error::source)
    }
}
