//! States of a VM that can be gone back to, memory and disks.

use std::path::PathBuf;

use async_trait::async_trait;

use super::DriverError;

/// Snapshots of a VM that runs. The guest stands still while one is made or gone back to.
#[async_trait]
pub trait Snapshots: Send + Sync {
    /// Why none can be made now, if so.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn obstacle(&self) -> Result<Option<String>, DriverError>;

    /// What a state depends on beside the configuration: the hypervisor's version, and which disk is
    /// in which place. A state of another machine cannot be gone back to.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn machine(&self) -> Result<String, DriverError>;

    /// The tags of those that are there, with memory or without.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn list(&self) -> Result<Vec<Snapshot>, DriverError>;

    /// The disks that have a snapshot of this name, whosever it is: a disk keeps those that it got
    /// in another VM.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn holders(&self, tag: &str) -> Result<Vec<PathBuf>, DriverError>;

    /// Keeps memory and all disks.
    ///
    /// # Errors
    /// The hypervisor refuses or fails; nothing is kept then.
    async fn save(&self, tag: &str) -> Result<(), DriverError>;

    /// Goes back.
    ///
    /// # Errors
    /// The hypervisor refuses or fails.
    async fn load(&self, tag: &str) -> Result<(), DriverError>;

    /// Forgets one, on all disks that have it.
    ///
    /// # Errors
    /// The hypervisor refuses or fails.
    async fn delete(&self, tag: &str) -> Result<(), DriverError>;

    /// Keeps the disks alone, all at the same moment. The guest does not notice.
    ///
    /// # Errors
    /// The hypervisor refuses; nothing is kept then.
    async fn save_disks(&self, tag: &str) -> Result<(), DriverError>;
}

/// A snapshot of the VM's own disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What it is called.
    pub tag: String,
    /// Whether it holds the machine's memory.
    pub with_memory: bool,
}
