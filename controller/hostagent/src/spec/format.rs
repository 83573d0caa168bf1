//! Disk formats that are stated, never guessed from what a guest could write.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::{Error, atomic};

/// A disk image's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFormat {
    /// QEMU's own.
    Qcow2,
    /// Bytes as they are.
    Raw,
}

impl DiskFormat {
    /// QEMU's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Raw => "raw",
        }
    }

    /// The format of the disk at `path`, from the note `<path>.format` beside it.
    ///
    /// A disk without the note was never run by us: the format is read from its first bytes once
    /// and noted. Were it read every time, the guest of a raw disk could write a qcow2 header that
    /// names any file of the host as backing file.
    ///
    /// # Errors
    /// The disk can't be read, the note can't be written, or it names another format.
    pub fn stated(path: &Path) -> Result<Self, Error> {
        let note = note(path);
        match fs::read_to_string(&note) {
            Ok(text) => match text.trim() {
                "qcow2" => Ok(Self::Qcow2),
                "raw" => Ok(Self::Raw),
                other => Err(std::io::Error::other(format!("unknown disk format {other:?}"))),
            }
            .map_err(Error::file("use", &note)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let format = probe(path).map_err(Error::file("read", path))?;
                atomic::write(&note, format.word().as_bytes(), 0o644)?;
                Ok(format)
            }
            Err(error) => Err(Error::file("read", &note)(error)),
        }
    }
}

fn note(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".format");
    name.into()
}

fn probe(path: &Path) -> std::io::Result<DiskFormat> {
    let mut magic = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut magic)?;
    Ok(if magic == b"QFI\xfb" { DiskFormat::Qcow2 } else { DiskFormat::Raw })
}

#[cfg(test)]
mod tests {
    use super::DiskFormat;

    #[test]
    fn a_raw_disk_stays_raw_whatever_the_guest_writes() {
        let dir = tempfile::tempdir().unwrap();
        let disk = dir.path().join("disk");
        std::fs::write(&disk, [0; 512]).unwrap();
        assert_eq!(DiskFormat::stated(&disk).unwrap(), DiskFormat::Raw);
        std::fs::write(&disk, b"QFI\xfb and a backing file").unwrap();
        assert_eq!(DiskFormat::stated(&disk).unwrap(), DiskFormat::Raw);
    }
}
