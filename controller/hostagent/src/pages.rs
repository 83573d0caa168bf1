//! Whether memory comes in huge pages: good for a guest, and waste for processes as small as ours.
//!
//! Linux keeps this for each process, and a process that is started inherits it (see `THP_enabled`
//! in `proc_pid_status(5)`); elsewhere nothing is done.

/// From now on this process and those that it starts take no huge pages, also where the host gives
/// them to everybody. What takes megabytes would take tens of them.
pub fn small() {
    disable(true);
}

/// Starts a process that may take huge pages, whatever this one may: a VM's memory in small ones
/// is slower.
pub(crate) fn huge_for<T>(start: impl FnOnce() -> T) -> T {
    let before = is_disabled();
    disable(false);
    let started = start();
    disable(before);
    started
}

#[cfg(target_os = "linux")]
fn disable(disabled: bool) {
    // A kernel that does not know it gives no harm but the waste.
    let _ = nix::sys::prctl::set_thp_disable(disabled);
}

#[cfg(target_os = "linux")]
fn is_disabled() -> bool {
    nix::sys::prctl::get_thp_disable().unwrap_or(false)
}

#[cfg(not(target_os = "linux"))]
fn disable(_: bool) {}

#[cfg(not(target_os = "linux"))]
fn is_disabled() -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    fn child() -> String {
        let mut grep = Command::new("grep");
        let output = grep.args(["THP_enabled", "/proc/self/status"]).output().expect("grep runs");
        String::from_utf8(output.stdout).expect("text")
    }

    #[test]
    fn only_what_is_to_have_huge_pages_has_them() {
        small();
        assert_eq!(child(), "THP_enabled:\t0\n");
        assert_eq!(huge_for(child), "THP_enabled:\t1\n");
        assert_eq!(child(), "THP_enabled:\t0\n");
    }
}
