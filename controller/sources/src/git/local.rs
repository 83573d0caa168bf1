//! A repository on this host, looked at before git is.

use std::fs;
use std::path::{Path, PathBuf};

use super::GitError;
use super::program::Git;
use super::url::Url;

/// Refuses clones that lack something: git would bring what is there, and nobody would notice.
///
/// # Errors
/// It is such a clone.
pub(super) fn check(git: &Git<'_>, url: &Url) -> Result<(), GitError> {
    let Some(dir) = url.local.as_deref().map(git_dir) else { return Ok(()) };
    if fs::metadata(dir.join("shallow")).is_ok_and(|metadata| metadata.len() > 0) {
        return Err(GitError::Shallow { url: url.shown.clone() });
    }
    let mut command = git.plain();
    command.args(["config", "--file"]).arg(dir.join("config"));
    command.args(["--get-regexp", r"^remote\..*\.promisor$|^extensions\.partialclone$"]);
    let found = git.run_with(&mut command, &mut || true)?;
    if found.status.success() && !found.out.is_empty() {
        return Err(GitError::Partial { url: url.shown.clone() });
    }
    Ok(())
}

/// Where its objects are: the path itself, its `.git`, or where a linked work tree's leads.
fn git_dir(path: &Path) -> PathBuf {
    let inner = path.join(".git");
    if inner.is_dir() {
        return inner;
    }
    let Some(linked) = pointer(&inner, "gitdir:") else { return path.to_owned() };
    let linked = path.join(linked);
    match pointer(&linked.join("commondir"), "") {
        Some(common) => linked.join(common),
        None => linked,
    }
}

fn pointer(file: &Path, prefix: &str) -> Option<PathBuf> {
    let text = fs::read_to_string(file).ok()?;
    text.trim_end().strip_prefix(prefix).map(|path| PathBuf::from(path.trim_start()))
}
