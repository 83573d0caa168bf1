//! A program in place of sudo, for tests of what guests' shells do.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// Installs a script as `sudo` in the directory; returns the `PATH` that finds it first.
pub(crate) fn fake_sudo(dir: &Path, script: &str) -> OsString {
    let text = dir.join("text");
    std::fs::write(&text, script).expect("writable");
    // By another process: no other test's child has it open for writing, and keeps it from running.
    let mut install = Command::new("install");
    install.args(["-m", "755"]).arg(text).arg(dir.join("sudo"));
    assert!(install.status().expect("install runs").success());
    programs(dir)
}

/// The `PATH` that looks into the directory first.
pub(crate) fn programs(dir: &Path) -> OsString {
    std::env::join_paths([dir, "/usr/bin".as_ref(), "/bin".as_ref()]).expect("no colons")
}
