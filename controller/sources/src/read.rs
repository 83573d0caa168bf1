//! Inputs to snapshots.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use limekiln_api::Stamp as FileStamp;
use limekiln_api::mutant::{Mutant, is_on};

use crate::known::{FilesSeen, Known, KnownFile};
use crate::open;
use crate::quiet::{Stamp, Watch};
use crate::snapshot::digest;
use crate::{Input, ReadOptions, Snapshot, SourceError, SourceFile};

/// Reads each input, in order; a file that two inputs reach is read with the first only.
///
/// Blocks while files are being written, see [`ReadOptions::quiet`].
///
/// # Errors
/// If any input cannot be read whole.
pub fn read(inputs: &[Input], options: &ReadOptions) -> Result<Vec<Snapshot>, SourceError> {
    Reader::default().read(inputs, options)
}

/// What is read at once while something may still be written, at most: more is not worth it.
pub(crate) const GLANCE: usize = 64;

/// Reads inputs again and again, and of their files only those that may have changed.
///
/// What it returns is what [`read`] does.
#[derive(Debug, Default)]
pub struct Reader {
    /// What was asked for. Paths that are shown, and which files there are, depend on it.
    asked: Option<(Vec<Input>, ReadOptions)>,
    /// One for each input.
    known: Vec<Known>,
    watch: Watch,
}

/// How a reader goes about it.
#[derive(Clone, Copy)]
struct How {
    clock: fn() -> SystemTime,
    /// How long a file must have rested, and how many may be read.
    quiet: Duration,
    most: usize,
}

impl Reader {
    /// As [`read`].
    ///
    /// # Errors
    /// As [`read`].
    pub fn read(
        &mut self,
        inputs: &[Input],
        options: &ReadOptions,
    ) -> Result<Vec<Snapshot>, SourceError> {
        self.read_at(inputs, options, SystemTime::now)
    }

    /// The same with another clock.
    pub(crate) fn read_at(
        &mut self,
        inputs: &[Input],
        options: &ReadOptions,
        clock: fn() -> SystemTime,
    ) -> Result<Vec<Snapshot>, SourceError> {
        loop {
            match self.try_at(inputs, options, clock)? {
                Ok(snapshots) => return Ok(snapshots),
                Err(wait) => std::thread::sleep(wait),
            }
        }
    }

    /// The same without waiting: the inner error is how long to wait before the next try.
    ///
    /// # Errors
    /// As [`read`]; [`ReadOptions::patience`] counts from the first try that had to wait.
    pub fn try_read(
        &mut self,
        inputs: &[Input],
        options: &ReadOptions,
    ) -> Result<Result<Vec<Snapshot>, Duration>, SourceError> {
        self.try_at(inputs, options, SystemTime::now)
    }

    fn try_at(
        &mut self,
        inputs: &[Input],
        options: &ReadOptions,
        clock: fn() -> SystemTime,
    ) -> Result<Result<Vec<Snapshot>, Duration>, SourceError> {
        let how = How { clock, quiet: options.quiet, most: usize::MAX };
        let tried = match self.all(inputs, options, how) {
            Ok(Err((path, missing))) => self.watch.wait(&path, missing, options).map(Err),
            Ok(Ok(snapshots)) => Ok(Ok(snapshots)),
            Err(error) => Err(error),
        };
        if !matches!(tried, Ok(Err(_))) {
            self.watch = Watch::default();
        }
        tried
    }

    /// What the inputs hold at a glance, files that are being written as they are now: for whoever
    /// prepares for what [`Self::read`] will most likely give. Nothing may be done with it that
    /// counts. `None` if something cannot be read, or much is new.
    pub fn glance(&mut self, inputs: &[Input], options: &ReadOptions) -> Option<Vec<Snapshot>> {
        let how = How { clock: SystemTime::now, quiet: Duration::ZERO, most: GLANCE };
        // What is waited for is not looked at any differently for that.
        let watch = std::mem::take(&mut self.watch);
        let seen = self.all(inputs, options, how);
        self.watch = watch;
        seen.ok()?.ok()
    }

    fn all(
        &mut self,
        inputs: &[Input],
        options: &ReadOptions,
        how: How,
    ) -> Result<Pass<Vec<Snapshot>>, SourceError> {
        let same = |(before, how): &(Vec<Input>, ReadOptions)| before == inputs && how == options;
        if !self.asked.as_ref().is_some_and(same) {
            self.asked = Some((inputs.to_vec(), options.clone()));
            self.known = inputs.iter().map(|_| Known::default()).collect();
        }
        let mut seen = BTreeSet::new();
        let mut snapshots = Vec::new();
        for (input, known) in inputs.iter().zip(&mut self.known) {
            let read = match input {
                Input::Path(path) => read_path(path, options, how, known, &mut self.watch)?,
                Input::Stdin(bytes) => Ok(stdin(bytes)),
            };
            let mut snapshot = match read {
                Ok(snapshot) => snapshot,
                Err(busy) => return Ok(Err(busy)),
            };
            if inputs.len() > 1 {
                snapshot.files.retain(|file| seen.insert(file.origin.clone()));
            }
            snapshots.push(snapshot);
        }
        Ok(Ok(snapshots))
    }
}

