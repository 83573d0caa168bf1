//! The program for the guest: ours or Lima's.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use limekiln_api::Arch;

/// Names a file to take, before all others are looked for.
const VARIABLE: &str = "LIMEKILN_GUESTAGENT";

/// There is no program for such a guest.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no guest agent for Linux on {arch}, so ports are not forwarded and the clock is not \
     kept: install limekiln-guestagent.Linux-{arch} beside limekiln, or name it in \
     {VARIABLE}{}", tried(.unfit)
)]
pub struct BinaryError {
    /// The guest's architecture.
    pub arch: Arch,
    /// What was found and can't be used, and why.
    pub unfit: Vec<(PathBuf, String)>,
}

fn tried(unfit: &[(PathBuf, String)]) -> String {
    let tried: Vec<_> =
        unfit.iter().map(|(path, why)| format!("{}: {why}", path.display())).collect();
    if tried.is_empty() { String::new() } else { format!(" ({})", tried.join("; ")) }
}

/// The first that fits, of:
/// `$LIMEKILN_GUESTAGENT`; `limekiln-guestagent.Linux-ARCH` and `limekiln-guestagent` beside this
/// program; `share/limekiln/limekiln-guestagent.Linux-ARCH` and
/// `share/lima/lima-guestagent.Linux-ARCH` beside its folder.
///
/// # Errors
/// None fits: it is for another architecture, or needs libraries that a guest may not have.
pub fn find_binary(arch: Arch) -> Result<PathBuf, BinaryError> {
    let mut unfit = Vec::new();
    for path in places(arch) {
        match check(&path, arch) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => unfit.push((path, error.to_string())),
        }
    }
    Err(BinaryError { arch, unfit })
}

fn places(arch: Arch) -> Vec<PathBuf> {
    let named = env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = named {
        return vec![path];
    }
    // A link leads to where the program was installed.
    let program = env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
    let folder = program.parent().unwrap_or(Path::new("/"));
    let prefix = folder.parent().unwrap_or(folder);
    let ours = format!("limekiln-guestagent.Linux-{}", arch.word());
    vec![
        folder.join(&ours),
        folder.join("limekiln-guestagent"),
        prefix.join("share/limekiln").join(&ours),
        prefix.join("share/lima").join(format!("lima-guestagent.Linux-{}", arch.word())),
    ]
}

/// Of an ELF file: where `e_machine`, `e_phoff`, `e_phentsize` and `e_phnum` stand in its header,
/// with 64 and with 32 bits (elf(5)).
const WIDE: (usize, usize, usize) = (32, 54, 8);
const NARROW: (usize, usize, usize) = (28, 42, 4);
const MACHINE: usize = 18;
/// The program header that names a dynamic linker.
const INTERPRETER: u32 = 3;

/// Whether the file is a static program for the architecture.
fn check(path: &Path, arch: Arch) -> io::Result<()> {
    let unfit = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let mut file = File::open(path)?;
    let mut header = [0; 64];
    file.read_exact(&mut header).map_err(|_| unfit("it is no program"))?;
    if header[..4] != *b"\x7fELF" {
        return Err(unfit("it is no program for Linux"));
    }
    let little = header[5] == 1;
    let number = |bytes: &[u8]| {
        let digits = bytes.iter().enumerate();
        digits.fold(0_u64, |sum, (at, byte)| {
            let shift = if little { at } else { bytes.len() - 1 - at };
            sum | (u64::from(*byte) << (8 * shift))
        })
    };
    if number(&header[MACHINE..MACHINE + 2]) != machine(arch) {
        return Err(unfit("it is for another architecture"));
    }
    let (offset, size, width) = if header[4] == 2 { WIDE } else { NARROW };
    let table = number(&header[offset..offset + width]);
    let (size, count) = (number(&header[size..size + 2]), number(&header[size + 2..size + 4]));
    for index in 0..count {
        let mut kind = [0; 4];
        file.seek(SeekFrom::Start(table.saturating_add(index * size)))?;
        file.read_exact(&mut kind).map_err(|_| unfit("it is cut off"))?;
        if number(&kind) == u64::from(INTERPRETER) {
            // As `cargo install` builds it where nobody asks for more.
            return Err(unfit(
                "it is not static, and the guest may have another C library: build it with \
                 RUSTFLAGS='-C target-feature=+crt-static'",
            ));
        }
    }
    Ok(())
}

/// ELF's number of the architecture.
fn machine(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 => 62,
        Arch::Aarch64 => 183,
        Arch::Armv7l => 40,
        Arch::Riscv64 => 243,
        Arch::Ppc64le => 21,
        Arch::S390x => 22,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF header for x86_64 and one program header.
    fn elf(machine: u8, kind: u8) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[MACHINE] = machine;
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes.extend([kind, 0, 0, 0]);
        bytes
    }

    #[test]
    fn only_a_static_program_for_the_guest_fits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent");
        let with = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            check(&path, Arch::X86_64).map_err(|error| error.to_string())
        };
        assert_eq!(with(&elf(62, 1)), Ok(()));
        let error = with(&elf(62, 3)).unwrap_err();
        assert!(error.contains("not static") && error.contains("+crt-static"), "{error}");
        assert!(with(&elf(183, 1)).unwrap_err().contains("another architecture"));
        assert!(with(b"#!/bin/sh\n").unwrap_err().contains("no program"));
        assert!(with(&elf(62, 1)[..65]).unwrap_err().contains("cut off"));
        let own = env::current_exe().unwrap();
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            let error = check(&own, Arch::X86_64).unwrap_err().to_string();
            assert!(error.contains("not static"), "{error}");
        }
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        let unfit = vec![("/a/limekiln-guestagent".into(), "it is not static".to_owned())];
        let error = BinaryError { arch: Arch::Aarch64, unfit }.to_string();
        assert!(error.contains("limekiln-guestagent.Linux-aarch64 beside limekiln"), "{error}");
        assert!(error.ends_with("(/a/limekiln-guestagent: it is not static)"), "{error}");
    }
}
