//! How much runs side by side, and how often it is tried.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use limekiln_model::Work;

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
    /// How long one action may take. Engines have closer bounds of their own; this one is for an
    /// engine that hangs.
    pub longest: Longest,
    /// Spreads the retries of controllers that failed together.
    pub seed: u64,
}

/// The longest that an action may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Longest {
    /// A download.
    pub download: Duration,
    /// Anything else.
    pub other: Duration,
    /// How long an action that was told to end may take to do so, before it is left to itself.
    pub grace: Duration,
}

impl Default for Longest {
    fn default() -> Self {
        Self {
            download: Duration::from_secs(12 * 3_600),
            other: Duration::from_secs(3_600),
            grace: Duration::from_secs(60),
        }
    }
}

impl Longest {
    pub(crate) fn of(&self, work: Work) -> Duration {
        match work {
            Work::Download => self.download,
            Work::Boot | Work::Light => self.other,
        }
    }
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
        let (longest, seed) = (Longest::default(), u64::from(std::process::id()));
        Self { downloads: 3, boots: 2, light: 8, retry, longest, seed }
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
