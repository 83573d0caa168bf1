//! Copies of large files: shared blocks where the file system can, holes kept where it cannot.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::SeekFrom as Extent;

use super::ImageError;

/// Copies `from` durably to the new file `to`.
pub(crate) async fn copy(from: PathBuf, to: PathBuf) -> Result<(), ImageError> {
    let shown = to.clone();
    tokio::task::spawn_blocking(move || {
        copy_now(&from, &to).map_err(ImageError::file("write", &to))
    })
    .await
    .unwrap_or_else(|error| Err(ImageError::file("write", &shown)(error.into())))
}

/// The same at once. Blocks.
pub(crate) fn copy_now(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = File::create_new(to)?;
    if clone(&target, &source) {
        return target.sync_all();
    }
    let length = source.metadata()?.len();
    target.set_len(length)?;
    let mut offset = 0;
    while let Some((start, end)) = next_extent(&source, offset, length)? {
        source.seek(SeekFrom::Start(start))?;
        target.seek(SeekFrom::Start(start))?;
        copy_bytes(&mut source, &mut target, end - start)?;
        offset = end;
    }
    target.sync_all()
}

/// Btrfs and XFS share the blocks.
#[cfg(target_os = "linux")]
fn clone(target: &File, source: &File) -> bool {
    rustix::fs::ioctl_ficlone(target, source).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn clone(_: &File, _: &File) -> bool {
    false
}

/// The next stretch that holds data, from `offset` on.
fn next_extent(file: &File, offset: u64, length: u64) -> io::Result<Option<(u64, u64)>> {
    if offset >= length {
        return Ok(None);
    }
    match rustix::fs::seek(file, Extent::Data(offset)) {
        Ok(start) => Ok(Some((start, rustix::fs::seek(file, Extent::Hole(start))?))),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        // A file system that knows no holes: all is data.
        Err(rustix::io::Errno::INVAL) => Ok(Some((offset, length))),
        Err(error) => Err(error.into()),
    }
}

fn copy_bytes(source: &mut File, target: &mut File, mut left: u64) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = source.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        target.write_all(&buffer[..count])?;
        left -= count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_and_data_are_copied() {
        let dir = tempfile::tempdir().expect("a directory");
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        let mut file = File::create(&from).expect("writable");
        file.write_all(b"start").expect("writable");
        file.seek(SeekFrom::Start(5 << 20)).expect("seekable");
        file.write_all(b"end").expect("writable");
        file.set_len(9 << 20).expect("sparse");
        copy_now(&from, &to).expect("copied");
        assert_eq!(std::fs::read(&from).expect("readable"), std::fs::read(&to).expect("readable"));
        assert!(copy_now(&from, &to).is_err(), "nothing is overwritten");
    }
}
