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
#[serde(try_from = "Written")]
pub struct SourceConfig {
    /// Its name, which no other source of this host has.
    pub name: String,
    /// Where manifests come from.
    #[serde(flatten)]
    pub kind: SourceKind,
    /// Whether objects that are gone from it are deleted.
    #[serde(default)]
    pub prune: bool,
    /// The file that says what its manifests may take from this host; without it a directory may do
    /// everything, and a repository only what stays in its guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PathBuf>,
    /// Seconds from one look at it to the next; a repository is asked once a minute without it, a
    /// directory is looked at whenever something may have changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<u64>,
}

/// The kinds of sources that are read again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceKind {
    /// A directory of this host.
    Directory(DirectoryConfig),
    /// A git repository.
    Git(GitConfig),
}

/// One directory; or one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectoryConfig {
    /// Where.
    pub path: PathBuf,
    /// Whether directories below it are read too.
    #[serde(default)]
    pub recursive: bool,
}

/// As it is written: a flattened enum would let unknown keys and a second kind pass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    name: String,
    directory: Option<DirectoryConfig>,
    git: Option<GitConfig>,
    #[serde(default)]
    prune: bool,
    policy: Option<PathBuf>,
    interval: Option<u64>,
}

impl TryFrom<Written> for SourceConfig {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let mut written = written;
        let kind = match (written.directory.take(), written.git.take()) {
            (Some(directory), None) => SourceKind::Directory(directory),
            (None, Some(git)) => SourceKind::Git(git),
            _ => return Err("a source has either `directory` or `git`"),
        };
        let Written { name, prune, policy, interval, .. } = written;
        Ok(Self { name, kind, prune, policy, interval })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_one_kind_and_no_unknown_keys() {
        let directory = r#""directory": {"path": "/srv/vms"}"#;
        let git = r#""git": {"url": "/srv/vms.git", "reference": {"tag": "v1"}}"#;
        for good in [directory, git] {
            let text = format!(r#"{{"name": "a", {good}}}"#);
            let source: SourceConfig = serde_json::from_str(&text).expect(good);
            let again = serde_json::to_string(&source).expect("text");
            assert_eq!(serde_json::from_str::<SourceConfig>(&again).expect("again"), source);
        }
        for bad in [
            r#"{"name": "a"}"#.to_owned(),
            format!(r#"{{"name": "a", {directory}, {git}}}"#),
            format!(r#"{{"name": "a", {directory}, "verify": {{}}}}"#),
            git.replace("tag", "tags"),
        ] {
            assert!(serde_json::from_str::<SourceConfig>(&bad).is_err(), "{bad}");
        }
    }
}
