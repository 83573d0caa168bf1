//! The full guest's root file system, by mmdebstrap.

use std::fs;
use std::hash::Hash;
use std::path::Path;
use std::process::Command;

use super::partitions::{ROOT_SECTORS, ROOT_START, SECTOR};
use crate::guest::apt;
use crate::sh;

/// Raised when the code that assembles the image changes.
const VERSION: u32 = 1;

const PACKAGES: &[&str] = &[
    "ca-certificates",
    "cloud-guest-utils",
    "cloud-init",
    "dbus",
    "e2fsprogs",
    "fdisk",
    "grub-common",
    "grub-efi-amd64-bin",
    "grub-pc-bin",
    "iproute2",
    "less",
    "libpam-systemd",
    "linux-image-cloud-amd64",
    "netplan.io",
    "openssh-server",
    "openssh-sftp-server",
    "procps",
    "sshfs",
    "sudo",
    "systemd-resolved",
    "systemd-sysv",
    "systemd-timesyncd",
    "udev",
    "vim-tiny",
];

/// Documentation and translations: a third of the files, and nothing here reads them.
const EXCLUDED: &[&str] =
    &["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];

const CUSTOMIZE: &str = include_str!("customize.sh");

/// Everything that decides the result, for the build stamp.
pub fn recipe() -> impl Hash {
    (VERSION, PACKAGES, EXCLUDED, CUSTOMIZE, apt::sources())
}

/// Installs the packages into `work/root.tar`; returns their names and versions.
///
/// # Errors
/// mmdebstrap is missing or fails.
pub fn bootstrap(work: &Path) -> anyhow::Result<Vec<String>> {
    let (script, sources) = (work.join("customize.sh"), work.join("sources.list"));
    fs::write(&script, CUSTOMIZE)?;
    fs::write(&sources, apt::sources())?;
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=minbase", "--architectures=amd64", "--format=tar"]);
    command.arg(format!("--include={}", PACKAGES.join(",")));
    command.args(EXCLUDED.iter().map(|path| format!("--dpkgopt=path-exclude={path}")));
    command.arg(format!("--customize-hook=sh {} \"$1\"", script.display()));
    command.arg(format!(
        "--customize-hook=download /var/lib/dpkg/status {}",
        work.join("status").display()
    ));
    command.arg("bookworm").arg(work.join("root.tar")).arg(&sources);
    // The user's own TMPDIR may lie where the mapped root can't reach.
    sh::output(command.env("TMPDIR", "/var/tmp").current_dir(work))?;
    Ok(versions(&fs::read_to_string(work.join("status"))?))
}

/// Unpacks the tree and makes the root file system of it, in place in the disk.
///
/// Owners need root or a user namespace: mmdebstrap's helper gives us the one it uses itself.
///
/// # Errors
/// tar or mke2fs fails; mke2fs does when the tree doesn't fit.
pub fn into_partition(work: &Path, raw: &Path) -> anyhow::Result<()> {
    const SCRIPT: &str = "set -eu; mkdir tree; tar -C tree -xf root.tar; \
        PATH=$PATH:/usr/sbin:/sbin; \
        mke2fs -q -t ext4 -F -b 4096 -L limekiln-root -E \"offset=$2\" -d tree \"$1\" \"$3\"; rm -rf tree";
    let root = sh::output(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = Command::new(if root { "sh" } else { "mmdebstrap" });
    if !root {
        command.args(["--unshare-helper", "sh"]);
        // The file is ours, and the mapped root is somebody else.
        fs::set_permissions(raw, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    }
    command.args(["-c", SCRIPT, "sh"]).arg(raw);
    command.arg((ROOT_START * SECTOR).to_string()).arg(format!("{}k", ROOT_SECTORS / 2));
    sh::output(command.current_dir(work))?;
    Ok(())
}

fn versions(status: &str) -> Vec<String> {
    let mut name = "";
    let mut list = Vec::new();
    for line in status.lines() {
        if let Some(package) = line.strip_prefix("Package: ") {
            name = package;
        } else if let Some(version) = line.strip_prefix("Version: ") {
            list.push(format!("{name} {version}"));
        }
    }
    list
}
