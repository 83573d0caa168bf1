//! What an input held at one moment.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

/// One file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the user would write it, for messages; `-` is standard input.
    pub path: PathBuf,
    /// The path from the root, the same from wherever the command is run.
    pub origin: PathBuf,
    /// What it held.
    pub bytes: Vec<u8>,
}

/// What an input held at one moment, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The source's identity: its canonical path, or `-`.
    pub source: String,
    /// The SHA-256 of all names and bytes, in lower-case hex.
    pub revision: String,
    /// Its files, sorted by path.
    pub files: Vec<SourceFile>,
}

impl Snapshot {
    /// The source of what comes from standard input.
    pub const STDIN: &str = "-";

    pub(crate) fn new(source: String, mut files: Vec<SourceFile>) -> Self {
        files.sort_by(|a, b| a.origin.cmp(&b.origin));
        let revision = revision(&files);
        Self { source, revision, files }
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
