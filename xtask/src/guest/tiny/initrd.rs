//! The tiny guest's initramfs: busybox, the modules that reach the root disk, one script.
//!
//! It is not compressed: under TCG unpacking costs more than reading.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::cpio::Cpio;
use super::super::modules::Modules;
use super::recipe;

/// Writes the initramfs from the unpacked packages; returns the kernel that belongs to it.
///
/// # Errors
/// The packages hold no kernel, or a file can't be read or written.
pub fn write(packages: &Path, initrd: &Path) -> anyhow::Result<PathBuf> {
    let version = kernel_version(packages)?;
    let modules = Modules::scan(&packages.join("lib/modules").join(&version))?;
    let mut cpio = Cpio::new(Vec::new());
    for dir in ["bin", "dev", "modules", "proc", "root", "sys"] {
        cpio.dir(dir)?;
    }
    // The kernel opens it for the first process before devtmpfs is mounted.
    cpio.char_device("dev/console", (5, 1))?;
    cpio.file("bin/busybox", 0o755, &fs::read(packages.join("bin/busybox"))?)?;
    cpio.link("bin/sh", "busybox")?;
    cpio.file("init", 0o755, recipe::INITRAMFS.as_bytes())?;
    let mut order = String::new();
    for file in modules.in_order(recipe::BOOT_MODULES)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        cpio.file(&format!("modules/{name}"), 0o644, &fs::read(&file)?)?;
        order.push_str(&name);
        order.push('\n');
    }
    cpio.file("modules/order", 0o644, order.as_bytes())?;
    fs::write(initrd, cpio.finish()?)?;
    Ok(packages.join(format!("boot/vmlinuz-{version}")))
}

/// The version of the one kernel among the packages.
///
/// # Errors
/// There is none.
pub fn kernel_version(packages: &Path) -> anyhow::Result<String> {
    let dir = packages.join("lib/modules");
    let entry = fs::read_dir(&dir)?.next().context("no kernel among the packages")??;
    Ok(entry.file_name().to_string_lossy().into_owned())
}
