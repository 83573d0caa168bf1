//! The process that runs one instance.
//!
//! A host agent starts the hypervisor and watches it, makes the guest's seed volume, waits until
//! the guest is ready, serves `ha.sock`, writes the event log, and stops the guest when it is told
//! to. It outlives the controller that started it; if it is killed itself, the VM goes on, and a
//! new host agent adopts it.

pub mod accel;
mod agent;
pub mod api;
mod args;
pub mod atomic;
pub mod cidata;
mod disks;
pub mod driver;
mod error;
pub mod events;
mod files;
pub mod forwards;
pub mod guest;
pub mod huge_pages;
mod log;
mod mounts;
pub mod network;
mod pidfile;
pub mod process;
mod resolver;
pub mod spawn;
pub mod spec;
pub mod ssh;
mod state;
mod user_network;

pub use agent::{forward_without_vm, main, run};
pub use args::{ArgsError, HostAgentArgs};
pub use disks::{SnapshotWork, mend};
pub use error::{Error, chain};
pub use files::InstanceFiles;
pub use mounts::{ChangeWatch, HostChange, MountError};
pub use resolver::DnsPorts;
