//! QEMU.

mod args;
mod command_line;
mod live_disks;
mod machine_type;
mod network;
mod places;
pub mod qmp;
mod running;
mod snapshots;
mod start;

pub use command_line::{command_line, program};
pub use start::{Qemu, reconnect};
