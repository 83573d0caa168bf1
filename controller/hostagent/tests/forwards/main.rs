//! Forwards between two agents without a VM: the host's side is a process of its own, and the guest
//! agent's is ours, or a hostile one.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod bytes;
mod guests;
mod host;
mod hostile;
mod sockets;
