//! Disks of a guest that runs: grown, plugged in and out.

mod board;
mod guest;
mod live;
mod snapshots;

pub(crate) use live::{DiskSet, Locks};
pub(crate) use snapshots::SnapshotSet;
