//! Watches a guest until it has shown that it works.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::driver::{Machine, Progress};

/// Between two looks. Only while a guest boots.
const LOOK: Duration = Duration::from_millis(250);

/// Reads that no firmware or boot loader gets to before it hands over to a kernel that works:
/// hanging guests were seen at 4.
const READS_OF_A_SYSTEM: u64 = 2000;

/// How a watch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The guest's own system runs.
    Alive,
    /// Nothing happened for so long that nothing will; the text says what was seen.
    Stalled(String),
}

/// Watches one VM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watchdog {
    patience: Duration,
}

impl Watchdog {
    /// A watch that gives up after `patience` without any progress.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience }
    }

    /// Watches until the guest works or stalls. Firmware that hangs writes nothing to disk, so a
    /// write is proof, and so are many reads.
    pub(crate) async fn watch(&self, machine: &dyn Machine) -> Outcome {
        let mut last = Progress::default();
        let mut since = Instant::now();
        loop {
            sleep(LOOK).await;
            // A QEMU that does not answer makes no progress either.
            let now = machine.progress().await.unwrap_or(last);
            if now.writes > 0 || now.reads > READS_OF_A_SYSTEM {
                return Outcome::Alive;
            }
            if now != last {
                (last, since) = (now, Instant::now());
            }
            if since.elapsed() >= self.patience {
                return Outcome::Stalled(self.report(last));
            }
        }
    }

    fn report(&self, last: Progress) -> String {
        format!(
            "the guest hung: no progress for {:.1} s after {} bytes of console output and {} disk \
             reads",
            self.patience.as_secs_f64(),
            last.console_bytes,
            last.reads
        )
    }
}
