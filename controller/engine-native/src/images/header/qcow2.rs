//! The qcow2 header (QEMU's docs/interop/qcow2.txt). All numbers are big-endian.

/// `QFI\xfb`.
pub(super) const MAGIC: &[u8] = b"QFI\xfb";

/// 64 TiB: more is a mistake or an attack, and QEMU would make tables for it.
const MAX_SIZE: u64 = 64 << 40;

/// The dirty bit: a refcount table that is rebuilt at the next opening. Harmless.
const INCOMPATIBLE_DIRTY: u64 = 1;
/// Compression other than zlib, for which QEMU 5.1 is enough.
const INCOMPATIBLE_COMPRESSION: u64 = 1 << 3;
/// Smaller allocation units, for which QEMU 5.2 is enough.
const INCOMPATIBLE_EXTENDED_L2: u64 = 1 << 4;
const INCOMPATIBLE_EXTERNAL_DATA: u64 = 1 << 2;

/// Why a qcow2 header is not let through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Qcow2Error {
    /// The file ends before its header does.
    #[error("the header is cut short")]
    Short,
    /// Neither version 2 nor 3.
    #[error("version {0} is unknown")]
    Version(u32),
    /// It names another file to read from.
    #[error("it has a backing file")]
    BackingFile,
    /// It keeps its data in another file.
    #[error("it has an external data file")]
    ExternalData,
    /// It is encrypted.
    #[error("it is encrypted")]
    Encrypted,
    /// Features that change how it is to be read.
    #[error("it needs unknown features ({0:#x})")]
    Features(u64),
    /// A size that no disk has.
    #[error("it says that the disk has {0} bytes")]
    Size(u64),
    /// A number outside its range.
    #[error("{0} is out of range")]
    Range(&'static str),
}

/// Checks a header of which `bytes` are the first; returns the virtual size.
pub(super) fn check(bytes: &[u8]) -> Result<u64, Qcow2Error> {
    let version = u32_at(bytes, 4)?;
    if !(2..=3).contains(&version) {
        return Err(Qcow2Error::Version(version));
    }
    if u64_at(bytes, 8)? != 0 || u32_at(bytes, 16)? != 0 {
        return Err(Qcow2Error::BackingFile);
    }
    if !(9..=21).contains(&u32_at(bytes, 20)?) {
        return Err(Qcow2Error::Range("the cluster size"));
    }
    let size = u64_at(bytes, 24)?;
    if size == 0 || size > MAX_SIZE {
        return Err(Qcow2Error::Size(size));
    }
    if u32_at(bytes, 32)? != 0 {
        return Err(Qcow2Error::Encrypted);
    }
    if u32_at(bytes, 60)? > 65_536 {
        return Err(Qcow2Error::Range("the number of snapshots"));
    }
    if version == 3 {
        check_version_3(bytes)?;
    }
    Ok(size)
}

fn check_version_3(bytes: &[u8]) -> Result<(), Qcow2Error> {
    let incompatible = u64_at(bytes, 72)?;
    if incompatible & INCOMPATIBLE_EXTERNAL_DATA != 0 {
        return Err(Qcow2Error::ExternalData);
    }
    let known = INCOMPATIBLE_DIRTY | INCOMPATIBLE_COMPRESSION | INCOMPATIBLE_EXTENDED_L2;
    if incompatible & !known != 0 {
        return Err(Qcow2Error::Features(incompatible & !known));
    }
    if u32_at(bytes, 96)? > 6 {
        return Err(Qcow2Error::Range("the refcount width"));
    }
    let length = u32_at(bytes, 100)?;
    if length < 104 || length % 8 != 0 || length > 65_536 {
        return Err(Qcow2Error::Range("the header's length"));
    }
    Ok(())
}

/// The virtual size alone, of a disk that was checked when it was made.
pub(super) fn size(bytes: &[u8]) -> Option<u64> {
    u64_at(bytes, 24).ok()
}

fn u32_at(bytes: &[u8], offset: usize) -> Result<u32, Qcow2Error> {
    let field = bytes.get(offset..offset + 4).and_then(|field| field.try_into().ok());
    field.map(u32::from_be_bytes).ok_or(Qcow2Error::Short)
}

fn u64_at(bytes: &[u8], offset: usize) -> Result<u64, Qcow2Error> {
    let field = bytes.get(offset..offset + 8).and_then(|field| field.try_into().ok());
    field.map(u64::from_be_bytes).ok_or(Qcow2Error::Short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Vec<u8> {
        let mut header = vec![0; 112];
        header[..4].copy_from_slice(MAGIC);
        header[7] = 3;
        header[23] = 16;
        header[24..32].copy_from_slice(&(1_u64 << 30).to_be_bytes());
        header[99] = 4;
        header[103] = 112;
        header
    }

    fn with(offset: usize, byte: u8) -> Result<u64, Qcow2Error> {
        let mut header = good();
        header[offset] = byte;
        check(&header)
    }

    #[test]
    fn a_plain_header_passes() {
        assert_eq!(check(&good()), Ok(1 << 30));
        assert_eq!(with(79, 1 | 1 << 3 | 1 << 4), Ok(1 << 30), "dirty, zstd, extended L2");
    }

    #[test]
    fn dangerous_headers_are_refused() {
        assert_eq!(with(15, 200), Err(Qcow2Error::BackingFile));
        assert_eq!(with(19, 8), Err(Qcow2Error::BackingFile));
        assert_eq!(with(79, 1 << 2), Err(Qcow2Error::ExternalData));
        assert_eq!(with(35, 1), Err(Qcow2Error::Encrypted));
        assert_eq!(with(72, 1), Err(Qcow2Error::Features(1 << 56)));
        assert!(matches!(with(24, 0xff), Err(Qcow2Error::Size(_))));
        assert_eq!(with(23, 60), Err(Qcow2Error::Range("the cluster size")));
        assert_eq!(with(7, 9), Err(Qcow2Error::Version(9)));
        assert_eq!(check(&good()[..60]), Err(Qcow2Error::Short));
    }
}
