//! What an input held at one moment.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

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
    /// The SHA-256 of all names and bytes, or the commit id; in lower-case hex.
    pub revision: String,
    /// Its files, sorted by path.
    pub files: Vec<SourceFile>,
    /// What is not read though it lies there, and why; only told of repositories.
    pub skipped: Vec<Skipped>,
}

/// Something that a snapshot leaves out, and whoever put it there might wonder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// What, for messages.
    pub path: PathBuf,
    /// Why.
    pub reason: &'static str,
}

impl Snapshot {
    /// The source of what comes from standard input.
    pub const STDIN: &str = "-";

    pub(crate) fn new(source: String, mut files: Vec<SourceFile>) -> Self {
        files.sort_by(|a, b| a.origin.cmp(&b.origin));
        let revision = revision(&files);
        Self { source, revision, files, skipped: Vec::new() }
    }

    /// What a commit held, for the source of that name.
    pub(crate) fn of_commit(
        name: &str,
        commit: &str,
        mut files: Vec<SourceFile>,
        skipped: Vec<Skipped>,
    ) -> Self {
        files.sort_by(|a, b| a.origin.cmp(&b.origin));
        Self { source: format!("git:{name}"), revision: commit.to_owned(), files, skipped }
    }

    /// Whether the same source can be read again later, so that what is missing from it then was
    /// taken out. Two things piped in are not one source.
    pub fn is_lasting(&self) -> bool {
        self.source != Self::STDIN
    }
}

/// Lengths go in as well, so that bytes can't move between a name and a file unnoticed.
fn revision(files: &[SourceFile]) -> String {
    let mut digest = Sha256::new();
    for file in files {
        let name = file.origin.as_os_str().as_encoded_bytes();
        for part in [name, &file.bytes] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
