//! Which processes of an instance live.

use std::fs;
use std::path::Path;

use limekiln_hostagent::process;

/// The instance's host agent, ours or Lima's, if it lives.
pub(crate) fn agent_pid(dir: &Path) -> Option<u32> {
    living(dir, "ha.pid")
}

/// Whether anything of the instance lives: then its files and disks are not to be touched.
pub(crate) fn lives(dir: &Path) -> bool {
    agent_pid(dir).is_some() || driver_pid(dir).is_some()
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
    (process::exists(pid) && process::names(pid, dir)).then_some(pid)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_that_names_a_stranger_names_nobody() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("ha.pid"), format!("{}\n", std::process::id())).expect("ours");
        assert_eq!(agent_pid(dir.path()), None);
        fs::write(dir.path().join("ha.pid"), "garbage").expect("ours");
        assert_eq!(agent_pid(dir.path()), None);
    }
}
