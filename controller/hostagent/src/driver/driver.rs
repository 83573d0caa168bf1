//! The seam between the host agent and a hypervisor.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{DriverError, LiveDisks, Progress, Snapshots};
use crate::accel::Accelerator;
use crate::process::Process;
use crate::spec::VmSpec;

/// A kind of hypervisor.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Lima's name of it, as in `vmType`.
    fn name(&self) -> &'static str;

    /// The accelerators to try for this VM on this host, best first; never empty.
    fn accelerators(&self, spec: &VmSpec) -> Vec<Accelerator>;

    /// Starts the VM. It survives the end of this process. If [`VmSpec::is_introduced`], its guest
    /// does nothing before [`Machine::begin`].
    ///
    /// # Errors
    /// The hypervisor is missing, can't be started, or ended at once.
    async fn start(
        &self,
        spec: &VmSpec,
        accelerator: Accelerator,
    ) -> Result<Box<dyn Machine>, DriverError>;

    /// Takes over a VM that runs in `process`.
    ///
    /// # Errors
    /// It does not answer.
    async fn adopt(&self, spec: &VmSpec, process: Process)
    -> Result<Box<dyn Machine>, DriverError>;
}

/// A VM that runs. Dropping it leaves it running.
#[async_trait]
pub trait Machine: Send + Sync {
    /// The hypervisor's process.
    fn process(&self) -> &Process;

    /// Lets a guest begin that waits for it: now the daemons of its networks know which process it
    /// is.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn begin(&self) -> Result<(), DriverError>;

    /// Whether its guest still waits for that.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn waits_to_begin(&self) -> Result<bool, DriverError>;

    /// Whether the guest is held because there was no room on the host for what it wrote to one of
    /// its disks. [`begin`](Self::begin) lets it try again.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn is_out_of_room(&self) -> Result<bool, DriverError>;

    /// Waits until something beside the hypervisor has ended for which the guest has no other until
    /// it is started again; returns what it lost, in words. Without such a thing it waits for ever.
    async fn lost(&self) -> String {
        std::future::pending().await
    }

    /// What the guest has done so far.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn progress(&self) -> Result<Progress, DriverError>;

    /// Presses the power button.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn power_button(&self) -> Result<(), DriverError>;

    /// Asks the hypervisor to end at once, with its files in order. The guest is not asked.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn quit(&self) -> Result<(), DriverError>;

    /// The other ends of its network cards.
    fn links(&self) -> Arc<dyn Links>;

    /// Its disks, for changes while it runs.
    fn disks(&self) -> Arc<dyn LiveDisks>;

    /// Its snapshots.
    fn snapshots(&self) -> Arc<dyn Snapshots>;

    /// After the process has ended: why, if it was not asked to, and removes what it left behind.
    fn clean_up(&mut self) -> Option<String>;
}

/// The other ends of a VM's network cards. Of use for as long as the VM runs.
#[async_trait]
pub trait Links: Send + Sync {
    /// Connects cards of a network again whose connection is broken, where the hypervisor does
    /// not do that itself: those of the user-v2 network of this name, or for an empty name those
    /// with a socket of the user's. Returns how many. One that may still be on its way has so much
    /// `patience` to come to its end.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn connect_again(
        &self,
        spec: &VmSpec,
        network: &str,
        patience: Duration,
    ) -> Result<usize, DriverError>;

    /// Has the cards announce themselves: a switch that was started anew knows nobody, and Lima's
    /// drops what is for somebody that it does not know.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn announce(&self) -> Result<(), DriverError>;
}
