//! Files that are there whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::Error;

/// Replaces `path` by `data`, with these permissions, also across a power cut.
///
/// # Errors
/// The directory can't be written, or the disk is full; the old file is as it was then.
pub fn write(path: &Path, data: &[u8], mode: u32) -> Result<(), Error> {
    write_by(path, mode, |file| file.write_all(data)).map_err(Error::file("write", path))
}

/// The same for what is not in memory: `fill` writes it.
///
/// # Errors
/// As [`write`], or what `fill` says.
pub(crate) fn write_by(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    // Lima removes `*.tmp` in an instance directory at every forced stop.
    let mut file = tempfile::Builder::new()
        .prefix(".limekiln-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(dir)
        .map_err(bare)?;
    fill(file.as_file_mut())?;
    // The mode above went through the umask.
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(dir)?.sync_all()
}

/// Without the temporary name that tempfile adds: the file that was to be written says more.
fn bare(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((said, _)) => io::Error::new(error.kind(), said.to_owned()),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_names_the_file_and_not_the_temporary_one() {
        let path = std::path::Path::new("/nonexistent/file");
        let error = crate::chain(&super::write(path, b"", 0o644).unwrap_err());
        assert_eq!(error, "cannot write /nonexistent/file: No such file or directory (os error 2)");
    }
}
