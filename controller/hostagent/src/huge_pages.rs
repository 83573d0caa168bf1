//! Memory in huge pages: good for a guest, and waste for processes as small as ours.
//!
//! Linux keeps this for each process, and a process that is started inherits it (see `THP_enabled`
//! in `proc_pid_status(5)`), so a VM would be without them, too.

use std::io;
use std::process::{Child, Command};

/// From now on this process and those that it starts do without, also where the host gives them to
/// everybody: with them a host agent takes 9 MiB where it needs 2.
pub fn refuse() {
    #[cfg(target_os = "linux")]
    // A kernel that does not know it does no harm but the waste.
    let _ = nix::sys::prctl::set_thp_disable(true);
}

/// Starts a process that takes them where the host has them, whatever this one does.
#[cfg(target_os = "linux")]
pub(crate) fn spawn_with(command: &mut Command) -> io::Result<Child> {
    use nix::sys::prctl::{get_thp_disable, set_thp_disable};
    let refused = get_thp_disable().unwrap_or(false);
    let _ = set_thp_disable(false);
    let child = command.spawn();
    let _ = set_thp_disable(refused);
    child
}

/// Starts a process.
#[cfg(not(target_os = "linux"))]
pub(crate) fn spawn_with(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_vm_has_them_although_its_host_agent_has_not() {
        let told = |spawn: fn(&mut Command) -> io::Result<Child>| {
            let mut grep = Command::new("grep");
            grep.args(["THP_enabled", "/proc/self/status"]).stdout(Stdio::piped());
            let output = spawn(&mut grep).and_then(Child::wait_with_output).expect("grep runs");
            String::from_utf8(output.stdout).expect("text")
        };
        refuse();
        assert_eq!(told(Command::spawn), "THP_enabled:\t0\n");
        assert_eq!(told(spawn_with), "THP_enabled:\t1\n");
        assert_eq!(told(Command::spawn), "THP_enabled:\t0\n");
    }
}
