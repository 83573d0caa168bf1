//! Running instances: start, wait, stop.

mod disks;
mod forward;
mod log;
mod mounts;
mod ready;
mod snapshots;
mod start;
mod stop;

pub(crate) use disks::{attach, detach, order, resize_disk};
pub(crate) use forward::forward;
pub(crate) use mounts::{mount, reload};
pub(crate) use ready::await_ready;
pub(crate) use snapshots::{forget, probe, restore, take};
pub(crate) use start::start;
pub(crate) use stop::stop;
