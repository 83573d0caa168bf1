//! Which files of a tree are manifests: those that would be in a directory.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix_hash::ObjectId;
use gix_object::tree::EntryKind;

use super::GitError;
use super::follow::{Target, follow};
use super::objects::{Entry, Objects};
use super::reader::join;
use crate::{ReadOptions, Skipped, SourceError, directory};

/// A tree can name one of its trees again and again, so that a small one unfolds to any size.
const MAX_ENTRIES: usize = 300_000;
/// The deepest directory.
const MAX_DEPTH: usize = 256;

/// What was found below the root.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Paths below the root, and what is there.
    pub(super) files: Vec<(PathBuf, ObjectId)>,
    /// What was left out, and why.
    pub(super) skipped: Vec<Skipped>,
}

/// Walks one tree.
pub(super) struct Walk<'a> {
    objects: &'a Objects,
    options: &'a ReadOptions,
    root: ObjectId,
    /// What messages begin with.
    shown: &'a Path,
    entries: usize,
    found: Found,
}

impl<'a> Walk<'a> {
    /// All manifests below a tree.
    pub(super) fn run(
        objects: &'a Objects,
        root: ObjectId,
        shown: &'a Path,
        options: &'a ReadOptions,
    ) -> Result<Found, GitError> {
        let found = Found::default();
        let mut walk = Self { objects, options, root, shown, entries: 0, found };
        walk.tree(root, &mut Vec::new())?;
        Ok(walk.found)
    }

    fn tree(&mut self, tree: ObjectId, at: &mut Vec<Vec<u8>>) -> Result<(), GitError> {
        for entry in self.objects.tree(tree)? {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(self.too_much(MAX_ENTRIES, "entries"));
            }
            if entry.name.starts_with(b".") {
                continue;
            }
            self.entry(&entry, at)?;
            if self.found.files.len() > self.options.max_files {
                return Err(self.too_much(self.options.max_files, "files"));
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, at: &mut Vec<Vec<u8>>) -> Result<(), GitError> {
        let is_manifest = directory::is_manifest(&String::from_utf8_lossy(&entry.name));
        match entry.kind {
            EntryKind::Tree if self.options.recursive => {
                if at.len() >= MAX_DEPTH {
                    return Err(self.too_much(MAX_DEPTH, "levels"));
                }
                at.push(entry.name.clone());
                self.tree(entry.id, at)?;
                at.pop();
            }
            EntryKind::Commit => {
                self.skip(at, entry, "a submodule is another repository: make it a source");
            }
            EntryKind::Blob | EntryKind::BlobExecutable if is_manifest => {
                self.found.files.push((path(at, &entry.name), entry.id));
            }
            EntryKind::Link if is_manifest => self.link(entry, at)?,
            EntryKind::Link | EntryKind::Tree | EntryKind::Blob | EntryKind::BlobExecutable => {}
        }
        Ok(())
    }

    fn link(&mut self, entry: &Entry, at: &[Vec<u8>]) -> Result<(), GitError> {
        let steps: Vec<&[u8]> = at.iter().map(Vec::as_slice).collect();
        let below = path(at, &entry.name);
        let shown = || join(self.shown, &below);
        match follow(self.objects, self.root, &steps, entry.id)? {
            Target::File(id) => self.found.files.push((below, id)),
            Target::Directory => self.skip(at, entry, "links to directories are not followed"),
            Target::Outside => {
                let root = self.shown.to_owned();
                return Err(SourceError::Escapes { path: shown(), root }.into());
            }
            Target::Nothing => return Err(SourceError::Dangling { path: shown() }.into()),
        }
        Ok(())
    }

    fn skip(&mut self, at: &[Vec<u8>], entry: &Entry, reason: &'static str) {
        let path = join(self.shown, &path(at, &entry.name));
        self.found.skipped.push(Skipped { path, reason });
    }

    fn too_much(&self, max: usize, what: &'static str) -> GitError {
        SourceError::TooMuch { path: self.shown.to_owned(), max: max as u64, what }.into()
    }
}

fn path(at: &[Vec<u8>], name: &[u8]) -> PathBuf {
    let steps = at.iter().map(Vec::as_slice).chain([name]);
    steps.map(std::ffi::OsStr::from_bytes).collect()
}
