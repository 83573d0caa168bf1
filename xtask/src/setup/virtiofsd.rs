//! virtiofsd, the one in Rust: from the distribution where that has it (Debian 13, Ubuntu 24.04 and
//! Fedora do), else built by cargo, as on Debian 12.

use std::path::Path;
use std::process::Command;

use super::manager::Manager;
use crate::sh;

/// What its build links with, for apt and dnf.
const LIBRARIES: [(&str, &str); 2] =
    [("libcap-ng-dev", "libcap-ng-devel"), ("libseccomp-dev", "libseccomp-devel")];

/// Installs it if it is missing. Only virtiofs mounts need it, so a failure is only told.
pub fn ensure() {
    if !cfg!(target_os = "linux") || installed() {
        return;
    }
    println!("setup: missing virtiofsd");
    if let Err(error) = install() {
        println!("setup: still without virtiofsd: guests can't have virtiofs mounts: {error:#}");
    }
}

fn installed() -> bool {
    let home = std::env::var_os("HOME").unwrap_or_default();
    // QEMU's own, in C, is called so, too, and lies elsewhere on Debian.
    sh::has("virtiofsd")
        || Path::new("/usr/libexec/virtiofsd").exists()
        || Path::new("/usr/lib/virtiofsd").exists()
        || Path::new(&home).join(".cargo/bin/virtiofsd").exists()
}

fn install() -> anyhow::Result<()> {
    let manager = Manager::detect();
    if let Some(manager) = manager.filter(|manager| packaged(*manager)) {
        return manager.install(&["virtiofsd"]);
    }
    if let Some(manager) = manager {
        let names = LIBRARIES.map(|(apt, dnf)| match manager {
            Manager::Dnf => dnf,
            Manager::Apt | Manager::Brew => apt,
        });
        manager.install(&names)?;
    }
    sh::run(&mut sh::cargo(&["install", "--locked", "virtiofsd"]))
}

fn packaged(manager: Manager) -> bool {
    let (program, verb) = match manager {
        Manager::Apt => ("apt-cache", "show"),
        Manager::Dnf => ("dnf", "info"),
        Manager::Brew => return false,
    };
    sh::output(Command::new(program).args([verb, "virtiofsd"])).is_ok()
}
