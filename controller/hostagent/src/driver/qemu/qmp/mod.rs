//! QEMU's control protocol (QEMU: docs/interop/qmp-spec.rst), as far as it is needed here.

mod blocks;
mod client;
mod command;
mod error;
mod jobs;

pub use blocks::{
    AddDevice, AddNode, BlockDevice, BlockNode, BlockResize, DeleteDevice, DeleteNode, Peripherals,
    QueryBlock, QueryNodes,
};
pub use client::Qmp;
pub use command::{
    AllBlockStats, AnnounceSelf, BlockStats, ChangeVncPassword, Command, Cont, HumanMonitor,
    NetdevAdd, NetdevDel, Nothing, QueryBlockStats, QueryStatus, QueryVnc, Quit, RunState,
    SystemPowerdown, VncServer,
};
pub use error::QmpError;
pub use jobs::{
    DismissJob, Job, Processor, QueryJobs, QueryMigrate, QueryProcessors, QueryVersion,
    SnapshotDelete, SnapshotDisks, SnapshotLoad, SnapshotSave, State,
};
