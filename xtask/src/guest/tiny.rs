//! The tiny test guest: Debian's cloud kernel, busybox, an SSH server, and a few scripts of ours.
//!
//! It is made in seconds and boots in about three under TCG, so most live tests use it. It has no
//! cloud-init: `tiny/rc.sh` fulfils the cidata contract. What it makes, below
//! `target/guest/tiny-ARCH/` and `target/guest/tiny-generic-x86_64/`: `vmlinuz`, `initrd`, `cmdline`, `disk.qcow2`, `stamp`.

mod initrd;
mod recipe;
mod rootfs;

use std::fs;
use std::path::{Path, PathBuf};

use super::apt::Apt;
use super::stamp::Stamp;
use super::{Arch, disk};
use crate::{sh, workspace};

/// Bigger than the tree by enough for a test to write in; instances grow their copy.
const DISK_MEBIBYTES: u32 = 128;

/// Builds the guest unless the same recipe already did; returns its folder.
///
/// # Errors
/// A tool is missing or fails, or a package can't be fetched.
pub fn build(arch: Arch, force: bool) -> anyhow::Result<PathBuf> {
    make(arch, arch.kernel(), &format!("tiny-{}", arch.lima()), force)
}

/// The same for x86_64 with Debian's usual kernel, for what the cloud flavour lacks: 9p.
///
/// # Errors
/// As [`build`].
pub fn build_generic(force: bool) -> anyhow::Result<PathBuf> {
    make(Arch::X86_64, "linux-image-amd64", "tiny-generic-x86_64", force)
}

fn make(arch: Arch, kernel: &str, name: &str, force: bool) -> anyhow::Result<PathBuf> {
    let dir = workspace::target().join("guest").join(name);
    let stamp = Stamp::new(&dir.join("stamp"), recipe::fingerprint(arch, kernel));
    if stamp.fresh() && !force {
        println!("guest {name} is up to date: {}", dir.display());
        return Ok(dir);
    }
    println!("building the guest {name} in {}", dir.display());
    let work = dir.join("work");
    fs::create_dir_all(&work)?;
    let packages = fetch(arch, kernel, &work)?;
    assemble(arch, &work, &dir)?;
    fs::remove_dir_all(work)?;
    stamp.write(&packages)?;
    Ok(dir)
}

fn fetch(arch: Arch, kernel: &str, work: &Path) -> anyhow::Result<Vec<String>> {
    let apt = Apt::open(&work.join("apt"), arch)?;
    let kernel = apt.kernel(kernel)?;
    let packages = work.join("packages");
    if packages.exists() {
        fs::remove_dir_all(&packages)?;
    }
    let mut wanted = recipe::PACKAGES.to_vec();
    wanted.push(&kernel);
    apt.unpack(&wanted, &packages)
}

fn assemble(arch: Arch, work: &Path, dir: &Path) -> anyhow::Result<()> {
    let (packages, tree, raw) = (work.join("packages"), work.join("tree"), work.join("disk.raw"));
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    let kernel = initrd::write(&packages, &dir.join("initrd"))?;
    fs::copy(kernel, dir.join("vmlinuz"))?;
    // On a busy host, an emulated timer can be late for the kernel's test of it, which panics then.
    let timer = if arch == Arch::X86_64 { " no_timer_check" } else { "" };
    fs::write(dir.join("cmdline"), format!("console={} quiet{timer}\n", arch.console()))?;
    rootfs::build(arch, &packages, &tree)?;
    disk::ext4(&tree, &raw, DISK_MEBIBYTES, "root")?;
    let mut convert = sh::tool("qemu-img");
    convert.args(["convert", "-O", "qcow2"]).arg(&raw).arg(dir.join("disk.qcow2"));
    sh::output(&mut convert)?;
    fs::remove_file(raw)?;
    Ok(())
}
