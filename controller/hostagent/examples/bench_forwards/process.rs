//! The processes, and what they take.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use limekiln_hostagent::{HostAgentArgs, forward_without_vm};

/// A process that ends with this.
pub struct Process(pub Child);

impl Process {
    pub fn start(program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Self {
        Self(Command::new(program).args(words).spawn().unwrap())
    }

    /// This program in another part.
    pub fn part(words: &[&str]) -> Self {
        Self::start(std::env::current_exe().unwrap(), words)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The host's side, on one thread as in a host agent.
pub fn forward(dir: &str) {
    let dir = PathBuf::from(dir);
    let home = dir.parent().unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(forward_without_vm(HostAgentArgs::new(dir, home))).unwrap();
}

/// Memory that nobody else shares.
pub fn private_kib(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let number = |field: &str| -> f64 {
        let line = rollup.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    number("Private_Clean:") + number("Private_Dirty:")
}

/// Percent of a core, while nothing is asked of it.
pub fn busy_percent(pid: u32, time: Duration) -> f64 {
    let before = run_time(pid);
    sleep(time);
    (run_time(pid) - before).as_secs_f64() / time.as_secs_f64() * 100.0
}

/// All threads' time on a processor, as the scheduler counts it: nanoseconds, where ticks would be
/// too coarse.
fn run_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanoseconds = tasks.flatten().map(|task| -> u64 {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    });
    Duration::from_nanos(nanoseconds.sum())
}
