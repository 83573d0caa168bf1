//! What every engine must do alike.
//!
//! The suite runs on any engine, so that the simulated one cannot drift away from the real ones.
//! It takes two boots. It panics at the first rule that does not hold, and says which.
//!
//! ```ignore
//! limekiln_engine::conformance::run(&harness).await;
//! ```

mod disks;
mod harness;
mod instances;
mod networks;
mod probe;
mod refusals;

pub use harness::Harness;
use probe::Probe;

/// Runs the whole suite.
///
/// # Panics
/// At the first rule that the engine breaks.
pub async fn run(harness: &dyn Harness) {
    let probe = Probe::new(harness);
    refusals::what_is_absent_is_refused(&probe).await;
    disks::life(&probe).await;
    if probe.engine().capabilities().networks {
        networks::life(&probe).await;
    }
    instances::life(&probe).await;
}
