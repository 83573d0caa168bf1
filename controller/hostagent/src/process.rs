//! Processes that are watched without being polled, and never mistaken for others.

use std::io;
use std::path::Path;
use std::process::{Child, ExitStatus};

use rustix::process::{Pid, Signal, test_kill_process};

use self::watch::Watch;

/// A process, ours or not. A pid that was used again is not this process.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    start_time: u64,
    watch: Watch,
    child: Option<Child>,
}

impl Process {
    /// Watches a child.
    ///
    /// # Errors
    /// The operating system refuses a descriptor.
    pub fn child(child: Child) -> io::Result<Self> {
        let pid = child.id();
        // Not reaped yet, so the pid is still its own.
        let watch = Watch::new(pid)?;
        let start_time = start_time(pid).unwrap_or(0);
        Ok(Self { pid, start_time, watch, child: Some(child) })
    }

    /// Watches a process that something else started; `None` if it is gone, or if its pid now
    /// belongs to a process that started at another time.
    pub fn foreign(pid: u32, start_time: u64) -> Option<Self> {
        // First the descriptor, then the check: what it holds can't change afterwards.
        let watch = Watch::new(pid).ok()?;
        (self::start_time(pid)? == start_time && exists(pid)).then_some(Self {
            pid,
            start_time,
            watch,
            child: None,
        })
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// When it started, in the kernel's clock ticks since boot.
    pub fn start_time(&self) -> u64 {
        self.start_time
    }

    /// Waits until it has ended. Can be cancelled and called again.
    pub async fn exited(&self) {
        self.watch.exited().await;
    }

    /// Collects a child that has ended; `None` for others.
    pub fn reap(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok()?
    }

    /// Asks it to end, as Ctrl-C does.
    pub fn interrupt(&self) {
        // The only failure is that it is gone.
        let _ = self.watch.signal(self.pid, Signal::INT);
    }

    /// Ends it at once.
    pub fn kill(&self) {
        // The only failure is that it is gone.
        let _ = self.watch.signal(self.pid, Signal::KILL);
    }
}

/// Whether a process with this pid lives. One that we may not signal does; one that only waits to
/// be reaped does not, and in a container nobody may ever reap it.
pub fn exists(pid: u32) -> bool {
    let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    let found = !matches!(test_kill_process(raw), Err(rustix::io::Errno::SRCH));
    found && (cfg!(not(target_os = "linux")) || start_time(pid).is_some())
}

/// When the process started, in clock ticks since boot; `None` if it has ended (fields 3 and 22 of
/// proc_pid_stat(5); the command name before them may hold spaces and parentheses).
#[cfg(target_os = "linux")]
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X");
    let time = fields.nth(18)?.parse().ok()?;
    (!ended).then_some(time)
}

/// Always zero: without procfs, pids can't be told apart further.
#[cfg(not(target_os = "linux"))]
pub fn start_time(pid: u32) -> Option<u64> {
    exists(pid).then_some(0)
}

/// Whether the process's arguments name the directory or a file in it: what tells a daemon of ours
/// from a stranger that got its pid. Elsewhere than on Linux nobody can tell, and it counts.
pub fn names(pid: u32, dir: &Path) -> bool {
    if cfg!(not(target_os = "linux")) {
        return true;
    }
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    name_dir(&arguments, dir)
}

/// `/lima/web2` is not in `/lima/web`. Each argument ends with a zero byte.
fn name_dir(arguments: &[u8], dir: &Path) -> bool {
    let dir = dir.as_os_str().as_encoded_bytes();
    arguments
        .windows(dir.len() + 1)
        .any(|window| window.starts_with(dir) && matches!(window[dir.len()], b'/' | 0))
}

#[cfg(target_os = "linux")]
mod watch {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    pub(super) struct Watch(AsyncFd<OwnedFd>);

    impl Watch {
        #[expect(
            deprecated,
            reason = "tokio deprecates it for types that may lend another descriptor each time; \
                      OwnedFd never does, and what replaces it is unsafe to call"
        )]
        pub(super) fn new(pid: u32) -> io::Result<Self> {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
            Ok(Self(AsyncFd::new(pidfd_open(pid, PidfdFlags::NONBLOCK)?)?))
        }

        pub(super) async fn exited(&self) {
            // A pid descriptor is readable once the process has ended (pidfd_open(2)).
            let _ = self.0.readable().await;
        }

        pub(super) fn signal(&self, _: u32, signal: Signal) -> io::Result<()> {
            Ok(pidfd_send_signal(&self.0, signal)?)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod watch {
    use std::io;
    use std::time::Duration;

    use rustix::process::{Pid, Signal, kill_process};

    #[derive(Debug)]
    pub(super) struct Watch(u32);

    impl Watch {
        pub(super) fn new(pid: u32) -> io::Result<Self> {
            Ok(Self(pid))
        }

        pub(super) async fn exited(&self) {
            // A child that has ended exists until it is reaped, so it is asked for, too.
            while super::exists(self.0) && !super::is_zombie(self.0) {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }

        pub(super) fn signal(&self, pid: u32, signal: Signal) -> io::Result<()> {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            Ok(kill_process(pid.ok_or(io::ErrorKind::InvalidInput)?, signal)?)
        }
    }
}

/// Whether our child has ended and waits to be reaped.
#[cfg(not(target_os = "linux"))]
fn is_zombie(pid: u32) -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return true };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::{Process, name_dir};

    #[tokio::test]
    async fn a_child_is_seen_to_end() {
        let mut process = Process::child(Command::new("sleep").arg("60").spawn().unwrap()).unwrap();
        process.kill();
        process.exited().await;
        assert!(!process.reap().unwrap().success());
    }

    #[tokio::test]
    async fn a_pid_that_was_used_again_is_not_adopted() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let start = super::start_time(child.id()).unwrap();
        assert!(Process::foreign(child.id(), start).is_some());
        assert!(Process::foreign(child.id(), start + 1).is_none());
        child.kill().unwrap();
        // Not reaped, as in a container without a real first process.
        while super::exists(child.id()) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(Process::foreign(child.id(), start).is_none());
        child.wait().unwrap();
    }

    #[test]
    fn a_process_is_known_by_the_directory_that_it_names() {
        let web = Path::new("/lima/web");
        assert!(name_dir(b"limekiln\0hostagent\0--instance-dir\0/lima/web\0", web));
        assert!(name_dir(b"limactl\0hostagent\0--pidfile\0/lima/web/ha.pid\0web\0", web));
        assert!(!name_dir(b"limekiln\0--instance-dir\0/lima/web2\0", web));
        assert!(!name_dir(b"limekiln\0--instance-dir\0/lima/web-db/ha.pid\0", web));
        assert!(!name_dir(b"", web));
    }
}
