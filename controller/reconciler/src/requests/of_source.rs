//! A revision, and whose it is.

use serde::{Deserialize, Serialize};

/// A revision of a source. Two sources may have one and the same: two parts of a repository, or
/// two empty directories.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct OfSource {
    /// The source's identity, as in a snapshot; `None` for whichever source has the revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The commit, or the digest of the files.
    pub revision: String,
}

/// Before version 2 of the file there was a revision alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Alone(String),
    Of { source: Option<String>, revision: String },
}

impl From<Written> for OfSource {
    fn from(written: Written) -> Self {
        match written {
            Written::Alone(revision) => Self { source: None, revision },
            Written::Of { source, revision } => Self { source, revision },
        }
    }
}

impl OfSource {
    /// The revision of this source.
    pub fn new(source: impl Into<String>, revision: impl Into<String>) -> Self {
        Self { source: Some(source.into()), revision: revision.into() }
    }

    /// The revision of whichever source has it.
    pub fn any(revision: impl Into<String>) -> Self {
        Self { source: None, revision: revision.into() }
    }

    /// Whether this revision of this source is meant.
    pub fn is(&self, source: &str, revision: &str) -> bool {
        self.revision == revision && self.source.as_deref().is_none_or(|of| of == source)
    }
}
