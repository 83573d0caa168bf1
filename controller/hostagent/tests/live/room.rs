//! A host whose disk is full while a guest writes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use limekiln_hostagent::api::Phase;

use crate::agent::Agent;
use crate::instance::Instance;

/// A file system of 64 MiB, in a mount namespace of its own; gone with this.
struct SmallDisk {
    holder: Child,
    dir: PathBuf,
}

impl SmallDisk {
    /// `None`, and said so, where this user may not mount.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let script = "mount -t tmpfs -o size=64m tmpfs \"$0\" && echo ready && exec sleep 3600";
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(at);
        let mut holder = unshare.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        // Others get there by the holder's root.
        let root = PathBuf::from(format!("/proc/{}/root", holder.id()));
        let dir = root.join(at.strip_prefix("/").unwrap());
        let disk = Self { holder, dir };
        if said.trim() != "ready" {
            println!("SKIPPED: no mount namespace");
            return None;
        }
        Some(disk)
    }

    /// Takes all room but so many bytes.
    fn fill(&self, left: u64) {
        let stat = rustix::fs::statvfs(&self.dir).unwrap();
        let free = stat.f_bavail * stat.f_frsize;
        fs::write(self.dir.join("fill"), vec![1; usize::try_from(free - left).unwrap()]).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.dir.join("fill")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn a_guest_that_finds_no_room_is_held_and_goes_on_once_there_is() {
    let Some(instance) = Instance::new("") else { return };
    let Some(small) = SmallDisk::mount(&instance.home().join("small")) else { return };
    let disk = instance.dir().join("disk");
    fs::copy(&disk, small.dir.join("disk")).unwrap();
    fs::remove_file(&disk).unwrap();
    std::os::unix::fs::symlink(small.dir.join("disk"), &disk).unwrap();

    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    small.fill(4 << 20);
    let write = "seq 3000000 | head -c 16777216 | sudo dd of=/written bs=1M conv=fsync 2>/dev/null && echo done";
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(instance.dir().join("ssh.config")).args(["lima-it", write]);
    let ssh = ssh.stdout(Stdio::piped()).spawn().unwrap();
    let event = agent.wait_for(|status| status.degraded);
    assert!(event.status.errors[0].contains("the host's disk is full"), "{:?}", event.status);
    let status = agent.status();
    assert_eq!(status.held.as_ref(), event.status.errors.first());
    assert_eq!((status.phase, status.errors), (Phase::Running, Vec::new()));

    small.make_room();
    let event = agent.wait_for(|status| status.running && !status.degraded);
    assert_eq!(event.status.errors, [""; 0]);
    assert_eq!(agent.status().held, None);
    let output = ssh.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "done", "nothing was refused");
    assert_eq!(instance.output("sudo wc -c </written"), "16777216");
    let sums = instance.slow(
        "echo 3 | sudo tee /proc/sys/vm/drop_caches >/dev/null; \
         seq 3000000 | head -c 16777216 | md5sum; sudo md5sum </written",
    );
    let (wanted, found) = sums.split_once('\n').unwrap();
    assert_eq!(wanted, found);

    agent.interrupt();
    assert!(agent.wait().success());
}
