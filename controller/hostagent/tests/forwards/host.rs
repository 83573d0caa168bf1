//! The host's side as a process: this test program again.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use limekiln_hostagent::{HostAgentArgs, forward_without_vm};
use tempfile::TempDir;

/// A host's side that forwards; ends with this.
pub struct Host {
    child: Child,
    dir: TempDir,
}

impl Host {
    /// A directory for one, where a guest agent may already listen.
    pub fn dir(rules: &str) -> TempDir {
        // Below /tmp, because socket paths are short.
        let dir = tempfile::Builder::new().prefix("lk-").tempdir_in("/tmp").unwrap();
        fs::create_dir(dir.path().join("it")).unwrap();
        let yaml = format!("images: [{{location: /none}}]\nportForwards:\n{rules}\n");
        fs::write(dir.path().join("it/lima.yaml"), yaml).unwrap();
        dir
    }

    pub fn start(dir: TempDir) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["host::process", "--exact", "--ignored", "--nocapture"])
            .env("LIMEKILN_TEST_FORWARD", dir.path().join("it"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    pub fn events(&self) -> String {
        fs::read_to_string(self.dir.path().join("it/ha.stdout.log")).unwrap_or_default()
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Memory that it has written, in MiB; fails if the process is gone.
    pub fn private_mib(&mut self) -> u64 {
        assert!(self.child.try_wait().unwrap().is_none(), "the host's side ended");
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id())).unwrap();
        let number = |field: &str| -> u64 {
            let line = rollup.lines().find_map(|line| line.strip_prefix(field)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        // Not the program's own pages: they count as private once no other test runs it.
        number("Private_Dirty:") / 1024
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// For tests that open very many ports, and those that such ports would disturb: to our agent, what
/// listens on this machine is what listens in the guest.
pub fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the guest agent listens.
pub fn guest_socket(dir: &TempDir) -> PathBuf {
    dir.path().join("it/ga-port.sock")
}

/// A free port of the host.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until something holds; a test that waits in vain fails, and does not hang.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen in time");
        sleep(Duration::from_millis(10));
    }
}

/// Not a test: what [`Host`] starts.
#[test]
#[ignore = "run by other tests as the host's side"]
fn process() {
    let Some(dir) = std::env::var_os("LIMEKILN_TEST_FORWARD") else { return };
    let dir = PathBuf::from(dir);
    let home = dir.parent().unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(forward_without_vm(HostAgentArgs::new(dir, home))).unwrap();
}
