//! How a controller works.

use std::time::Duration;

use limekiln_model::Policy;

use super::Clock;

/// Waits and permissions.
#[derive(Clone, Debug)]
pub struct ControllerOptions {
    /// What may be planned.
    pub policy: Policy,
    /// After this long it looks again, whatever happened.
    pub resync: Duration,
    /// A look at what exists that takes longer is given up, and made anew.
    pub longest_look: Duration,
    /// The wait after the first failure of an object; it doubles with each further one.
    pub first_retry: Duration,
    /// The longest wait between tries.
    pub longest_retry: Duration,
    /// An object that needed nothing for this long starts over with short waits.
    pub calm: Duration,
    /// How often the same may be done in vain, or fail in the same way, before the object counts as
    /// stalled.
    pub stalled_after: u32,
    /// How long work that runs may take to come to a safe point when the controller is stopped. It
    /// ends within two seconds, and writes afterwards how that went.
    pub grace: Duration,
    /// How long parked objects are kept; for ever if nothing is said.
    pub keep_parked: Option<Duration>,
    /// The time of day.
    pub clock: Clock,
    /// Spreads the waits of objects that failed together.
    pub seed: u64,
}

impl Default for ControllerOptions {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            resync: Duration::from_secs(10),
            longest_look: Duration::from_secs(60),
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(300),
            calm: Duration::from_secs(600),
            stalled_after: 3,
            grace: Duration::from_millis(1_500),
            keep_parked: Some(Duration::from_secs(30 * 24 * 3_600)),
            clock: Clock::default(),
            seed: u64::from(std::process::id()),
        }
    }
}
