//! Files that are there as a whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

#[cfg(feature = "faults")]
use limekiln_api::mutant::{Mutant, is_on};

/// How the name of a file begins that is being written. Hidden, so that what a crash leaves behind
/// is not taken for a file of ours.
pub(crate) const HALF: &str = ".new-";

/// Replaces the file. After a crash it holds the old bytes or the new ones.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(HALF).tempfile_in(dir)?;
    #[cfg(feature = "faults")]
    if let Err(error) = crate::faults::at(path) {
        return Err(tear(path, file, bytes, error));
    }
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(dir)
}

/// Removes the file if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::at(path)?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => path.parent().map_or(Ok(()), sync_dir),
    }
}

/// Without this a rename can be lost with the power.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Whoever dies in the middle leaves half of the new file behind.
#[cfg(feature = "faults")]
fn tear(
    path: &Path,
    mut file: tempfile::NamedTempFile,
    bytes: &[u8],
    error: io::Error,
) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        if is_on(Mutant::WritesInPlace) {
            return std::fs::write(path, &bytes[..bytes.len() / 2]).err().unwrap_or(error);
        }
        let half = file.write_all(&bytes[..bytes.len() / 2]);
        return half.and_then(|()| file.keep().map_err(Into::into)).err().unwrap_or(error);
    }
    error
}
