//! Symbolic links within a tree.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use gix_hash::ObjectId;
use gix_object::tree::EntryKind;

use super::GitError;
use super::objects::{Blob, Objects};

/// As many as Linux follows, path_resolution(7).
const MAX_LINKS: usize = 40;
/// The longest link, PATH_MAX of Linux.
const MAX_LINK: u64 = 4096;
/// How many entries are kept for later links.
const MAX_KEPT: usize = 300_000;
/// What following may cost in all, in steps and in entries that are looked at: links can be made
/// that lead to and fro without end.
pub(super) const MAX_COST: usize = 5_000_000;

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
    /// All links together are too much work.
    TooFar,
}

type Tree = HashMap<Vec<u8>, (EntryKind, ObjectId)>;

/// Follows links, and remembers the trees on their ways.
pub(super) struct Links<'a> {
    objects: &'a Objects,
    trees: HashMap<ObjectId, Rc<Tree>>,
    kept: usize,
    cost: usize,
}

impl<'a> Links<'a> {
    pub(super) fn new(objects: &'a Objects) -> Self {
        Self { objects, trees: HashMap::new(), kept: 0, cost: 0 }
    }

    /// Follows a link that lies in the last of these directories, the first of which is the root:
    /// never above the root, not even to come back.
    pub(super) fn follow(
        &mut self,
        directories: &[ObjectId],
        link: ObjectId,
    ) -> Result<Target, GitError> {
        let mut at = directories.to_vec();
        let mut todo = VecDeque::new();
        let mut links = 1;
        if let Some(end) = self.unfold(link, &mut todo)? {
            return Ok(end);
        }
        while let Some(step) = todo.pop_front() {
            self.cost += 1;
            if self.cost > MAX_COST {
                return Ok(Target::TooFar);
            }
            match &*step {
                b"" | b"." => continue,
                b".." => {
                    at.pop();
                }
                name => match self.lookup(at.last(), name)? {
                    Some((EntryKind::Tree, id)) => at.push(id),
                    Some((EntryKind::Link, id)) if links < MAX_LINKS => {
                        links += 1;
                        if let Some(end) = self.unfold(id, &mut todo)? {
                            return Ok(end);
                        }
                    }
                    Some((EntryKind::Blob | EntryKind::BlobExecutable, id)) if todo.is_empty() => {
                        return Ok(Target::File(id));
                    }
                    _ => return Ok(Target::Nothing),
                },
            }
            if at.is_empty() {
                return Ok(Target::Outside);
            }
        }
        Ok(Target::Directory)
    }

    /// Puts the steps of a link before all others, or says where it ends at once.
    fn unfold(
        &self,
        link: ObjectId,
        todo: &mut VecDeque<Vec<u8>>,
    ) -> Result<Option<Target>, GitError> {
        let Blob::Whole(target) = self.objects.blob(link, MAX_LINK)? else {
            return Ok(Some(Target::Nothing));
        };
        match target.first() {
            None => return Ok(Some(Target::Nothing)),
            Some(b'/') => return Ok(Some(Target::Outside)),
            Some(_) => {}
        }
        for step in target.split(|byte| *byte == b'/').rev() {
            todo.push_front(step.to_vec());
        }
        Ok(None)
    }

    fn lookup(
        &mut self,
        tree: Option<&ObjectId>,
        name: &[u8],
    ) -> Result<Option<(EntryKind, ObjectId)>, GitError> {
        let Some(tree) = tree else { return Ok(None) };
        Ok(self.tree(*tree)?.get(name).copied())
    }

    fn tree(&mut self, id: ObjectId) -> Result<Rc<Tree>, GitError> {
        if let Some(tree) = self.trees.get(&id) {
            return Ok(tree.clone());
        }
        let entries = self.objects.tree(id)?;
        let tree: Tree =
            entries.into_iter().map(|entry| (entry.name, (entry.kind, entry.id))).collect();
        self.cost += tree.len();
        self.kept += tree.len();
        if self.kept > MAX_KEPT {
            self.trees.clear();
            self.kept = tree.len();
        }
        let tree = Rc::new(tree);
        self.trees.insert(id, tree.clone());
        Ok(tree)
    }
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
