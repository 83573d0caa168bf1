//! Objects of the cache, each held to its id.
//!
//! A commit's signature covers the ids of what it holds; so each object is hashed when it is
//! read, and a signature says something about the bytes that are acted on.

use std::path::{Path, PathBuf};

use gix_hash::ObjectId;
use gix_object::bstr::ByteSlice;
use gix_object::tree::EntryKind;
use gix_object::{CommitRefIter, Find, Kind, TagRefIter, TreeRefIter};
use gix_odb::Header;
use gix_pack::cache::lru::MemoryCappedHashmap;

use super::GitError;

const SHA1: gix_hash::Kind = gix_hash::Kind::Sha1;
/// The most memory that one object, or what it is a delta of, may need.
const MAX_ALLOC: usize = 256 << 20;
/// How much of what deltas build on is kept while a commit is read.
const MAX_CACHE: usize = 16 << 20;
/// The largest commit, tag or tree.
const MAX_META: u64 = 32 << 20;
/// The longest chain of tags.
const MAX_TAGS: usize = 8;

/// An object database, opened for one look.
pub(super) struct Objects {
    handle: gix_odb::Handle,
    dir: PathBuf,
}

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) kind: EntryKind,
    pub(super) id: ObjectId,
}

/// What a blob held, or that it is too large.
pub(super) enum Blob {
    Whole(Vec<u8>),
    Larger(u64),
}

impl Objects {
    pub(super) fn open(dir: &Path) -> Result<Self, GitError> {
        let options = gix_odb::store::init::Options {
            alloc_limit_bytes: Some(MAX_ALLOC),
            ..Default::default()
        };
        let objects = dir.join("objects");
        let mut handle = gix_odb::at_opts(&objects, SHA1, None, options)
            .map_err(|error| GitError::io(objects, error))?;
        // Nobody adds objects meanwhile: what is not there is not looked for again.
        handle.refresh_never();
        // Most files of a pack are deltas of others that are read as well.
        handle.set_pack_cache(|| Box::new(MemoryCappedHashmap::new(MAX_CACHE)));
        Ok(Self { handle, dir: dir.to_owned() })
    }

    /// Kind and size, without reading it.
    pub(super) fn header(&self, id: ObjectId) -> Result<Option<(Kind, u64)>, GitError> {
        let header = self.handle.try_header(&id).map_err(|error| self.damaged(id, &error))?;
        Ok(header.map(|header| (header.kind(), header.size())))
    }

    /// The commit that an object is or, being a tag, leads to; otherwise what it is.
    pub(super) fn peel(&self, id: ObjectId) -> Result<Result<ObjectId, Kind>, GitError> {
        let mut id = id;
        for _ in 0..MAX_TAGS {
            match self.header(id)? {
                Some((Kind::Commit, _)) => return Ok(Ok(id)),
                Some((Kind::Tag, _)) => {
                    let bytes = self.meta(id, Kind::Tag)?;
                    let target = TagRefIter::from_bytes(&bytes, SHA1).target_id();
                    id = target.map_err(|error| self.damaged(id, &error))?;
                }
                Some((other, _)) => return Ok(Err(other)),
                None => return Err(self.damaged(id, &"it is missing")),
            }
        }
        Ok(Err(Kind::Tag))
    }

    /// The tree of a commit.
    pub(super) fn tree_of(&self, commit: ObjectId) -> Result<ObjectId, GitError> {
        let bytes = self.meta(commit, Kind::Commit)?;
        let tree = CommitRefIter::from_bytes(&bytes, SHA1).tree_id();
        tree.map_err(|error| self.damaged(commit, &error))
    }

    /// The signatures of a commit, as text.
    pub(super) fn signatures(&self, commit: ObjectId) -> Result<Vec<String>, GitError> {
        let bytes = self.meta(commit, Kind::Commit)?;
        let head = bytes.find("\n\n").map_or(&*bytes, |end| &bytes[..end]);
        let lines = head.lines().filter_map(|line| line.strip_prefix(b"gpgsig"));
        Ok(lines.map(|line| line.to_str_lossy().into_owned()).collect())
    }

    /// The entries of a tree, in git's order.
    pub(super) fn tree(&self, id: ObjectId) -> Result<Vec<Entry>, GitError> {
        let bytes = self.meta(id, Kind::Tree)?;
        let entry = |entry: gix_object::tree::EntryRef<'_>| Entry {
            name: entry.filename.to_vec(),
            kind: entry.mode.kind(),
            id: entry.oid.to_owned(),
        };
        TreeRefIter::from_bytes(&bytes, SHA1)
            .map(|found| found.map(entry).map_err(|error| self.damaged(id, &error)))
            .collect()
    }

    /// A blob, if it is not larger than `max`.
    pub(super) fn blob(&self, id: ObjectId, max: u64) -> Result<Blob, GitError> {
        match self.header(id)? {
            Some((Kind::Blob, size)) if size > max => Ok(Blob::Larger(size)),
            Some((Kind::Blob, _)) => self.read(id, Kind::Blob).map(Blob::Whole),
            Some((other, _)) => Err(self.damaged(id, &format!("it is a {other}, not a blob"))),
            None => Err(self.damaged(id, &"it is missing")),
        }
    }

    fn meta(&self, id: ObjectId, kind: Kind) -> Result<Vec<u8>, GitError> {
        match self.header(id)? {
            Some((_, size)) if size > MAX_META => {
                Err(self.damaged(id, &format!("it has {size} bytes")))
            }
            _ => self.read(id, kind),
        }
    }

    fn read(&self, id: ObjectId, kind: Kind) -> Result<Vec<u8>, GitError> {
        let mut bytes = Vec::new();
        let found =
            self.handle.try_find(&id, &mut bytes).map_err(|error| self.damaged(id, &error))?;
        let Some(data) = found else { return Err(self.damaged(id, &"it is missing")) };
        if data.kind != kind {
            return Err(self.damaged(id, &format!("it is a {}, not a {kind}", data.kind)));
        }
        let length = data.data.len();
        let real = gix_object::compute_hash(SHA1, kind, data.data);
        if real.ok() != Some(id) {
            return Err(self.damaged(id, &"its bytes are others than its id says"));
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    fn damaged(&self, id: ObjectId, why: &dyn std::fmt::Display) -> GitError {
        GitError::Damaged { cache: self.dir.clone(), detail: format!("object {id}: {why}") }
    }
}

/// An id from its hex digits, which were checked before.
pub(super) fn parse(id: &str) -> Option<ObjectId> {
    ObjectId::from_hex(id.as_bytes()).ok()
}
