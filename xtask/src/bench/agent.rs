//! What one host agent costs while its VM idles.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context;

use super::free_ports::free_ports;
use super::home::{Home, instance, tiny_template};
use super::opener::Opener;
use super::row::Row;
use crate::workspace;

/// Settled after the boot before measuring, then observed for so long.
const SETTLE: Duration = Duration::from_secs(5);
const WATCH: Duration = Duration::from_secs(15);
/// What the one that serves its guest has, and the first of the guest's ports.
const FORWARDS: usize = 50;
const FIRST: u16 = 10_000;
const MOUNTS: usize = 3;

/// Private memory and wake-ups of the agent of one idle tiny guest, and memory of one that serves
/// its guest. They run side by side, so that the program, which is in memory once for all of them,
/// counts for neither.
///
/// # Errors
/// A guest doesn't boot.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let (home, shared) = (Home::new()?, tempfile::tempdir()?);
    let idle = start(&home, "idle", "")?;
    let before = switches(&idle)?;
    sleep(WATCH);
    let wakeups = (switches(&idle)? - before) / WATCH.as_secs_f64();
    let (busy, _opener) = busy(&home, shared.path())?;
    let private = |name, process: &Path, bound| -> anyhow::Result<Row> {
        Ok(Row { name, value: private_kib(process)? / 1024.0, unit: "MiB", bound })
    };
    Ok(vec![
        private("hostagent: private memory", &idle, 10.0)?,
        Row { name: "hostagent: wake-ups per second", value: wakeups, unit: "/s", bound: 2.0 },
        private("hostagent: private memory, 50 forwards, 3 mounts", &busy, 12.0)?,
    ])
}

/// Starts a guest with this in its template; its host agent, once that has settled.
fn start(home: &Home, name: &str, more: &str) -> anyhow::Result<PathBuf> {
    let guest = workspace::target().join("guest/tiny-x86_64");
    let template = format!("{}{more}", tiny_template(&guest));
    let manifest = home.write("guest.yaml", &instance(name, "Always", &template))?;
    home.run(&["apply", "-f", &manifest.display().to_string(), "--yes"])?;
    let pid = fs::read_to_string(home.lima().join(name).join("ha.pid"))?;
    sleep(SETTLE);
    Ok(Path::new("/proc").join(pid.trim()))
}

/// One with mounts and forwards, through each of which something in the guest has answered: the
/// host agent listens for it, and not SSH, which serves what is `static`.
fn busy(home: &Home, shared: &Path) -> anyhow::Result<(PathBuf, Opener)> {
    let ports = free_ports(FORWARDS)?;
    let mut more = "    mountType: reverse-sshfs\n    mounts:\n".to_owned();
    for mount in 0..MOUNTS {
        let from = shared.display();
        more += &format!("    - {{location: \"{from}\", mountPoint: /mnt/{mount}}}\n");
    }
    more += "    portForwards:\n";
    for (guest, host) in (FIRST..).zip(&ports) {
        more += &format!("    - {{guestPort: {guest}, hostPort: {host}}}\n");
    }
    let process = start(home, "busy", &more)?;
    let mut opener = Opener::new(home, "busy")?;
    for (guest, host) in (FIRST..).zip(&ports) {
        opener.open(guest, *host)?;
    }
    sleep(SETTLE);
    Ok((process, opener))
}

/// Memory that nobody else shares.
pub(super) fn private_kib(process: &Path) -> anyhow::Result<f64> {
    let rollup = fs::read_to_string(process.join("smaps_rollup"))?;
    Ok(["Private_Clean:", "Private_Dirty:"].iter().filter_map(|field| number(&rollup, field)).sum())
}

/// Voluntary context switches of all threads: each sleep that ended.
fn switches(process: &Path) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for task in fs::read_dir(process.join("task"))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        sum += number(&status, "voluntary_ctxt_switches:")
            .context("no switches in the thread's status")?;
    }
    Ok(sum)
}

fn number(text: &str, field: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok())
}
