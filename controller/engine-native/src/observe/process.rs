//! Which processes of an instance live.

use std::fs;
use std::path::Path;

use limekiln_hostagent::process;

/// The instance's host agent, ours or Lima's, if it lives.
pub(crate) fn agent_pid(dir: &Path) -> Option<u32> {
    living(dir, "ha.pid")
}

/// The instance's QEMU, if it lives.
pub(crate) fn driver_pid(dir: &Path) -> Option<u32> {
    living(dir, "qemu.pid")
}

/// A pid file is only a hint: after a crash or a reboot its number may be anybody's. The process
/// is the instance's if its arguments name the instance's directory; Lima's agent names only the
/// instance.
fn living(dir: &Path, file: &str) -> Option<u32> {
    let pid: u32 = fs::read_to_string(dir.join(file)).ok()?.trim().parse().ok()?;
    (process::exists(pid) && is_of(pid, dir)).then_some(pid)
}

#[cfg(target_os = "linux")]
fn is_of(pid: u32, dir: &Path) -> bool {
    let Ok(arguments) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let dir_bytes = dir.as_os_str().as_encoded_bytes();
    arguments.windows(dir_bytes.len().max(1)).any(|window| window == dir_bytes)
}

#[cfg(not(target_os = "linux"))]
fn is_of(_: u32, _: &Path) -> bool {
    true
}
