//! A small archive of the layout of nerdctl-full, with Debian's containerd: for tests of guests that
//! get it, on hosts that can't download the real one, which is ten times as large.
//!
//! What runs containers (runc, its shim, CNI) and what builds images is left out: no test does that.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Arch;
use super::apt::{self, Apt};
use super::stamp::Stamp;
use crate::{sh, workspace};

/// Raised when the code that assembles the archive changes.
const VERSION: u32 = 1;
const PACKAGES: &[&str] = &["containerd"];
const PROGRAMS: &[&str] = &["containerd", "ctr"];
const UNIT: &str = "lib/systemd/system/containerd.service";

/// Builds it unless the same recipe already did, as `target/guest/containerd/nerdctl-full.tar.gz`.
///
/// # Errors
/// A tool is missing or fails, or a package can't be fetched.
pub fn build(force: bool) -> anyhow::Result<()> {
    let dir = workspace::target().join("guest/containerd");
    let recipe = (VERSION, PACKAGES, PROGRAMS, apt::sources());
    let stamp = Stamp::new(&dir.join("stamp"), recipe);
    if stamp.fresh() && !force {
        println!("containerd is up to date: {}", dir.display());
        return Ok(());
    }
    println!("building an archive of containerd in {}", dir.display());
    let work = dir.join("work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let apt = Apt::open(&work.join("apt"), Arch::X86_64)?;
    let packages = apt.unpack(PACKAGES, &work.join("packages"))?;
    assemble(&work.join("packages"), &work.join("tree"))?;
    pack(&work.join("tree"), &dir.join("nerdctl-full.tar.gz"))?;
    fs::remove_dir_all(work)?;
    stamp.write(&packages)?;
    Ok(())
}

/// The service names its program where the archive's users unpack it.
fn assemble(packages: &Path, tree: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(tree.join("bin"))?;
    for program in PROGRAMS {
        fs::copy(packages.join("usr/bin").join(program), tree.join("bin").join(program))?;
    }
    let unit = fs::read_to_string(packages.join(UNIT))?;
    let unit = unit.replace("=/usr/bin/containerd", "=/usr/local/bin/containerd");
    let place = tree.join(UNIT);
    fs::create_dir_all(place.parent().unwrap_or(tree))?;
    fs::write(place, unit)?;
    Ok(())
}

/// Without a directory `./`: whoever unpacks it keeps their own.
fn pack(tree: &Path, archive: &Path) -> anyhow::Result<()> {
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(tree).arg("-czf").arg(archive);
    tar.args(["--owner=0", "--group=0", "bin", "lib"]);
    sh::output(&mut tar)?;
    Ok(())
}
