//! QEMU.

mod args;
mod command_line;
mod devices;
mod live_disks;
mod machine_type;
mod network;
mod places;
mod program;
pub mod qmp;
mod running;
mod snapshots;
mod start;
mod tpm;
pub mod version;
mod vnc;

pub use command_line::command_line;
pub use program::program_for;
pub use start::{Qemu, VIRTIO_SOUND, suit};
pub use tpm::PROGRAM as TPM_PROGRAM;
