//! The tiny guest's root file system, as a folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::Arch;
use super::super::modules::Modules;
use super::{initrd, recipe};

const DIRS: &[&str] = &[
    "dev",
    "etc/dropbear",
    "etc/pam.d",
    "etc/sudoers.d",
    "etc/acpi/PWRF",
    "home",
    "mnt",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "usr/bin",
    "usr/lib64",
    "usr/lib/modules/on-demand",
    "usr/lib/openssh",
    "usr/libexec/sudo",
    "usr/sbin",
    "usr/local/bin",
    "usr/local/sbin",
    "var/lib",
    "var/log",
];

/// Builds the tree from the unpacked packages.
///
/// # Errors
/// A package lacks a file that the recipe names, or a file can't be written.
pub fn build(arch: Arch, packages: &Path, tree: &Path) -> anyhow::Result<()> {
    skeleton(arch, tree)?;
    for program in recipe::PROGRAMS {
        let to = tree.join("usr").join(program.trim_start_matches("usr/"));
        copy(&packages.join(program), &to)?;
    }
    copy(&packages.join("usr/lib/openssh/sftp-server"), &tree.join("usr/lib/openssh/sftp-server"))?;
    libraries(arch, packages, tree)?;
    links(arch, tree)?;
    modules(packages, tree)
}

fn skeleton(arch: Arch, tree: &Path) -> anyhow::Result<()> {
    for dir in DIRS {
        fs::create_dir_all(tree.join(dir))?;
    }
    fs::create_dir_all(tree.join("usr/lib").join(arch.triplet()).join("security"))?;
    for (link, to) in [
        ("bin", "usr/bin"),
        ("sbin", "usr/sbin"),
        ("lib", "usr/lib"),
        ("lib64", "usr/lib64"),
        ("var/run", "../run"),
    ] {
        symlink(to, tree.join(link))?;
    }
    for (path, mode, text) in recipe::FILES {
        let file = tree.join(path);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(*mode))?;
    }
    Ok(())
}

fn libraries(arch: Arch, packages: &Path, tree: &Path) -> anyhow::Result<()> {
    let to = tree.join("usr/lib").join(arch.triplet());
    for base in ["lib", "usr/lib"] {
        let from = packages.join(base).join(arch.triplet());
        for entry in
            fs::read_dir(&from).with_context(|| format!("cannot read {}", from.display()))?
        {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_file() && name.contains(".so") && wanted(&name) {
                // Copied through links, so each name that a program asks for is a file.
                copy(&path, &to.join(&name))?;
            }
        }
    }
    let permit = Path::new(arch.triplet()).join("security/pam_permit.so");
    copy(&packages.join("lib").join(&permit), &tree.join("usr/lib").join(&permit))?;
    for entry in fs::read_dir(packages.join("usr/libexec/sudo"))? {
        let path = entry?.path();
        copy(&path, &tree.join("usr/libexec/sudo").join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

/// False for the parts of the C library and of GLib that none of the programs loads.
fn wanted(name: &str) -> bool {
    const UNUSED: &[&str] = &[
        "libBrokenLocale",
        "libanl",
        "libc_malloc_debug",
        "libgio",
        "libgmodule",
        "libgobject",
        "libgthread",
        "libmemusage",
        "libmvec",
        "libnsl",
        "libnss_compat",
        "libnss_hesiod",
        "libpcprofile",
        "libthread_db",
        "libutil",
        "librt.so",
    ];
    !UNUSED.iter().any(|prefix| name.starts_with(prefix))
}

fn links(arch: Arch, tree: &Path) -> anyhow::Result<()> {
    let linker = tree.join(arch.linker());
    let name = linker.file_name().unwrap_or_default().to_string_lossy().into_owned();
    symlink(format!("/usr/lib/{}/{name}", arch.triplet()), &linker)?;
    // Debian's dropbear looks for it here.
    symlink("openssh/sftp-server", tree.join("usr/lib/sftp-server"))?;
    symlink("mke2fs", tree.join("usr/sbin/mkfs.ext4"))?;
    symlink("e2fsck", tree.join("usr/sbin/fsck.ext4"))?;
    symlink("/usr/bin/busybox", tree.join("usr/sbin/init"))?;
    for applet in recipe::applets() {
        let [bin, sbin] = ["usr/bin", "usr/sbin"].map(|dir| tree.join(dir).join(applet));
        if bin.symlink_metadata().is_err() && sbin.symlink_metadata().is_err() {
            symlink("busybox", bin)?;
        }
    }
    Ok(())
}

fn modules(packages: &Path, tree: &Path) -> anyhow::Result<()> {
    let version = initrd::kernel_version(packages)?;
    let all = Modules::scan(&packages.join("lib/modules").join(version))?;
    let to = tree.join("usr/lib/modules");
    let mut loaded = all.in_order(recipe::BOOT_MODULES)?;
    let later = all.in_order(recipe::LATER_MODULES)?;
    fs::write(to.join("order"), bring(&later, &loaded, &to)?)?;
    loaded.extend(later);
    for (asked, wanted) in recipe::MODULES_ON_DEMAND {
        let list = bring(&all.in_order(wanted)?, &loaded, &to)?;
        fs::write(to.join("on-demand").join(asked), list)?;
    }
    Ok(())
}

/// Copies the modules that are not loaded; returns their names, one per line.
fn bring(modules: &[PathBuf], loaded: &[PathBuf], to: &Path) -> anyhow::Result<String> {
    let mut order = String::new();
    for file in modules.iter().filter(|file| !loaded.contains(file)) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        copy(file, &to.join(&name))?;
        order.push_str(&name);
        order.push('\n');
    }
    Ok(order)
}

/// Copies what a link leads to.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}