fn read_path(
    path: &Path,
    options: &ReadOptions,
    how: How,
    known: &mut Known,
    watch: &mut Watch,
) -> Result<Pass<Snapshot>, SourceError> {
    if is_on(Mutant::GoneIsEmpty) && !path.exists() {
        let source = path.to_string_lossy().into_owned();
        return Ok(Ok(Snapshot::new(source, Vec::new(), Vec::new())));
    }
    let root = match path.canonicalize() {
        Ok(root) => root,
        // Editors that replace a file take it away for a moment.
        Err(error) if error.kind() == ErrorKind::NotFound && watch.waits_for(path) => {
            return Ok(Err((path.to_owned(), how.quiet / 10)));
        }
        Err(error) => return Err(SourceError::read(path, error)),
    };
    let metadata = fs::metadata(&root).map_err(|error| SourceError::read(path, error))?;
    let mut reading = Reading { known, shown: path, root, options, how, watch, read: 0 };
    let pass = if metadata.is_dir() {
        match reading.known.unchanged(&reading.root, how.quiet, how.clock) {
            Ok((list, same)) => return Ok(reading.count(&list).map(|()| same)),
            Err(looked) => reading.directory(looked)?,
        }
    } else if metadata.is_file() {
        let list = [reading.root.clone()].into();
        reading.single()?.map(|file| (list, vec![file]))
    } else {
        return Err(SourceError::NotAFile { path: path.into() });
    };
    let root = reading.root;
    Ok(pass.map(|(list, files)| known.snapshot(&root, path, list, files)))
}

fn stdin(bytes: &[u8]) -> Snapshot {
    let path = PathBuf::from(Snapshot::STDIN);
    let file = SourceFile { origin: path.clone(), path, bytes: bytes.to_vec() };
    let digest = digest(&file.bytes);
    Snapshot::new(Snapshot::STDIN.to_owned(), vec![(file.into(), digest)], Vec::new())
}

/// One input that is being read.
struct Reading<'a> {
    known: &'a mut Known,
    shown: &'a Path,
    root: PathBuf,
    options: &'a ReadOptions,
    how: How,
    watch: &'a mut Watch,
    /// How many files were read.
    read: usize,
}

/// The inner error names a file that is not quiet and how long to wait for it.
type Pass<T> = Result<T, (PathBuf, Duration)>;

/// Which files there are, and what they hold.
type Listed = (Arc<[PathBuf]>, Vec<KnownFile>);

