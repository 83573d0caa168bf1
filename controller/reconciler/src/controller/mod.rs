//! The resident loop: looks again whenever anything may have changed, and closes differences.
//!
//! A wake-up carries no data. Whatever it came from, a pass reads the sources, looks at what
//! exists, plans, and starts those parts of the plan whose objects nobody works on and that are
//! not waiting after a failure. Parts that run are left alone, unless the manifests have changed
//! their mind about one of their objects: then they end at the next safe point.

mod adopting;
mod ahead;
mod attempts;
mod clock;
mod gone;
mod handle;
mod intake;
mod options;
mod orders;
mod pass;
mod run;
mod run_log;
mod snapshot;
mod tasks;
mod wants;

pub use clock::Clock;
pub use handle::Handle;
pub use intake::{Configured, ConfiguredError, Files, Foresight, Intake, Taken};
pub use options::ControllerOptions;
pub use orders::{Order, OrderError, Ticket};
pub use run::Controller;
pub use snapshot::{Attempt, ControllerState, Looks};
