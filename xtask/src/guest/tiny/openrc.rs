//! OpenRC beside the tiny guest's own init: one of its services runs the boot script, as on systems
//! that have it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::Context;

use super::rootfs;

/// Packages that the guest has besides.
pub const PACKAGES: &[&str] = &["libeinfo1", "librc1", "openrc"];

const PROGRAMS: &[&str] = &[
    "bin/rc-status",
    "sbin/openrc",
    "sbin/openrc-run",
    "sbin/rc-service",
    "sbin/rc-update",
    "sbin/supervise-daemon",
];

/// The service that runs the boot script.
pub const SERVICE: &str = include_str!("openrc.sh");
const NAME: &str = "limekiln-boot";

/// Puts it into the tree. Its libraries are there: all of the packages' are.
///
/// # Errors
/// A package lacks a file, or a file can't be written.
pub fn install(packages: &Path, tree: &Path) -> anyhow::Result<()> {
    for program in PROGRAMS {
        rootfs::copy(&packages.join(program), &tree.join("usr").join(program))?;
    }
    copy_all(&packages.join("lib/rc"), &tree.join("usr/lib/rc"))?;
    rootfs::copy(&packages.join("etc/rc.conf"), &tree.join("etc/rc.conf"))?;
    let services = tree.join("etc/init.d");
    fs::create_dir_all(&services)?;
    let service = services.join(NAME);
    fs::write(&service, SERVICE)?;
    fs::set_permissions(&service, fs::Permissions::from_mode(0o755))?;
    for level in ["sysinit", "boot", "default", "shutdown"] {
        fs::create_dir_all(tree.join("etc/runlevels").join(level))?;
    }
    let entry = tree.join("etc/runlevels/default").join(NAME);
    symlink(Path::new("/etc/init.d").join(NAME), entry)?;
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let path = entry?.path();
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() { copy_all(&path, &to)? } else { rootfs::copy(&path, &to)? }
    }
    Ok(())
}
