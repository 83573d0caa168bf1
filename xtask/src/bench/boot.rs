//! From `start` to Ready, against bare QEMU with the same machine.

use std::fs::{self, File};
use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::home::{Home, instance, tiny_template};
use super::row::Row;
use crate::workspace;

const RUNS: usize = 9;

/// How much longer `limekiln start` takes than bare QEMU takes until its SSH server answers.
///
/// Both run the same kernel, disk and command line, one after the other, several times; the
/// median of the differences counts, because a shared machine is slow for both of a pair. Bare QEMU gets the arguments that the host agent gave its own.
///
/// # Errors
/// A guest doesn't boot.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let home = Home::new()?;
    let guest = workspace::target().join("guest/tiny-x86_64");
    let manifest = home.write("boot.yaml", &instance("boot", "Manual", &tiny_template(&guest)))?;
    home.run(&["apply", "-f", &manifest.display().to_string(), "--yes"])?;
    home.run(&["start", "boot"])?;
    let arguments = arguments_of(&home.lima().join("boot"))?;
    home.run(&["stop", "boot"])?;
    let mut differences = Vec::new();
    for _ in 0..RUNS {
        let bare = boot_bare(&arguments)?;
        differences.push(boot_ours(&home)? - bare);
    }
    let extra = median(&mut differences);
    Ok(vec![Row { name: "boot to Ready above bare QEMU", value: extra, unit: "ms", bound: 500.0 }])
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn boot_ours(home: &Home) -> anyhow::Result<f64> {
    let start = Instant::now();
    home.run(&["start", "boot"])?;
    let time = start.elapsed().as_secs_f64() * 1e3;
    home.run(&["stop", "boot"])?;
    Ok(time)
}

/// The command line of the instance's QEMU.
fn arguments_of(dir: &Path) -> anyhow::Result<Vec<String>> {
    let pid = fs::read_to_string(dir.join("qemu.pid"))?;
    let line = fs::read_to_string(format!("/proc/{}/cmdline", pid.trim()))?;
    Ok(line.split_terminator('\0').map(str::to_owned).collect())
}

/// Milliseconds until the guest's SSH server says its first bytes.
fn boot_bare(arguments: &[String]) -> anyhow::Result<f64> {
    let (program, rest) = arguments.split_first().context("no command line")?;
    let port = ssh_port(rest).context("no port is forwarded to SSH")?;
    let start = Instant::now();
    let child = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log()?)
        .spawn()?;
    let mut child = Ended(child);
    loop {
        if banner(port) {
            return Ok(start.elapsed().as_secs_f64() * 1e3);
        }
        if child.0.try_wait()?.is_some() || start.elapsed() > Duration::from_secs(120) {
            bail!("bare QEMU did not come up: {} {}", program, rest.join(" "));
        }
        sleep(Duration::from_millis(10));
    }
}

fn log() -> anyhow::Result<File> {
    Ok(tempfile::tempfile()?)
}

/// A process that doesn't outlive the measurement.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Already gone is fine, too.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ssh_port(arguments: &[String]) -> Option<u16> {
    arguments.iter().find_map(|argument| {
        let (_, rest) = argument.split_once("hostfwd=tcp:127.0.0.1:")?;
        rest.split('-').next()?.parse().ok()
    })
}

fn banner(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let waits = stream.set_read_timeout(Some(Duration::from_millis(200)));
    waits.is_ok() && stream.read(&mut [0; 4]).is_ok_and(|bytes| bytes > 0)
}
