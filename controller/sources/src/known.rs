//! Files that were read before.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use limekiln_api::Stamp;

use crate::directory::Listing;
use crate::snapshot::{FileDigest, digest};
use crate::{
    ReadOptions, Skipped, SkippedKind, Snapshot, SourceError, SourceFile, directory, stats,
};

/// A file, what it was when it was read, and the digest of its bytes.
#[derive(Clone, Debug)]
pub(crate) struct KnownFile {
    stamp: Stamp,
    /// How long it had rested at least when it was read.
    rested: Duration,
    pub(crate) file: Arc<SourceFile>,
    pub(crate) digest: FileDigest,
}

impl KnownFile {
    /// A file that was read. The stamp was taken before.
    pub(crate) fn new(stamp: Stamp, rested: Duration, file: SourceFile) -> Self {
        let digest = digest(&file.bytes);
        Self { stamp, rested, file: file.into(), digest }
    }

    /// The same file, read again.
    fn again(&self, stamp: Stamp, rested: Duration) -> Self {
        Self { stamp, rested, ..self.clone() }
    }

    /// Whether it is known to hold what it held.
    fn is_still(&self, stamp: &Stamp, now: SystemTime, quiet: Duration) -> bool {
        self.stamp.holds(stamp)
            && self.rested >= quiet
            && stamp.age(now).is_some_and(|age| age >= quiet)
    }
}

/// What one input held.
#[derive(Debug, Default)]
pub(crate) struct Known {
    listing: Option<KnownListing>,
    /// What was left out when the files were listed last.
    skipped: Vec<(PathBuf, SkippedKind)>,
    last: Option<Last>,
    /// Which files there were when that counted last.
    counted: Option<Arc<[PathBuf]>>,
}

/// The files of a list at one moment.
#[derive(Debug)]
pub(crate) struct FilesSeen {
    pub(crate) list: Arc<[PathBuf]>,
    pub(crate) now: SystemTime,
    /// `None` of a file that cannot be had.
    pub(crate) stamps: Vec<Option<Stamp>>,
}

impl FilesSeen {
    pub(crate) fn at(list: &Arc<[PathBuf]>, now: SystemTime) -> Self {
        Self { list: Arc::clone(list), now, stamps: stats::all(list, now) }
    }
}

/// What was read last: the files in the order of their list, which is sorted by bytes.
#[derive(Debug)]
struct Last {
    list: Arc<[PathBuf]>,
    files: Vec<KnownFile>,
    snapshot: Snapshot,
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
        stamp: &Stamp,
        now: SystemTime,
        quiet: Duration,
    ) -> Option<&KnownFile> {
        let known = self.last_read(origin)?;
        known.is_still(stamp, now, quiet).then_some(known)
    }

    /// A file that was read under this stamp when it had rested for so long: the one that is known,
    /// if that holds the same.
    pub(crate) fn read(&self, stamp: Stamp, rested: Duration, file: SourceFile) -> KnownFile {
        match self.last_read(&file.origin).filter(|known| *known.file == file) {
            Some(known) => known.again(stamp, rested),
            None => KnownFile::new(stamp, rested, file),
        }
    }

    fn last_read(&self, origin: &Path) -> Option<&KnownFile> {
        let Last { list, files, .. } = self.last.as_ref()?;
        // As bytes: to compare paths part by part takes longer than to look at the file.
        let place = list.binary_search_by(|path| path.as_os_str().cmp(origin.as_os_str())).ok()?;
        files.get(place)
    }

    /// Which files a directory has and what it holds, if it is known to be what it held; else its
    /// files, if it is known which they are.
    pub(crate) fn unchanged(
        &self,
        root: &Path,
        quiet: Duration,
        clock: fn() -> SystemTime,
    ) -> Result<(Arc<[PathBuf]>, Snapshot), Option<FilesSeen>> {
        let now = clock();
        let same = |last: &&Last| {
            let listed = |listing: &KnownListing| Arc::ptr_eq(&listing.files, &last.list);
            last.list.len() == last.files.len() && self.listing.as_ref().is_some_and(listed)
        };
        let Last { list, files, snapshot } = self.last.as_ref().filter(same).ok_or(None)?;
        let holds = |now| self.listing.as_ref().is_some_and(|listing| listing.holds(root, now));
        if !holds(now) {
            return Err(None);
        }
        let looked = FilesSeen::at(list, now);
        let still = |(file, stamp): (&KnownFile, &Option<Stamp>)| {
            stamp.is_some_and(|stamp| file.is_still(&stamp, now, quiet))
        };
        // The list once more: a file that appeared meanwhile may hold what was taken out of one.
        if files.iter().zip(&looked.stamps).all(still) && holds(clock()) {
            return Ok((Arc::clone(list), snapshot.clone()));
        }
        Err(Some(looked))
    }

    /// From now on these count as the files that there are.
    pub(crate) fn count(&mut self, list: &Arc<[PathBuf]>) {
        self.counted = Some(Arc::clone(list));
    }

    /// The directories that files have gone from since they counted.
    pub(crate) fn left(&self, list: &Arc<[PathBuf]>) -> BTreeSet<&Path> {
        let before = self.counted.as_ref().filter(|before| !Arc::ptr_eq(before, list));
        let before = before.into_iter().flat_map(|before| before.iter());
        // Both are sorted by their bytes.
        let is_listed = |path: &Path| {
            list.binary_search_by(|other| other.as_os_str().cmp(path.as_os_str())).is_ok()
        };
        before.filter(|path| !is_listed(path)).filter_map(|path| path.parent()).collect()
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
        let Listing { dirs, files, skipped, has_links } = directory::list(root, options)?;
        self.skipped = skipped.into_vec();
        let files: Arc<[PathBuf]> = files.into();
        // Where a link leads shows in no directory here.
        if !has_links {
            let dirs = dirs.into_iter().map(|(dir, data)| (dir, Stamp::of(&data, now))).collect();
            self.listing = Some(KnownListing { dirs, files: Arc::clone(&files) });
        }
        Ok(files)
    }

    /// What these files of a root, which come in the order of the list, make up: the last snapshot,
    /// if it was of the same ones. Messages show the root as `shown`.
    pub(crate) fn snapshot(
        &mut self,
        root: &Path,
        shown: &Path,
        list: Arc<[PathBuf]>,
        files: Vec<KnownFile>,
    ) -> Snapshot {
        let source = root.to_string_lossy().into_owned();
        let skipped: Vec<_> = self.skipped.iter().map(|one| skipped(one, root, shown)).collect();
        let same = |last: Last| {
            let both = || last.files.iter().zip(&files);
            let same = last.snapshot.source == source
                && last.snapshot.skipped == skipped
                && last.files.len() == files.len()
                && both().all(|(before, now)| Arc::ptr_eq(&before.file, &now.file));
            same.then_some(last.snapshot)
        };
        let snapshot = self.last.take().and_then(same).unwrap_or_else(|| {
            let shared = |file: &KnownFile| (Arc::clone(&file.file), file.digest);
            Snapshot::new(source, files.iter().map(shared).collect(), skipped)
        });
        self.last = Some(Last { list, files, snapshot: snapshot.clone() });
        snapshot
    }
}

