//! What a snapshot leaves out.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Something that a snapshot leaves out. What was read from its place before, or from below it, is
/// not gone for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// What, for messages.
    pub path: PathBuf,
    /// Its place, as that of a [`crate::SourceFile`].
    pub origin: PathBuf,
    /// What it is.
    pub kind: SkippedKind,
}

/// What a snapshot leaves out, by why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SkippedKind {
    /// A submodule of a repository.
    Submodule,
    /// A link with the name of a manifest that leads to a directory.
    LinkToDirectory,
    /// A link where a directory would be read. Nobody looks where it leads.
    Link,
    /// Not this directory, but more of the others in it than are told apart.
    Several,
}

impl SkippedKind {
    /// Why it is left out.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Submodule => "a submodule is another repository",
            Self::LinkToDirectory => "links to directories are not followed",
            Self::Link => "it is a link, and directories are not read by links",
            Self::Several => "some links or submodules in it, of more than are told apart",
        }
    }

    /// Whether who put it there might wonder. Links with all kinds of names lie in directories.
    pub fn is_told(self) -> bool {
        matches!(self, Self::Submodule | Self::LinkToDirectory)
    }

    /// What the user can do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Submodule => "make it a source of its own",
            Self::LinkToDirectory | Self::Link | Self::Several => {
                "put the manifests there, or make the directory a source of its own"
            }
        }
    }
}
