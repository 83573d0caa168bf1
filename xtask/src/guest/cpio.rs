//! The cpio "newc" archive that the kernel unpacks as initramfs
//! (Linux: Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! Written here because cpio(1) isn't on every host and can't set owners or make nodes without root.

use std::io::{self, Write};

const DIR: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHAR: u32 = 0o020_000;

/// Writes entries, all owned by root.
pub struct Cpio<W: Write> {
    out: W,
    inode: u32,
}

impl<W: Write> Cpio<W> {
    /// An archive that goes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, inode: 0 }
    }

    /// A directory, mode 0755.
    pub fn dir(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, DIR | 0o755, (0, 0), &[])
    }

    /// A regular file.
    pub fn file(&mut self, name: &str, mode: u32, data: &[u8]) -> io::Result<()> {
        self.entry(name, FILE | mode, (0, 0), data)
    }

    /// A symbolic link.
    pub fn link(&mut self, name: &str, to: &str) -> io::Result<()> {
        self.entry(name, LINK | 0o777, (0, 0), to.as_bytes())
    }

    /// A character device.
    pub fn char_device(&mut self, name: &str, device: (u32, u32)) -> io::Result<()> {
        self.entry(name, CHAR | 0o600, device, &[])
    }

    /// Writes the trailer and gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        Ok(self.out)
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), data: &[u8]) -> io::Result<()> {
        self.inode += 1;
        let size = u32::try_from(data.len()).map_err(io::Error::other)?;
        let name_size = u32::try_from(name.len() + 1).map_err(io::Error::other)?;
        let fields = [self.inode, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name_size, 0];
        self.out.write_all(b"070701")?;
        for field in fields {
            write!(self.out, "{field:08X}")?;
        }
        // The header is 110 bytes; header with name, and data, are each padded to four.
        self.out.write_all(name.as_bytes())?;
        self.pad(110 + name.len() + 1, 1)?;
        self.out.write_all(data)?;
        self.pad(data.len(), 0)
    }

    fn pad(&mut self, length: usize, terminator: usize) -> io::Result<()> {
        let zeros = terminator + length.wrapping_neg() % 4;
        self.out.write_all(&[0; 4][..zeros])
    }
}

#[cfg(test)]
mod tests {
    use super::Cpio;

    #[test]
    fn entries_start_on_multiples_of_four() {
        let mut cpio = Cpio::new(Vec::new());
        for name in ["a", "ab", "abc", "abcd", "abcde"] {
            cpio.file(name, 0o644, name.as_bytes()).unwrap();
        }
        let bytes = cpio.finish().unwrap();
        let starts: Vec<usize> =
            (0..bytes.len() - 5).filter(|&at| &bytes[at..at + 6] == b"070701").collect();
        assert_eq!(starts.len(), 6);
        assert!(starts.iter().all(|at| at % 4 == 0), "{starts:?}");
        assert_eq!(bytes.len() % 4, 0);
    }
}
