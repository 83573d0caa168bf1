//! The full guest: Debian 12 with systemd, cloud-init and OpenSSH, as the official cloud image has
//! them, for hosts that can't download that one and for the tests that need a real system.
//!
//! Built from Debian's packages by mmdebstrap: no root, no loop device, no chroot left behind. It
//! boots by UEFI and by legacy BIOS.

mod boot;
mod partitions;
mod tree;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::stamp::Stamp;
use crate::{sh, workspace};

/// The image's path, built or not.
///
/// # Errors
/// There is no home directory to keep it in.
pub fn path() -> anyhow::Result<PathBuf> {
    Ok(workspace::image_cache()?.join("debian-12-x86_64.qcow2"))
}

/// Builds the image unless the same recipe already did; returns its path. Takes about two minutes.
///
/// # Errors
/// The host isn't x86_64, a tool is missing or fails, or packages can't be fetched.
pub fn build(force: bool) -> anyhow::Result<PathBuf> {
    let image = path()?;
    let stamp = Stamp::new(&image.with_extension("stamp"), tree::recipe());
    if stamp.fresh() && image.exists() && !force {
        println!("full guest is up to date: {}", image.display());
        return Ok(image);
    }
    if std::env::consts::ARCH != "x86_64" {
        bail!("the full guest is built on x86_64 only: mmdebstrap runs the guest's own programs");
    }
    println!("building the full guest, about two minutes: {}", image.display());
    fs::create_dir_all(image.parent().context("no folder for images")?)?;
    let work = work_dir()?;
    let packages = tree::bootstrap(work.path())?;
    assemble(work.path(), &image)?;
    stamp.write(&packages)?;
    Ok(image)
}

/// A folder that the mapped root user of a user namespace can reach and write, which a home
/// directory is not; below /var/tmp, because /tmp may be in memory.
fn work_dir() -> anyhow::Result<tempfile::TempDir> {
    let dir = tempfile::Builder::new().prefix("limekiln-image-").tempdir_in("/var/tmp")?;
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777))?;
    Ok(dir)
}

fn assemble(work: &Path, image: &Path) -> anyhow::Result<()> {
    let raw = work.join("disk.raw");
    partitions::create(&raw)?;
    tree::into_partition(work, &raw)?;
    boot::install(work, &raw)?;
    // Renamed at the end: a VM must never see half an image.
    let partial = image.with_extension("partial");
    let mut convert = sh::tool("qemu-img");
    convert.args(["convert", "-O", "qcow2"]).arg(&raw).arg(&partial);
    sh::output(&mut convert)?;
    fs::rename(&partial, image)?;
    Ok(())
}
