//! What a disk image is, by its own first bytes, before anything else opens it.
//!
//! QEMU follows a qcow2 header wherever it leads: a backing file or a data file may be any file
//! of this host, or a URL. So such headers are refused here, by a parser that only reads numbers.

mod qcow2;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

pub use qcow2::Qcow2Error;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// QEMU's format, that stands on its own.
    Qcow2,
    /// The bytes as they are.
    Raw,
    /// A CD-ROM.
    Iso,
}

/// A file that is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageInfo {
    /// What it is.
    pub kind: ImageKind,
    /// Bytes that the guest sees.
    pub virtual_size: u64,
}

/// Why a file is not let through.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// Its qcow2 header is dangerous or damaged.
    #[error("its qcow2 header is not safe")]
    Qcow2(#[from] Qcow2Error),
    /// A format that we do not take.
    #[error("it is a {0} image; only qcow2, raw and ISO are taken")]
    Format(&'static str),
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
}

/// Formats that QEMU would recognise, by their first bytes.
const OTHERS: [(&[u8], &str); 9] = [
    (b"KDMV", "VMDK"),
    (b"COWD", "VMDK"),
    (b"# Disk DescriptorFile", "VMDK"),
    (b"<<< ", "VDI"),
    (b"vhdxfile", "VHDX"),
    (b"conectix", "VHD"),
    (b"QED\0", "QED"),
    (b"WithoutFreeSpace", "Parallels"),
    (b"WithouFreSpacExt", "Parallels"),
];

/// Looks at a file.
///
/// # Errors
/// If it cannot be read or is not let through.
pub fn inspect(path: &Path) -> Result<ImageInfo, HeaderError> {
    let mut file = File::open(path)?;
    let size = file.seek(SeekFrom::End(0))?;
    if size == 0 {
        return Err(HeaderError::Empty);
    }
    let start = read_at(&mut file, 0, 112)?;
    if start.starts_with(qcow2::MAGIC) {
        let virtual_size = qcow2::check(&start)?;
        return Ok(ImageInfo { kind: ImageKind::Qcow2, virtual_size });
    }
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(HeaderError::Format(name));
    }
    // ECMA-119: the volume descriptors begin at sector 16, their names in the second byte.
    let iso = read_at(&mut file, 0x8001, 5)? == b"CD001";
    let kind = if iso { ImageKind::Iso } else { ImageKind::Raw };
    Ok(ImageInfo { kind, virtual_size: size })
}

/// Bytes at an offset; fewer at the file's end.
fn read_at(file: &mut File, offset: u64, count: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Bytes that the guest of a disk sees; `stated_raw` says that the disk is raw whatever its first
/// bytes are, for its guest may write there what it likes.
pub(crate) fn virtual_size(path: &Path, stated_raw: bool) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let start = read_at(&mut file, 0, 32)?;
    if start.starts_with(qcow2::MAGIC) && !stated_raw {
        return qcow2::size(&start).ok_or_else(|| io::ErrorKind::InvalidData.into());
    }
    file.seek(SeekFrom::End(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn inspected(bytes: &[u8]) -> Result<ImageInfo, HeaderError> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("image");
        std::fs::write(&path, bytes).expect("writable");
        inspect(&path)
    }

    #[test]
    fn formats_are_told_apart() {
        let mut iso = vec![0; 0x9000];
        iso[0x8001..0x8006].copy_from_slice(b"CD001");
        assert_eq!(inspected(&iso).expect("an ISO").kind, ImageKind::Iso);
        assert_eq!(inspected(&[0; 512]).expect("raw").kind, ImageKind::Raw);
        assert!(matches!(inspected(b"KDMV and more"), Err(HeaderError::Format("VMDK"))));
        assert!(matches!(inspected(b""), Err(HeaderError::Empty)));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 1..200), magic in any::<bool>()) {
            let mut file = if magic { b"QFI\xfb".to_vec() } else { Vec::new() };
            file.extend(bytes);
            let _ = inspected(&file);
        }
    }
}
