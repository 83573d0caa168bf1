//! Processor time of a process, and what was moved with it.

use std::time::{Duration, Instant};

/// Seconds of processor time that a process's threads took so far (Linux: `schedstat`, which counts
/// nanoseconds).
fn seconds(pid: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let nanoseconds = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.flatten().filter_map(nanoseconds).sum::<f64>() / 1e9
}

/// A measurement.
pub struct Moved {
    bytes: f64,
    processor: f64,
    elapsed: Duration,
}

/// A measurement that goes on.
pub struct Meter {
    pid: u32,
    processor: f64,
    start: Instant,
}

impl Meter {
    /// Begins.
    pub fn start(pid: u32) -> Self {
        Self { pid, processor: seconds(pid), start: Instant::now() }
    }

    /// Whether it has lasted so long.
    pub fn lasted(&self, span: Duration) -> bool {
        self.start.elapsed() >= span
    }

    /// Ends, with so many bytes moved.
    pub fn stop(&self, bytes: u64) -> Moved {
        let processor = seconds(self.pid) - self.processor;
        Moved { bytes: bytes as f64, processor, elapsed: self.start.elapsed() }
    }
}

impl Moved {
    /// Prints gigabits per second, of processor time and elapsed.
    pub fn print(&self, name: &str) {
        let bits = self.bytes * 8.0 / 1e9;
        let value = bits / self.processor.max(0.01);
        let elapsed = bits / self.elapsed.as_secs_f64();
        println!(
            "{}",
            serde_json::json!({"name": name, "value": value, "unit": "Gbit/s", "elapsed": elapsed})
        );
    }
}
