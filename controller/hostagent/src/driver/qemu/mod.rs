//! QEMU.

mod args;
mod command_line;
mod machine_type;
pub mod qmp;
mod running;
mod start;

pub use command_line::{command_line, program};
pub use start::Qemu;
