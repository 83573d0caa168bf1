//! The process at the other end of a cable.

use std::os::fd::AsFd;

#[cfg(target_os = "linux")]
pub use linux::{Process, boot, peer, uptime};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::fd::OwnedFd;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::AsFd;

    /// Of the times in `/proc/PID/stat` in a second (`USER_HZ`).
    const TICKS: u64 = 100;

    /// A process that is still the same one.
    #[derive(Debug)]
    pub struct Process(OwnedFd);

    impl Process {
        /// The one with this pid, if it ran at that second since the system's start: a later one
        /// has only got its number.
        pub fn find(pid: u32, at: u64) -> Option<Self> {
            // Before its start is looked up: that is then this one's.
            let process = Self::with(pid)?;
            (started(pid)? <= at && process.lives()).then_some(process)
        }

        /// The one that has this pid now.
        pub fn with(pid: u32) -> Option<Self> {
            let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
            Some(Self(pidfd_open(pid, PidfdFlags::empty()).ok()?))
        }

        /// Whether it has not ended.
        pub fn lives(&self) -> bool {
            let mut end = [PollFd::new(&self.0, PollFlags::IN)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            matches!(poll(&mut end, Some(&now)), Ok(0))
        }
    }

    /// The second since the system's start in which a process was started (proc(5): the 22nd word
    /// of `stat`, and the second one may have spaces).
    fn started(pid: u32) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        Some(rest.split(' ').nth(19)?.parse::<u64>().ok()? / TICKS)
    }

    /// What names this start of the system.
    pub fn boot() -> String {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.trim().to_owned()
    }

    /// Seconds since the system's start.
    pub fn uptime() -> u64 {
        u64::try_from(rustix::system::sysinfo().uptime).unwrap_or(0)
    }

    /// The process that made a connection.
    pub fn peer(socket: impl AsFd) -> Option<u32> {
        let peer = rustix::net::sockopt::socket_peercred(socket).ok()?;
        u32::try_from(peer.pid.as_raw_nonzero().get()).ok()
    }
}

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Process, boot, peer, uptime};

/// Where the system has no such thing, no process is known.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::AsFd;

    /// None.
    #[derive(Debug)]
    pub enum Process {}

    impl Process {
        /// None.
        pub fn find(_: u32, _: u64) -> Option<Self> {
            None
        }

        /// None.
        pub fn with(_: u32) -> Option<Self> {
            None
        }

        /// There is none.
        pub fn lives(&self) -> bool {
            match *self {}
        }
    }

    /// Unknown.
    pub fn boot() -> String {
        String::new()
    }

    /// Unknown.
    pub fn uptime() -> u64 {
        0
    }

    /// Unknown.
    pub fn peer(_: impl AsFd) -> Option<u32> {
        None
    }
}
