//! Disks of a guest that runs: grown, plugged in and out.

mod board;
mod guest;
mod live;
mod snapshot_work;
mod snapshots;

pub(crate) use live::{DiskSet, Locks};
pub use snapshot_work::{SnapshotWork, mend};
pub(crate) use snapshots::SnapshotSet;
