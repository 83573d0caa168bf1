//! Commits from the remote into the cache.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use super::cache::{self, NEW};
use super::failure;
use super::program::{Git, Output};
use super::{GitError, GitReference};

/// How often the size of what came is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Makes the repository if there is none.
///
/// # Errors
/// It can't be made.
pub(super) fn prepare(git: &Git<'_>) -> Result<(), GitError> {
    if git.dir.join("HEAD").exists() {
        return Ok(());
    }
    let mut command = git.plain();
    command.args(["init", "--quiet", "--bare", "--template=", "--object-format=sha1"]);
    command.arg(git.dir);
    let made = git.run_with(&mut command, &mut || true)?;
    if !made.status.success() {
        return Err(git.damaged(&made.err));
    }
    let refs = git.dir.join("refs/limekiln");
    fs::create_dir_all(&refs).map_err(|error| GitError::io(refs, error))
}

/// Brings what the reference leads to, with all of its history.
///
/// # Errors
/// The remote can't be reached, or has nothing of that name.
pub(super) fn fetch(git: &Git<'_>, reference: &GitReference) -> Result<String, GitError> {
    let remote = reference.remote_name()?;
    cache::forget_new(git.dir)?;
    let mut command = git.command(&[
        "fetch",
        "--quiet",
        "--no-write-fetch-head",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
        "--end-of-options",
    ]);
    command.arg(&git.url.given).arg(format!("+{remote}:{NEW}"));
    git.set_ssh(&mut command)?;
    let output = bounded(git, &mut command)?;
    if let (true, Some(id)) = (output.status.success(), cache::id_of(git.dir, NEW)) {
        return Ok(id);
    }
    if git.is_damage(&output.err) {
        return Err(git.damaged(&output.err));
    }
    if failure::is_missing(&output.err) {
        return Err(missing(git, reference)?);
    }
    Err(failure::transfer(&git.url.shown, &output.err))
}

/// Kills git when more comes than may, and forgets what came.
fn bounded(git: &Git<'_>, command: &mut Command) -> Result<Output, GitError> {
    let max = git.options.max_fetch;
    let before = cache::packs(git.dir);
    let fits = || cache::packs(git.dir).bytes <= before.bytes.saturating_add(max);
    let (mut looked, mut fitted) = (Instant::now(), true);
    let output = git.run_with(command, &mut || {
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            fitted = fits();
        }
        fitted
    });
    if fitted && fits() {
        return output;
    }
    cache::forget_new(git.dir)?;
    cache::forget_packs(git.dir, &before)?;
    Err(GitError::TooLarge { url: git.url.shown.clone(), max })
}

/// Looks at what is there instead.
fn missing(git: &Git<'_>, reference: &GitReference) -> Result<GitError, GitError> {
    let url = git.url.shown.clone();
    let mut command =
        git.command(&["ls-remote", "--quiet", "--heads", "--tags", "--refs", "--end-of-options"]);
    command.arg(&git.url.given);
    git.set_ssh(&mut command)?;
    let listed = git.run_with(&mut command, &mut || true)?;
    let names: Vec<&str> =
        listed.out.lines().filter_map(|line| line.split_once('\t')).map(|(_, name)| name).collect();
    if listed.status.success() && names.is_empty() {
        return Ok(GitError::Empty { url });
    }
    let similar = similar(reference, &names);
    Ok(GitError::NoSuchReference { url, reference: reference.to_string(), similar })
}

fn similar(reference: &GitReference, names: &[&str]) -> Option<String> {
    let (wanted, folder, other) = match reference {
        GitReference::Branch(name) => (name, "refs/heads/", "refs/tags/"),
        GitReference::Tag(name) => (name, "refs/tags/", "refs/heads/"),
        GitReference::Commit(_) => return None,
    };
    if names.iter().any(|name| name.strip_prefix(other) == Some(wanted)) {
        let kind = if other == "refs/tags/" { "tag" } else { "branch" };
        return Some(format!("a {kind} of that name"));
    }
    let own = names.iter().filter_map(|name| name.strip_prefix(folder));
    let near = own.map(|name| (strsim::jaro_winkler(name, wanted), name));
    let near = near.max_by(|(a, _), (b, _)| a.total_cmp(b))?.1;
    let shown: String = near.chars().filter(|char| !char.is_control()).take(100).collect();
    Some(format!("{shown:?}"))
}
