//! What is followed in a repository.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::GitError;

/// A branch, a tag or a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GitReference {
    /// `main`, without `refs/heads/`.
    Branch(String),
    /// `v1.2`, without `refs/tags/`; annotated or not.
    Tag(String),
    /// A whole commit id: 40 hex digits. Naming it is consent to it, wherever in history it is.
    Commit(String),
}

impl GitReference {
    /// What the remote calls it.
    ///
    /// # Errors
    /// Git has no such name.
    pub(super) fn remote_name(&self) -> Result<String, GitError> {
        let refuse = |reason| GitError::Reference { reference: self.to_string(), reason };
        let (folder, name) = match self {
            Self::Branch(name) => ("heads", name),
            Self::Tag(name) => ("tags", name),
            Self::Commit(id) if is_commit_id(id) => return Ok(id.to_ascii_lowercase()),
            Self::Commit(_) => return Err(refuse("a commit is named by all of its 40 hex digits")),
        };
        let full = format!("refs/{folder}/{name}");
        if name.starts_with("refs/") {
            return Err(refuse("leave out what stands before the name"));
        }
        if name.starts_with('-') || gix_validate::reference::name(full.as_str().into()).is_err() {
            return Err(refuse("git allows no such name"));
        }
        Ok(full)
    }
}

impl fmt::Display for GitReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(f, "branch {name:?}"),
            Self::Tag(name) => write!(f, "tag {name:?}"),
            Self::Commit(id) => write!(f, "commit {id:?}"),
        }
    }
}

/// 40 hex digits.
pub(super) fn is_commit_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_git_would_take_for_something_else_is_refused() {
        let long = "0123456789".repeat(4);
        for good in ["main", "team/a", "v1.2", "grün"] {
            assert!(GitReference::Branch(good.into()).remote_name().is_ok(), "{good}");
        }
        assert_eq!(GitReference::Commit(long.clone()).remote_name().ok(), Some(long));
        for bad in
            ["", "-x", "--upload-pack=x", "a..b", "a b", "a:b", "*", "a.lock", "a\nb", "@{u}"]
        {
            for reference in [GitReference::Branch(bad.into()), GitReference::Tag(bad.into())] {
                assert!(reference.remote_name().is_err(), "{bad:?}");
            }
        }
        for bad in ["refs/heads/main", "/a", "a//b", "a^", "~", "a/"] {
            assert!(GitReference::Branch(bad.into()).remote_name().is_err(), "{bad:?}");
        }
        for bad in ["abc1234", "HEAD", &"g".repeat(40)] {
            assert!(GitReference::Commit(bad.into()).remote_name().is_err(), "{bad:?}");
        }
    }
}
