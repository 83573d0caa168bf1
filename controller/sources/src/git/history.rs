//! What lies between two commits.

use super::GitError;
use super::cache::{self, TIP};
use super::program::Git;
use super::refused;

/// More packs than this are made one, so that months of small fetches don't slow reading down.
const MAX_PACKS: usize = 50;

/// True if one commit is the other or descends from it.
///
/// # Errors
/// The repository is damaged.
pub(super) fn descends(git: &Git<'_>, from: &str, to: &str) -> Result<bool, GitError> {
    let output = git.run(&["merge-base", "--is-ancestor", from, to])?;
    match output.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(git.damaged(&output.err)),
    }
}

/// The commits that one can be reached from and the other can't, the oldest first.
///
/// # Errors
/// There are more than may be, or the repository is damaged.
pub(super) fn since(git: &Git<'_>, from: &str, to: &str) -> Result<Vec<String>, GitError> {
    let max = git.options.max_commits;
    let bound = format!("--max-count={}", max.saturating_add(1));
    let not = format!("^{from}");
    let out = git.print(&["rev-list", "--topo-order", &bound, to, &not])?;
    let mut commits: Vec<String> = out.lines().map(str::to_owned).collect();
    if commits.len() > max {
        let (url, from) = (git.url.shown.clone(), from.to_owned());
        return Err(GitError::TooManyCommits { url, from, max });
    }
    commits.reverse();
    Ok(commits)
}

/// Names a commit in the cache, so that the next fetch brings only what is new.
///
/// # Errors
/// The repository is damaged.
pub(super) fn keep(git: &Git<'_>, commit: &str) -> Result<(), GitError> {
    if cache::id_of(git.dir, TIP).as_deref() == Some(commit) {
        refused::forget(git.dir)?;
    } else {
        refused::accept(git.dir)?;
        git.print(&["update-ref", TIP, commit])?;
    }
    if cache::packs(git.dir).count() > MAX_PACKS {
        // Also keeps what no name leads to: a commit before a rewind may still be acted on. If it
        // fails, nothing is lost, and the next fetch tries again.
        let _ = git.run(&["repack", "-a", "-d", "-k", "-q"]);
    }
    Ok(())
}
