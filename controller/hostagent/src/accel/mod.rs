//! Which accelerator, decided by what guests do under it and not by what a device file promises.
//!
//! There are hosts whose `/dev/kvm` opens, makes a VM and runs one instruction, and then aborts
//! QEMU or hangs every real guest; nested virtualisation under some clouds is like that. So a VM
//! under hardware acceleration is watched until its guest has shown that it works. If it shows no
//! sign of life, it is started again under emulation, and once it works there, the verdict is kept
//! in `$LIMA_HOME/_limekiln/host.json` until the host's kernel changes.

mod accelerator;
mod device;
mod host_file;
mod verdict;
mod watchdog;

pub use accelerator::Accelerator;
pub(crate) use device::kvm_opens;
pub use host_file::Remembered;
pub(crate) use host_file::{recall, remember};
pub use verdict::{AccelVerdict, verdict};
pub(crate) use watchdog::{Outcome, Watchdog};
