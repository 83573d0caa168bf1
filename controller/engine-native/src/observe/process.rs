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
    (process::exists(pid) && is_of(pid, dir)).then_some(pid)
}

#[cfg(target_os = "linux")]
fn is_of(pid: u32, dir: &Path) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    name_dir(&arguments, dir)
}

/// Whether arguments, each ended by a zero byte, name the directory or a file in it. `/lima/web2`
/// is not in `/lima/web`.
#[cfg(target_os = "linux")]
fn name_dir(arguments: &[u8], dir: &Path) -> bool {
    let dir = dir.as_os_str().as_encoded_bytes();
    arguments
        .windows(dir.len() + 1)
        .any(|window| window.starts_with(dir) && matches!(window[dir.len()], b'/' | 0))
}

#[cfg(not(target_os = "linux"))]
fn is_of(_: u32, _: &Path) -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_the_directory_that_it_names() {
        let web = Path::new("/lima/web");
        assert!(name_dir(b"limekiln\0hostagent\0--instance-dir\0/lima/web\0", web));
        assert!(name_dir(b"limactl\0hostagent\0--pidfile\0/lima/web/ha.pid\0web\0", web));
        assert!(!name_dir(b"limekiln\0--instance-dir\0/lima/web2\0", web));
        assert!(!name_dir(b"limekiln\0--instance-dir\0/lima/web-db/ha.pid\0", web));
        assert!(!name_dir(b"", web));
    }

    #[test]
    fn a_pid_file_that_names_a_stranger_names_nobody() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("ha.pid"), format!("{}\n", std::process::id())).expect("ours");
        assert_eq!(agent_pid(dir.path()), None);
        fs::write(dir.path().join("ha.pid"), "garbage").expect("ours");
        assert_eq!(agent_pid(dir.path()), None);
    }
}
