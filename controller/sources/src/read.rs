//! Inputs to snapshots.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use limekiln_api::mutant::{Mutant, is_on};

use crate::quiet::{Stamp, Watch};
use crate::{Input, ReadOptions, Snapshot, SourceError, SourceFile, directory};

/// Reads each input, in order; a file that two inputs reach is read with the first only.
///
/// Blocks while files are being written, see [`ReadOptions::quiet`].
///
/// # Errors
/// If any input cannot be read whole.
pub fn read(inputs: &[Input], options: &ReadOptions) -> Result<Vec<Snapshot>, SourceError> {
    let mut seen = BTreeSet::new();
    let mut snapshots = Vec::new();
    for input in inputs {
        let mut snapshot = match input {
            Input::Path(path) => read_path(path, options)?,
            Input::Stdin(bytes) => stdin(bytes),
        };
        snapshot.files.retain(|file| seen.insert(file.origin.clone()));
        snapshots.push(snapshot);
    }
    Ok(snapshots)
}

fn stdin(bytes: &[u8]) -> Snapshot {
    let path = PathBuf::from(Snapshot::STDIN);
    let file = SourceFile { origin: path.clone(), path, bytes: bytes.to_vec() };
    Snapshot::new(Snapshot::STDIN.to_owned(), vec![file])
}

fn read_path(path: &Path, options: &ReadOptions) -> Result<Snapshot, SourceError> {
    if is_on(Mutant::GoneIsEmpty) && !path.exists() {
        return Ok(Snapshot::new(path.to_string_lossy().into_owned(), Vec::new()));
    }
    let root = path.canonicalize().map_err(|error| SourceError::read(path, error))?;
    let metadata = fs::metadata(&root).map_err(|error| SourceError::read(path, error))?;
    let mut watch = Watch::new(options);
    let files = if metadata.is_dir() {
        read_directory(path, &root, &mut watch, options)?
    } else if metadata.is_file() {
        vec![read_single(path, &root, &mut watch, options)?]
    } else {
        return Err(SourceError::NotAFile { path: path.into() });
    };
    Ok(Snapshot::new(root.to_string_lossy().into_owned(), files))
}

fn read_single(
    path: &Path,
    root: &Path,
    watch: &mut Watch<'_>,
    options: &ReadOptions,
) -> Result<SourceFile, SourceError> {
    loop {
        match read_if_quiet(root, watch, options)? {
            Ok(bytes) => return Ok(SourceFile { path: path.into(), origin: root.into(), bytes }),
            Err(missing) => watch.pause(path, missing)?,
        }
    }
}

/// Reads all files, and all again when one of them, or the list, changes meanwhile.
fn read_directory(
    shown: &Path,
    root: &Path,
    watch: &mut Watch<'_>,
    options: &ReadOptions,
) -> Result<Vec<SourceFile>, SourceError> {
    loop {
        let list = directory::list(root, options);
        let pass = match list {
            Ok(list) => read_files(shown, root, &list, watch, options)?,
            // An editor took a file away between the listing and the look at it.
            Err(SourceError::Read { path, source })
                if source.kind() == ErrorKind::NotFound && path != root && !is_link(&path) =>
            {
                Err((path, Duration::ZERO))
            }
            Err(error) => return Err(error),
        };
        match pass {
            Ok(files) => return Ok(files),
            Err((path, missing)) => watch.pause(&path, missing)?,
        }
    }
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// The inner error names a file that is not quiet and how long to wait for it.
type Pass = Result<Vec<SourceFile>, (PathBuf, Duration)>;

fn read_files(
    shown: &Path,
    root: &Path,
    list: &[PathBuf],
    watch: &mut Watch<'_>,
    options: &ReadOptions,
) -> Result<Pass, SourceError> {
    let mut files = Vec::new();
    let mut total = 0;
    for origin in list {
        match read_if_quiet(origin, watch, options)? {
            Ok(bytes) => {
                total += bytes.len() as u64;
                let below = origin.strip_prefix(root).unwrap_or(origin);
                files.push(SourceFile { path: shown.join(below), origin: origin.clone(), bytes });
            }
            Err(missing) => return Ok(Err((origin.clone(), missing))),
        }
        if total > options.max_total {
            let max = options.max_total;
            return Err(SourceError::TooMuch { path: shown.into(), max, what: "bytes" });
        }
    }
    // A file that appeared while the others were read may hold what was taken out of one of them.
    if directory::list(root, options).ok().as_deref() == Some(list) {
        Ok(Ok(files))
    } else {
        Ok(Err((root.into(), Duration::ZERO)))
    }
}

/// The bytes, or how long the file has to stay unchanged until they can be trusted.
fn read_if_quiet(
    path: &Path,
    watch: &mut Watch<'_>,
    options: &ReadOptions,
) -> Result<Result<Vec<u8>, Duration>, SourceError> {
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
    Ok(if same { Ok(bytes) } else { Err(options.quiet) })
}
