//! Which commits of which repository.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::GitReference;

/// One repository, and what of it is read. Comes from this host, never from the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitConfig {
    /// An absolute path of this host, or a URL: `https://`, `ssh://`, `file://`, `user@host:path`.
    /// It holds no password; git's credential helpers and ssh know those.
    pub url: String,
    /// What is followed.
    pub reference: GitReference,
    /// The directory within the repository that is the root; without it the top is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdirectory: Option<PathBuf>,
    /// Whether directories below the root are read too.
    #[serde(default)]
    pub recursive: bool,
    /// Whose signature each commit must have; without it none is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

impl GitConfig {
    /// The top of a repository, without what is below, without signatures.
    pub fn new(url: impl Into<String>, reference: GitReference) -> Self {
        Self { url: url.into(), reference, subdirectory: None, recursive: false, verify: None }
    }
}

/// Who may sign. Both files are of this host, outside of the repository; at least one is named.
/// A signature of a kind whose file is not named counts for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verify {
    /// OpenPGP public keys, as `gpg --export` prints them, armoured or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<PathBuf>,
    /// SSH keys, in the format of `ALLOWED SIGNERS` in ssh-keygen(1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_signers: Option<PathBuf>,
}

impl Verify {
    /// The files that are named.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.keyring, &self.allowed_signers].into_iter().flatten().map(PathBuf::as_path)
    }
}
