//! QEMU's control protocol (QEMU: docs/interop/qmp-spec.rst), as far as it is needed here.

mod client;
mod command;
mod error;

pub use client::Qmp;
pub use command::{
    AllBlockStats, AnnounceSelf, BlockStats, Command, HumanMonitor, NetdevAdd, NetdevDel, Nothing,
    QueryBlockStats, QueryStatus, Quit, RunState, SystemPowerdown,
};
pub use error::QmpError;
