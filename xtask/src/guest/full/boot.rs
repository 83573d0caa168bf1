//! GRUB for both firmware kinds, without grub-install, which would need a loop device.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use super::partitions::{BIOS_START, ESP_SECTORS, ESP_START, SECTOR};
use crate::sh;

/// Where boot.img keeps the first sector of the core image (GRUB: include/grub/i386/pc/boot.h,
/// `GRUB_BOOT_MACHINE_KERNEL_SECTOR`).
const KERNEL_SECTOR: usize = 0x5c;
/// Where the core image's first sector keeps the place of the rest of it: the last block list of
/// 12 bytes (`GRUB_BOOT_MACHINE_LIST_SIZE`) in the sector.
const BLOCK_LIST: usize = 512 - 12;
/// Boot code may fill the master boot record up to the disk signature.
const BOOT_CODE: usize = 440;

/// Puts GRUB into the boot sector, the BIOS boot partition and the EFI system partition, from the
/// files that customize.sh left below `/boot/grub` in `work/root.tar`.
///
/// # Errors
/// The files aren't there, or mtools is missing or fails.
pub fn install(work: &Path, raw: &Path) -> anyhow::Result<()> {
    let names = ["boot.img", "core.img", "bootx64.efi"].map(|name| format!("./boot/grub/{name}"));
    sh::output(Command::new("tar").arg("-xf").arg("root.tar").args(&names).current_dir(work))?;
    let grub = work.join("boot/grub");
    bios(&fs::read(grub.join("boot.img"))?, fs::read(grub.join("core.img"))?, raw)?;
    efi(&grub.join("bootx64.efi"), raw)
}

fn bios(boot: &[u8], mut core: Vec<u8>, raw: &Path) -> anyhow::Result<()> {
    ensure!(boot.len() == 512 && core.len() > 512, "GRUB's images have an unexpected size");
    ensure!(core.len() as u64 <= (ESP_START - BIOS_START) * SECTOR, "GRUB's core image is too big");
    let mut boot = boot.to_vec();
    boot[KERNEL_SECTOR..KERNEL_SECTOR + 8].copy_from_slice(&BIOS_START.to_le_bytes());
    core[BLOCK_LIST..BLOCK_LIST + 8].copy_from_slice(&(BIOS_START + 1).to_le_bytes());
    let disk = OpenOptions::new().write(true).open(raw)?;
    disk.write_all_at(&boot[..BOOT_CODE], 0)?;
    disk.write_all_at(&core, BIOS_START * SECTOR)?;
    Ok(())
}

fn efi(loader: &Path, raw: &Path) -> anyhow::Result<()> {
    let partition = format!("{}@@{}", raw.display(), ESP_START * SECTOR);
    let sectors = ESP_SECTORS.to_string();
    sh::output(
        Command::new("mformat").args(["-i", &partition, "-T", &sectors, "-v", "EFI", "::"]),
    )?;
    sh::output(Command::new("mmd").args(["-i", &partition, "::/EFI", "::/EFI/BOOT"]))?;
    // The name that firmware looks for on a disk it has never seen (UEFI specification, 3.5.1.1).
    let mut mcopy = Command::new("mcopy");
    mcopy.args(["-i", &partition]).arg(loader).arg("::/EFI/BOOT/BOOTX64.EFI");
    sh::output(&mut mcopy)?;
    Ok(())
}
