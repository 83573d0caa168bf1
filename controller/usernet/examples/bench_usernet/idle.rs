//! A daemon with ten VMs that do nothing.

use std::net::SocketAddrV4;
use std::time::Duration;

use crate::peer::guest::{GATEWAY, PATIENCE};
use crate::peer::{Daemon, Guest};

const SPAN: Duration = Duration::from_secs(20);

/// Prints its private memory, and how often it wakes up.
pub fn print() {
    let daemon = Daemon::start(&[]);
    let guests: Vec<_> = (1..=10).map(|n| plugged(&daemon, n)).collect();
    // Until the flows of their queries are forgotten.
    std::thread::sleep(Duration::from_secs(2));
    let before = switches(daemon.pid());
    std::thread::sleep(SPAN);
    let wakes = (switches(daemon.pid()) - before) / SPAN.as_secs_f64();
    let private = daemon.private() as f64 / 1024.0;
    println!("{}", serde_json::json!({"name": "idle private", "value": private, "unit": "MiB"}));
    println!("{}", serde_json::json!({"name": "idle wake-ups", "value": wakes, "unit": "1/s"}));
    drop(guests);
}

/// A VM that has used what it will use.
fn plugged(daemon: &Daemon, n: u8) -> Guest {
    let mut guest = Guest::plug(daemon, n, n + 10);
    guest.send_udp(1, SocketAddrV4::new(GATEWAY, 53), &[0; 12]);
    guest.find_udp(PATIENCE, 1).expect("an answer");
    guest
}

/// How often its threads went to sleep so far.
fn switches(pid: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let count = |task: std::fs::DirEntry| {
        let status = std::fs::read_to_string(task.path().join("status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    tasks.flatten().filter_map(count).sum()
}
