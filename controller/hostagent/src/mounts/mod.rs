//! Host directories in the guest, while it runs.
//!
//! [`Mounts`] is told which there shall be. A reverse-sshfs mount is kept by a task of its own: it
//! joins sshfs in the guest to an SFTP server on the host, and does so again when either is lost.
//! 9p and virtiofs mounts come with the machine; the guest mounts them while it boots, and here is
//! only looked whether it did.

mod board;
mod changes;
mod confine;
mod daemon;
mod daemons;
mod devices;
mod error;
mod guest;
mod keeper;
mod link;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod mounts;
mod record;
mod sftp_server;
mod virtiofsd;
mod words;

pub use changes::{ChangeWatch, HostChange};
pub use error::MountError;
pub(crate) use guest::in_proc;
pub(crate) use mounts::Mounts;
