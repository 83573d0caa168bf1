//! Which files of a tree are manifests: those that would be in a directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix_hash::ObjectId;
use gix_object::tree::EntryKind;

use super::GitError;
use super::follow::{Links, MAX_COST, Target};
use super::objects::{Entry, Objects};
use super::reader::join;
use crate::places::Places;
use crate::{ReadOptions, SkippedKind, SourceError, directory};

/// A tree can name one of its trees again and again, so that a small one unfolds to any size.
const MAX_ENTRIES: usize = 300_000;
/// The deepest directory.
const MAX_DEPTH: usize = 256;
/// The longest name and path, NAME_MAX and PATH_MAX of Linux: a directory could hold no others.
const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4096;

/// What was found below the root.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Paths below the root, and what is there.
    pub(super) files: Vec<(PathBuf, ObjectId)>,
    /// Paths of what was left out, and what it is.
    pub(super) skipped: Places,
}

/// Walks one tree.
pub(super) struct Walk<'a> {
    objects: &'a Objects,
    options: &'a ReadOptions,
    links: Links<'a>,
    /// What messages begin with.
    shown: &'a Path,
    /// The directory that is walked and those above it, from the root.
    at: Vec<ObjectId>,
    /// Its path below the root.
    path: PathBuf,
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
        let (links, path) = (Links::new(objects), PathBuf::new());
        let (at, found) = (Vec::new(), Found::default());
        let mut walk = Self { objects, options, links, shown, at, path, entries: 0, found };
        walk.tree(root)?;
        Ok(walk.found)
    }

    fn tree(&mut self, tree: ObjectId) -> Result<(), GitError> {
        if self.at.len() > MAX_DEPTH {
            return Err(self.too_much(MAX_DEPTH, "levels"));
        }
        let entries = self.objects.tree(tree)?;
        // All at once, since all of them are in memory until the last one is done.
        self.entries += entries.len();
        if self.entries > MAX_ENTRIES {
            return Err(self.too_much(MAX_ENTRIES, "entries"));
        }
        self.at.push(tree);
        for entry in &entries {
            if !entry.name.starts_with(b".") {
                self.named(entry)?;
            }
        }
        self.at.pop();
        Ok(())
    }

    fn named(&mut self, entry: &Entry) -> Result<(), GitError> {
        if entry.name.len() > MAX_NAME {
            return Err(self.too_much(MAX_NAME, "bytes in a name"));
        }
        self.path.push(OsStr::from_bytes(&entry.name));
        if self.path.as_os_str().len() > MAX_PATH {
            return Err(self.too_much(MAX_PATH, "bytes in a path"));
        }
        self.entry(entry)?;
        self.path.pop();
        if self.found.files.len() > self.options.max_files {
            return Err(self.too_much(self.options.max_files, "files"));
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), GitError> {
        let is_manifest = directory::is_manifest(&String::from_utf8_lossy(&entry.name));
        match entry.kind {
            EntryKind::Tree if self.options.recursive => self.tree(entry.id)?,
            EntryKind::Commit => self.skip(SkippedKind::Submodule),
            EntryKind::Blob | EntryKind::BlobExecutable if is_manifest => {
                self.found.files.push((self.path.clone(), entry.id));
            }
            EntryKind::Link if is_manifest => self.link(entry.id)?,
            EntryKind::Link if self.options.recursive => self.skip(SkippedKind::Link),
            EntryKind::Link | EntryKind::Tree | EntryKind::Blob | EntryKind::BlobExecutable => {}
        }
        Ok(())
    }

    fn link(&mut self, link: ObjectId) -> Result<(), GitError> {
        let path = join(self.shown, &self.path);
        match self.links.follow(&self.at, link)? {
            Target::File(id) => self.found.files.push((self.path.clone(), id)),
            Target::Directory => self.skip(SkippedKind::LinkToDirectory),
            Target::Outside => {
                let root = self.shown.to_owned();
                return Err(SourceError::Escapes { path, root }.into());
            }
            Target::Nothing => return Err(SourceError::Dangling { path }.into()),
            Target::TooFar => return Err(self.too_much(MAX_COST, "steps of links")),
        }
        Ok(())
    }

    fn skip(&mut self, kind: SkippedKind) {
        self.found.skipped.add(&self.path, kind);
    }

    fn too_much(&self, max: usize, what: &'static str) -> GitError {
        SourceError::TooMuch { path: self.shown.to_owned(), max: max as u64, what }.into()
    }
}
