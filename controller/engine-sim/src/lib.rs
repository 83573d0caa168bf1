//! A strict engine in memory, for tests of everything above engines.
//!
//! Nothing runs and nothing waits: time is a counter. It refuses every action whose precondition
//! does not hold, so that a wrong plan is noticed, and it fails and crashes where it is told to.
//! The conformance suite keeps it from drifting away from the real engines.

mod fault;
mod log;
mod random;
mod sim;
pub mod world;

pub use fault::{Fault, FaultKind};
pub use log::{Entry, Outcome};
pub use sim::SimEngine;
pub use world::World;
