//! Symbolic links within a tree.

use std::collections::VecDeque;

use gix_hash::ObjectId;
use gix_object::tree::EntryKind;

use super::GitError;
use super::objects::{Blob, Objects};

/// As many as Linux follows, path_resolution(7).
const MAX_LINKS: usize = 40;
/// The longest link, PATH_MAX of Linux.
const MAX_LINK: u64 = 4096;

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To this blob.
    File(ObjectId),
    /// To a directory; such links are not followed.
    Directory,
    /// Out of the root.
    Outside,
    /// To nothing, or in a circle.
    Nothing,
}

/// Follows a link that lies in the directory `at`, by the root's rules: never above the root, not
/// even to come back.
pub(super) fn follow(
    objects: &Objects,
    root: ObjectId,
    at: &[&[u8]],
    link: ObjectId,
) -> Result<Target, GitError> {
    let mut at: Vec<Vec<u8>> = at.iter().map(|step| step.to_vec()).collect();
    let mut todo = VecDeque::new();
    let mut links = 0;
    let mut next = Some(link);
    loop {
        if let Some(link) = next.take() {
            links += 1;
            let Blob::Whole(target) = objects.blob(link, MAX_LINK)? else {
                return Ok(Target::Nothing);
            };
            if links > MAX_LINKS || target.is_empty() {
                return Ok(Target::Nothing);
            }
            if target[0] == b'/' {
                return Ok(Target::Outside);
            }
            for step in target.split(|byte| *byte == b'/').rev() {
                todo.push_front(step.to_vec());
            }
        }
        let Some(step) = todo.pop_front() else { return Ok(Target::Directory) };
        match &*step {
            b"" | b"." => {}
            b".." if at.pop().is_none() => return Ok(Target::Outside),
            b".." => {}
            name => match lookup(objects, root, &at, name)? {
                Some((EntryKind::Tree, _)) => at.push(step),
                Some((EntryKind::Link, id)) => next = Some(id),
                Some((EntryKind::Blob | EntryKind::BlobExecutable, id)) if todo.is_empty() => {
                    return Ok(Target::File(id));
                }
                _ => return Ok(Target::Nothing),
            },
        }
    }
}

fn lookup(
    objects: &Objects,
    root: ObjectId,
    at: &[Vec<u8>],
    name: &[u8],
) -> Result<Option<(EntryKind, ObjectId)>, GitError> {
    let steps = at.iter().map(Vec::as_slice);
    let Some(tree) = directory(objects, root, steps)? else { return Ok(None) };
    let entries = objects.tree(tree)?;
    Ok(entries.into_iter().find(|entry| entry.name == name).map(|entry| (entry.kind, entry.id)))
}

/// The tree of a directory; links on the way are not followed.
pub(super) fn directory<'a>(
    objects: &Objects,
    root: ObjectId,
    steps: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<ObjectId>, GitError> {
    let mut tree = root;
    for step in steps {
        let entries = objects.tree(tree)?;
        match entries.into_iter().find(|entry| entry.name == step) {
            Some(entry) if entry.kind == EntryKind::Tree => tree = entry.id,
            _ => return Ok(None),
        }
    }
    Ok(Some(tree))
}
