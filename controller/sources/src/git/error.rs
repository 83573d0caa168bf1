//! Why a repository gives no snapshot.

use std::io;
use std::path::PathBuf;

use crate::SourceError;

/// A fetch that gives no snapshot. Nothing is planned from it, least of all a deletion; the last
/// commit acted on stays in force if it [stands](super::GitSource::stands), see
/// [`super::GitSource::last_good`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// An address that is not fetched from.
    #[error("{url:?} is not fetched: {reason}")]
    Url {
        /// The address, without user and password.
        url: String,
        /// Why.
        reason: &'static str,
    },
    /// A branch, tag or commit that git has no such name for.
    #[error("{reference} cannot be followed: {reason}")]
    Reference {
        /// What was asked for.
        reference: String,
        /// Why.
        reason: &'static str,
    },
    /// Another part of the configuration is wrong.
    #[error("{what:?} {reason}")]
    Config {
        /// The value.
        what: String,
        /// Why.
        reason: &'static str,
    },
    /// A file of keys that cannot be used.
    #[error("the keys in {path} cannot be used: {reason}", path = .path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A program is not there.
    #[error("there is no program {program}", program = .program.display())]
    NoProgram {
        /// Which.
        program: PathBuf,
    },
    /// The remote can't be asked, or doesn't answer.
    #[error("{url} cannot be reached: {detail}")]
    Unreachable {
        /// The remote.
        url: String,
        /// What is in the way.
        obstacle: Obstacle,
        /// What git said.
        detail: String,
    },
    /// The remote answers too slowly.
    #[error("{url} was not fetched within {seconds} s, and git was killed")]
    TooSlow {
        /// The remote.
        url: String,
        /// The deadline.
        seconds: u64,
    },
    /// [`super::Stopper::stop`] was called.
    #[error("the fetch of {url} was stopped")]
    Stopped {
        /// The remote.
        url: String,
    },
    /// Another git still works on the cache: another controller's, or one that outlived its own.
    #[error("another git works on {cache}", cache = .cache.display())]
    Busy {
        /// The directory.
        cache: PathBuf,
    },
    /// The repository has no commit at all.
    #[error("{url} is empty")]
    Empty {
        /// The remote.
        url: String,
    },
    /// The repository has no such branch, tag or commit.
    #[error("{url} has no {reference}{}", but(.similar.as_ref()))]
    NoSuchReference {
        /// The remote.
        url: String,
        /// What was asked for.
        reference: String,
        /// What it has instead.
        similar: Option<String>,
    },
    /// The tag names a file or a directory.
    #[error("{reference} of {url} leads to a {kind}, not to a commit")]
    NotACommit {
        /// The remote.
        url: String,
        /// What was asked for.
        reference: String,
        /// `blob` or `tree`.
        kind: String,
    },
    /// The subdirectory is not there, or is none.
    #[error("{url}@{commit} has no directory {directory}", directory = .directory.display())]
    NoSuchDirectory {
        /// The remote.
        url: String,
        /// The commit.
        commit: String,
        /// What was asked for.
        directory: PathBuf,
    },
    /// The repository lacks history.
    #[error("{url} is a shallow clone: what its commits descend from is not in it")]
    Shallow {
        /// The remote.
        url: String,
    },
    /// The repository lacks objects.
    #[error("{url} is a partial clone: some of its files are not in it")]
    Partial {
        /// The remote.
        url: String,
    },
    /// What is followed does not descend from the last commit acted on.
    #[error("{reference} of {url} was rewound: {to} does not descend from {from}")]
    Rewound {
        /// The remote.
        url: String,
        /// What is followed.
        reference: String,
        /// The last commit acted on.
        from: String,
        /// The commit that it leads to now; acknowledging exactly this one lets it pass.
        to: String,
    },
    /// A commit is not signed by anybody who may.
    #[error("commit {commit} of {url} is not trusted: {fault}")]
    Untrusted {
        /// The remote.
        url: String,
        /// The first such commit, from the oldest.
        commit: String,
        /// What is wrong with its signature.
        fault: SignatureFault,
    },
    /// Too many commits came at once for their signatures to be checked.
    #[error("more than {max} commits of {url} came since {from}")]
    TooManyCommits {
        /// The remote.
        url: String,
        /// The last commit acted on.
        from: String,
        /// The bound.
        max: usize,
    },
    /// Git found the objects that came malformed.
    #[error("git refuses what {url} sent: {detail}")]
    Malformed {
        /// The remote.
        url: String,
        /// What git said.
        detail: String,
    },
    /// More bytes came than may.
    #[error("{url} sent more than {max} bytes")]
    TooLarge {
        /// The remote.
        url: String,
        /// The bound.
        max: u64,
    },
    /// The cache has as much as it may.
    #[error("{cache} has more than {max} bytes of history, and no more is fetched", cache = .cache.display())]
    Full {
        /// The repository in the cache.
        cache: PathBuf,
        /// The bound.
        max: u64,
    },
    /// The files break a rule of sources.
    #[error(transparent)]
    Content(#[from] SourceError),
    /// The commit is not in the cache.
    #[error("commit {commit} is not in the cache of {url}")]
    UnknownCommit {
        /// The remote.
        url: String,
        /// The commit.
        commit: String,
    },
    /// The cache is damaged; a fetch makes it anew.
    #[error("the cache {cache} is damaged: {detail}", cache = .cache.display())]
    Damaged {
        /// The directory.
        cache: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The cache can't be read or written.
    #[error("cannot use {path}", path = .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What keeps a remote from answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The network, or the other host.
    Network,
    /// Nothing is there, or nothing that this user may see.
    NotFound,
    /// Who asks is not known there, and nobody is asked for a password.
    Credentials,
    /// ssh does not know the host.
    HostKey,
    /// The host's TLS certificate is not trusted here.
    Certificate,
    /// The path belongs to somebody else.
    Ownership,
    /// Something else.
    Other,
}

/// What is wrong with a commit's signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFault {
    /// It has none.
    #[error("it is not signed")]
    Unsigned,
    /// It has several, or one that is neither OpenPGP nor SSH.
    #[error("its signature is neither OpenPGP nor SSH")]
    OtherKind,
    /// Signed with a kind of key of which none is trusted.
    #[error("it is signed with {0}, and no keys of that kind are trusted")]
    NoKeys(&'static str),
    /// Signed with a key that is not among the trusted ones.
    #[error("its key is not among the trusted ones")]
    UnknownKey,
    /// The signature is not of this commit.
    #[error("its signature does not match")]
    Mismatch,
    /// The key or the signature has expired.
    #[error("its key or its signature has expired")]
    Expired,
    /// The key was revoked.
    #[error("its key was revoked")]
    Revoked,
}

fn but(name: Option<&String>) -> String {
    name.map(|name| format!(", but {name}")).unwrap_or_default()
}

impl GitError {
    pub(super) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    /// True if the remote did not answer: trying again later may help, and nothing is wrong with
    /// what it holds. Otherwise somebody has to change something.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TooSlow { .. }
                | Self::Stopped { .. }
                | Self::Busy { .. }
        )
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Url { .. } | Self::Reference { .. } | Self::Config { .. } => {
                "correct the source's configuration"
            }
            Self::Keys { .. } => {
                "write it with `gpg --export KEY…`, or for SSH as ssh-keygen(1) says in ALLOWED SIGNERS"
            }
            Self::NoProgram { program } => install(program),
            Self::Unreachable { obstacle, .. } => obstacle.hint(),
            Self::TooSlow { .. } => {
                "it is tried again; a first fetch of a large repository may need a longer timeout"
            }
            Self::Stopped { .. } => return None,
            Self::Busy { .. } => {
                "it is tried again; a git whose controller was killed ends by itself"
            }
            Self::Empty { .. } => "push a commit to it",
            Self::NoSuchReference { .. } => "push it, or correct the source's configuration",
            Self::NotACommit { .. } => "tag a commit",
            Self::NoSuchDirectory { .. } => {
                "correct the subdirectory, or bring it back; nothing is deleted because of it"
            }
            Self::Shallow { .. } => {
                "run `git fetch --unshallow` there, or name what it was cloned from"
            }
            Self::Partial { .. } => "name what it was cloned from",
            Self::Rewound { .. } => "nothing is done; if it was meant, acknowledge the new commit",
            Self::Untrusted { .. } => {
                "nothing of it is done; take the commit out of the branch, or trust its key"
            }
            Self::TooManyCommits { .. } => {
                "nothing is done; raise the bound, or name a commit in between first"
            }
            Self::Malformed { .. } => {
                "nothing is done; if you trust it, git's `fetch.fsck.*` settings let single faults pass"
            }
            Self::TooLarge { .. } => {
                "keep manifests in a repository of their own, or raise the bound"
            }
            Self::Full { .. } => {
                "keep manifests in a repository of their own; if its history is shorter now, remove the cache"
            }
            Self::Content(error) => return error.hint(),
            Self::UnknownCommit { .. } => {
                "it is there after the next fetch, if the remote still has it"
            }
            Self::Damaged { .. } => "the next fetch makes it anew",
            Self::Io { .. } => "check space and permissions",
        })
    }
}

impl Obstacle {
    fn hint(self) -> &'static str {
        match self {
            Self::Network => "it is tried again; what was last read stays in force",
            Self::NotFound => "check the address, and that this user may read it",
            Self::Credentials => {
                "nobody is asked for passwords: set up a credential helper, or a key that ssh-agent holds"
            }
            Self::HostKey => "connect once with ssh by hand, and compare the host's key",
            Self::Certificate => {
                "if you trust its authority, name the file with git's `http.sslCAInfo`"
            }
            Self::Ownership => {
                "if you trust its owner: `git config --global --add safe.directory PATH`"
            }
            Self::Other => "try `git ls-remote` with the same address",
        }
    }
}

fn install(program: &std::path::Path) -> &'static str {
    if program.ends_with("gpg") {
        "install gnupg: apt install gnupg, dnf install gnupg2, brew install gnupg"
    } else {
        "install git: apt install git, dnf install git-core, brew install git"
    }
}
