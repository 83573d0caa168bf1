//! The guest agent, seen from the host.
//!
//! - [`find_binary`] finds the program that goes into the seed volume.
//! - [`Link`] keeps a connection to it, over its virtio-serial port or over SSH, and tells what
//!   listens in the guest; it also keeps the guest's clock right.
//! - [`GuestClient`] makes the calls.
//!
//! Whatever the guest says is bounded: a guest may be anybody's.

mod binary;
mod client;
mod clock;
mod link;
mod reported;
mod transport;

pub use binary::{BinaryError, find_binary};
pub use client::{CallError, GuestClient};
pub(crate) use link::{Link, close};
pub use reported::{MOST_LISTENERS, Reported};
pub use transport::Transport;
