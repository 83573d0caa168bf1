//! Time since the daemon's start, and chance.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// A moment.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    now: Duration,
}

impl Clock {
    /// The start.
    pub fn start() -> Self {
        Self { start: Instant::now(), now: Duration::ZERO }
    }

    /// Looks again.
    pub fn look(&mut self) {
        self.now = self.start.elapsed();
    }

    /// Since the start.
    pub fn now(self) -> Duration {
        self.now
    }

    /// The same as smoltcp has it.
    pub fn smol(self) -> smoltcp::time::Instant {
        smoltcp::time::Instant::from_micros(i64::try_from(self.now.as_micros()).unwrap_or(i64::MAX))
    }

    /// A number that nobody outside can guess: the standard library's hash keys are the operating
    /// system's chance.
    pub fn random(self) -> u64 {
        RandomState::new().hash_one(self.start.elapsed())
    }

    /// A name for the parts of a packet that is cut.
    pub fn ident(self) -> u16 {
        // Sixteen bits of time: parts of a packet are reassembled long before they come again.
        u16::try_from(self.start.elapsed().as_micros() & 0xffff).unwrap_or(0)
    }
}
