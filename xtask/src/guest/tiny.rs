//! The tiny test guest: Debian's cloud kernel, busybox, an SSH server, and a few scripts of ours.
//!
//! It is made in seconds and boots in about three under TCG, so most live tests use it. It has no
//! cloud-init: `tiny/rc.sh` fulfils the cidata contract. What it makes, below
//! `target/guest/tiny-ARCH/`, `target/guest/tiny-generic-x86_64/` and `target/guest/tiny-openrc-x86_64/`: `vmlinuz`, `initrd`, `cmdline`, `disk.qcow2`, `stamp`.

mod initrd;
mod openrc;
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

/// What a guest is made of, beside what all have.
struct Variant {
    arch: Arch,
    kernel: &'static str,
    openrc: bool,
}

/// Builds the guest unless the same recipe already did; returns its folder.
///
/// # Errors
/// A tool is missing or fails, or a package can't be fetched.
pub fn build(arch: Arch, force: bool) -> anyhow::Result<PathBuf> {
    let variant = Variant { arch, kernel: arch.kernel(), openrc: false };
    make(&variant, &format!("tiny-{}", arch.lima()), force)
}

/// The same for x86_64 with Debian's usual kernel, for what the cloud flavour lacks: 9p.
///
/// # Errors
/// As [`build`].
pub fn build_generic(force: bool) -> anyhow::Result<PathBuf> {
    let variant = Variant { arch: Arch::X86_64, kernel: "linux-image-amd64", openrc: false };
    make(&variant, "tiny-generic-x86_64", force)
}

/// The same for x86_64 with OpenRC, for what becomes of the guest agent there.
///
/// # Errors
/// As [`build`].
pub fn build_openrc(force: bool) -> anyhow::Result<PathBuf> {
    let variant = Variant { arch: Arch::X86_64, kernel: Arch::X86_64.kernel(), openrc: true };
    make(&variant, "tiny-openrc-x86_64", force)
}

fn make(variant: &Variant, name: &str, force: bool) -> anyhow::Result<PathBuf> {
    let dir = workspace::target().join("guest").join(name);
    let &Variant { arch, kernel, openrc } = variant;
    let stamp = Stamp::new(&dir.join("stamp"), recipe::fingerprint(arch, kernel, openrc));
    if stamp.fresh() && !force {
        println!("guest {name} is up to date: {}", dir.display());
        return Ok(dir);
    }
    println!("building the guest {name} in {}", dir.display());
    let work = dir.join("work");
    fs::create_dir_all(&work)?;
    let packages = fetch(variant, &work)?;
    assemble(variant, &work, &dir)?;
    fs::remove_dir_all(work)?;
    stamp.write(&packages)?;
    Ok(dir)
}

fn fetch(variant: &Variant, work: &Path) -> anyhow::Result<Vec<String>> {
    let apt = Apt::open(&work.join("apt"), variant.arch)?;
    let kernel = apt.kernel(variant.kernel)?;
    let packages = work.join("packages");
    if packages.exists() {
        fs::remove_dir_all(&packages)?;
    }
    let mut wanted = recipe::PACKAGES.to_vec();
    wanted.push(&kernel);
    wanted.extend(variant.openrc.then_some(openrc::PACKAGES).into_iter().flatten());
    apt.unpack(&wanted, &packages)
}

fn assemble(variant: &Variant, work: &Path, dir: &Path) -> anyhow::Result<()> {
    let &Variant { arch, openrc, .. } = variant;
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
    if openrc {
        openrc::install(&packages, &tree)?;
    }
    disk::ext4(&tree, &raw, DISK_MEBIBYTES, "root")?;
    let mut convert = sh::tool("qemu-img");
    convert.args(["convert", "-O", "qcow2"]).arg(&raw).arg(dir.join("disk.qcow2"));
    sh::output(&mut convert)?;
    fs::remove_file(raw)?;
    Ok(())
}
