//! What one host agent costs while its VM idles.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context;

use super::home::{Home, instance, tiny_template};
use super::row::Row;
use crate::workspace;

/// Settled after the boot before measuring, then observed for so long.
const SETTLE: Duration = Duration::from_secs(5);
const WATCH: Duration = Duration::from_secs(15);

/// Private memory and wake-ups of the agent of one idle tiny guest.
///
/// # Errors
/// The guest doesn't boot.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let home = Home::new()?;
    let guest = workspace::target().join("guest/tiny-x86_64");
    let manifest = home.write("idle.yaml", &instance("idle", "Always", &tiny_template(&guest)))?;
    home.run(&["apply", "-f", &manifest.display().to_string(), "--yes"])?;
    let pid = fs::read_to_string(home.lima().join("idle/ha.pid"))?;
    let process = Path::new("/proc").join(pid.trim());
    sleep(SETTLE);
    let before = switches(&process)?;
    sleep(WATCH);
    let wakeups = (switches(&process)? - before) / WATCH.as_secs_f64();
    Ok(vec![
        Row {
            name: "hostagent: private memory",
            value: private_kib(&process)? / 1024.0,
            unit: "MiB",
            bound: 10.0,
        },
        Row { name: "hostagent: wake-ups per second", value: wakeups, unit: "/s", bound: 2.0 },
    ])
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
