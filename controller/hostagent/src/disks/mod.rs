//! Disks of a guest that runs: grown, plugged in and out.

mod board;
mod guest;
mod live;

pub(crate) use live::{DiskSet, Locks};
