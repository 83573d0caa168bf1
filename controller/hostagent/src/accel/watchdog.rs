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

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;
    use tokio::time::Instant;

    use super::{Outcome, Watchdog};
    use crate::driver::{DriverError, Links, LiveDisks, Machine, Progress, Snapshots};
    use crate::process::Process;

    /// A guest whose progress is a function of how often it was looked at.
    struct Guest {
        process: Process,
        looks: AtomicU64,
        progress: fn(u64) -> Progress,
    }

    impl Guest {
        fn new(progress: fn(u64) -> Progress) -> Self {
            let process = Process::child(Command::new("true").spawn().unwrap()).unwrap();
            Self { process, looks: AtomicU64::new(0), progress }
        }
    }

    #[async_trait]
    impl Machine for Guest {
        fn process(&self) -> &Process {
            &self.process
        }

        async fn begin(&self) -> Result<(), DriverError> {
            Ok(())
        }

        async fn waits_to_begin(&self) -> Result<bool, DriverError> {
            Ok(false)
        }

        async fn is_out_of_room(&self) -> Result<bool, DriverError> {
            Ok(false)
        }

        async fn progress(&self) -> Result<Progress, DriverError> {
            Ok((self.progress)(self.looks.fetch_add(1, Ordering::Relaxed)))
        }

        async fn power_button(&self) -> Result<(), DriverError> {
            Ok(())
        }

        async fn quit(&self) -> Result<(), DriverError> {
            Ok(())
        }

        fn links(&self) -> Arc<dyn Links> {
            unreachable!("it has no cards")
        }

        fn disks(&self) -> Arc<dyn LiveDisks> {
            unreachable!("a watchdog changes nothing")
        }

        fn snapshots(&self) -> Arc<dyn Snapshots> {
            unreachable!("a watchdog keeps nothing")
        }

        fn clean_up(&mut self) -> Option<String> {
            None
        }
    }

    async fn watch(progress: fn(u64) -> Progress) -> (Outcome, Duration) {
        let start = Instant::now();
        let watchdog = Watchdog::new(Duration::from_secs(5));
        (watchdog.watch(&Guest::new(progress)).await, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_guest_that_stops_after_its_firmware_is_noticed() {
        let (outcome, after) =
            watch(|look| Progress { console_bytes: 40, reads: look.min(4), writes: 0 }).await;
        let Outcome::Stalled(report) = outcome else { panic!("{outcome:?}") };
        assert!(report.contains("40 bytes of console output and 4 disk reads"), "{report}");
        assert!(after < Duration::from_secs(7), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_guest_is_given_time() {
        let slow = |look| Progress { console_bytes: look / 16, reads: 0, writes: look / 200 };
        let (outcome, after) = watch(slow).await;
        assert_eq!(outcome, Outcome::Alive);
        assert!(after > Duration::from_secs(49), "{after:?}");
    }
}
