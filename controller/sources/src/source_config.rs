//! What a controller keeps reading.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::git::GitConfig;

/// One source, as this host's configuration describes it.
///
/// ```
/// use limekiln_sources::{SourceConfig, SourceKind};
///
/// let json = r#"{
///     "name": "team",
///     "git": {
///         "url": "https://example.com/team/vms.git",
///         "reference": {"branch": "main"},
///         "subdirectory": "hosts/a",
///         "verify": {"allowedSigners": "/etc/limekiln/allowed_signers"}
///     }
/// }"#;
/// let source: SourceConfig = serde_json::from_str(json)?;
/// assert!(matches!(source.kind, SourceKind::Git(_)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceConfig {
    /// Its name, which no other source of this host has.
    pub name: String,
    /// Where manifests come from.
    #[serde(flatten)]
    pub kind: SourceKind,
}

/// The kinds of sources that are read again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceKind {
    /// A directory of this host; or one file.
    Directory {
        /// Where.
        path: PathBuf,
        /// Whether directories below it are read too.
        #[serde(default)]
        recursive: bool,
    },
    /// A git repository.
    Git(GitConfig),
}
