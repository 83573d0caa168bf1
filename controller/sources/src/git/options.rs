//! How a repository is fetched and read.

use std::path::PathBuf;
use std::time::Duration;

use crate::ReadOptions;

/// Programs and bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitOptions {
    /// The git program.
    pub git: PathBuf,
    /// The gpg program; only for OpenPGP signatures.
    pub gpg: PathBuf,
    /// The command that git runs for ssh; without it `GIT_SSH_COMMAND`, `core.sshCommand`,
    /// `GIT_SSH` and `ssh` count, in this order.
    pub ssh: Option<String>,
    /// How long one fetch may take; then git is killed.
    pub timeout: Duration,
    /// The most bytes that one fetch may bring. No more comes to a cache that has over twice as many.
    pub max_fetch: u64,
    /// The most commits whose signatures are checked at once.
    pub max_commits: usize,
    /// After so long the signature of what is in force is checked again, though no key has changed:
    /// one may have expired.
    pub verify_again: Duration,
    /// Bounds on files; what concerns waiting does not matter here.
    pub read: ReadOptions,
}

impl Default for GitOptions {
    fn default() -> Self {
        Self {
            git: "git".into(),
            gpg: "gpg".into(),
            ssh: None,
            timeout: Duration::from_secs(120),
            max_fetch: 1 << 30,
            max_commits: 10_000,
            verify_again: Duration::from_secs(3600),
            read: ReadOptions::default(),
        }
    }
}