impl Reading<'_> {
    fn single(&mut self) -> Result<Pass<KnownFile>, SourceError> {
        let (root, shown) = (self.root.clone(), self.shown.to_owned());
        let now = (self.how.clock)();
        let stamp = fs::metadata(&root).ok().map(|data| FileStamp::of(&data, now));
        let file = self.file(&root, stamp, now, Some(&shown))?;
        Ok(file.map_err(|missing| (shown, missing)))
    }

    /// Reads all files; all must be read again when one of them, or the list, changes meanwhile.
    /// What was `looked` at need not be again.
    fn directory(&mut self, looked: Option<FilesSeen>) -> Result<Pass<Listed>, SourceError> {
        let now = (self.how.clock)();
        let list = self.known.list(&self.root, self.options, now);
        match list {
            Ok(list) => {
                let looked = looked.filter(|looked| Arc::ptr_eq(&looked.list, &list));
                let looked = looked.unwrap_or_else(|| FilesSeen::at(&list, now));
                let files = self.files(&looked)?;
                Ok(files.and_then(|files| self.count(&list).map(|()| (list, files))))
            }
            // An editor took a file away between the listing and the look at it.
            Err(SourceError::Read { path, source })
                if source.kind() == ErrorKind::NotFound && path != self.root && !is_link(&path) =>
            {
                Ok(Err((path, Duration::ZERO)))
            }
            Err(error) => Err(error),
        }
    }

    /// From now on these are the files that there are, unless a directory that one has gone from
    /// does not rest yet: who replaces a file may take it away first, and who removes many does so
    /// one after another.
    fn count(&mut self, list: &Arc<[PathBuf]>) -> Pass<()> {
        let busy = |dir: &Path| {
            let mut dirs = dir.ancestors().take_while(|dir| dir.starts_with(&self.root));
            // With the directory itself gone, what counts is the one that had it.
            let (dir, data) = dirs.find_map(|dir| Some((dir, fs::metadata(dir).ok()?)))?;
            let missing = self.watch.missing(dir, Stamp::of(&data), self.how.quiet);
            (!missing.is_zero()).then(|| (dir.to_owned(), missing))
        };
        if let Some(busy) = self.known.left(list).into_iter().find_map(busy) {
            return Err(busy);
        }
        // A glance decides nothing.
        if !self.how.quiet.is_zero() {
            self.known.count(list);
        }
        Ok(())
    }

    fn files(&mut self, looked: &FilesSeen) -> Result<Pass<Vec<KnownFile>>, SourceError> {
        let FilesSeen { list, now, stamps } = looked;
        let mut files = Vec::with_capacity(list.len());
        let mut total = 0;
        for (origin, stamp) in list.iter().zip(stamps) {
            match self.file(origin, *stamp, *now, None)? {
                Ok(file) => {
                    total += file.file.bytes.len() as u64;
                    files.push(file);
                }
                Err(missing) => return Ok(Err((origin.clone(), missing))),
            }
            if total > self.options.max_total {
                let (path, max) = (self.shown.into(), self.options.max_total);
                return Err(SourceError::TooMuch { path, max, what: "bytes" });
            }
        }
        // A file that appeared while the others were read may hold what was taken out of one of
        // them.
        let again = self.known.list(&self.root, self.options, (self.how.clock)());
        let same = again.is_ok_and(|again| Arc::ptr_eq(&again, list) || again == *list);
        Ok(if same { Ok(files) } else { Err((self.root.clone(), Duration::ZERO)) })
    }

    /// The file as it was read before, if that is certain; or read now.
    fn file(
        &mut self,
        origin: &Path,
        stamp: Option<FileStamp>,
        now: SystemTime,
        shown: Option<&Path>,
    ) -> Result<Result<KnownFile, Duration>, SourceError> {
        if let Some(stamp) = stamp
            && let Some(known) = self.known.get(origin, &stamp, now, self.how.quiet)
        {
            return Ok(Ok(known.clone()));
        }
        self.read += 1;
        if self.read > self.how.most {
            return Ok(Err(Duration::ZERO));
        }
        let below = || self.shown.join(origin.strip_prefix(&self.root).unwrap_or(origin));
        let shown = shown.map_or_else(below, Path::to_owned);
        let quiet = self.how.quiet;
        let root = if origin == self.root { origin.parent().unwrap_or(origin) } else { &self.root };
        let read = read_if_quiet(root, origin, self.watch, self.options, quiet)?;
        Ok(read.map(|(bytes, metadata)| {
            let file = SourceFile { path: shown, origin: origin.into(), bytes };
            self.known.read(FileStamp::of(&metadata, now), quiet, file)
        }))
    }
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// The bytes and what the file was before they were read, or how long it has to stay unchanged
/// until they can be trusted.
fn read_if_quiet(
    root: &Path,
    path: &Path,
    watch: &mut Watch,
    options: &ReadOptions,
    quiet: Duration,
) -> Result<Result<(Vec<u8>, Metadata), Duration>, SourceError> {
    let failed = |error| SourceError::read(path, error);
    let mut file = match open::below(root, path) {
        Ok(Some(file)) => file,
        // It was something else when it was found.
        Ok(None) => return Ok(Err(quiet / 10)),
        // Editors that replace a file take it away for a moment.
        Err(error) if open::is_gone(&error) => return Ok(Err(quiet / 10)),
        Err(error) => return Err(failed(error)),
    };
    let before = file.metadata().map_err(failed)?;
    if !before.is_file() {
        return Err(SourceError::NotAFile { path: path.into() });
    }
    if before.len() > options.max_file {
        let (size, max) = (before.len(), options.max_file);
        return Err(SourceError::TooLarge { path: path.into(), size, max });
    }
    let missing = watch.missing(path, Stamp::of(&before), quiet);
    if !missing.is_zero() && !is_on(Mutant::ReadsHalves) {
        return Ok(Err(missing));
    }
    // One more than it has: that its end was reached shows without growing.
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or_default() + 1);
    file.by_ref().take(options.max_file + 1).read_to_end(&mut bytes).map_err(failed)?;
    let after = file.metadata().map_err(failed)?;
    let same = Stamp::of(&before) == Stamp::of(&after) && bytes.len() as u64 == after.len();
    Ok(if same { Ok((bytes, before)) } else { Err(quiet) })
}
