//! A commit as a snapshot.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix_hash::ObjectId;

use super::follow::directory;
use super::objects::{Blob, Objects};
use super::url::Url;
use super::walk::{Found, Walk};
use super::{GitConfig, GitError};
use crate::{ReadOptions, Skipped, Snapshot, SourceError, SourceFile};

/// How many digits of a commit messages show.
const SHORT: usize = 7;

/// Reads the manifests of a commit.
pub(super) struct Reader<'a> {
    pub(super) objects: &'a Objects,
    pub(super) config: &'a GitConfig,
    pub(super) url: &'a Url,
    pub(super) options: &'a ReadOptions,
}

impl Reader<'_> {
    /// Reads all of a commit that is in the database, or nothing.
    pub(super) fn read(&self, source: &str, commit: ObjectId) -> Result<Snapshot, GitError> {
        let top = self.objects.tree_of(commit)?;
        let root = self.root(top, commit)?;
        let shown = self.shown(commit);
        let options = ReadOptions { recursive: self.config.recursive, ..self.options.clone() };
        let Found { files, skipped } = Walk::run(self.objects, root, &shown, &options)?;
        let files = self.files(files, &shown)?;
        let skipped = skipped.into_vec().into_iter().map(|(below, kind)| {
            let (path, origin) = (join(&shown, &below), self.top().join(&below));
            Skipped { path, origin, kind }
        });
        let skipped = skipped.collect();
        Ok(Snapshot::of_commit(source, &commit.to_string(), files, skipped))
    }

    /// The subdirectory's tree.
    fn root(&self, top: ObjectId, commit: ObjectId) -> Result<ObjectId, GitError> {
        let Some(wanted) = &self.config.subdirectory else { return Ok(top) };
        let steps = wanted.iter().map(OsStrExt::as_bytes);
        directory(self.objects, top, steps)?.ok_or_else(|| GitError::NoSuchDirectory {
            url: self.url.shown.clone(),
            commit: short(commit),
            directory: wanted.clone(),
        })
    }

    /// What messages show of the root: `URL@abc1234:dir`.
    fn shown(&self, commit: ObjectId) -> PathBuf {
        let mut text = OsString::from(format!("{}@{}:", self.url.shown, short(commit)));
        text.push(self.top());
        text.into()
    }

    /// The root below the repository's top.
    fn top(&self) -> &Path {
        self.config.subdirectory.as_deref().unwrap_or(Path::new(""))
    }

    fn files(
        &self,
        found: Vec<(PathBuf, ObjectId)>,
        shown: &Path,
    ) -> Result<Vec<SourceFile>, GitError> {
        let ReadOptions { max_file, max_total, .. } = *self.options;
        let mut total = 0;
        let mut files = Vec::with_capacity(found.len());
        for (below, id) in found {
            let path = join(shown, &below);
            let bytes = match self.objects.blob(id, max_file)? {
                Blob::Whole(bytes) => bytes,
                Blob::Larger(size) => {
                    return Err(SourceError::TooLarge { path, size, max: max_file }.into());
                }
            };
            total += bytes.len() as u64;
            if total > max_total {
                let path = shown.to_owned();
                return Err(SourceError::TooMuch { path, max: max_total, what: "bytes" }.into());
            }
            files.push(SourceFile { path, origin: self.top().join(&below), bytes });
        }
        Ok(files)
    }
}

/// As [`Path::join`], but without a slash after the colon of a root at the top.
pub(super) fn join(shown: &Path, below: &Path) -> PathBuf {
    let mut text = shown.as_os_str().to_owned();
    if !text.as_bytes().ends_with(b":") {
        text.push("/");
    }
    text.push(below);
    text.into()
}

fn short(commit: ObjectId) -> String {
    commit.to_hex_with_len(SHORT).to_string()
}