fn skipped((origin, kind): &(PathBuf, SkippedKind), root: &Path, shown: &Path) -> Skipped {
    let path = shown.join(origin.strip_prefix(root).unwrap_or(origin));
    Skipped { path, origin: origin.clone(), kind: *kind }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Behind a memory map bytes can change while times do not, until it is written back.
    #[test]
    fn what_was_read_before_it_had_rested_is_read_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("web.yaml");
        fs::write(&path, "# half").expect("writable");
        let (metadata, quiet) = (path.metadata().expect("there"), Duration::from_millis(200));
        let later = SystemTime::now() + Duration::from_secs(60);
        let file = SourceFile { path: path.clone(), origin: path, bytes: b"# half".to_vec() };
        let stamp = Stamp::of(&metadata, later);
        let glanced = KnownFile::new(stamp, Duration::ZERO, file);
        assert!(glanced.is_still(&stamp, later, Duration::ZERO), "good enough for a glance");
        assert!(!glanced.is_still(&stamp, later, quiet));
        let read = glanced.again(stamp, quiet);
        assert!(read.is_still(&stamp, later, quiet));
        assert!(Arc::ptr_eq(&read.file, &glanced.file));
    }

    #[test]
    fn a_time_in_the_future_has_a_file_read_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("web.yaml");
        fs::write(&path, "# web").expect("writable");
        let (now, quiet) = (SystemTime::now(), Duration::from_millis(200));
        let tomorrow = now + Duration::from_secs(86_400);
        let written = fs::File::options().write(true).open(&path).expect("ours");
        written.set_modified(tomorrow).expect("ours");
        let stamp = |now| Stamp::of(&path.metadata().expect("there"), now);
        let file =
            SourceFile { path: path.clone(), origin: path.clone(), bytes: b"# web".to_vec() };
        assert!(!KnownFile::new(stamp(now), quiet, file.clone()).is_still(&stamp(now), now, quiet));
        let later = now + Duration::from_secs(60);
        let known = KnownFile::new(stamp(later), quiet, file);
        assert!(known.is_still(&stamp(later), later, quiet));
        written.set_len(2).expect("ours");
        written.set_modified(tomorrow).expect("ours");
        assert!(!known.is_still(&stamp(later), later, quiet), "what is written after that shows");
    }
}
