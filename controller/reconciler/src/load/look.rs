//! What is at a path of this host.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use limekiln_api::PathKind;

use super::remote;

/// Looks at a path, symbolic links followed. Where nobody answers nothing is known.
pub(super) fn at(path: &Path) -> PathKind {
    remote::ask(path, kind).unwrap_or(PathKind::Unknown)
}

fn kind(path: &Path) -> PathKind {
    match fs::metadata(path).map(|data| data.file_type()) {
        Ok(kind) if kind.is_dir() => PathKind::Directory,
        Ok(kind) if kind.is_file() => PathKind::File,
        Ok(kind) if kind.is_socket() => PathKind::Socket,
        Ok(_) => PathKind::Other,
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => PathKind::Missing,
            _ => PathKind::Inaccessible,
        },
    }
}
