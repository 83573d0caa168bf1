//! How networks fail.

use std::io;
use std::path::PathBuf;

use limekiln_api::ReadError;

/// Why a network is not there.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
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
    /// `networks.yaml` can't be read.
    #[error("{} cannot be read", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: ReadError,
    },
    /// It is defined nowhere.
    #[error("there is no network {0}")]
    Unknown(String),
    /// Its definition can't be honoured.
    #[error("network/{network}: {reason}")]
    Definition {
        /// The network.
        network: String,
        /// Why not.
        reason: String,
    },
    /// What a later release wrote is not understood.
    #[error("a later release wrote {}", path.display())]
    Later {
        /// The file.
        path: PathBuf,
    },
    /// The daemon did not start.
    #[error("the daemon of network/{network} did not start: {reason}")]
    Start {
        /// The network.
        network: String,
        /// Its last words, or what was waited for.
        reason: String,
    },
    /// A daemon runs that serves other addresses or longer packets than the definition's.
    #[error(
        "the daemon of network/{network} that runs serves {theirs}, and its definition says {wanted}"
    )]
    Other {
        /// The network.
        network: String,
        /// What it serves, in its own words.
        theirs: String,
        /// What it should serve.
        wanted: String,
    },
    /// Another process starts or stops the daemon, and does not come to an end.
    #[error("another process holds {} since long", path.display())]
    Busy {
        /// What it holds.
        path: PathBuf,
    },
    /// The daemon's API does not do what it is asked.
    #[error("the daemon of network/{network} does not answer: {reason}")]
    Endpoint {
        /// The network.
        network: String,
        /// Why not.
        reason: String,
    },
    /// Another VM has the hardware address of a card.
    #[error("network/{network}: {reason}")]
    Card {
        /// The network.
        network: String,
        /// Which one, in the daemon's words.
        reason: String,
    },
    /// A bridge or tap of the host can't be used.
    #[error("{what}")]
    Host {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
}

impl NetworkError {
    pub(super) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }

    /// What to do where another VM has the hardware address of a card.
    pub const CARD_HINT: &str = "give one of the two another `macAddress`, or stop the other one";

    /// What to do, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Host { hint, .. } => Some(hint),
            Self::Later { .. } => Some(
                "use that release; or remove the file, and with it `mtu`, `allow` and `hosts` of the \
                 network",
            ),
            Self::Other { .. } => Some(
                "stop the instances on it, also Lima's: its daemon ends with the last one, and \
                 the next is started with the definition's addresses",
            ),
            Self::Card { .. } => Some(Self::CARD_HINT),
            _ => None,
        }
    }
}
