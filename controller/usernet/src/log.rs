//! The log, which no guest can make fill the disk.
//!
//! Each statement of the program has lines of its own: what one is told too often hides nothing
//! that another has to tell.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tracing::Metadata;
use tracing::callsite::Identifier;
use tracing_subscriber::fmt::MakeWriter;

use crate::spool::Spool;

/// Lines of one statement at once: as when many VMs start.
const BURST: u32 = 64;

/// Then one in so long.
const PACE: Duration = Duration::from_secs(60);

/// Lines that one statement may write, and those that it was refused.
#[derive(Debug)]
struct Allowance {
    left: u32,
    counted: Duration,
    left_out: u64,
}

impl Allowance {
    fn new(now: Duration) -> Self {
        Self { left: BURST, counted: now, left_out: 0 }
    }

    /// Takes a line; how many were refused since the last, or `None` if this one is.
    fn take(&mut self, now: Duration) -> Option<u64> {
        while self.left < BURST && now.saturating_sub(self.counted) >= PACE {
            self.left += 1;
            self.counted += PACE;
        }
        if self.left == BURST {
            self.counted = now;
        }
        if self.left == 0 {
            self.left_out += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Standard error, within bounds.
#[derive(Debug)]
pub struct Log {
    spool: Spool,
    start: Instant,
    allowances: Mutex<HashMap<Identifier, Allowance>>,
}

impl Log {
    /// With all that it may write.
    pub fn new(spool: Spool) -> Self {
        Self { spool, start: Instant::now(), allowances: Mutex::default() }
    }

    fn take(&self, statement: Identifier) -> Option<u64> {
        let now = self.start.elapsed();
        // A thread that panicked is no reason to be silent.
        let Ok(mut allowances) = self.allowances.lock() else { return Some(0) };
        allowances.entry(statement).or_insert_with(|| Allowance::new(now)).take(now)
    }
}

/// Where one line goes.
#[derive(Debug)]
pub enum Line<'a> {
    /// To the log.
    Said(&'a Spool),
    /// Nowhere.
    LeftOut,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Self::Said(spool) = self {
            spool.put(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line::Said(&self.spool)
    }

    fn make_writer_for(&'a self, statement: &Metadata<'_>) -> Line<'a> {
        let Some(left_out) = self.take(statement.callsite()) else { return Line::LeftOut };
        if left_out > 0 {
            let text = format!("({left_out} lines like the next one were left out)\n");
            self.spool.put(text.as_bytes());
        }
        Line::Said(&self.spool)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Allowance, BURST, PACE};

    #[test]
    fn a_statement_has_a_burst_and_then_a_pace() {
        let mut allowance = Allowance::new(Duration::ZERO);
        let mut said = |seconds, lines| {
            let now = Duration::from_secs(seconds);
            (0..lines).filter_map(|_| allowance.take(now)).collect::<Vec<_>>()
        };
        assert_eq!(said(5, 1000), vec![0; BURST as usize]);
        assert!(said(64, 10).is_empty(), "not yet");
        assert_eq!(said(65, 10), vec![1000 - u64::from(BURST) + 10]);
        assert_eq!(said(65 + 10 * PACE.as_secs(), 100).len(), 10);
        assert_eq!(said(1_000_000, 100).len(), BURST as usize, "it never has more");
    }
}
