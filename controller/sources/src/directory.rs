//! Which files of a directory are manifests.

use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use crate::{ReadOptions, SourceError};

/// The manifests below `root`, which is canonical: paths as found, sorted.
pub(crate) fn list(root: &Path, options: &ReadOptions) -> Result<Vec<PathBuf>, SourceError> {
    let mut found = Vec::new();
    walk(root, root, options, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(
    root: &Path,
    dir: &Path,
    options: &ReadOptions,
    found: &mut Vec<PathBuf>,
) -> Result<(), SourceError> {
    let entries = fs::read_dir(dir).map_err(|error| SourceError::read(dir, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| SourceError::read(dir, error))?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(|error| SourceError::read(&path, error))?;
        if kind.is_dir() {
            if options.recursive {
                walk(root, &path, options, found)?;
            }
        } else if is_manifest(&name) && (kind.is_file() || leads_to_file(root, &path, kind)?) {
            found.push(path);
        }
        if found.len() > options.max_files {
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
