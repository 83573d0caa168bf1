//! Hypervisors. A [`Driver`] starts a VM, or takes over one that runs, and gives a [`Machine`].

mod disks;
#[expect(clippy::module_inception, reason = "the file is named after its trait")]
mod driver;
mod error;
pub(crate) mod firmware;
pub mod power;
mod progress;
pub mod qemu;
mod snapshots;

pub use disks::{LiveDisks, Place};
pub use driver::{Driver, Links, Machine};
pub use error::DriverError;
pub use progress::Progress;
pub use snapshots::{Snapshot, Snapshots};
