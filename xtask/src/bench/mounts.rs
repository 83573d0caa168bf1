//! Mounting and unmounting a host directory on a running VM.

use std::env;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};

use super::home::{Home, instance, tiny_template};
use super::row::Row;
use crate::workspace;

const RUNS: usize = 5;

/// Where distributions put OpenSSH's server.
const PLACES: &str = "/usr/lib/openssh:/usr/libexec/openssh:/usr/libexec:/usr/lib/ssh";

/// sshfs and nothing else, with one `sudo`; it says when it has mounted.
const BY_HAND: &str = "exec sudo sh -c 'mkdir -p /mnt/hand
mounted() { while read -r _ at _; do [ $at != /mnt/hand ] || return 0; done </proc/mounts; return 1; }
( until mounted; do sleep 0.05; done; echo mounted >&2 ) </dev/null >/dev/null &
exec sshfs : /mnt/hand -o slave'";

/// The whole command, from its start until the directory is in the guest, or no more. Beside
/// it stands sshfs, started by hand in a session of the guest's SSH server, until it has mounted.
///
/// # Errors
/// The guest doesn't boot or mount.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let home = Home::new()?;
    let shared = tempfile::tempdir()?;
    let entry = |point: &str| {
        format!(
            "    - {{location: {:?}, mountPoint: {point}}}\n",
            shared.path().display().to_string()
        )
    };
    let (one, two) = (entry("/mnt/one"), entry("/mnt/two"));
    apply(&home, &one)?;
    let (mut hand, mut mounts, mut unmounts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        hand.push(by_hand(&home, shared.path())?);
        mounts.push(apply(&home, &format!("{one}{two}"))?);
        home.run(&["shell", "mounts", "test", "-d", "/mnt/two/."])?;
        unmounts.push(apply(&home, &one)?);
    }
    let row = |name, times: &mut [f64]| {
        times.sort_by(f64::total_cmp);
        Row { name, value: times[times.len() / 2], unit: "ms", bound: 1000.0 }
    };
    Ok(vec![
        row("mounts: sshfs by hand", &mut hand),
        row("mounts: mount on a running VM", &mut mounts),
        row("mounts: unmount on a running VM", &mut unmounts),
    ])
}

/// A process that ends with this.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Mounts a directory with what a shell has; returns the milliseconds that took.
fn by_hand(home: &Home, dir: &Path) -> anyhow::Result<f64> {
    let (host, guest) = UnixStream::pair()?;
    let (host, guest) = (OwnedFd::from(host), OwnedFd::from(guest));
    let start = Instant::now();
    let path = format!("{}:{PLACES}", env::var("PATH").unwrap_or_default());
    let mut server = Command::new("sh");
    server.args(["-c", "exec sftp-server"]).env("PATH", path).current_dir(dir);
    let server = server.stdin(host.try_clone()?).stdout(host).spawn().context("no sftp-server")?;
    let _server = Ends(server);
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(home.lima().join("mounts/ssh.config")).args(["lima-mounts", BY_HAND]);
    let ssh = ssh.stdin(guest.try_clone()?).stdout(guest).stderr(Stdio::piped()).spawn()?;
    let mut ssh = Ends(ssh);
    let said = ssh.0.stderr.take().context("ssh has no error output")?;
    let mut lines = BufReader::new(said).lines();
    if !lines.any(|line| line.is_ok_and(|line| line == "mounted")) {
        bail!("sshfs does not mount");
    }
    let took = start.elapsed().as_secs_f64() * 1e3;
    home.run(&["shell", "mounts", "sudo", "umount", "-l", "/mnt/hand"])?;
    Ok(took)
}

/// Applies the instance with these mounts; returns the milliseconds that took.
fn apply(home: &Home, mounts: &str) -> anyhow::Result<f64> {
    let guest = workspace::target().join("guest/tiny-x86_64");
    let template =
        format!("{}    mountType: reverse-sshfs\n    mounts:\n{mounts}", tiny_template(&guest));
    let manifest = home.write("mounts.yaml", &instance("mounts", "Always", &template))?;
    let start = Instant::now();
    home.run(&["apply", "-f", &manifest.display().to_string(), "--yes"])?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
