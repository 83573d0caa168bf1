//! Disks of a VM that runs.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::DriverError;
use crate::spec::AttachedDisk;

/// Changes of a VM's disks while it runs. Every change may be asked for again: what is done
/// already is not done twice.
#[async_trait]
pub trait LiveDisks: Send + Sync {
    /// The size of a disk in bytes, as the guest has it; `None` if the VM does not have the disk.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn size(&self, disk: &Path) -> Result<Option<u64>, DriverError>;

    /// Makes a disk at least this large. It never shrinks.
    ///
    /// # Errors
    /// The VM does not have the disk, or the hypervisor refuses.
    async fn grow(&self, disk: &Path, bytes: u64) -> Result<(), DriverError>;

    /// The places for disks that can be plugged in and out, and what is in them.
    ///
    /// # Errors
    /// The hypervisor does not answer.
    async fn places(&self) -> Result<Vec<Place>, DriverError>;

    /// Plugs a disk in.
    ///
    /// # Errors
    /// No place is free, or the hypervisor refuses.
    async fn plug(&self, disk: &AttachedDisk) -> Result<(), DriverError>;

    /// Plugs a disk out, which the guest does not use any more. When this returns, its file is
    /// closed.
    ///
    /// # Errors
    /// The guest does not let go of it, the disk has no place, or the hypervisor refuses.
    async fn unplug(&self, disk: &AttachedDisk) -> Result<(), DriverError>;
}

/// A place for a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub number: usize,
    /// The disk in it.
    pub disk: Option<PathBuf>,
}
