//! QEMU.

mod args;
mod command_line;
mod machine_type;
mod network;
pub mod qmp;
mod running;
mod start;

pub use command_line::{command_line, program};
pub use start::{Qemu, reconnect};
