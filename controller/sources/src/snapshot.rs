//! What an input held at one moment.

use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::Skipped;

/// One file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the user would write it, for messages; `-` is standard input.
    pub path: PathBuf,
    /// The canonical path, the same from wherever the command is run; in a repository the path
    /// from its top.
    pub origin: PathBuf,
    /// What it held.
    pub bytes: Vec<u8>,
}

/// What an input held at one moment, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The source's identity: its canonical path, `-`, or `git:NAME` for a repository.
    pub source: String,
    /// The SHA-256 of all names and of the SHA-256 of each file, or the commit id; in lower-case hex.
    /// What is left out has no part in it: with a link that comes or goes, what was rolled back
    /// would be another revision.
    pub revision: String,
    /// Its files, sorted by the bytes of their paths. Shared: one that did not change is one and the same as before.
    pub files: Vec<Arc<SourceFile>>,
    /// What is not read though it lies there.
    pub skipped: Vec<Skipped>,
}

impl Snapshot {
    /// The source of what comes from standard input.
    pub const STDIN: &str = "-";

    /// What these files make up; each comes with the digest of its bytes.
    pub(crate) fn new(
        source: String,
        mut files: Vec<(Arc<SourceFile>, FileDigest)>,
        skipped: Vec<Skipped>,
    ) -> Self {
        files.sort_by(|(a, _), (b, _)| a.origin.as_os_str().cmp(b.origin.as_os_str()));
        let revision = revision(&files);
        let files = files.into_iter().map(|(file, _)| file).collect();
        Self { source, revision, files, skipped }
    }

    /// What a commit held, for the source of that name.
    pub(crate) fn of_commit(
        name: &str,
        commit: &str,
        files: Vec<SourceFile>,
        skipped: Vec<Skipped>,
    ) -> Self {
        let mut files: Vec<_> = files.into_iter().map(Arc::new).collect();
        files.sort_by(|a, b| a.origin.as_os_str().cmp(b.origin.as_os_str()));
        Self { source: format!("git:{name}"), revision: commit.to_owned(), files, skipped }
    }

    /// Whether the same source can be read again later, so that what is missing from it then was
    /// taken out. Two things piped in are not one source.
    pub fn is_lasting(&self) -> bool {
        self.source != Self::STDIN
    }
}

/// The SHA-256 of a file's bytes.
pub(crate) type FileDigest = [u8; 32];

pub(crate) fn digest(bytes: &[u8]) -> FileDigest {
    Sha256::digest(bytes).into()
}

/// The length of a name goes in as well, so that bytes can't move between a name and a digest
/// unnoticed.
fn revision(files: &[(Arc<SourceFile>, FileDigest)]) -> String {
    let mut digest = Sha256::new();
    for (file, bytes) in files {
        let name = file.origin.as_os_str().as_encoded_bytes();
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name);
        digest.update(bytes);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
