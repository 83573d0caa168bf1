//! The disk's partition table: GPT with a BIOS boot partition, an EFI system partition, the root.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::sh;

/// Bytes in a sector, as GPT on a virtual disk counts them.
pub const SECTOR: u64 = 512;
/// First sector of the BIOS boot partition, which holds GRUB's core image.
pub const BIOS_START: u64 = 2048;
/// First sector of the EFI system partition.
pub const ESP_START: u64 = 4096;
/// Sectors of the EFI system partition: 32 MiB.
pub const ESP_SECTORS: u64 = 65_536;
/// First sector of the root partition. It is the last one, so that growpart can grow it.
pub const ROOT_START: u64 = ESP_START + ESP_SECTORS;
/// Sectors of the root partition; up to the backup table's 33 sectors at the end.
pub const ROOT_SECTORS: u64 = DISK_SECTORS - ROOT_START - 2048;

const DISK_SECTORS: u64 = 2 * 1024 * 1024 * 1024 / SECTOR;

/// Makes a sparse disk of 2 GiB with the table.
///
/// # Errors
/// The file can't be written, or sfdisk is missing or fails.
pub fn create(raw: &Path) -> anyhow::Result<()> {
    File::create(raw)?.set_len(DISK_SECTORS * SECTOR)?;
    let table = format!(
        "label: gpt\n\
         start={BIOS_START}, size=2048, type=21686148-6449-6E6F-744E-656564454649\n\
         start={ESP_START}, size={ESP_SECTORS}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n\
         start={ROOT_START}, size={ROOT_SECTORS}, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4\n"
    );
    let mut sfdisk = sh::tool("sfdisk");
    let mut child =
        sfdisk.arg("--quiet").arg(raw).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    if let Some(input) = child.stdin.as_mut() {
        input.write_all(table.as_bytes())?;
    }
    anyhow::ensure!(child.wait()?.success(), "sfdisk failed");
    Ok(())
}
