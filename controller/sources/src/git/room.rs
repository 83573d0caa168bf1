//! How much a repository may take of the disk, which is the one that the VMs live on.

use gix_hash::ObjectId;

use super::GitError;
use super::cache::{self, TRUSTED};
use super::objects::Objects;
use super::program::Git;
use super::refused;

/// As many bytes as so many fetches may bring: a whole repository comes in one, and as much may
/// have come to it since. What would not come in one is in no cache that is made anew either.
const FETCHES: u64 = 2;

/// What was packed anew, so that it isn't again for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    bytes: u64,
    trusted: Option<ObjectId>,
}

/// Lets go what nothing needs any more where there is too much: all but the commit that was read
/// last, the one that was acted on last, and what they descend from.
///
/// # Errors
/// There is too much all the same; or the repository is damaged.
pub(super) fn make(
    git: &Git<'_>,
    trusted: Option<ObjectId>,
    packed: &mut Option<Packed>,
) -> Result<(), GitError> {
    let max = git.options.max_fetch.saturating_mul(FETCHES);
    let bytes = || cache::packs(git.dir).bytes;
    if bytes() <= max {
        return Ok(());
    }
    cache::forget_new(git.dir)?;
    refused::forget(git.dir)?;
    let now = Some(Packed { bytes: bytes(), trusted });
    if bytes() > max && *packed != now && pack(git, trusted)? {
        *packed = Some(Packed { bytes: bytes(), trusted });
    }
    if bytes() > max {
        return Err(GitError::Full { cache: git.dir.to_owned(), max });
    }
    Ok(())
}

/// Makes one pack of what names of ours lead to; whether it was made.
fn pack(git: &Git<'_>, trusted: Option<ObjectId>) -> Result<bool, GitError> {
    let git = git.renewed();
    // After a rewind that somebody agreed to and that is not acted on yet, the tip doesn't lead there.
    if let Some(id) = trusted
        && Objects::open(git.dir)?.header(id)?.is_some()
    {
        git.print(&["update-ref", TRUSTED, &id.to_string()])?;
    }
    // No deltas are looked for: what can't be made smaller at all, as noise, would take minutes.
    let made = git.run(&["repack", "-a", "-d", "-q", "--window=0", "--no-write-bitmap-index"]);
    cache::remove(&git.dir.join(TRUSTED))?;
    // It may have been killed, or the disk is full: what it leaves must not stay there.
    cache::remove_leftovers(&git.dir.join("objects/pack"))?;
    match made {
        Ok(made) if git.is_damage(&made.err) => Err(git.damaged(&made.err)),
        made => Ok(made.is_ok_and(|made| made.status.success())),
    }
}
