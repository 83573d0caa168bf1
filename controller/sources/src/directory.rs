//! Which files of a directory are manifests.

use std::fs::{self, FileType, Metadata};
use std::path::{Path, PathBuf};

use crate::places::Places;
use crate::{ReadOptions, SkippedKind, SourceError};

/// What lies below a directory.
#[derive(Default)]
pub(crate) struct Listing {
    /// The directories that were read, as they were before.
    pub(crate) dirs: Vec<(PathBuf, Metadata)>,
    /// The manifests: paths as found, sorted by their bytes.
    pub(crate) files: Vec<PathBuf>,
    /// What is left out.
    pub(crate) skipped: Places,
    /// Whether something was found whose kind depends on what a link leads to.
    pub(crate) has_links: bool,
}

/// The manifests below `root`, which is canonical.
pub(crate) fn list(root: &Path, options: &ReadOptions) -> Result<Listing, SourceError> {
    let mut found = Listing::default();
    walk(root, root, options, &mut found)?;
    found.files.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(found)
}

fn walk(
    root: &Path,
    dir: &Path,
    options: &ReadOptions,
    found: &mut Listing,
) -> Result<(), SourceError> {
    let failed = |error| SourceError::read(dir, error);
    found.dirs.push((dir.to_owned(), fs::metadata(dir).map_err(failed)?));
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| SourceError::read(&path, error))?;
        if kind.is_dir() {
            if options.recursive {
                walk(root, &path, options, found)?;
            }
        } else if is_manifest(&name) {
            found.has_links |= !kind.is_file();
            if kind.is_file() || leads_to_file(root, &path, kind)? {
                found.files.push(path);
            } else {
                found.skipped.add(&path, SkippedKind::LinkToDirectory);
            }
        } else if kind.is_symlink() && options.recursive {
            found.skipped.add(&path, SkippedKind::Link);
        }
        if found.files.len() > options.max_files {
            let max = options.max_files as u64;
            return Err(SourceError::TooMuch { path: root.into(), max, what: "files" });
        }
    }
    Ok(())
}

/// Editors' backups and half-written files (`a.yaml~`, `#a.yaml#`, `a.yaml.swp`, `a.yaml.tmp`)
/// do not end like this; hidden ones were left out before.
pub(crate) fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

/// Whether what is no plain file is to be read all the same. Links to directories are not
/// followed.
fn leads_to_file(root: &Path, path: &Path, kind: FileType) -> Result<bool, SourceError> {
    if kind.is_symlink() {
        let target = path.canonicalize().map_err(|error| SourceError::read(path, error))?;
        if !target.starts_with(root) {
            return Err(SourceError::Escapes { path: path.into(), root: root.into() });
        }
    }
    let metadata = fs::metadata(path).map_err(|error| SourceError::read(path, error))?;
    match (metadata.is_file(), metadata.is_dir()) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(SourceError::NotAFile { path: path.into() }),
    }
}
