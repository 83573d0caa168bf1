//! How much runs side by side, and how often it is tried.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// How many steps of each kind run at once, and how failures that may pass are retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Images fetched at once.
    pub downloads: usize,
    /// Guests that boot at once, from the start of the driver until they are ready.
    pub boots: usize,
    /// Everything else at once.
    pub light: usize,
    /// How failures that may pass are retried.
    pub retry: Retry,
}

/// Exponential backoff with jitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all.
    pub attempts: u32,
    /// The wait after the first failure; it doubles each time.
    pub first: Duration,
    /// The longest wait, before jitter.
    pub longest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let retry = Retry {
            attempts: 4,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(15),
        };
        Self { downloads: 3, boots: 2, light: 8, retry }
    }
}

impl Limits {
    /// Limits for a host with this many processors: a guest that boots keeps about one busy.
    pub fn for_host(cpus: u32) -> Self {
        Self { boots: (cpus as usize).clamp(2, 16), ..Self::default() }
    }
}

impl Retry {
    /// The waits between tries. Steps that failed together get different seeds, so that they
    /// don't come back together.
    pub(crate) fn delays(&self, seed: u64) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .with_max_times(self.attempts.saturating_sub(1) as usize)
            .with_jitter()
            .with_jitter_seed(seed)
            .build()
    }
}
