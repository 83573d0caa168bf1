//! Builders, random states, a driver and scripts, for tests of planner, executor and reconciler.

mod build;
mod converge;
mod ledger;
pub mod random;
mod scenario;
mod script;

pub use build::{desired, instance, name, observed_instance, template, wanted};
pub use converge::{Converged, Driver, Pass};
pub use ledger::Ledger;
pub use scenario::Scenario;
pub use script::{Script, Step};
