//! Inputs to snapshots.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use limekiln_api::Stamp as FileStamp;
use limekiln_api::mutant::{Mutant, is_on};

use crate::known::{Known, KnownFile};
use crate::quiet::{Stamp, Waiting, Watch};
use crate::snapshot::digest;
use crate::{Input, ReadOptions, Snapshot, SourceError, SourceFile, stats};

/// Reads each input, in order; a file that two inputs reach is read with the first only.
///
/// Blocks while files are being written, see [`ReadOptions::quiet`].
///
/// # Errors
/// If any input cannot be read whole.
pub fn read(inputs: &[Input], options: &ReadOptions) -> Result<Vec<Snapshot>, SourceError> {
    Reader::default().read(inputs, options)
}

/// Reads inputs again and again, and of their files only those that may have changed.
///
/// What it returns is what [`read`] does.
#[derive(Debug, Default)]
pub struct Reader {
    /// What was asked for. Paths that are shown, and which files there are, depend on it.
    asked: Option<(Vec<Input>, ReadOptions)>,
    /// One for each input.
    known: Vec<Known>,
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
        self.read_telling(inputs, options, &|| ())
    }

    /// The same; `soon` is called a moment before the end of each wait for a file, for whoever has
    /// something to do beside the reading that must not be long ago.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read_telling(
        &mut self,
        inputs: &[Input],
        options: &ReadOptions,
        soon: &dyn Fn(),
    ) -> Result<Vec<Snapshot>, SourceError> {
        self.read_at(inputs, &Waiting { options, soon }, SystemTime::now)
    }

    /// The same with another clock.
    pub(crate) fn read_at(
        &mut self,
        inputs: &[Input],
        waiting: &Waiting<'_>,
        clock: fn() -> SystemTime,
    ) -> Result<Vec<Snapshot>, SourceError> {
        let options = waiting.options;
        let same = |(before, how): &(Vec<Input>, ReadOptions)| before == inputs && how == options;
        if !self.asked.as_ref().is_some_and(same) {
            self.asked = Some((inputs.to_vec(), options.clone()));
            self.known = inputs.iter().map(|_| Known::default()).collect();
        }
        let mut seen = BTreeSet::new();
        let mut snapshots = Vec::new();
        for (input, known) in inputs.iter().zip(&mut self.known) {
            let mut snapshot = match input {
                Input::Path(path) => read_path(path, waiting, clock, known)?,
                Input::Stdin(bytes) => stdin(bytes),
            };
            if inputs.len() > 1 {
                snapshot.files.retain(|file| seen.insert(file.origin.clone()));
            }
            snapshots.push(snapshot);
        }
        Ok(snapshots)
    }
}

fn read_path(
    path: &Path,
    waiting: &Waiting<'_>,
    clock: fn() -> SystemTime,
    known: &mut Known,
) -> Result<Snapshot, SourceError> {
    if is_on(Mutant::GoneIsEmpty) && !path.exists() {
        return Ok(Snapshot::new(path.to_string_lossy().into_owned(), Vec::new()));
    }
    let root = path.canonicalize().map_err(|error| SourceError::read(path, error))?;
    let metadata = fs::metadata(&root).map_err(|error| SourceError::read(path, error))?;
    let (options, watch) = (waiting.options, Watch::new(waiting));
    let mut reading = Reading { known, shown: path, root, options, clock, watch };
    let (list, files) = if metadata.is_dir() {
        if let Some(same) = reading.known.unchanged(&reading.root, options, clock) {
            return Ok(same);
        }
        reading.directory()?
    } else if metadata.is_file() {
        ([reading.root.clone()].into(), vec![reading.single()?])
    } else {
        return Err(SourceError::NotAFile { path: path.into() });
    };
    let source = reading.root.to_string_lossy().into_owned();
    Ok(known.snapshot(&source, list, files))
}

fn stdin(bytes: &[u8]) -> Snapshot {
    let path = PathBuf::from(Snapshot::STDIN);
    let file = SourceFile { origin: path.clone(), path, bytes: bytes.to_vec() };
    let digest = digest(&file.bytes);
    Snapshot::new(Snapshot::STDIN.to_owned(), vec![(file.into(), digest)])
}

/// One input that is being read.
struct Reading<'a> {
    known: &'a mut Known,
    shown: &'a Path,
    root: PathBuf,
    options: &'a ReadOptions,
    clock: fn() -> SystemTime,
    watch: Watch<'a>,
}

