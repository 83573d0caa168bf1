//! Files that were read before.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use limekiln_api::Stamp;

use crate::directory::Listing;
use crate::snapshot::{FileDigest, digest};
use crate::{ReadOptions, Snapshot, SourceError, SourceFile, directory};

/// A file, what it was when it was read, and the digest of its bytes.
#[derive(Clone, Debug)]
pub(crate) struct KnownFile {
    stamp: Stamp,
    pub(crate) file: Arc<SourceFile>,
    pub(crate) digest: FileDigest,
}

impl KnownFile {
    /// A file that was read. The stamp was taken before.
    pub(crate) fn new(stamp: Stamp, file: SourceFile) -> Self {
        let digest = digest(&file.bytes);
        Self { stamp, file: file.into(), digest }
    }
}

/// What one input held.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// By canonical path, as bytes: to compare paths part by part takes longer than to look at
    /// the file.
    files: HashMap<OsString, KnownFile>,
    listing: Option<KnownListing>,
    last: Option<Snapshot>,
}

/// Which files there are, and what the directories were when they were listed.
#[derive(Debug)]
struct KnownListing {
    dirs: Vec<(PathBuf, Stamp)>,
    files: Arc<[PathBuf]>,
}

impl Known {
    /// The file, if it is known to hold what it held: its stamp is the same, had rested, and says
    /// that nobody is writing it.
    pub(crate) fn get(
        &self,
        origin: &Path,
        metadata: &Metadata,
        now: SystemTime,
        options: &ReadOptions,
    ) -> Option<&KnownFile> {
        let known = self.files.get(origin.as_os_str())?;
        let age = now.duration_since(metadata.modified().ok()?).ok()?;
        let same = known.stamp.holds(&Stamp::of(metadata, now)) && age >= options.quiet;
        (same && metadata.is_file()).then_some(known)
    }

    /// The manifests below a directory: as before, if no directory has changed.
    pub(crate) fn list(
        &mut self,
        root: &Path,
        options: &ReadOptions,
        now: SystemTime,
    ) -> Result<Arc<[PathBuf]>, SourceError> {
        if let Some(known) = self.listing.as_ref().filter(|known| known.holds(root, now)) {
            return Ok(Arc::clone(&known.files));
        }
        self.listing = None;
        let Listing { dirs, files, has_links } = directory::list(root, options)?;
        let files: Arc<[PathBuf]> = files.into();
        // Where a link leads shows in no directory here.
        if !has_links {
            let dirs = dirs.into_iter().map(|(dir, data)| (dir, Stamp::of(&data, now))).collect();
            self.listing = Some(KnownListing { dirs, files: Arc::clone(&files) });
        }
        Ok(files)
    }

    /// What these files make up: the last snapshot, if it was of the same ones.
    pub(crate) fn snapshot(&mut self, source: &str, files: Vec<KnownFile>) -> Snapshot {
        let same = |last: &&Snapshot| {
            let known = |file: &KnownFile| {
                let known = self.files.get(file.file.origin.as_os_str());
                known.is_some_and(|known| Arc::ptr_eq(&known.file, &file.file))
            };
            last.source == source && self.files.len() == files.len() && files.iter().all(known)
        };
        if let Some(last) = self.last.as_ref().filter(same) {
            return last.clone();
        }
        let shared = |file: &KnownFile| (Arc::clone(&file.file), file.digest);
        let made = Snapshot::new(source.to_owned(), files.iter().map(shared).collect());
        let by_path = |file: KnownFile| (file.file.origin.clone().into_os_string(), file);
        self.files = files.into_iter().map(by_path).collect();
        self.last = Some(made.clone());
        made
    }
}

impl KnownListing {
    fn holds(&self, root: &Path, now: SystemTime) -> bool {
        let same = |(dir, stamp): &(PathBuf, Stamp)| {
            fs::metadata(dir).is_ok_and(|data| stamp.holds(&Stamp::of(&data, now)))
        };
        // What was named may lead elsewhere now.
        self.dirs.first().is_some_and(|(top, _)| top == root) && self.dirs.iter().all(same)
    }
}