/// The inner error names a file that is not quiet and how long to wait for it.
type Pass = Result<Vec<KnownFile>, (PathBuf, Duration)>;

impl Reading<'_> {
    fn single(&mut self) -> Result<KnownFile, SourceError> {
        let (root, shown) = (self.root.clone(), self.shown.to_owned());
        loop {
            match self.file(&root, fs::metadata(&root).ok(), Some(&shown))? {
                Ok(file) => return Ok(file),
                Err(missing) => self.watch.pause(self.shown, missing)?,
            }
        }
    }

    /// Reads all files, and all again when one of them, or the list, changes meanwhile.
    fn directory(&mut self) -> Result<(Arc<[PathBuf]>, Vec<KnownFile>), SourceError> {
        loop {
            let list = self.known.list(&self.root, self.options, (self.clock)());
            let pass = match list {
                Ok(list) => self.files(&list)?.map(|files| (list, files)),
                // An editor took a file away between the listing and the look at it.
                Err(SourceError::Read { path, source })
                    if source.kind() == ErrorKind::NotFound
                        && path != self.root
                        && !is_link(&path) =>
                {
                    Err((path, Duration::ZERO))
                }
                Err(error) => return Err(error),
            };
            match pass {
                Ok(files) => return Ok(files),
                Err((path, missing)) => self.watch.pause(&path, missing)?,
            }
        }
    }

    fn files(&mut self, list: &Arc<[PathBuf]>) -> Result<Pass, SourceError> {
        let mut files = Vec::with_capacity(list.len());
        let mut total = 0;
        for (origin, metadata) in list.iter().zip(stats::all(list)) {
            match self.file(origin, metadata, None)? {
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
        let again = self.known.list(&self.root, self.options, (self.clock)());
        let same = again.is_ok_and(|again| Arc::ptr_eq(&again, list) || again == *list);
        Ok(if same { Ok(files) } else { Err((self.root.clone(), Duration::ZERO)) })
    }

    /// The file as it was read before, if that is certain; or read now.
    fn file(
        &mut self,
        origin: &Path,
        metadata: Option<Metadata>,
        shown: Option<&Path>,
    ) -> Result<Result<KnownFile, Duration>, SourceError> {
        let now = (self.clock)();
        if let Some(metadata) = metadata
            && let Some(known) = self.known.get(origin, &metadata, now, self.options)
        {
            return Ok(Ok(known.clone()));
        }
        let below = || self.shown.join(origin.strip_prefix(&self.root).unwrap_or(origin));
        let shown = shown.map_or_else(below, Path::to_owned);
        Ok(read_if_quiet(origin, &mut self.watch, self.options)?.map(|(bytes, metadata)| {
            let file = SourceFile { path: shown, origin: origin.into(), bytes };
            KnownFile::new(FileStamp::of(&metadata, now), file)
        }))
    }
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// The bytes and what the file was before they were read, or how long it has to stay unchanged
/// until they can be trusted.
fn read_if_quiet(
    path: &Path,
    watch: &mut Watch<'_>,
    options: &ReadOptions,
) -> Result<Result<(Vec<u8>, Metadata), Duration>, SourceError> {
    let failed = |error| SourceError::read(path, error);
    let mut file = match File::open(path) {
        Ok(file) => file,
        // Editors that replace a file take it away for a moment.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Err(options.quiet / 10)),
        Err(error) => return Err(failed(error)),
    };
    let before = file.metadata().map_err(failed)?;
    if before.len() > options.max_file {
        let (size, max) = (before.len(), options.max_file);
        return Err(SourceError::TooLarge { path: path.into(), size, max });
    }
    let missing = watch.missing(path, Stamp::of(&before));
    if !missing.is_zero() && !is_on(Mutant::ReadsHalves) {
        return Ok(Err(missing));
    }
    // One more than it has: that its end was reached shows without growing.
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or_default() + 1);
    file.by_ref().take(options.max_file + 1).read_to_end(&mut bytes).map_err(failed)?;
    let after = file.metadata().map_err(failed)?;
    let same = Stamp::of(&before) == Stamp::of(&after) && bytes.len() as u64 == after.len();
    Ok(if same { Ok((bytes, before)) } else { Err(options.quiet) })
}
